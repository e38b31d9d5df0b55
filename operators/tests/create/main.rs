//! The operators of `create`, each in the module of its name.

mod from_items;
mod from_iter;
mod from_results;
mod interval;
