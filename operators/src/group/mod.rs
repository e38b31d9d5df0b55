//! Operators that give each key a sub-stream, or a result, of its own.
