//! YAML 1.1 as PyYAML reads it, into a [`crate::value::Value`], with bounds.
