//! Operators that give something else for each item.

mod enumerate;
mod err_into;
mod fails_with;
mod inspect;
mod map;
mod map_async;
mod map_err;
mod scan;
mod try_map;

pub use self::enumerate::Enumerate;
pub use self::err_into::ErrInto;
pub use self::fails_with::FailsWith;
pub use self::inspect::Inspect;
pub use self::map::Map;
pub use self::map_async::MapAsync;
pub use self::map_err::MapErr;
pub use self::scan::Scan;
pub use self::try_map::TryMap;
