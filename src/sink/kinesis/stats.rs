//! [`Stats`]: what a sink has done, and what it has in hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Counter;

/// What a [`KinesisSink`](super::KinesisSink) has done so far, to be read meanwhile. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Messages that Kinesis has accepted.
    pub messages: Counter,
    /// Their bytes, keys included.
    pub bytes: Counter,
    /// Records that Kinesis has accepted: fewer than messages where these are aggregated.
    pub records: Counter,
    /// `PutRecords` calls, those included that failed.
    pub requests: Counter,
    /// Messages that were sent again, each time.
    pub retries: Counter,
    /// Records that were turned away, because their shard or the service had no room for them.
    pub throttles: Counter,
    /// Calls that failed as a whole, for whatever reason.
    pub failed: Counter,
    /// Messages that Kinesis would never take, and that were given to the sink for dead messages.
    pub dead: Counter,
    /// How often the shards were listed anew.
    pub refreshes: Counter,
    held: Arc<[AtomicU64; 3]>,
}

impl Stats {
    /// How many messages are held that were not accepted yet: those that wait, and those under way.
    pub fn held(&self) -> u64 {
        self.held[0].load(Ordering::Relaxed)
    }

    /// The bytes of the messages held, with keys and 256 bytes of bookkeeping for each: what the
    /// [`budget`](super::KinesisSinkBuilder::budget) bounds.
    pub fn held_bytes(&self) -> u64 {
        self.held[1].load(Ordering::Relaxed)
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> u64 {
        self.held[2].load(Ordering::Relaxed)
    }

    pub(super) fn hold(&self, messages: usize, bytes: usize, requests: usize) {
        for (gauge, now) in self.held.iter().zip([messages, bytes, requests]) {
            gauge.store(now as u64, Ordering::Relaxed);
        }
    }
}
