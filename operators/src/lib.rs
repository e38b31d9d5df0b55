// Links lead to files in README.md, and here to pages: of two definitions, the first counts.
#![cfg_attr(not(doctest), doc = include_str!("links.md"))]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod combine;
pub mod create;
pub mod demand;
pub mod filter;
pub mod finish;
pub mod flatten;
pub mod group;
pub mod names;
pub mod recover;
pub mod share;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod transform;
pub mod window;

mod budget;
mod counter;
mod error;
mod flow;
mod keyed_queue;
mod redirect;
mod rota;
mod signal;
mod sync;
mod try_stream;

pub use crate::combine::{Combinable, LatestOf, Mergeable, combine_latest, concat, merge, merge_sorted, race, zip};
pub use crate::counter::Counter;
pub use crate::create::{FlowExt, defer, from_items, from_iter, from_results, interval, repeat_from, timer, using};
pub use crate::demand::Overflow;
pub use crate::error::OperatorError;
pub use crate::flow::{BoxFlow, Flow, LocalBoxFlow};
pub use crate::share::share_from;
pub use crate::signal::{ByFlow, ByFuture, Signal};
pub use crate::try_stream::TryStream;
