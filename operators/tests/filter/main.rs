//! The operators of `filter`, each in the module of its name.

mod filter;
mod filter_map;
mod skip;
mod skip_while;
mod take;
mod take_until;
mod take_while;
