//! Totals and histograms: what is counted. Those of several epochs or partitions add up.

use serde::{Deserialize, Serialize};

use crate::model::{HOUR, MINUTE, Millis, SECOND};

/// The upper ends of the bins of all histograms; what is longer than the last lies in one bin more. They are the same
/// everywhere and for ever, which is why histograms add up.
pub(crate) const BINS: [Millis; 24] = [
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    3 * MINUTE,
    5 * MINUTE,
    7 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    20 * MINUTE,
    30 * MINUTE,
    40 * MINUTE,
    50 * MINUTE,
    HOUR,
    HOUR + 15 * MINUTE,
    HOUR + 30 * MINUTE,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    5 * HOUR,
    6 * HOUR,
    8 * HOUR,
    12 * HOUR,
    24 * HOUR,
    48 * HOUR,
];

/// How long something took, of many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Histogram {
    /// Of all durations.
    pub(crate) sum: Millis,
    /// How many there are in each bin, up to the last that has any.
    bins: Vec<u64>,
}

impl Histogram {
    pub(crate) fn record(&mut self, duration: Millis) {
        let bin = BINS.partition_point(|end| *end < duration);
        self.sum += duration;
        *self.bin(bin) += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        for (bin, count) in other.bins.iter().enumerate() {
            *self.bin(bin) += count;
        }
    }

    /// What has come to it since it was `before`.
    fn since(&self, before: &Self) -> Self {
        let had = before.bins.iter().chain(std::iter::repeat(&0));
        Self {
            sum: self.sum - before.sum,
            bins: self.bins.iter().zip(had).map(|(now, had)| now.saturating_sub(*had)).collect(),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.bins.iter().sum()
    }

    /// The bin that holds the duration which so many percent of all do not exceed; unset if there are none.
    pub(crate) fn percentile(&self, percent: u64) -> Option<usize> {
        let rank = (self.count() * percent).div_ceil(100);
        let mut below = 0;
        self.bins.iter().position(|count| {
            below += count;
            below >= rank && below > 0
        })
    }

    fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    fn bin(&mut self, bin: usize) -> &mut u64 {
        if self.bins.len() <= bin {
            self.bins.resize(bin + 1, 0);
        }
        &mut self.bins[bin]
    }
}

/// What has been counted, in a region and in all: numbers that only grow, so those of several states add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Totals {
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) created: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) assigned: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) completed: u64,
    /// In cents, as the other.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) price_created: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) price_completed: u64,
    /// From created to assigned.
    #[serde(skip_serializing_if = "Histogram::is_empty")]
    pub(crate) wait: Histogram,
    /// From created to completed.
    #[serde(skip_serializing_if = "Histogram::is_empty")]
    pub(crate) delivery: Histogram,
    /// Events that came late, and count.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) late: u64,
    /// Events that had come before.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) repeated: u64,
    /// Events that came too late to count.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) refused: u64,
    /// Orders that were given up without having been created, assigned, completed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) never_created: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) never_assigned: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) never_completed: u64,
    /// Orders that were given up before their time, because there were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) crowded_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Totals {
    /// Those of both.
    #[must_use]
    pub(crate) fn plus(mut self, other: &Self) -> Self {
        self.wait.add(&other.wait);
        self.delivery.add(&other.delivery);
        for (count, more) in self.counts().into_iter().zip(other.clone().counts()) {
            *count += *more;
        }
        self
    }

    /// What has come to them since they were `before`.
    #[must_use]
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut since = self.clone();
        since.wait = self.wait.since(&before.wait);
        since.delivery = self.delivery.since(&before.delivery);
        for (count, had) in since.counts().into_iter().zip(before.clone().counts()) {
            *count = count.saturating_sub(*had);
        }
        since
    }

    fn counts(&mut self) -> [&mut u64; 12] {
        let Self { created, assigned, completed, price_created, price_completed, wait: _, delivery: _, .. } = self;
        let Self { late, repeated, refused, never_created, never_assigned, never_completed, crowded_out, .. } = self;
        [
            created,
            assigned,
            completed,
            price_created,
            price_completed,
            late,
            repeated,
            refused,
            never_created,
            never_assigned,
            never_completed,
            crowded_out,
        ]
    }
}
