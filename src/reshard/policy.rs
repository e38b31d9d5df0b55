//! [`Policy`]: when shards are split and merged.

use std::time::Duration;

use crate::{Error, ErrorKind};

/// The most windows that are remembered of a shard: a week of minutes.
const MAX_WINDOWS: usize = 7 * 24 * 60;

/// What a shard takes and gives in a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes that may be written.
    pub bytes: f64,
    /// Records that may be written.
    pub records: f64,
    /// Bytes that may be read.
    pub read_bytes: f64,
}

impl Limits {
    /// Those of Kinesis: 1 MiB and 1,000 records written, 2 MiB read.
    pub const KINESIS: Self = Self { bytes: (1 << 20) as f64, records: 1_000.0, read_bytes: (2 << 20) as f64 };
}

/// When shards are split and merged.
///
/// A shard's use is the greatest of what is written in bytes, in records, and of what is read, each as a share of what a
/// shard takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How often the traffic is looked at; 1 minute.
    pub window: Duration,
    /// A shard is hot in a window if its use is above this, or if more than one record in a hundred was turned away; 0.75.
    pub split_above: f64,
    /// A shard is split that was hot in so many windows in a row; 5, and at most 10,080.
    pub split_after: usize,
    /// Two neighbours are cold in a window if the use of both together is below this; 0.5. Less than
    /// [`split_above`](Self::split_above), so that what was merged is not split again, and the other way round.
    pub merge_below: f64,
    /// Neighbours are merged that were cold in so many windows in a row; 30, and at most 10,080.
    pub merge_after: usize,
    /// A shard is not merged for so long after it was made, or was first seen; 1 hour.
    pub rest: Duration,
    /// There are never fewer shards; 1.
    pub min_shards: usize,
    /// There are never more shards; 100.
    pub max_shards: usize,
    /// What a shard takes; [`Limits::KINESIS`].
    pub limits: Limits,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            split_above: 0.75,
            split_after: 5,
            merge_below: 0.5,
            merge_after: 30,
            rest: Duration::from_secs(60 * 60),
            min_shards: 1,
            max_shards: 100,
            limits: Limits::KINESIS,
        }
    }
}

impl Policy {
    /// Refuses what cannot settle.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Limits { bytes, records, read_bytes } = self.limits;
        let (split_after, merge_after) = (self.split_after, self.merge_after);
        let after = || format!("split_after {split_after}, merge_after {merge_after}");
        let (what, at, cure) = if self.window.is_zero() {
            ("the window is zero", "window 0s".to_owned(), "give it a length, such as a minute")
        } else if split_after == 0 || merge_after == 0 {
            ("shards are to be changed after no window at all", after(), "ask for one window at least")
        } else if split_after.max(merge_after) > MAX_WINDOWS {
            (
                "shards are to be changed after more windows than are remembered",
                after(),
                "ask for 10,080 at most; max_shards keeps shards from being split, and a long rest from being merged",
            )
        } else if !(0.0..self.split_above).contains(&self.merge_below) {
            (
                "shards are split as soon as they are merged",
                format!("split_above {}, merge_below {}", self.split_above, self.merge_below),
                "set merge_below to less than split_above",
            )
        } else if self.min_shards == 0 || self.min_shards > self.max_shards {
            (
                "no number of shards will do",
                format!("min_shards {}, max_shards {}", self.min_shards, self.max_shards),
                "set min_shards to 1 or more, and max_shards to no less than that",
            )
        } else if !(bytes > 0.0 && records > 0.0 && read_bytes > 0.0) {
            (
                "a shard that takes nothing",
                format!("bytes {bytes}, records {records}, read_bytes {read_bytes}"),
                "give each limit, per second",
            )
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Usage, what).at(at).cure(cure))
    }
}
