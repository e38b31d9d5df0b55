//! [`EventDecoder`]: finds type and time in a record.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use compact_str::CompactString;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::codec::fields::{Fields, is_quoted, pick_plain};
use crate::codec::time::{NoTime, Times};
use crate::codec::undecodable::excerpt;
use crate::codec::{MAX_RECORD, Minute, Reason, Undecodable};
use crate::{Error, ErrorKind, Layout, Origin, Record};

/// What happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type, whatever the key column says; never empty.
    pub kind: CompactString,
    /// When it happened, as it says itself.
    pub time: DateTime<Utc>,
}

impl Event {
    /// The minute in which it happened.
    #[inline]
    pub fn minute(&self) -> Minute {
        Minute::of(self.time)
    }
}

/// Decodes records to [`Event`]s: takes the type from one column and the time from another.
///
/// It reads delimited records and JSON objects, as each record's [`Layout`] says. In both, both columns must be there
/// and not be empty, the type must be UTF-8, and the time must be one that [`parse_time`](crate::codec::parse_time)
/// reads. A delimited record must have as many fields as the header, and not end inside quotes. In a JSON object both must be texts; what
/// else is in it, names too, need not even be UTF-8, and of a name that stands there twice the last counts.
///
/// ```
/// # use std::sync::Arc;
/// # use anabranch::{Layout, Origin, Partition, Position, Record, RecordParts};
/// # use anabranch::codec::EventDecoder;
/// # let origin = Arc::new(Origin { partition: Partition::new("p"), layout: Layout::Json });
/// # let record = |data: &'static str| Record::from(RecordParts {
/// #     data: data.into(), origin: Arc::clone(&origin), position: Position::new(1, 0),
/// #     arrived: Default::default(), key: Default::default(),
/// # });
/// let mut decoder = EventDecoder::new("departed_at", "carrier");
/// let event = decoder.decode(record(r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":"UA"}"#)).unwrap();
/// assert_eq!((event.kind.as_str(), event.minute().to_string().as_str()), ("UA", "201301011017"));
///
/// let refused = decoder.decode(record(r#"{"departed_at":"soon","carrier":"UA"}"#)).unwrap_err();
/// assert!(refused.to_string().contains(r#"column "departed_at" is not a time such as"#));
/// ```
#[derive(Clone, Debug)]
pub struct EventDecoder {
    names: Names,
    /// Where the columns are in the records of the partition that was seen last.
    known: Option<Known>,
    times: Times,
}

#[derive(Clone, Debug)]
struct Names {
    time: Arc<str>,
    kind: Arc<str>,
}

#[derive(Clone, Debug)]
struct Known {
    origin: Arc<Origin>,
    delimiter: u8,
    /// Where time and type are.
    wanted: [usize; 2],
    columns: usize,
    fields: Fields,
}

impl EventDecoder {
    /// A decoder that reads the time from one column and the type from another.
    pub fn new(time_column: impl Into<Arc<str>>, key_column: impl Into<Arc<str>>) -> Self {
        Self {
            names: Names { time: time_column.into(), kind: key_column.into() },
            known: None,
            times: Times::default(),
        }
    }

    /// Checks that the columns are there, before anything is read. JSON tells only record by record.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), with the columns that there are.
    pub fn check(&self, layout: &Layout) -> Result<(), Error> {
        let Layout::Delimited { columns, .. } = layout else { return Ok(()) };
        let Names { time, kind } = &self.names;
        match [time, kind].into_iter().find(|name| !columns.iter().any(|column| **column == ***name)) {
            None => Ok(()),
            Some(missing) => {
                let columns: Vec<String> = columns.iter().map(|column| excerpt(column.as_bytes())).collect();
                Err(Error::new(ErrorKind::NotFound, format!("there is no column {missing:?}"))
                    .cure(format!("name one of those that there are: {}", columns.join(", "))))
            }
        }
    }

    /// This decoder as a closure, to be given to [`map`](crate::Flow::map).
    pub fn to_fn(&self) -> impl FnMut(Record) -> Result<Event, Undecodable> + Clone + Send + use<> {
        let mut decoder = self.clone();
        move |record| decoder.decode(record)
    }

    /// Decodes a record.
    ///
    /// # Errors
    ///
    /// If it cannot be read: with the record, and why.
    #[inline]
    pub fn decode(&mut self, record: Record) -> Result<Event, Undecodable> {
        match self.known.as_ref().and_then(|known| known.decode_plain(&record, &mut self.times)) {
            Some(event) => Ok(event),
            None => self.decode_any(record),
        }
    }

    #[inline(never)]
    fn decode_any(&mut self, record: Record) -> Result<Event, Undecodable> {
        let decoded = match record.layout() {
            Layout::Json => self.names.decode_json(record.data(), &mut self.times),
            Layout::Delimited { .. } => self.decode_delimited(&record),
            Layout::Aggregate => Err(Reason::of_aggregate(&record.bytes())),
        };
        decoded.map_err(|reason| Undecodable::new(record, reason))
    }

    fn decode_delimited(&mut self, record: &Record) -> Result<Event, Reason> {
        if record.data().len() > MAX_RECORD {
            return Err(Reason::TooLong);
        }
        let known = match &mut self.known {
            Some(known) if Arc::ptr_eq(&known.origin, record.origin()) => known,
            other => other.insert(Known::new(record.origin(), &self.names)?),
        };
        let ([time, kind], found) = match is_quoted(record.data()) {
            true => pick(known.fields.split(record.data())?, known.wanted),
            false => pick_plain(record.data(), known.delimiter, known.wanted),
        };
        if found != known.columns {
            return Err(Reason::FieldCount { found, expected: known.columns });
        }
        let time = self.names.time(time, kind, &mut self.times)?;
        match CompactString::from_utf8(kind) {
            Ok(kind) => Ok(Event { kind, time }),
            Err(_) => Err(Reason::NotUtf8 { column: Arc::clone(&self.names.kind), found: excerpt(kind) }),
        }
    }
}

impl Names {
    fn decode_json(&self, data: &[u8], times: &mut Times) -> Result<Event, Reason> {
        let mut deserializer = serde_json::Deserializer::from_slice(data);
        let wanted = Wanted { time: &self.time, kind: &self.kind };
        let found = deserializer.deserialize_map(wanted).and_then(|found| deserializer.end().map(|()| found));
        let (time, kind) = found.map_err(|error| {
            // The parser quotes texts of any length.
            Reason::NotJson { problem: error.to_string().chars().take(200).collect() }
        })?;
        let text = |value, column: &Arc<str>| match value {
            Some(Value::Text(text)) => Ok(text),
            Some(Value::Other(found)) => Err(Reason::NotText { column: Arc::clone(column), found }),
            None => Err(Reason::Missing { column: Arc::clone(column) }),
        };
        let time = text(time, &self.time)?;
        let kind = text(kind, &self.kind)?;
        let time = self.time(time.as_bytes(), kind.as_bytes(), times)?;
        Ok(Event { kind: kind.into(), time })
    }

    /// The time of an event whose type has some text.
    fn time(&self, time: &[u8], kind: &[u8], times: &mut Times) -> Result<DateTime<Utc>, Reason> {
        let column = |name: &Arc<str>| Arc::clone(name);
        if time.is_empty() {
            return Err(Reason::Empty { column: column(&self.time) });
        }
        if kind.is_empty() {
            return Err(Reason::Empty { column: column(&self.kind) });
        }
        times.parse(time).map_err(|no_time| match no_time {
            NoTime::Malformed => Reason::NotATime { column: column(&self.time), found: excerpt(time) },
            NoTime::OutOfRange => Reason::TimeOutOfRange { column: column(&self.time), found: excerpt(time) },
        })
    }
}

impl Known {
    fn new(origin: &Arc<Origin>, names: &Names) -> Result<Self, Reason> {
        let (delimiter, columns) = match &origin.layout {
            Layout::Delimited { delimiter, columns } => (*delimiter, columns.as_slice()),
            Layout::Json | Layout::Aggregate => (0, &[][..]),
        };
        let find = |name: &Arc<str>| {
            let at = columns.iter().position(|column| **column == **name);
            at.ok_or_else(|| Reason::Missing { column: Arc::clone(name) })
        };
        let wanted = [find(&names.time)?, find(&names.kind)?];
        let (origin, columns) = (Arc::clone(origin), columns.len());
        Ok(Self { origin, delimiter, wanted, columns, fields: Fields::new(delimiter) })
    }

    /// The event of a record of the same origin that has nothing unusual about it. Most are such; of the others nothing is
    /// said.
    #[inline]
    fn decode_plain(&self, record: &Record, times: &mut Times) -> Option<Event> {
        let (data, origin) = match record.unquoted_line() {
            Some(line) => line,
            None => (Some(record.data()).filter(|data| !is_quoted(data))?, record.origin()),
        };
        if data.len() > MAX_RECORD || !Arc::ptr_eq(&self.origin, origin) {
            return None;
        }
        let ([time, kind], found) = pick_plain(data, self.delimiter, self.wanted);
        if found != self.columns || kind.is_empty() {
            return None;
        }
        let time = times.fast(time)?;
        CompactString::from_utf8(kind).ok().map(|kind| Event { kind, time })
    }
}

/// Two of a record's fields, and how many it has.
fn pick<'a>(fields: impl Iterator<Item = &'a [u8]>, wanted: [usize; 2]) -> ([&'a [u8]; 2], usize) {
    let mut picked: [&[u8]; 2] = [&[]; 2];
    let mut found = 0;
    for field in fields {
        for (picked, _) in picked.iter_mut().zip(wanted).filter(|(_, wanted)| *wanted == found) {
            *picked = field;
        }
        found += 1;
    }
    (picked, found)
}

/// Reads an object and keeps the values of two of its names.
struct Wanted<'a> {
    time: &'a str,
    kind: &'a str,
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = (Option<Value<'de>>, Option<Value<'de>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let (mut time, mut kind) = (None, None);
        while let Some((is_time, is_kind)) = object.next_key_seed(Name(&self))? {
            if !is_time && !is_kind {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: Value<'de> = object.next_value()?;
            if is_time && is_kind {
                time = Some(value.clone());
                kind = Some(value);
            } else if is_time {
                time = Some(value);
            } else {
                kind = Some(value);
            }
        }
        Ok((time, kind))
    }
}

/// Reads a name, and tells whether it is that of the time and whether it is that of the type.
struct Name<'a>(&'a Wanted<'a>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = (bool, bool);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = (bool, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok((name == self.0.time.as_bytes(), name == self.0.kind.as_bytes()))
    }
}

/// A text, or what is there instead of one.
#[derive(Clone)]
enum Value<'de> {
    Text(Cow<'de, str>),
    Other(&'static str),
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value<'de>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other("an object"))
    }
}
