//! Operators that wait.

pub(crate) mod clock;
