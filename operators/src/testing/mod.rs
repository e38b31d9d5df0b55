//! Tests of operators, ours and yours: marbles, scripted sources, a probe, and virtual time. Feature `testing`.
//!
//! Nothing here sleeps: a tick of a marble is one millisecond of tokio's paused clock, which jumps to the next timer as
//! soon as nothing else can run.
//!
//! ```
//! use anabranch_operators::testing::{Script, assert_marbles};
//!
//! let flow = Script::marbles("a-b--c-|").filter(|letter| *letter != 'b');
//! assert_marbles(flow, "a----c-|");
//! ```
//!
//! | to | use |
//! |---|---|
//! | compare a flow with a picture of what it should give | [`assert_marbles`] |
//! | let a source give things at given instants | [`Script::marbles`], [`Script::new`] |
//! | record what a flow gives, and when | [`observe`] inside [`virtual_time`] |
//! | record sub-streams as well: groups, windows | [`observe_nested`] |
//! | see how an operator treats its upstream | [`probe`], [`probe_stuttering`] |
//! | run all checks that every operator must pass | [`check`], [`check_inputs`] |

mod check;
pub mod marbles;
mod nested;
mod probe;
mod reader;
mod run;
mod script;

pub use self::check::{check, check_inputs};
pub use self::marbles::{Event, Marble, Timed};
pub use self::nested::{Nested, SubStream, observe_nested};
pub use self::probe::{Probe, Probed, probe, probe_stuttering};
pub use self::run::{Observed, assert_marbles, observe, virtual_time};
pub use self::script::{Failed, Script};
