//! Operators that give something else for each item.

mod dematerialize;
mod enumerate;
mod err_into;
mod fails_with;
mod inspect;
mod intake;
mod map;
mod map_async;
mod map_async_by_key;
mod map_async_unordered;
mod map_err;
mod materialize;
mod pairwise;
mod scan;
mod time_interval;
mod timestamp;
mod try_map;

pub use self::dematerialize::Dematerialize;
pub use self::enumerate::Enumerate;
pub use self::err_into::ErrInto;
pub use self::fails_with::FailsWith;
pub use self::inspect::Inspect;
pub use self::map::Map;
pub use self::map_async::MapAsync;
pub use self::map_async_by_key::MapAsyncByKey;
pub use self::map_async_unordered::MapAsyncUnordered;
pub use self::map_err::MapErr;
pub use self::materialize::{Materialize, Notification};
pub use self::pairwise::Pairwise;
pub use self::scan::Scan;
pub use self::time_interval::TimeInterval;
pub use self::timestamp::Timestamp;
pub use self::try_map::TryMap;
