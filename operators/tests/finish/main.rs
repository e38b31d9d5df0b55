//! The operators of `finish`, each in the module of its name.

mod all;
mod any;
mod boxed;
mod boxed_local;
mod by_ref;
mod collect;
mod count;
mod fold;
mod for_each;
mod forward;
mod into_items;
mod next;
mod pipe;
