//! [`Traffic`]: what goes to and from each shard of a stream, and where in its range of hash keys.
//!
//! It lies here because the source and the sink feed it, and must not know who reads it.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How many places of hash keys are kept of a shard between two looks.
const MARKS: usize = 128;
/// The mean distance of marks, in bytes, to begin with: so that little traffic leaves some, too.
const FIRST_STRIDE: u64 = 16;

/// An amount of traffic of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of records, with their keys.
    pub bytes: u64,
    /// Records as Kinesis counts them: an aggregate is one.
    pub records: u64,
    /// Records, or calls of a reader, that were turned away because the shard had no room for them.
    pub throttled: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.records = self.records.saturating_add(other.records);
        self.throttled = self.throttled.saturating_add(other.throttled);
    }
}

/// What was measured of one shard between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// What was written to it; none if nobody has ever said what is written to the stream.
    pub written: Option<Usage>,
    /// What was read from it, but for old records.
    pub read: Usage,
    /// Whether old records were read, too: what was read is then not what was written.
    pub late: bool,
    /// Hash keys of its records, each for as many bytes as any other; 128 at most.
    pub marks: Vec<u128>,
}

impl Load {
    /// What was written to the shard, by who wrote it, or else by who read it at the tip; none if that is not known.
    pub fn known(&self) -> Option<Usage> {
        // That a reader was turned away says nothing of the writers; one that was all the time has seen nothing of them.
        let has_seen = !self.late && (self.read.throttled == 0 || self.read.records > 0);
        self.written.or_else(|| has_seen.then_some(Usage { throttled: 0, ..self.read }))
    }
}

/// Measures the traffic of a stream's shards. Clones share what was measured.
///
/// The Kinesis source and sink feed it where their builders were given one; anything else may, such as what
/// CloudWatch knows of a stream that other programs write to. It should hold all that is written: what it
/// does not know of seems not to be there.
///
/// Where nothing was ever said to be written, what is read is taken to be what was written, as long as the reader is at
/// most a minute behind; of a shard that is not read nothing is known then.
///
/// For each shard it keeps three numbers of either direction and 128 hash keys, until the [`take`](Self::take) after the
/// shard's last traffic.
///
/// # Examples
///
/// Two samples of CloudWatch's `IncomingBytes`, `IncomingRecords` and `WriteProvisionedThroughputExceeded` by shard:
///
/// ```
/// use anabranch::reshard::{Traffic, Usage};
///
/// let traffic = Traffic::new();
/// traffic.written("shardId-000000000000", Usage { bytes: 50 << 20, records: 9_000, throttled: 12 });
/// traffic.written("shardId-000000000001", Usage { bytes: 2 << 20, records: 300, throttled: 0 });
/// assert_eq!(traffic.take()["shardId-000000000000"].written.unwrap().throttled, 12);
/// ```
#[derive(Clone, Debug)]
pub struct Traffic(Arc<Mutex<Meters>>);

#[derive(Debug)]
struct Meters {
    shards: BTreeMap<String, Meter>,
    /// Whether anyone says what is written.
    has_writer: bool,
    random: StdRng,
}

#[derive(Debug, Default)]
struct Meter {
    written: Usage,
    read: Usage,
    /// Whether old records were read.
    late: bool,
    marks: Marks,
}

impl Traffic {
    /// Without anything measured.
    #[must_use]
    pub fn new() -> Self {
        Self::with(StdRng::from_rng(&mut rand::rng()))
    }

    /// The same, with the same hash keys kept in each run: for tests and simulations.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::with(StdRng::seed_from_u64(seed))
    }

    fn with(random: StdRng) -> Self {
        Self(Arc::new(Mutex::new(Meters { shards: BTreeMap::new(), has_writer: false, random })))
    }

    /// So much was written to a shard, or turned away.
    pub fn written(&self, shard: &str, usage: Usage) {
        let mut meters = self.lock();
        meters.has_writer = true;
        meters.of(shard).written += usage;
    }

    /// So much was read from a shard, of what was written in the last minute.
    pub fn read(&self, shard: &str, usage: Usage) {
        self.lock().of(shard).read += usage;
    }

    /// Old records were read from a shard, which say nothing about what is written now, and which it would not help to
    /// split.
    pub fn read_late(&self, shard: &str) {
        self.lock().of(shard).late = true;
    }

    /// Where in a shard's range its bytes belong: for each record its bytes, and what its hash key is made of. `hash` is
    /// asked for a few of them only.
    ///
    /// Without this a hot shard can only be split in the middle.
    pub fn keys<K>(&self, shard: &str, records: impl IntoIterator<Item = (u64, K)>, hash: impl Fn(K) -> u128) {
        let mut meters = self.lock();
        let Meters { shards, random, .. } = &mut *meters;
        let meter = shards.entry(shard.to_owned()).or_default();
        for (bytes, key) in records {
            meter.marks.pass(bytes, || hash(key), random);
        }
    }

    /// What was measured of each shard since the last look, which begins the next one.
    #[must_use]
    pub fn take(&self) -> BTreeMap<String, Load> {
        let (shards, has_writer) = {
            let mut meters = self.lock();
            (std::mem::take(&mut meters.shards), meters.has_writer)
        };
        let load = |meter: Meter| Load {
            written: has_writer.then_some(meter.written),
            read: meter.read,
            late: meter.late,
            marks: meter.marks.hashes,
        };
        shards.into_iter().map(|(shard, meter)| (shard, load(meter))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Meters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self::new()
    }
}

impl Meters {
    fn of(&mut self, shard: &str) -> &mut Meter {
        self.shards.entry(shard.to_owned()).or_default()
    }
}

/// Hash keys taken out of a stream of bytes, as many for each stretch of it as for any other.
#[derive(Debug)]
struct Marks {
    hashes: Vec<u128>,
    /// How many bytes a mark stands for.
    stride: u64,
    /// How many bytes there are to the next.
    left: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self { hashes: Vec::new(), stride: FIRST_STRIDE, left: FIRST_STRIDE }
    }
}

impl Marks {
    fn pass(&mut self, mut bytes: u64, hash: impl FnOnce() -> u128, random: &mut StdRng) {
        if bytes < self.left {
            self.left -= bytes;
            return;
        }
        let hash = hash();
        while bytes >= self.left {
            bytes -= self.left;
            self.hashes.push(hash);
            if self.hashes.len() >= MARKS {
                let mut keep = false;
                self.hashes.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride = self.stride.saturating_mul(2);
            }
            // At random, or keys that come by turns would be met or missed all the time.
            self.left = random.random_range(1..=self.stride.saturating_mul(2));
        }
        self.left -= bytes;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SHARD: &str = "shardId-000000000000";

    fn bytes(bytes: u64) -> Usage {
        Usage { bytes, records: 1, throttled: 0 }
    }

    #[test]
    fn marks_fall_on_hash_keys_by_their_bytes() {
        for seed in 0..20 {
            let traffic = Traffic::seeded(seed);
            // One of three keys has half of the bytes, in a tenth of the records, and they come by turns.
            for n in 0..40_000_u128 {
                let (bytes, key) = if n % 10 == 0 { (900, 7) } else { (100, 1 + n % 2) };
                traffic.keys(SHARD, [(bytes, key)], |key| key);
            }
            let marks = traffic.take().remove(SHARD).unwrap().marks;
            assert!((MARKS / 2..MARKS).contains(&marks.len()), "{}", marks.len());
            let share = marks.iter().filter(|hash| **hash == 7).count() as f64 / marks.len() as f64;
            assert!((0.33..0.67).contains(&share), "seed {seed}: {share}");
        }
    }

    #[test]
    fn one_record_of_very_many_bytes_is_marked_in_bounded_memory() {
        let traffic = Traffic::seeded(1);
        traffic.keys(SHARD, [(u64::MAX, 5_u128), (u64::MAX, 6)], |key| key);
        let marks = traffic.take().remove(SHARD).unwrap().marks;
        assert!((1..MARKS).contains(&marks.len()) && marks.contains(&5), "{marks:?}");
    }

    #[test]
    fn what_is_read_at_the_tip_is_what_was_written_unless_a_writer_says_so() {
        let traffic = Traffic::seeded(1);
        traffic.read(SHARD, Usage { throttled: 3, ..bytes(10) });
        let load = traffic.take().remove(SHARD).unwrap();
        assert_eq!((load.known(), load.read.throttled), (Some(bytes(10)), 3));
        traffic.read(SHARD, bytes(10));
        traffic.read_late(SHARD);
        let load = traffic.take().remove(SHARD).unwrap();
        assert_eq!((load.known(), load.read.bytes), (None, 10), "old records say nothing about now");
        traffic.read(SHARD, Usage { throttled: 3, ..Usage::default() });
        assert_eq!(traffic.take().remove(SHARD).unwrap().known(), None, "who is always turned away is not silent");
        traffic.written(SHARD, bytes(1));
        traffic.read_late(SHARD);
        assert_eq!(traffic.take().remove(SHARD).unwrap().known(), Some(bytes(1)));
        assert!(traffic.take().is_empty());
    }
}
