//! Sys.
