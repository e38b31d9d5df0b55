//! Operators that give something else for each item.

mod map;
mod map_async;

pub use self::map::Map;
pub use self::map_async::MapAsync;
