//! Operators that answer what goes wrong.

mod dead_letters;

pub use self::dead_letters::DeadLetters;
