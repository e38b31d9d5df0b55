// Links lead to files in README.md, and here to pages: of two definitions, the first counts.
#![cfg_attr(not(doctest), doc = include_str!("links.md"))]
#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! | for | look at |
//! |---|---|
//! | operators, and how to begin and end a flow | [`Flow`], [`create`] |
//! | a sub-stream, or a result, for each key | [`Flow::group_until`], [`group`] |
//! | exact results | [`epoch`] |
//! | several workers on one stream | [`lease`] |
//! | reading and writing | [`source`], [`sink`], [`store`] |
//! | how to think in flows, time, groups, failure, sharing | [`guide`] |
//! | the names that other libraries have for operators | [`names`] |
//! | as many shards as there is traffic for | `reshard` |
//! | records to events | [`codec`] |
//! | what can be watched while it runs | [`metrics`] |
//! | what can go wrong | [`Error`], [`OperatorError`] |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use anabranch_operators as operators;
pub use anabranch_operators::*;

pub mod codec;
pub mod epoch;
pub mod guide;
pub mod lease;
pub mod metrics;
#[cfg(feature = "kinesis")]
pub mod reshard;
pub mod sink;
pub mod source;
pub mod store;

#[cfg(any(feature = "dynamodb", feature = "kinesis", feature = "s3"))]
mod aws;
mod error;
mod record;
mod uri;

pub use crate::error::{Error, ErrorKind};
pub use crate::record::{Layout, Message, Origin, Partition, Position, Record, RecordParts, Records};
