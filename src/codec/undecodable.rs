//! [`Undecodable`]: a record that cannot be read, and why.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::MAX_RECORD;
use crate::codec::kpl::{Aggregate, Corrupt};
use crate::{Layout, Record};

/// How many bytes of a field are shown.
const SHOWN: usize = 64;

/// A record that cannot be read, with the reason. It is an item like any other, to be kept aside: see
/// [`dead_letters`](crate::Flow::dead_letters).
///
/// Its text names partition, position, line and column, and shows what was found there.
#[derive(Clone, Debug)]
pub struct Undecodable(Box<(Record, Reason)>);

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is longer than [`MAX_RECORD`], and cut.
    TooLong,
    /// It ends inside quotes: a file's last record, behind a quote that is never closed.
    OpenQuote {
        /// How many more lines that made part of it, by line feeds.
        more_lines: usize,
    },
    /// It has not as many fields as the header has names.
    FieldCount {
        /// The record's.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// It is a KPL aggregate that cannot be taken apart.
    Aggregate {
        /// What is wrong with it.
        problem: Corrupt,
    },
    /// It is a good KPL aggregate, where one record should be.
    NotTakenApart,
    /// It is not one JSON object.
    NotJson {
        /// What the parser said.
        problem: String,
    },
    /// A column is missing.
    Missing {
        /// The column.
        column: Arc<str>,
    },
    /// A field is empty that must not be.
    Empty {
        /// The column.
        column: Arc<str>,
    },
    /// A field of a JSON object is not a text.
    NotText {
        /// The column.
        column: Arc<str>,
        /// What it is instead: "a number".
        found: &'static str,
    },
    /// A field is not UTF-8.
    NotUtf8 {
        /// The column.
        column: Arc<str>,
        /// The beginning of the field, escaped.
        found: String,
    },
    /// A field is not a time.
    NotATime {
        /// The column.
        column: Arc<str>,
        /// The beginning of the field, escaped.
        found: String,
    },
    /// A field is a time outside the years 0000 to 9999.
    TimeOutOfRange {
        /// The column.
        column: Arc<str>,
        /// The beginning of the field, escaped.
        found: String,
    },
}

impl Undecodable {
    pub(super) fn new(record: Record, reason: Reason) -> Self {
        Self(Box::new((record, reason)))
    }

    /// The record as it came.
    pub fn record(&self) -> &Record {
        &self.0.0
    }

    /// Why it cannot be read.
    pub fn reason(&self) -> &Reason {
        &self.0.1
    }

    /// The record and the reason.
    pub fn into_parts(self) -> (Record, Reason) {
        *self.0
    }

    /// The line of a file on which the record begins; that on which it ends, if it is [too long](Reason::TooLong).
    /// `None` if the record is not from a delimited file, or is the last of one that ends inside quotes, or was a dead
    /// letter before.
    pub fn line(&self) -> Option<u64> {
        let (record, reason) = &*self.0;
        if record.partition().redriven_of().is_some() {
            return None;
        }
        let feeds = match (record.layout(), reason) {
            (Layout::Json | Layout::Aggregate, _) => return None,
            (Layout::Delimited { .. }, Reason::TooLong) => 0,
            (Layout::Delimited { .. }, _) => memchr::memchr_iter(b'\n', record.data()).count() as u64,
        };
        Some(record.position().minor()).filter(|line| *line > 0).map(|line| line.saturating_sub(feeds))
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (record, reason) = &*self.0;
        write!(f, "{}, position {}", record.partition(), record.position())?;
        if let Some(line) = self.line() {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {reason}")
    }
}

impl StdError for Undecodable {}

impl Reason {
    /// Why an aggregate is no record that can be read.
    pub(super) fn of_aggregate(data: &Bytes) -> Self {
        match Aggregate::parse(data) {
            Err(problem) => Self::Aggregate { problem },
            Ok(_) => Self::NotTakenApart,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {MAX_RECORD} bytes: is there a quote that is never closed?"),
            Self::OpenQuote { more_lines: 0 } => f.write_str("a quote in it is never closed"),
            Self::OpenQuote { more_lines } => {
                let lines = if *more_lines == 1 { "line" } else { "lines" };
                write!(
                    f,
                    "a quote in it is never closed, so that all behind it is part of it: {more_lines} more {lines}"
                )
            }
            Self::FieldCount { found, expected } => {
                let fields = if *found == 1 { "field" } else { "fields" };
                write!(f, "{found} {fields} where the header has {expected}")
            }
            Self::Aggregate { problem } => write!(f, "a KPL aggregate that cannot be taken apart: {problem}"),
            Self::NotTakenApart => f.write_str("a KPL aggregate of several records, where one should be"),
            Self::NotJson { problem } => write!(f, "not a JSON object: {problem}"),
            Self::Missing { column } => write!(f, "there is no column {column:?}"),
            Self::Empty { column } => write!(f, "column {column:?} is empty"),
            Self::NotText { column, found } => write!(f, "column {column:?} is {found}, not a text"),
            Self::NotUtf8 { column, found } => write!(f, "column {column:?} is not UTF-8: {found}"),
            Self::NotATime { column, found } => {
                write!(f, "column {column:?} is not a time such as 2013-01-01T10:17:00Z: {found}")
            }
            Self::TimeOutOfRange { column, found } => {
                write!(f, "column {column:?} is a time outside the years 0000 to 9999: {found}")
            }
        }
    }
}

/// The beginning of a field in quotes, with all that is not plain text escaped.
pub(super) fn excerpt(field: &[u8]) -> String {
    let shown = &field[..field.len().min(SHOWN)];
    let more = if field.len() > SHOWN { "…" } else { "" };
    match std::str::from_utf8(shown) {
        Ok(text) => format!("{text:?}{more}"),
        // The cut may have gone through a character.
        Err(error) if error.error_len().is_none() && !more.is_empty() => {
            format!("{:?}{more}", String::from_utf8_lossy(&shown[..error.valid_up_to()]))
        }
        Err(_) => format!("\"{}\"{more}", shown.escape_ascii()),
    }
}
