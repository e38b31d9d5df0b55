//! Operators that let some items pass and not others.
