//! The rows of `filter`.
