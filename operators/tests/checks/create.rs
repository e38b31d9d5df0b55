//! The rows of `create`.
