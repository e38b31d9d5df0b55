//! Framing and decoding: pure, no async.
//!
//! | from | to | by |
//! |---|---|---|
//! | blocks of a delimited file | [`Frame`]s, one a record | [`Framer`] |
//! | a file's first record | the names of its columns | [`columns`] |
//! | a [`Record`](crate::Record) | an [`Event`]: a type and a time | [`EventDecoder`] |
//! | a [`Record`](crate::Record) | one JSON object | [`JsonEncoder`] |
//! | an aggregate of the Kinesis Producer Library | the records in it | [`kpl::Aggregate`] |
//!
//! A record that cannot be read is no failure but data: an [`Undecodable`], which keeps the record and says what is
//! wrong with it.

mod event;
mod fields;
mod framing;
mod json;
pub mod kpl;
mod minute;
mod places;
mod time;
mod undecodable;

pub use self::event::{Event, EventDecoder};
pub use self::fields::columns;
pub(crate) use self::framing::Found;
pub use self::framing::{Frame, Framer, MAX_RECORD};
pub use self::json::JsonEncoder;
pub use self::minute::Minute;
pub use self::time::parse_time;
pub use self::undecodable::{Reason, Undecodable};
