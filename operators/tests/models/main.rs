//! Operators against what they mean for lists, on random scripts with random pauses, pending points, failures and drops.
//!
//! Each row is run on 256 scripts, and each script twice. An operator without a row has a property test beside its other
//! tests, or stands with the reason in `tidy.rs`.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod harness;

mod create;
mod filter;
mod finish;
mod flatten;
mod group;
mod recover;
mod time;
mod transform;
mod window;
