//! Operators that bring several flows together.
