//! Operators that answer what goes wrong.
