//! The operators of `create`, each in the module of its name.

mod defer;
mod from_items;
mod from_iter;
mod from_results;
mod interval;
mod repeat_from;
mod timer;
mod using;
