//! Operators that give something else for each item.

mod map;

pub use self::map::Map;
