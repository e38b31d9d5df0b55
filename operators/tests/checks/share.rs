//! The rows of `share`.
