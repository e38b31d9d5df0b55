//! The rows of `combine`.
