//! Instance and parts to a plan.

pub mod cloud_config;
