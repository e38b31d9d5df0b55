//! The operators of `flatten`, each in the module of its name.

mod concat_all;
mod concat_map;
mod exhaust_all;
mod exhaust_map;
mod expand;
mod merge_all;
mod merge_map;
mod switch_all;
mod switch_map;
