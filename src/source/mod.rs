//! Where records come from: the contract that every source keeps.
//!
//! | URI | source | options |
//! |---|---|---|
//! | `file:PATH` | [`FileSource`]: a CSV or TSV file, plain or gzip | `format=csv`, `format=tsv` |
//! | `random:` | [`RandomSource`]: made-up events, the same each time | `seed=`, `count=`, `rate=`, `types=`, `start=`, `step_ms=` |
//! | `kinesis:STREAM` | [`KinesisSource`](kinesis::KinesisSource): a stream by its name or ARN | `start=`, `idle_ms=`, `aggregates=`, `consumer=` |
//!
//! [`open`] takes such a URI. What stands between the scheme and the `?` is taken as it is: nothing is decoded, and a
//! path with a `?` in it needs [`FileSource::builder`].
//!
//! A [`queue`](crate::sink::queue()) is no source: it cannot be read twice.

mod file;
#[cfg(feature = "kinesis")]
pub mod kinesis;
mod random;
mod records;

pub use self::file::{FileFormat, FileSource, FileSourceBuilder};
pub use self::random::{RandomSource, RandomSourceBuilder};
pub use self::records::records;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::codec::kpl;
use crate::uri::Uri;
use crate::{BoxFlow, Error, Layout, Partition, Position, Records};

/// A place that records can be read from, in partitions, each from any position on.
///
/// Implemented by connectors; called by [`epoch`](crate::epoch) and by [`records`]. What an implementation owes:
///
/// - the same records at the same positions, in the same order, however often they are read;
/// - positions that grow strictly within a partition;
/// - clear errors: temporary trouble is retried inside, so whatever comes out as an error stops the reader.
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// Who this source is and where reading starts, as the ledger's root keeps it for good.
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>>;

    /// Checks that this source is still the one that `recorded` describes.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) if it is another one: another stream, a file that was changed.
    fn recognise<'a>(&'a self, recorded: &'a Description) -> BoxFuture<'a, Result<(), Error>>;

    /// How the records are to be read, for those who check that before they read any. JSON unless the source knows
    /// better.
    fn layout(&self) -> BoxFuture<'_, Result<Layout, Error>> {
        Box::pin(async { Ok(Layout::Json) })
    }

    /// The partitions that exist now, with those that they came from.
    fn partitions(&self) -> BoxFuture<'_, Result<Vec<Listed>, Error>>;

    /// The key of a partition in a [table of leases](crate::lease): its name, unless the tools for such tables know it by
    /// another one.
    fn lease_key(&self, partition: &Partition) -> String {
        partition.to_string()
    }

    /// Reads a partition from `start` on.
    ///
    /// The flow is lazy: nothing is opened before its first poll. It ends when there will be nothing more: see
    /// [`Batch::closed`] for whether that is for good. Dropping it stops the reading; nothing is lost by that, since
    /// any position can be read again. It fails with [`NotFound`](crate::ErrorKind::NotFound) if the source has the
    /// partition no more.
    fn read(&self, partition: &Partition, start: Start) -> BoxFlow<'static, Batch, Error>;

    /// Whether its partitions come to an end without being [closed](Batch::closed), as a file does.
    ///
    /// Such a source cannot be shared by [leases](crate::lease): no worker would know when all is read.
    fn ends(&self) -> bool {
        false
    }

    /// Told how far a partition is committed, and whether to its end for good: before a run reads it, and whenever an epoch
    /// of it is committed, be it by another worker.
    ///
    /// For sources that have to tell somebody; others have nothing to do. It is called in between, so it must not block.
    fn committed(&self, partition: &Partition, to: Option<&Position>, ended: bool) {
        let _ = (partition, to, ended);
    }
}

/// Who a source is, in the words of its connector, and where its listed partitions start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// What identifies the source: for a stream its ARN and creation time, for a file its path and a hash of its head.
    pub identity: BTreeMap<String, String>,
    /// Where partitions start that exist when the ledger's root is made.
    pub start: Start,
}

/// A partition in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The partition.
    pub partition: Partition,
    /// The partitions that it came from by a split or a merge, and that are to be read to their end before it.
    pub parents: Vec<Partition>,
    /// The partitions that it came from and that the source has no more. What was not read of them is lost.
    pub gone: Vec<Partition>,
    /// Which keys are its own, if its source spreads records by the hash of their keys.
    pub keys: Option<KeyRange>,
}

/// The keys of a partition: those whose hash lies between two numbers, both included.
///
/// The hash of a key is its MD5, read as a number with the first byte first, as in Kinesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first hash.
    pub first: u128,
    /// The last hash.
    pub last: u128,
}

impl KeyRange {
    /// Whether a hash is in it.
    pub const fn contains(&self, hash: u128) -> bool {
        self.first <= hash && hash <= self.last
    }

    /// Whether records with this partition key are put into the partition, unless their producer gave a hash itself.
    pub fn contains_key(&self, key: &str) -> bool {
        self.contains(kpl::hash_of(key))
    }
}

/// Where in a partition to start reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At the oldest record that there is.
    Beginning,
    /// At the first record that arrived at this instant or later.
    At(DateTime<Utc>),
    /// At the record behind this position.
    After(Position),
}

/// Some records of one partition, in order, and what the source knew when it gave them.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The records; there may be none.
    pub records: Records,
    /// How far behind the end of the partition this batch is, by arrival; zero when it reaches the end, and unset when
    /// the source cannot tell.
    pub behind: Option<Duration>,
    /// Whether the partition is closed for good behind this batch: a shard that was split or merged. The flow then
    /// ends. A flow that ends without it may have more another time: a file can grow.
    pub closed: bool,
    /// How long the source keeps what it has; unset if it keeps it for good.
    pub retention: Option<Retention>,
}

/// How long a source keeps its records, and what time it was there when it gave a batch.
///
/// From this and from [`Batch::behind`] a pipeline knows whether records may be lost: a source that drops them says
/// nothing of those that it has no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The time, by the source's clock; rather a little early than late.
    pub now: DateTime<Utc>,
    /// How long a record is kept from its arrival on.
    pub period: Duration,
}

impl Retention {
    /// Since when everything that arrived is still there.
    pub fn horizon(&self) -> DateTime<Utc> {
        let period = TimeDelta::from_std(self.period).unwrap_or(TimeDelta::MAX);
        self.now.checked_sub_signed(period).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

/// The source that a URI names. Nothing is opened yet: what is wrong there comes out of [`Source::describe`].
///
/// # Errors
///
/// [`Usage`](crate::ErrorKind::Usage) if there is no such scheme or option, with those that there are.
pub async fn open(uri: &str) -> Result<Arc<dyn Source>, Error> {
    let uri = Uri::parse(uri)?;
    match uri.scheme {
        "file" => Ok(Arc::new(FileSource::from_uri(uri)?)),
        "random" => Ok(Arc::new(RandomSource::from_uri(uri)?)),
        #[cfg(feature = "kinesis")]
        "kinesis" => Ok(Arc::new(kinesis::KinesisSource::from_uri(uri).await?)),
        #[cfg(not(feature = "kinesis"))]
        "kinesis" => Err(uri.wrong("this was built without Kinesis", "build it with the feature \"kinesis\"")),
        _ => Err(uri.wrong("this names no source", "use file:PATH, random: or kinesis:STREAM")),
    }
}
