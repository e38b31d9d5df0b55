//! Operators that run a flow for each item and bring the results together.

mod concat_all;
mod concat_map;
mod exhaust_all;
mod exhaust_map;
mod expand;
mod merge_all;
mod merge_map;
mod merge_set;
mod merging;
mod single;
mod switch_all;
mod switch_map;

pub use self::concat_all::ConcatAll;
pub use self::concat_map::ConcatMap;
pub use self::exhaust_all::ExhaustAll;
pub use self::exhaust_map::ExhaustMap;
pub use self::expand::Expand;
pub use self::merge_all::MergeAll;
pub use self::merge_map::MergeMap;
pub(crate) use self::merge_set::{MergeSet, RUN, Upstream};
pub use self::switch_all::SwitchAll;
pub use self::switch_map::SwitchMap;
