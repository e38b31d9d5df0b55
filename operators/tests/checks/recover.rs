//! The rows of `recover`.
