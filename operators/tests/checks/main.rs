//! What every operator must pass, from one table: a row each, with the marbles in the head of its file.
//!
//! A row runs the operator on the picture's inputs and compares with the picture's result, and looks at how it behaves:
//! nothing is polled before the first poll or after the end; an upstream that stutters changes nothing; its reader is
//! woken after every `Pending`; `None` again and again after the end; hints are true; it reads no further ahead than its
//! page says; dropped in any tick, it drops upstream and (`held.rs`) all it holds; a closure that panics leaves it droppable.
//! `must_use.rs`, `debug.rs` and `auto_traits.rs` have the checks of types, and `tidy.rs` sees to it that no row is missing.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod row;

mod combine;
mod create;
mod demand;
mod filter;
mod finish;
mod flatten;
mod group;
mod held;
mod recover;
mod share;
mod time;
mod transform;
mod window;
