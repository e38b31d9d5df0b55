//! [`Lane`]: the messages that wait for one shard, and how fast it may be written to.

use std::collections::BTreeMap;
use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::pack::Entry;

/// What a shard takes in a second: the service's own limits.
const RECORDS_A_SECOND: f64 = 1_000.0;
const BYTES_A_SECOND: f64 = (1 << 20) as f64;
/// For how long a shard may take nothing, and get that much more afterwards.
const BURST: f64 = 0.25;
/// How long a shard whose allowance is used up is left alone: shorter, and it would get a request for each record.
const REST: Duration = Duration::from_millis(100);

/// A number of messages, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Load {
    fn sub_assign(&mut self, other: Self) {
        self.messages -= other.messages;
        self.bytes -= other.bytes;
    }
}

/// The messages for one shard.
#[derive(Debug)]
pub(super) struct Lane {
    /// The shard; none for messages whose shard is not known.
    pub(super) shard: Option<Arc<str>>,
    /// In the order in which they are due, and then in that in which they came.
    queue: BTreeMap<(Instant, u64), Entry>,
    load: Load,
    bucket: Option<Bucket>,
    /// When the shard is to be thought of again, if its allowance is used up.
    pub(super) rests_until: Option<Instant>,
    /// Under which instant the lane stands in the order of the lanes.
    pub(super) at: Option<Instant>,
    /// What of it is counted as ready to be sent.
    pub(super) counted: Load,
}

impl Lane {
    pub(super) const fn new(shard: Option<Arc<str>>, bucket: Option<Bucket>) -> Self {
        let load = Load { messages: 0, bytes: 0 };
        Self { shard, queue: BTreeMap::new(), load, bucket, rests_until: None, at: None, counted: load }
    }

    pub(super) const fn load(&self) -> Load {
        self.load
    }

    /// The entry that is due first.
    pub(super) fn front(&self) -> Option<&Entry> {
        self.queue.first_key_value().map(|(_, entry)| entry)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.load += entry.load();
        self.queue.insert((entry.due, entry.number), entry);
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        let (_, entry) = self.queue.pop_first()?;
        self.load -= entry.load();
        Some(entry)
    }

    /// Whether the shard may be given a record now. If not, the lane rests.
    pub(super) fn may_send(&mut self, now: Instant) -> bool {
        let may = self.bucket.as_mut().is_none_or(|bucket| bucket.is_open(now));
        if !may {
            self.rests_until = Some(now + REST);
        }
        may
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some(bucket) = &mut self.bucket {
            bucket.take(bytes);
        }
    }

    /// The shard has no room, though it should: others write to it, too.
    pub(super) fn drain(&mut self, now: Instant) {
        if let Some(bucket) = &mut self.bucket {
            bucket.drain(now);
            self.rests_until = Some(now + REST);
        }
    }

    /// Takes over how fast the same shard may be written to.
    pub(super) const fn inherit(&mut self, before: &Self) {
        self.bucket = before.bucket;
        self.rests_until = before.rests_until;
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.queue.into_values()
    }
}

/// A token bucket: so many records and so many bytes a second. A record may leave it in debt, as there are records
/// that are larger than a second's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// The share of what a shard takes.
    share: f64,
    records: f64,
    bytes: f64,
    filled: Instant,
}

impl Bucket {
    /// A full one for so many percent of what a shard takes.
    pub(super) fn new(percent: u32, now: Instant) -> Self {
        let share = f64::from(percent) / 100.0;
        let (records, bytes) = (share * RECORDS_A_SECOND * BURST, share * BYTES_A_SECOND * BURST);
        Self { share, records, bytes, filled: now }
    }

    fn is_open(&mut self, now: Instant) -> bool {
        let gone = now.saturating_duration_since(self.filled).as_secs_f64();
        let fill = |has: f64, rate: f64| (has + gone * self.share * rate).min(self.share * rate * BURST);
        self.records = fill(self.records, RECORDS_A_SECOND);
        self.bytes = fill(self.bytes, BYTES_A_SECOND);
        self.filled = now;
        self.records > 0.0 && self.bytes > 0.0
    }

    fn take(&mut self, bytes: usize) {
        self.records -= 1.0;
        self.bytes -= bytes as f64;
    }

    fn drain(&mut self, now: Instant) {
        self.records = self.records.min(0.0);
        self.bytes = self.bytes.min(0.0);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many records of a size go out in ten seconds.
    fn in_ten_seconds(percent: u32, bytes: usize) -> usize {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(percent, now);
        let mut sent = 0;
        for _ in 0..1_000 {
            while bucket.is_open(now) {
                bucket.take(bytes);
                sent += 1;
            }
            now += Duration::from_millis(10);
        }
        sent
    }

    #[test]
    fn a_bucket_gives_a_shards_records_or_bytes_whichever_are_fewer() {
        assert!((10_000..=10_300).contains(&in_ten_seconds(100, 10)), "{}", in_ten_seconds(100, 10));
        assert!((5_000..=5_150).contains(&in_ten_seconds(50, 10)));
        assert!((10..=11).contains(&in_ten_seconds(100, 1 << 20)));
        assert!((1..=2).contains(&in_ten_seconds(100, 10 << 20)), "a debt is made up for");
        assert!((102..=106).contains(&in_ten_seconds(100, 100 << 10)));
    }

    #[test]
    fn a_lane_whose_shard_had_no_room_rests() {
        let now = Instant::now();
        let mut lane = Lane::new(None, Some(Bucket::new(100, now)));
        assert!(lane.may_send(now));
        lane.drain(now);
        assert!(!lane.may_send(now));
        assert_eq!(lane.rests_until, Some(now + REST));
        assert!(lane.may_send(now + REST));
        let mut unlimited = Lane::new(None, None);
        unlimited.drain(now);
        assert!(unlimited.may_send(now) && unlimited.rests_until.is_none());
    }
}
