//! The rows of `window`.
