//! Operators that run a flow for each item and bring the results together.

mod concat_map;
mod merge_map;
mod merge_set;

pub use self::concat_map::ConcatMap;
pub use self::merge_map::MergeMap;
pub(crate) use self::merge_set::{MergeSet, RUN};
