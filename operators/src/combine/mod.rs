//! Operators that bring several flows together.

mod chain;
mod concat;
mod merge;
mod merge_with;
mod slots;
mod zip;

pub use self::chain::Chain;
pub use self::concat::{Concat, concat};
pub use self::merge::{Merge, MergeMany, Mergeable, merge};
pub use self::merge_with::MergeWith;
pub use self::slots::{Slot, Slots};
pub use self::zip::Zip;
