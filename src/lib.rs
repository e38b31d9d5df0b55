//! anabranch
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use anabranch_operators as operators;
pub use anabranch_operators::*;

pub mod codec;
pub mod epoch;
pub mod sink;
pub mod source;
pub mod store;

#[cfg(feature = "kinesis")]
mod aws;
mod error;
mod record;
mod uri;

pub use crate::error::{Error, ErrorKind};
pub use crate::record::{Layout, Message, Origin, Partition, Position, Record};
