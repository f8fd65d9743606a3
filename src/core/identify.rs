//! Which platform is this, by which policy.
