//! Operators against what they mean for lists, on random scripts with random pauses, pending points, failures and drops.
//!
//! Each row is run on 256 scripts, and each script twice. An operator without a row here is about time, about several
//! tasks, or about more than one flow: its own tests say what it does.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod harness;

mod filter;
mod finish;
mod flatten;
mod group;
mod recover;
mod time;
mod transform;
mod window;
