//! The operators of `combine`, each in the module of its name.

mod chain;
mod concat;
mod merge;
mod merge_with;
mod zip;
