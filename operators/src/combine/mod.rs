//! Operators that bring several flows together.

mod chain;
mod combine_latest;
mod concat;
mod many;
mod merge;
mod merge_sorted;
mod merge_with;
mod race;
mod sequence_equal;
mod sides;
mod slots;
mod with_latest_from;
mod zip;

pub use self::chain::Chain;
pub use self::combine_latest::{CombineLatest, combine_latest};
pub use self::concat::{Concat, concat};
pub use self::many::Many;
pub use self::merge::{Merge, MergeMany, Mergeable, merge};
pub use self::merge_sorted::{MergeSorted, merge_sorted};
pub use self::merge_with::MergeWith;
pub use self::race::{Race, RaceMany, race};
pub use self::sequence_equal::SequenceEqual;
pub use self::sides::{Combinable, CopyingSides, Flat, KeepingSlot, LatestOf, Pair, Sides, Tuple};
pub use self::slots::{CopyingSlots, KeepingSlots, Slot, Slots};
pub use self::with_latest_from::WithLatestFrom;
pub use self::zip::{Zip, zip};
