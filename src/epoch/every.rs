//! [`Every`]: when an epoch is closed.

use std::num::NonZeroU64;
use std::time::Duration;

/// When an epoch is closed and committed: after a time, a number of bytes or a number of records, whichever comes first.
///
/// What is not said has its default: a minute, 64 MiB, 10,000,000 records. Time counts from the epoch's first record, so an
/// idle partition makes no epochs; bytes are those of the records as the source gives them. The last record may go beyond
/// the bytes, and every epoch has one record at least.
///
/// Short epochs show results sooner; long ones make fewer and larger objects. What an epoch makes is held in memory,
/// compressed, until it is committed.
///
/// ```
/// use std::time::Duration;
/// use anabranch::epoch::Every;
///
/// let every = Every::secs(60).or_bytes(64 << 20);
/// assert_eq!(every, Every::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    pub(super) span: Duration,
    pub(super) bytes: u64,
    pub(super) records: u64,
}

impl Default for Every {
    fn default() -> Self {
        Self { span: Duration::from_secs(60), bytes: 64 << 20, records: 10_000_000 }
    }
}

impl Every {
    /// `span` after the epoch's first record.
    pub fn span(span: Duration) -> Self {
        Self { span, ..Self::default() }
    }

    /// So many seconds after the epoch's first record.
    pub fn secs(secs: u64) -> Self {
        Self::span(Duration::from_secs(secs))
    }

    /// Also when the epoch's records have so many bytes.
    #[must_use]
    pub const fn or_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Also when the epoch has so many records.
    #[must_use]
    pub const fn or_records(mut self, records: NonZeroU64) -> Self {
        self.records = records.get();
        self
    }
}
