//! What travels: an [`Entry`] is a message in hand, a [`Packed`] the record that it goes in, a [`Request`] many of these.

use bytes::Bytes;
use compact_str::CompactString;
use tokio::time::Instant;

use super::lane::Load;
use crate::Message;
use crate::aws::shards::HashRange;
use crate::codec::kpl::{Packer, SubRecord, hash_of};

/// A message's size as Kinesis counts it.
pub(super) fn size(message: &Message) -> usize {
    message.data.len() + message.key.len()
}

/// A message that has not been accepted yet.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Message,
    /// The explicit hash key, if there is one.
    hash_key: Option<u128>,
    /// Where it belongs.
    pub(super) hash: u128,
    /// The how manieth message of the sink it is.
    pub(super) number: u64,
    /// How often it was turned away.
    pub(super) tries: u32,
    /// When it is to be sent at the latest.
    pub(super) due: Instant,
}

impl Entry {
    pub(super) fn new(message: Message, hash_key: Option<u128>, number: u64, due: Instant) -> Self {
        let hash = hash_key.unwrap_or_else(|| hash_of(&message.key));
        Self { message, hash_key, hash, number, tries: 0, due }
    }

    pub(super) fn size(&self) -> usize {
        size(&self.message)
    }

    pub(super) fn load(&self) -> Load {
        Load { messages: 1, bytes: self.size() }
    }

    pub(super) fn sub_record(&self) -> SubRecord {
        let Message { key, data } = self.message.clone();
        SubRecord { key, hash_key: self.hash_key, data }
    }
}

/// A record of Kinesis': one message, or an aggregate of several.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) entries: Vec<Entry>,
    pub(super) key: CompactString,
    pub(super) hash_key: Option<u128>,
    pub(super) data: Bytes,
}

impl Packed {
    /// The partition key of aggregates, which says nothing: they go by their explicit hash key.
    pub(super) const AGGREGATE_KEY: &str = "a";

    /// A message as it is.
    pub(super) fn alone(entry: Entry) -> Self {
        let Message { key, data } = entry.message.clone();
        Self { key, data, hash_key: entry.hash_key, entries: vec![entry] }
    }

    /// What is in the packer; a single message goes as it is.
    pub(super) fn new(mut entries: Vec<Entry>, packer: Packer) -> Self {
        if entries.len() == 1
            && let Some(entry) = entries.pop()
        {
            return Self::alone(entry);
        }
        // All in it belong to one shard, so it may stand where any of them does.
        let hash_key = entries.first().map(|entry| entry.hash);
        Self { entries, key: Self::AGGREGATE_KEY.into(), hash_key, data: packer.finish() }
    }

    /// Its size as Kinesis counts it.
    pub(super) fn size(&self) -> usize {
        self.data.len() + self.key.len()
    }

    /// Whether all in it belongs to the shard of these hash keys.
    pub(super) fn belongs_to(&self, range: HashRange) -> bool {
        self.entries.iter().all(|entry| range.contains(entry.hash))
    }
}

/// A request that is being filled.
#[derive(Debug)]
pub(super) struct Request {
    max_records: usize,
    max_bytes: usize,
    bytes: usize,
    pub(super) packed: Vec<Packed>,
}

impl Request {
    pub(super) const fn new(max_records: usize, max_bytes: usize) -> Self {
        Self { max_records, max_bytes, bytes: 0, packed: Vec::new() }
    }

    /// Whether there is room for a record of that size. One that is larger than a request gets one of its own.
    pub(super) fn fits(&self, size: usize) -> bool {
        self.packed.len() < self.max_records && (size <= self.room() || self.packed.is_empty())
    }

    /// How many bytes there is room for.
    pub(super) const fn room(&self) -> usize {
        self.max_bytes.saturating_sub(self.bytes)
    }

    pub(super) const fn is_full(&self) -> bool {
        self.packed.len() >= self.max_records || self.room() == 0
    }

    pub(super) fn push(&mut self, packed: Packed) {
        self.bytes += packed.size();
        self.packed.push(packed);
    }
}
