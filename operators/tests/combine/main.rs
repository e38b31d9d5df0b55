//! The operators of `combine`, each in the module of its name.

mod chain;
mod combine_latest;
mod concat;
mod merge;
mod merge_sorted;
mod merge_with;
mod race;
mod sequence_equal;
mod timed;
mod with_latest_from;
mod zip;
