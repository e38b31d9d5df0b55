//! [`Aggregate`]: several records in one, as the Kinesis Producer Library (KPL) packs them.
//!
//! An aggregate is the four bytes of [`MAGIC`], a protobuf message, and the MD5 of the message:
//!
//! ```text
//! AggregatedRecord { 1: repeated string partition_key_table  2: repeated string explicit_hash_key_table
//!                    3: repeated Record records }
//! Record           { 1: required uint64 partition_key_index  2: optional uint64 explicit_hash_key_index
//!                    3: required bytes data                  4: repeated Tag tags }
//! ```
//!
//! Tags are skipped. What begins with the magic and is none of this is [`Corrupt`], and says why.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use compact_str::CompactString;
use md5::{Digest, Md5};
use prost::Message;

/// What every aggregate begins with.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// The most characters of a partition key: the service's own limit.
const KEY_CHARACTERS: usize = 256;
const DIGEST: usize = 16;

/// An aggregate that was taken apart and found good. It holds slices of the bytes that it was made of.
#[derive(Clone, Debug)]
pub struct Aggregate {
    keys: Vec<String>,
    hash_keys: Vec<u128>,
    entries: Vec<Entry>,
}

/// One of the records in an [`Aggregate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubRecord {
    /// Its partition key.
    pub key: CompactString,
    /// The hash key that its producer gave, to be used in the place of the partition key's hash.
    pub hash_key: Option<u128>,
    /// Its bytes.
    pub data: Bytes,
}

#[derive(Clone, Debug)]
struct Entry {
    key: usize,
    hash_key: Option<usize>,
    data: Bytes,
}

/// Why bytes that begin as an aggregate are none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corrupt {
    /// There is no room for the digest.
    TooShort,
    /// The MD5 at the end is not that of the message.
    Digest,
    /// The message is no protobuf message of this form.
    Message(
        /// What the decoder said.
        String,
    ),
    /// A record has no bytes, or no partition key.
    Incomplete {
        /// The index of the record.
        record: usize,
    },
    /// A record refers to a key that is not in its table.
    NoSuchKey {
        /// The index of the record.
        record: usize,
    },
    /// A partition key is longer than Kinesis allows.
    LongKey,
    /// An explicit hash key is not a decimal number of 128 bits.
    HashKey,
}

/// Optional where the format says "required", so that what is missing is seen.
#[derive(Clone, PartialEq, Message)]
struct WireAggregate {
    #[prost(string, repeated, tag = "1")]
    keys: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    hash_keys: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<WireRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct WireRecord {
    #[prost(uint64, optional, tag = "1")]
    key: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    hash_key: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    data: Option<Bytes>,
}

/// Whether these bytes say that they are an aggregate.
pub fn is_aggregate(data: &[u8]) -> bool {
    data.starts_with(&MAGIC)
}

/// The MD5 of a partition key as a number: where in a stream's range of hash keys it belongs.
pub fn hash_of(key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(key).into())
}

impl Aggregate {
    /// Takes an aggregate apart; `None` if the bytes do not begin with [`MAGIC`].
    ///
    /// # Errors
    ///
    /// If they do, and are none all the same. Nothing of it is given then: each record in it is good, or none is.
    pub fn parse(data: &Bytes) -> Result<Option<Self>, Corrupt> {
        if !is_aggregate(data) {
            return Ok(None);
        }
        let end = data.len().checked_sub(DIGEST).filter(|end| *end >= MAGIC.len()).ok_or(Corrupt::TooShort)?;
        let message = data.slice(MAGIC.len()..end);
        if Md5::digest(&message)[..] != data[end..] {
            return Err(Corrupt::Digest);
        }
        let wire = WireAggregate::decode(message).map_err(|error| Corrupt::Message(error.to_string()))?;
        if wire.keys.iter().any(|key| key.chars().count() > KEY_CHARACTERS) {
            return Err(Corrupt::LongKey);
        }
        let hash_keys = wire.hash_keys.iter().map(|text| decimal(text).ok_or(Corrupt::HashKey));
        let hash_keys = hash_keys.collect::<Result<Vec<_>, _>>()?;
        let entries = wire.records.into_iter().enumerate().map(|(record, wire_record)| {
            let (Some(key), Some(data)) = (wire_record.key, wire_record.data) else {
                return Err(Corrupt::Incomplete { record });
            };
            let key = index(key, wire.keys.len()).ok_or(Corrupt::NoSuchKey { record })?;
            let hash_key =
                wire_record.hash_key.map(|at| index(at, hash_keys.len()).ok_or(Corrupt::NoSuchKey { record }));
            Ok(Entry { key, hash_key: hash_key.transpose()?, data })
        });
        let entries = entries.collect::<Result<_, _>>()?;
        Ok(Some(Self { keys: wire.keys, hash_keys, entries }))
    }

    /// How many records are in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no record is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The record at an index, which is its sub-sequence number.
    pub fn get(&self, index: usize) -> Option<SubRecord> {
        let entry = self.entries.get(index)?;
        Some(SubRecord {
            key: self.keys.get(entry.key)?.into(),
            hash_key: self.hash_key(entry),
            data: entry.data.clone(),
        })
    }

    /// Where in the stream's range of hash keys the record at an index belongs: its explicit hash key, or else the hash
    /// of its partition key.
    pub fn hash(&self, index: usize) -> Option<u128> {
        let entry = self.entries.get(index)?;
        self.hash_key(entry).or_else(|| self.keys.get(entry.key).map(|key| hash_of(key)))
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = SubRecord> + '_ {
        (0..self.len()).map_while(|index| self.get(index))
    }

    fn hash_key(&self, entry: &Entry) -> Option<u128> {
        self.hash_keys.get(entry.hash_key?).copied()
    }
}

/// Packs records into one aggregate.
pub fn pack<'a>(records: impl IntoIterator<Item = &'a SubRecord>) -> Bytes {
    let mut packer = Packer::new(usize::MAX);
    records.into_iter().all(|record| packer.push(record));
    packer.finish()
}

/// Packs records one by one into an aggregate of a limited size.
///
/// ```
/// use anabranch::codec::kpl::{Aggregate, Packer, SubRecord};
///
/// let record = |n: u32| SubRecord { key: "UA".into(), hash_key: None, data: n.to_string().into() };
/// let mut packer = Packer::new(40);
/// let packed = (0..9).take_while(|n| packer.push(&record(*n))).count();
/// let aggregate = packer.finish();
/// assert_eq!((packed, aggregate.len()), (2, 38));
/// assert_eq!(Aggregate::parse(&aggregate).unwrap().unwrap().len(), 2);
/// ```
#[derive(Debug)]
pub struct Packer {
    limit: usize,
    size: usize,
    keys: Table,
    hash_keys: Table,
    records: Vec<WireRecord>,
}

impl Packer {
    /// For an aggregate of at most so many bytes, magic and digest included.
    pub fn new(limit: usize) -> Self {
        let size = MAGIC.len() + DIGEST;
        Self { limit, size, keys: Table::default(), hash_keys: Table::default(), records: Vec::new() }
    }

    /// Adds a record, and says whether there was room for it. If not, nothing has changed.
    pub fn push(&mut self, record: &SubRecord) -> bool {
        let hash_key = record.hash_key.map(|key| key.to_string());
        let mut size = self.size;
        let key = self.keys.index(&record.key, &mut size);
        let hash_key = hash_key.map(|text| (self.hash_keys.index(&text, &mut size), text));
        let wire = WireRecord {
            key: Some(key),
            hash_key: hash_key.as_ref().map(|(index, _)| *index),
            data: Some(record.data.clone()),
        };
        size += field(wire.encoded_len());
        if size > self.limit {
            return false;
        }
        self.size = size;
        self.keys.keep(key, &record.key);
        if let Some((index, text)) = hash_key {
            self.hash_keys.keep(index, &text);
        }
        self.records.push(wire);
        true
    }

    /// How many bytes the aggregate would have now.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The aggregate.
    pub fn finish(self) -> Bytes {
        let Self { size, keys, hash_keys, records, .. } = self;
        let message = WireAggregate { keys: keys.texts, hash_keys: hash_keys.texts, records }.encode_to_vec();
        let mut data = Vec::with_capacity(size);
        data.extend_from_slice(&MAGIC);
        data.extend_from_slice(&message);
        data.extend_from_slice(&Md5::digest(&message));
        data.into()
    }
}

/// The size of a field of so many bytes, with its tag and its length.
fn field(bytes: usize) -> usize {
    1 + prost::length_delimiter_len(bytes) + bytes
}

/// Texts in the order in which they came first.
#[derive(Debug, Default)]
struct Table {
    texts: Vec<String>,
    known: HashMap<String, u64>,
}

impl Table {
    /// The index that a text has or would have; if it is not there yet, its size is added.
    fn index(&self, text: &str, size: &mut usize) -> u64 {
        self.known.get(text).copied().unwrap_or_else(|| {
            *size += field(text.len());
            self.texts.len() as u64
        })
    }

    /// Keeps a text under the index that it was given.
    fn keep(&mut self, index: u64, text: &str) {
        if index == self.texts.len() as u64 {
            self.texts.push(text.to_owned());
            self.known.insert(text.to_owned(), index);
        }
    }
}

fn index(at: u64, len: usize) -> Option<usize> {
    usize::try_from(at).ok().filter(|at| *at < len)
}

/// A number of digits alone: no sign, which `parse` would take.
fn decimal(text: &str) -> Option<u128> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("it ends before its digest"),
            Self::Digest => f.write_str("its MD5 is another than it says"),
            Self::Message(problem) => write!(f, "its message cannot be decoded: {problem}"),
            Self::Incomplete { record } => write!(f, "record {record} in it has no partition key or no data"),
            Self::NoSuchKey { record } => write!(f, "record {record} in it refers to a key that is not there"),
            Self::LongKey => write!(f, "a partition key in it has more than {KEY_CHARACTERS} characters"),
            Self::HashKey => f.write_str("an explicit hash key in it is not a number of 128 bits"),
        }
    }
}

impl StdError for Corrupt {}
