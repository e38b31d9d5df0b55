//! [`Format`]: how rows are written, with the header that makes an object an epoch. Pure.

mod gzip;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod reading;

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;

use self::lines::CsvLines;
pub(super) use self::lines::JsonLines;
pub(super) use self::reading::Reading;
use crate::store::Range;
use crate::{Error, ErrorKind};

type BoxError = Box<dyn StdError + Send + Sync>;

/// As much of the end of an object with its header there as is read at first. It is seldom more.
#[cfg(feature = "parquet")]
const END: usize = 64 << 10;

/// How a ledger writes its rows. A ledger keeps to the format that it was made with.
///
/// | format | objects end in | the header is in | columns |
/// |---|---|---|---|
/// | [`json_lines`](Self::json_lines) | `.jsonl.gz` | the gzip header's extra field | each row's own |
/// | [`csv`](Self::csv) | `.csv.gz` | the gzip header's extra field | those of the example |
/// | `parquet`, with the feature of that name | `.parquet` | the file's key-value metadata | those of the example |
///
/// The rows of an epoch are held encoded until it is committed, so the memory that they take is bounded by the epoch: text is
/// compressed in pieces of 32 KiB, and Parquet is encoded in batches of 4,096 rows.
#[derive(Clone, Debug, Default)]
pub struct Format(Kind);

#[derive(Clone, Debug, Default)]
enum Kind {
    #[default]
    JsonLines,
    Csv(Arc<[u8]>),
    #[cfg(feature = "parquet")]
    Parquet(parquet::Columns),
}

impl Format {
    /// A JSON object for each row, compressed with gzip: the format of a ledger that is not told another one.
    ///
    /// Fractions are written so that they can be read exactly; [`Epoch::rows`](super::Epoch::rows) reads them to within their last
    /// bit.
    pub const fn json_lines() -> Self {
        Self(Kind::JsonLines)
    }

    /// Comma-separated values as RFC 4180 has them, with a first line that names the columns, compressed with gzip.
    ///
    /// The columns are those of the example, also where an epoch has no rows. A `None` is an empty value, and so is an empty
    /// text: who reads an optional text back reads both as `None`.
    ///
    /// # Errors
    ///
    /// If the example is no struct, or has lists, maps or structs in it. The commit of a row with other columns fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use anabranch::epoch::Format;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Count {
    ///     carrier: String,
    ///     count: u64,
    /// }
    ///
    /// let format = Format::csv(&Count { carrier: "UA".to_owned(), count: 1 })?;
    /// assert!(Format::csv(&vec![1, 2]).is_err());
    /// # let _ = format;
    /// # Ok::<(), anabranch::Error>(())
    /// ```
    pub fn csv(example: &impl Serialize) -> Result<Self, Error> {
        lines::columns(example).map(Kind::Csv).map(Self)
    }

    /// Parquet, compressed with snappy.
    ///
    /// The columns are those of the example, with their types, so that all objects have the same ones. It must have a value
    /// in every field, also in those that may be `None`; a field that it leaves out is not written for any row. Whole numbers
    /// become signed ones of 64 bits. A text that is a time in the example, `2013-01-01T10:17:00Z`, becomes a timestamp.
    ///
    /// # Errors
    ///
    /// If the columns cannot be told from the example. The commit of a row that does not fit them fails.
    #[cfg(feature = "parquet")]
    #[cfg_attr(docsrs, doc(cfg(feature = "parquet")))]
    pub fn parquet(example: &impl Serialize) -> Result<Self, Error> {
        parquet::Columns::of(example).map(Kind::Parquet).map(Self)
    }

    pub(super) const fn encoding(&self) -> Encoding {
        match self.0 {
            Kind::JsonLines => Encoding::JsonLines,
            Kind::Csv(_) => Encoding::Csv,
            #[cfg(feature = "parquet")]
            Kind::Parquet(_) => Encoding::Parquet,
        }
    }

    /// An object without rows yet.
    pub(super) fn rows(&self) -> Result<Rows, Error> {
        Ok(match &self.0 {
            Kind::JsonLines => Rows::JsonLines(JsonLines::new()),
            Kind::Csv(columns) => Rows::Csv(CsvLines::new(Arc::clone(columns))?),
            #[cfg(feature = "parquet")]
            Kind::Parquet(columns) => Rows::Parquet(Box::new(parquet::ParquetRows::new(columns)?)),
        })
    }
}

/// An object in the making.
pub(super) enum Rows {
    JsonLines(JsonLines),
    Csv(CsvLines),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::ParquetRows>),
}

impl Rows {
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::JsonLines(rows) => rows.lines(),
            Self::Csv(rows) => rows.lines(),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.rows(),
        }
    }

    /// How many bytes it holds.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::JsonLines(rows) => rows.held(),
            Self::Csv(rows) => rows.held(),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.held(),
        }
    }

    /// Adds a row. After an error the object must not be used.
    pub(super) fn push(&mut self, row: &impl Serialize) -> Result<(), Error> {
        match self {
            Self::JsonLines(rows) => rows.push(row),
            Self::Csv(rows) => rows.push(row),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.push(row),
        }
    }

    /// The whole object, with `header` in it.
    pub(super) fn finish(self, header: &[u8]) -> Result<Vec<u8>, Error> {
        // No format is more patient than gzip, so that a ledger's headers do not depend on its format.
        if header.len() > gzip::LONGEST {
            let what = format!("the header of an epoch has more than {} bytes", gzip::LONGEST);
            return Err(Error::new(ErrorKind::Invalid, what));
        }
        match self {
            Self::JsonLines(rows) => rows.finish(header),
            Self::Csv(rows) => rows.finish(header),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.finish(header),
        }
    }
}

/// How the bytes of an object are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    JsonLines,
    Csv,
    #[cfg(feature = "parquet")]
    Parquet,
}

/// What was found in the bytes at one end of an object.
pub(super) enum Found {
    Header(Vec<u8>),
    /// So many bytes are needed.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code))]
    Longer(usize),
    /// It has no header of ours.
    Nothing,
}

impl Encoding {
    const ALL: &[Self] = &[
        Self::JsonLines,
        Self::Csv,
        #[cfg(feature = "parquet")]
        Self::Parquet,
    ];

    /// How the names of its objects end, and what a ledger's root says.
    pub(super) const fn ext(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl.gz",
            Self::Csv => "csv.gz",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::JsonLines | Self::Csv => "application/gzip",
            #[cfg(feature = "parquet")]
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// That of the object under a key.
    pub(super) fn of_key(key: &str) -> Result<Self, Error> {
        let of = |encoding: &Self| key.strip_suffix(encoding.ext()).is_some_and(|name| name.ends_with('.'));
        Self::ALL.iter().copied().find(of).ok_or_else(|| unknown(key))
    }

    /// That of a ledger's root.
    pub(super) fn of_ext(ext: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|encoding| encoding.ext() == ext).ok_or_else(|| unknown(ext))
    }

    /// Where its header is.
    pub(super) const fn range(self) -> Range {
        match self {
            Self::JsonLines | Self::Csv => Range::First(gzip::HEAD),
            #[cfg(feature = "parquet")]
            Self::Parquet => Range::Last(END),
        }
    }

    /// An object with the header and the columns of another, and no rows, that says when it was made.
    pub(super) fn emptied_of(self, object: &Bytes, header: &[u8], at: DateTime<Utc>) -> Result<Vec<u8>, Error> {
        let mut emptied = match self {
            Self::JsonLines => JsonLines::new().finish(header)?,
            Self::Csv => CsvLines::new(lines::columns_of(object)?)?.finish(header)?,
            #[cfg(feature = "parquet")]
            Self::Parquet => return parquet::emptied_of(object, header, at),
        };
        gzip::empty(&mut emptied, at);
        Ok(emptied)
    }

    /// When the rows of an object were taken away, if they were, from as much of it as has its header.
    pub(super) fn emptied(self, bytes: &[u8]) -> Option<DateTime<Utc>> {
        match self {
            Self::JsonLines | Self::Csv => gzip::emptied(bytes),
            #[cfg(feature = "parquet")]
            Self::Parquet => parquet::emptied(bytes),
        }
    }

    /// Finds the header in the bytes of the object that [`range`](Self::range) names, or in more of them.
    pub(super) fn header(self, bytes: &[u8]) -> Found {
        match self {
            Self::JsonLines | Self::Csv => {
                gzip::header(bytes).map_or(Found::Nothing, |header| Found::Header(header.to_vec()))
            }
            #[cfg(feature = "parquet")]
            Self::Parquet => parquet::header(bytes),
        }
    }
}

/// Of a key or an extension.
fn unknown(name: &str) -> Error {
    let cure = if cfg!(feature = "parquet") || !name.ends_with("parquet") {
        "something else has written it, or a newer version of this program: use that, or choose another sink"
    } else {
        "build this program with the feature `parquet`"
    };
    Error::new(ErrorKind::Invalid, "the format of this object is not known").at(name).cure(cure)
}

#[cfg(test)]
mod tests;
