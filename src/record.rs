//! What goes in and out of the engine: [`Record`]s as sources give them, [`Message`]s as sinks take them.

mod counted;
mod major;
#[cfg_attr(not(feature = "kinesis"), allow(dead_code, reason = "other sources give records alone, or lines"))]
mod pack;
mod records;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::counted::Counted;
use self::major::Major;
pub(crate) use self::pack::Own;
use self::pack::Pack;
#[cfg(feature = "kinesis")]
pub(crate) use self::pack::Packer;
pub use self::records::Records;
use crate::{Error, ErrorKind};

/// One ordered part of a source: a Kinesis shard, a file. Cheap to clone.
///
/// The name is unique within a source and may hold any characters; whoever makes a path or a key of it escapes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(Arc<str>);

impl Partition {
    /// The partition of that name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition whose records are the dead letters of this one, when they are put through a pipeline again. Its
    /// positions are the number of the epoch that set the letter aside, and the letter's index there.
    #[must_use]
    pub fn redriven(&self) -> Self {
        Self::new(format!("{REDRIVE}{self}"))
    }

    /// The partition whose dead letters are its records, if it is such a one. By its name alone, it may also be one of a
    /// stream that is called so.
    pub fn redriven_of(&self) -> Option<Self> {
        self.0.strip_prefix(REDRIVE).map(Self::new)
    }
}

/// What the names of partitions of dead letters begin with.
const REDRIVE: &str = "redrive/";

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where in a partition a record stands. Positions of one partition are ordered; those of two have nothing to do with
/// each other.
///
/// A position has two parts, `major` and `minor`, printed as `major.minor`, or as `major` alone when the minor part is
/// zero. What they mean is the source's affair: a file uses the offset of the record's end and its line number, Kinesis
/// the sequence number and the index within an aggregated record. The major part may have any number of digits:
/// Kinesis' have 56, which fit no machine word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    major: Major,
    minor: u64,
}

impl Position {
    /// The position of these two numbers.
    pub const fn new(major: u64, minor: u64) -> Self {
        Self { major: Major::Short(major), minor }
    }

    /// The position of a major part given as decimal digits, of any length.
    ///
    /// # Errors
    ///
    /// If `digits` is empty or holds anything but digits.
    pub fn from_digits(digits: &str, minor: u64) -> Result<Self, Error> {
        if let Some(major) = Major::from_sequence_number(digits.as_bytes()) {
            return Ok(Self { major, minor });
        }
        // All are looked at, since a loop that may stop early is no vector instruction.
        if digits.is_empty() || !digits.bytes().fold(true, |all, byte| all & byte.is_ascii_digit()) {
            return Err(Error::new(ErrorKind::Invalid, "a position is made of digits").at(format!("{digits:?}")));
        }
        Ok(Self { major: Major::from_digits(digits.trim_start_matches('0')), minor })
    }

    /// The position with this major part and another minor one.
    #[must_use]
    pub fn with_minor(self, minor: u64) -> Self {
        Self { minor, ..self }
    }

    /// The major part, if it fits.
    pub const fn major(&self) -> Option<u64> {
        match self.major {
            Major::Short(number) => Some(number),
            Major::Wide(_) | Major::Long(_) => None,
        }
    }

    /// The major part as digits.
    pub fn major_digits(&self) -> String {
        self.major.to_string()
    }

    /// The minor part.
    pub const fn minor(&self) -> u64 {
        self.minor
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.major.cmp(&other.major).then_with(|| self.minor.cmp(&other.minor))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.major.fmt(f)?;
        if self.minor > 0 { write!(f, ".{}", self.minor) } else { Ok(()) }
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let minor = minor.parse().map_err(|error| {
            Error::new(ErrorKind::Invalid, "the part of a position after its dot is a number").at(text).because(error)
        })?;
        Self::from_digits(major, minor)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What the records of one partition have in common.
#[derive(Debug)]
pub struct Origin {
    /// The partition they are from.
    pub partition: Partition,
    /// How to read their bytes.
    pub layout: Layout,
}

/// How the bytes of a record are to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// One JSON object.
    Json,
    /// One line of a delimited file, quoted as the `csv` crate does.
    Delimited {
        /// What stands between two fields: a comma, a tab.
        delimiter: u8,
        /// The names in the file's header, in order.
        columns: Vec<String>,
    },
    /// A KPL aggregate of several records, as it came: its source could not take it apart. It cannot be read; decoders
    /// say what is wrong with it.
    Aggregate,
}

/// Bytes with their partition, position, arrival time and partition key, as a source gives them. Cheap to clone, and small:
/// it goes through many hands.
///
/// The lines of one block of a file share the block, so a record that is kept keeps the block, of up to 1 MiB; and a thread keeps
/// that of the last record that it dropped. Of a
/// Kinesis stream, one keeps up to 255 others, of 64 KiB in all, and its aggregate if it came in one.
///
/// ```
/// # use std::sync::Arc;
/// use anabranch::{Layout, Origin, Partition, Position, Record, RecordParts};
///
/// let origin = Arc::new(Origin { partition: Partition::new("p"), layout: Layout::Json });
/// let parts = RecordParts {
///     data: r#"{"carrier":"UA"}"#.into(),
///     origin,
///     position: Position::new(1, 0),
///     arrived: Default::default(),
///     key: "UA".into(),
/// };
/// let record = Record::from(parts);
/// assert_eq!((record.data().len(), record.key()), (16, "UA"));
/// let changed = Record::from(RecordParts { key: "AA".into(), ..record.into_parts() });
/// assert_eq!(changed.key(), "AA");
/// ```
#[derive(Clone)]
pub struct Record(Place);

/// All that a [`Record`] is made of.
#[derive(Clone, Debug)]
pub struct RecordParts {
    /// The bytes, without a line's end.
    pub data: Bytes,
    /// Which partition they are from, and how to read them.
    pub origin: Arc<Origin>,
    /// Where in the partition.
    pub position: Position,
    /// When the source took them in. What they themselves say about time is data.
    pub arrived: DateTime<Utc>,
    /// The key that put them into their partition; empty where a source has none.
    pub key: CompactString,
}

/// Where the parts of a record are. Of both kinds it has one count of references.
#[derive(Clone)]
enum Place {
    /// By themselves.
    Alone(Arc<RecordParts>),
    /// Among others that came with it.
    #[cfg_attr(not(feature = "kinesis"), allow(dead_code, reason = "other sources give records alone, or lines"))]
    Packed { pack: Arc<Pack>, index: u32 },
    /// In a block of lines.
    Line { lines: Counted, line: Line },
}

/// A block of a file's text, and what its lines have in common.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) text: Bytes,
    pub(crate) origin: Arc<Origin>,
    pub(crate) arrived: DateTime<Utc>,
    /// Where in the file the text begins.
    pub(crate) offset: u64,
    /// On which line of the file the text begins.
    pub(crate) first: u64,
    /// Whether there are no quotes in it.
    pub(crate) unquoted: bool,
}

/// Where in a block of lines a record is. It ends with one byte of its line's end behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) start: u32,
    pub(crate) len: u32,
    /// How many lines further down than the block it ends.
    pub(crate) below: u32,
}

impl Record {
    #[inline]
    pub(crate) fn of_line(lines: &Arc<Lines>, line: Line) -> Self {
        Self(Place::Line { lines: Counted::new(lines), line })
    }

    /// The bytes, without a line's end.
    #[inline]
    pub fn data(&self) -> &[u8] {
        match &self.0 {
            Place::Alone(parts) => &parts.data,
            Place::Packed { pack, index } => &pack.own[*index as usize].data,
            Place::Line { lines, line } => &lines.text[line.range()],
        }
    }

    /// The bytes of a line that is known to have no quotes in it, and where it is from; nothing is said of others.
    #[inline]
    pub(crate) fn unquoted_line(&self) -> Option<(&[u8], &Arc<Origin>)> {
        match &self.0 {
            Place::Line { lines, line } if lines.unquoted => Some((lines.text.get(line.range())?, &lines.origin)),
            _ => None,
        }
    }

    /// The bytes, without a copy.
    pub fn bytes(&self) -> Bytes {
        match &self.0 {
            Place::Alone(parts) => parts.data.clone(),
            Place::Packed { pack, index } => pack.own[*index as usize].data.clone(),
            Place::Line { lines, line } => lines.text.slice(line.range()),
        }
    }

    /// Which partition they are from, and how to read them.
    #[inline]
    pub fn origin(&self) -> &Arc<Origin> {
        match &self.0 {
            Place::Alone(parts) => &parts.origin,
            Place::Packed { pack, .. } => &pack.origin,
            Place::Line { lines, .. } => &lines.origin,
        }
    }

    /// The partition they are from.
    pub fn partition(&self) -> &Partition {
        &self.origin().partition
    }

    /// How to read them.
    pub fn layout(&self) -> &Layout {
        &self.origin().layout
    }

    /// Where in the partition.
    #[inline]
    pub fn position(&self) -> Position {
        match &self.0 {
            Place::Alone(parts) => parts.position.clone(),
            Place::Packed { pack, index } => pack.own[*index as usize].position.clone(),
            Place::Line { lines, line } => lines.position(*line),
        }
    }

    /// When the source took them in. What they themselves say about time is data.
    #[inline]
    pub fn arrived(&self) -> DateTime<Utc> {
        match &self.0 {
            Place::Alone(parts) => parts.arrived,
            Place::Packed { pack, index } => pack.own[*index as usize].arrived,
            Place::Line { lines, .. } => lines.arrived,
        }
    }

    /// The key that put them into their partition; empty where a source has none.
    pub fn key(&self) -> &str {
        match &self.0 {
            Place::Alone(parts) => &parts.key,
            Place::Packed { pack, index } => &pack.own[*index as usize].key,
            Place::Line { .. } => "",
        }
    }

    /// All of it, to be changed.
    pub fn into_parts(self) -> RecordParts {
        match self.0 {
            Place::Alone(parts) => Arc::unwrap_or_clone(parts),
            Place::Packed { pack, index } => {
                let Own { data, position, arrived, key } = pack.own[index as usize].clone();
                RecordParts { data, origin: Arc::clone(&pack.origin), position, arrived, key }
            }
            Place::Line { .. } => RecordParts {
                data: self.bytes(),
                origin: Arc::clone(self.origin()),
                position: self.position(),
                arrived: self.arrived(),
                key: CompactString::const_new(""),
            },
        }
    }
}

impl From<RecordParts> for Record {
    fn from(parts: RecordParts) -> Self {
        Self(Place::Alone(Arc::new(parts)))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("data", &format_args!("b\"{}\"", self.data().escape_ascii()))
            .field("origin", self.origin())
            .field("position", &self.position())
            .field("arrived", &self.arrived())
            .field("key", &self.key())
            .finish()
    }
}

impl Lines {
    #[inline]
    fn position(&self, Line { start, len, below }: Line) -> Position {
        Position::new(self.offset + u64::from(start) + u64::from(len) + 1, self.first + u64::from(below))
    }
}

impl Line {
    #[inline]
    const fn range(self) -> Range<usize> {
        self.start as usize..(self.start as usize + self.len as usize)
    }
}

/// Bytes and the key that decides their partition, as a sink takes them. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Messages of one key go to one partition.
    pub key: CompactString,
    /// The bytes.
    pub data: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_order_by_number_whatever_their_length() {
        let texts = ["0", "0.1", "9", "10", "18446744073709551615", "18446744073709551616", "100000000000000000000.2"];
        let positions: Vec<Position> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(positions.is_sorted_by(|a, b| a < b));
        assert_eq!(positions.iter().map(Position::to_string).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn numbers_of_any_length_come_out_as_they_went_in_and_in_order() {
        let around = |digits: usize| {
            let nines = "9".repeat(digits);
            let power = format!("1{}", "0".repeat(digits));
            let within = format!("1{}7", "0".repeat(digits - 1));
            [nines, power, within]
        };
        let texts: Vec<String> = (1..=60).flat_map(around).collect();
        let positions: Vec<Position> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(positions.is_sorted_by(|a, b| a < b));
        assert_eq!(positions.iter().map(Position::major_digits).collect::<Vec<_>>(), texts);
        let zeros: Vec<Position> = texts.iter().map(|text| format!("000{text}").parse().unwrap()).collect();
        assert_eq!(zeros, positions);
    }

    #[test]
    fn leading_zeros_do_not_make_another_position() {
        assert_eq!(Position::from_digits("000", 0).unwrap(), Position::new(0, 0));
        let long = "49590338271490256608559692538361571095921575989136588898";
        let position: Position = format!("0{long}").parse().unwrap();
        assert_eq!((&position, position.major_digits().as_str()), (&long.parse().unwrap(), long));
    }

    #[test]
    fn what_is_not_a_position_is_refused() {
        for text in ["", ".", "x", "1.x", "-1", "1.", " 1", "../etc"] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
        for place in 0..56 {
            for strange in ["/", ":", " ", "x", "\0", "\u{7f}", "é"] {
                let mut text = "9".repeat(56);
                text.replace_range(place..(place + strange.len()).min(56), strange);
                assert!(text.parse::<Position>().is_err(), "{text:?}");
            }
        }
    }
}
