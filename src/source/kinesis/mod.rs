//! [`KinesisSource`]: the records of an Amazon Kinesis data stream, shard by shard.
//!
//! **Guarantee**: every record of every shard, in the shard's order, from any position on; a shard that was split or
//! merged ends, and its children name it as their parent. **Order**: within a shard only.
//!
//! | limit of the service | what is done about it |
//! |---|---|
//! | 5 `GetRecords` a second and shard | a call every 200 ms while behind, every [`idle`](KinesisSourceBuilder::idle) at the tip; a call that is made again waits for its turn too |
//! | 2 MiB a second and shard; up to 10,000 records and 10 MiB an answer | the next call waits until the last answer is made up for; throttled calls wait, with full jitter, for as long as it takes |
//! | an iterator lives for 5 minutes | it is renewed from the last position |
//! | 1,000 shards a `ListShards` answer | all pages are read; a list whose shards leave hash keys out is an error |
//!
//! Permissions: `kinesis:DescribeStreamSummary`, `kinesis:ListShards`, `kinesis:GetShardIterator`,
//! `kinesis:GetRecords`.
//!
//! | setting | default | |
//! |---|---|---|
//! | [`start`](KinesisSourceBuilder::start) | `TrimHorizon` | where shards start that exist when the ledger is made |
//! | [`idle`](KinesisSourceBuilder::idle) | 1 s | time between two calls at the tip of a shard |
//! | [`patience`](KinesisSourceBuilder::patience) | 5 min | how long an endpoint may be silent before reading fails |
//! | [`aggregates`](KinesisSourceBuilder::aggregates) | `Kpl` | which records of KPL aggregates are given |
//! | [`read_ahead`](KinesisSourceBuilder::read_ahead) | 256 MiB | bytes of records read ahead, over all shards |
//! | [`sdk_config`](KinesisSourceBuilder::sdk_config) | environment, profile, machine | region, credentials, endpoint |
//!
//! Records in aggregates of the Kinesis Producer Library are given one by one, at the aggregate's sequence number and
//! their index in it; reading can begin behind any of them. An aggregate that cannot be taken apart is given as it
//! came, with the layout [`Aggregate`](crate::Layout::Aggregate), which decoders refuse with the reason.
//!
//! An endpoint other than AWS is set by the SDK's own means, `AWS_ENDPOINT_URL_KINESIS` first of all.
//!
//! ```no_run
//! # async fn example() -> Result<(), anabranch::Error> {
//! use anabranch::source::kinesis::{InitialPosition, KinesisSource};
//! use anabranch::source::{Source, Start};
//!
//! let source = KinesisSource::builder("flights").start(InitialPosition::Latest).build().await?;
//! for shard in source.partitions().await? {
//!     let batches = source.read(&shard.partition, Start::Beginning);
//!     # drop(batches);
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod discovery;
mod pace;
mod read;
mod shards;
mod stats;
mod unpack;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use tokio::sync::Semaphore;

use self::client::{Described, Kinesis, ShardReader};
use self::discovery::Discovery;
use self::read::{BYTES_PER_CALL, Reader, Shared, Target};
pub use self::stats::Stats;
use super::{Batch, Description, Listed, Source, Start};
use crate::aws::kinesis::{StreamClient, StreamName};
use crate::aws::retry::{self, Retry};
use crate::uri::Uri;
use crate::{BoxFlow, Error, ErrorKind, Partition, from_results};

/// How many bytes may be read ahead unless set.
const READ_AHEAD: usize = 256 << 20;

/// A Kinesis data stream as a [`Source`]; each shard is a partition, named `STREAM/SHARD`.
///
/// Made by [`builder`](Self::builder).
#[derive(Debug)]
pub struct KinesisSource {
    stream: StreamName,
    start: InitialPosition,
    shared: Shared,
}

/// Where shards start that exist when the ledger's root is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialPosition {
    /// At the oldest record that the stream still has.
    #[default]
    TrimHorizon,
    /// At the records that arrive from now on. What "now" was is fixed by the ledger's root, by the service's clock and
    /// to the second, so that a restart means the same.
    Latest,
    /// At the first record that arrived at this instant or later.
    At(DateTime<Utc>),
}

impl InitialPosition {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "trim_horizon" => Some(Self::TrimHorizon),
            "latest" => Some(Self::Latest),
            time => DateTime::parse_from_rfc3339(time).ok().map(|time| Self::At(time.to_utc())),
        }
    }
}

/// Which records are given of an aggregate that the Kinesis Producer Library (KPL) made.
///
/// Each record in an aggregate belongs to the shard whose hash keys have the record's explicit hash key, or else the
/// MD5 of its partition key. A producer that does not know yet of a split or a merge may put an aggregate into a shard
/// to which not all of its records belong. What is dropped is [counted](Stats::dropped), and the first time is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aggregates {
    /// All or none: an aggregate is dropped if any record in it does not belong to the shard, as the Kinesis Client
    /// Library does. Right for what the KPL writes, which sends those records once more.
    #[default]
    Kpl,
    /// All. Right for producers that send nothing again, or that care for no hash keys.
    KeepAll,
    /// Those that belong to the shard.
    FilterSub,
}

impl Aggregates {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "kpl" => Some(Self::Kpl),
            "keep_all" => Some(Self::KeepAll),
            "filter_sub" => Some(Self::FilterSub),
            _ => None,
        }
    }
}

/// Makes a [`KinesisSource`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct KinesisSourceBuilder {
    stream: String,
    start: InitialPosition,
    idle: Duration,
    patience: Duration,
    aggregates: Aggregates,
    read_ahead: usize,
    config: Option<SdkConfig>,
}

impl KinesisSource {
    /// Begins with the stream's name or ARN.
    pub fn builder(stream: impl Into<String>) -> KinesisSourceBuilder {
        KinesisSourceBuilder {
            stream: stream.into(),
            start: InitialPosition::default(),
            idle: Duration::from_secs(1),
            patience: retry::PATIENCE,
            aggregates: Aggregates::default(),
            read_ahead: READ_AHEAD,
            config: None,
        }
    }

    pub(super) async fn from_uri(mut uri: Uri<'_>) -> Result<Self, Error> {
        let mut builder = Self::builder(uri.place);
        let form = "trim_horizon, latest, or a time such as 2013-01-01T00:00:00Z";
        if let Some(start) = uri.option("start", form, InitialPosition::parse)? {
            builder = builder.start(start);
        }
        if let Some(millis) = uri.parsed("idle_ms", "a whole number of milliseconds")? {
            builder = builder.idle(Duration::from_millis(millis));
        }
        if let Some(aggregates) = uri.option("aggregates", "kpl, keep_all or filter_sub", Aggregates::parse)? {
            builder = builder.aggregates(aggregates);
        }
        uri.finish(&["start", "idle_ms", "aggregates"])?;
        builder.build().await
    }

    /// What this source has done, and how far behind it is, to be read while it is read from.
    pub fn stats(&self) -> Stats {
        self.shared.stats.clone()
    }

    async fn look(&self) -> Result<Described, Error> {
        self.shared.retry.call(|| self.shared.kinesis.describe()).await.map_err(|trouble| trouble.error)
    }

    /// The instant that the initial position means at `now`.
    fn fix_start(&self, now: DateTime<Utc>) -> Result<Start, Error> {
        match self.start {
            InitialPosition::TrimHorizon => Ok(Start::Beginning),
            InitialPosition::Latest => Ok(Start::At(now.trunc_subsecs(0))),
            InitialPosition::At(time) if time > now => Err(Error::new(ErrorKind::Usage, "the start is in the future")
                .at(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
                .cure("give an earlier start, or begin with what arrives from now on (latest)")),
            InitialPosition::At(time) => Ok(Start::At(time)),
        }
    }
}

impl KinesisSourceBuilder {
    /// Where shards start that exist when the ledger's root is made; [`InitialPosition::TrimHorizon`] unless set.
    pub const fn start(mut self, start: InitialPosition) -> Self {
        self.start = start;
        self
    }

    /// The time between two calls at the tip of a shard: 1 s unless set, never less than the 200 ms that Kinesis
    /// allows, and never more than a day.
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long an endpoint may be silent before reading fails: 5 minutes unless set. An endpoint that has never
    /// answered is given up after 10 s; one that answers that it is busy, never.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Which records of aggregates are given; [`Aggregates::Kpl`] unless set.
    pub const fn aggregates(mut self, aggregates: Aggregates) -> Self {
        self.aggregates = aggregates;
        self
    }

    /// How many bytes of records may be read ahead, over all shards: 256 MiB unless set, never less than the 10 MiB of
    /// one answer.
    ///
    /// A call takes room for a whole answer, and what the answer does not fill is given back; the rest is, when the
    /// shard's flow is polled for its next batch or dropped. So this many bytes, divided by 10 MiB, is how many calls
    /// are made at the same time. A shard whose flow is not polled keeps its room: whoever reads several shards by
    /// turns in one task must leave room for a batch of each.
    pub const fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Region, credentials and endpoint; those of the environment, profile and machine unless set.
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Makes the source. The stream is not looked at yet.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) if the stream's name is none, or if no region is configured.
    pub async fn build(self) -> Result<KinesisSource, Error> {
        let stream: StreamName = self.stream.parse()?;
        let client = StreamClient::new(stream.clone(), self.config.clone()).await?;
        Ok(self.on(stream, Arc::new(ShardReader::new(client))))
    }

    fn on(self, stream: StreamName, kinesis: Arc<dyn Kinesis>) -> KinesisSource {
        let retry = Arc::new(Retry::new(self.patience, retry::jitter()));
        let name = stream.name().to_owned();
        let shared = Shared {
            discovery: Arc::new(Discovery::new(Arc::clone(&kinesis), Arc::clone(&retry), name)),
            kinesis,
            retry,
            idle: self.idle.clamp(pace::CALL_SPACING, pace::LONGEST_IDLE),
            aggregates: self.aggregates,
            budget: Arc::new(Semaphore::new(self.read_ahead.clamp(BYTES_PER_CALL as usize, Semaphore::MAX_PERMITS))),
            stats: Stats::default(),
        };
        KinesisSource { stream, start: self.start, shared }
    }
}

impl Source for KinesisSource {
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>> {
        async {
            let described = self.look().await?;
            Ok(Description { start: self.fix_start(described.now)?, identity: described.identity() })
        }
        .boxed()
    }

    fn recognise<'a>(&'a self, recorded: &'a Description) -> BoxFuture<'a, Result<(), Error>> {
        async {
            let here = self.look().await?.identity();
            if here == recorded.identity {
                return Ok(());
            }
            let same_name = here.get(shards::STREAM) == recorded.identity.get(shards::STREAM);
            let (what, cure) = if same_name {
                (
                    "the stream was deleted and made again since this ledger began",
                    "begin a new ledger under another prefix",
                )
            } else {
                (
                    "this ledger belongs to another source",
                    "read that source, or begin a new ledger under another prefix",
                )
            };
            let place = format!("here {}, in the ledger {}", Shown(&here), Shown(&recorded.identity));
            Err(Error::new(ErrorKind::Conflict, what).at(place).cure(cure))
        }
        .boxed()
    }

    fn partitions(&self) -> BoxFuture<'_, Result<Vec<Listed>, Error>> {
        async {
            let shards = self.shared.discovery.shards().await?;
            Ok(shards::listing(self.stream.name(), &shards))
        }
        .boxed()
    }

    fn read(&self, partition: &Partition, start: Start) -> BoxFlow<'static, Batch, Error> {
        let Some(shard) = shards::shard_of(self.stream.name(), partition) else {
            let error = Error::new(ErrorKind::Invalid, "this partition is not a shard of this stream")
                .at(format!("{partition}, stream {}", self.stream.name()))
                .cure("read the stream that the partition was listed by");
            return from_results(stream::iter([Err(error)])).boxed();
        };
        let closed = self.shared.discovery.known(&shard).is_some_and(|known| known.closed);
        let target = Target { partition: partition.clone(), shard, closed };
        from_results(Reader::new(self.shared.clone(), target, start).batches()).boxed()
    }
}

/// An identity, for an error's text.
struct Shown<'a>(&'a BTreeMap<String, String>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
