//! Operators that bring several flows together.

mod chain;
mod concat;
mod merge;
mod merge_with;
mod zip;

pub use self::chain::Chain;
pub use self::concat::{Concat, concat};
pub use self::merge::{Merge, MergeMany, Mergeable, Slot, Slots, merge};
pub use self::merge_with::MergeWith;
pub use self::zip::Zip;
