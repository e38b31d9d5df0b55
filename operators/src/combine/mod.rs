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

// The other names of a function stand here: the search of the pages does not see those in a private module.
pub use self::chain::Chain;
pub use self::combine_latest::CombineLatest;
#[doc(alias = "combineLatest")]
#[doc(alias = "combineLatestWith")]
#[doc(alias = "combineLatestAll")]
#[doc(alias = "zipLatest")]
#[doc(alias = "mergeLatest")]
#[doc(alias = "combine")]
#[doc(alias = "combineTransform")]
pub use self::combine_latest::combine_latest;
pub use self::concat::Concat;
#[doc(alias = "concat_with_iterable")]
#[doc(alias = "for_in")]
#[doc(alias = "concatEager")]
#[doc(alias = "concatLazy")]
#[doc(alias = "concatAllLazy")]
#[doc(alias = "flattenConcat")]
#[doc(alias = "do_while")]
#[doc(alias = "while_do")]
#[doc(alias = "repeatWhen")]
#[doc(alias = "repeatUntil")]
pub use self::concat::concat;
pub use self::many::Many;
#[doc(alias = "mergeArray")]
#[doc(alias = "select_all")]
pub use self::merge::merge;
pub use self::merge::{Merge, MergeMany, Mergeable};
pub use self::merge_sorted::MergeSorted;
#[doc(alias = "mergeSorted")]
#[doc(alias = "mergeComparing")]
#[doc(alias = "mergeOrdered")]
#[doc(alias = "MergeSequence")]
#[doc(alias = "kmerge_by")]
pub use self::merge_sorted::merge_sorted;
pub use self::merge_with::MergeWith;
#[doc(alias = "amb")]
#[doc(alias = "ambWith")]
#[doc(alias = "raceWith")]
#[doc(alias = "firstWithSignal")]
#[doc(alias = "firstWithValue")]
#[doc(alias = "or")]
pub use self::race::race;
pub use self::race::{Race, RaceMany};
pub use self::sequence_equal::SequenceEqual;
pub use self::sides::{Combinable, CopyingSides, Flat, KeepingSlot, LatestOf, Pair, Sides, Tuple};
pub use self::slots::{CopyingSlots, KeepingSlots, Slot, Slots};
pub use self::with_latest_from::WithLatestFrom;
pub use self::zip::Zip;
#[doc(alias = "zipN")]
pub use self::zip::zip;
