//! The operators of `flatten`, each in the module of its name.

mod concat_map;
mod merge_map;
