//! Instance and parts to a plan.
