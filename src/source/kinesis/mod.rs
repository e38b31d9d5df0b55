//! [`KinesisSource`]: the records of an Amazon Kinesis data stream, shard by shard.
//!
//! **Guarantee**: every record of every shard, in the shard's order, from any position on; a shard that was split or
//! merged ends, and its children name it as their parent. **Order**: within a shard only.
//!
//! | limit of the service | what is done about it |
//! |---|---|
//! | 5 `GetRecords` a second and shard | a call every 200 ms while behind, every [`idle`](KinesisSourceBuilder::idle) at the tip |
//! | 2 MiB a second and shard; up to 10,000 records and 10 MiB an answer | throttled calls wait, with full jitter, for as long as it takes |
//! | an iterator lives for 5 minutes | it is renewed from the last position |
//! | 1,000 shards a `ListShards` answer | all pages are read |
//!
//! Permissions: `kinesis:DescribeStreamSummary`, `kinesis:ListShards`, `kinesis:GetShardIterator`,
//! `kinesis:GetRecords`.
//!
//! | setting | default | |
//! |---|---|---|
//! | [`start`](KinesisSourceBuilder::start) | `TrimHorizon` | where shards start that exist when the ledger is made |
//! | [`idle`](KinesisSourceBuilder::idle) | 1 s | time between two calls at the tip of a shard |
//! | [`patience`](KinesisSourceBuilder::patience) | 5 min | how long an endpoint may be silent before reading fails |
//! | [`sdk_config`](KinesisSourceBuilder::sdk_config) | environment, profile, machine | region, credentials, endpoint |
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
mod read;
mod shards;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use futures::future::BoxFuture;
use futures::{FutureExt, stream};

use self::client::{Described, Kinesis, ShardReader};
use self::read::{Reader, Target};
use super::{Batch, Description, Listed, Source, Start};
use crate::aws::kinesis::{StreamClient, StreamName};
use crate::aws::retry::{self, Class, Retry, Trouble};
use crate::uri::Uri;
use crate::{BoxFlow, Error, ErrorKind, Partition, from_results};

/// How often a listing is begun again because its pages took longer than a page token lives.
const LISTING_TRIES: usize = 3;

/// A Kinesis data stream as a [`Source`]; each shard is a partition, named `STREAM/SHARD`.
///
/// Made by [`builder`](Self::builder).
#[derive(Debug)]
pub struct KinesisSource {
    kinesis: Arc<dyn Kinesis>,
    stream: StreamName,
    start: InitialPosition,
    idle: Duration,
    retry: Arc<Retry>,
    /// The shards that were closed when they were last listed.
    closed: Mutex<HashSet<Partition>>,
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

/// Makes a [`KinesisSource`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct KinesisSourceBuilder {
    stream: String,
    start: InitialPosition,
    idle: Duration,
    patience: Duration,
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
        uri.finish(&["start", "idle_ms"])?;
        builder.build().await
    }

    /// All pages of the shard list, from the first one.
    async fn list(&self) -> Result<Vec<shards::Shard>, Trouble> {
        let mut shards = Vec::new();
        let mut token = None;
        loop {
            let page = self.retry.call(|| self.kinesis.list(token.clone())).await?;
            shards.extend(page.shards);
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(shards),
            }
        }
    }

    async fn list_again(&self) -> Result<Vec<shards::Shard>, Error> {
        let mut tries = 1;
        loop {
            match self.list().await {
                Err(trouble) if trouble.class == Class::Stale && tries < LISTING_TRIES => tries += 1,
                answer => return answer.map_err(|trouble| trouble.error),
            }
        }
    }

    async fn look(&self) -> Result<Described, Error> {
        self.retry.call(|| self.kinesis.describe()).await.map_err(|trouble| trouble.error)
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
        let client = StreamClient::new(stream.clone(), self.config).await?;
        Ok(KinesisSource {
            kinesis: Arc::new(ShardReader::new(client)),
            stream,
            start: self.start,
            idle: self.idle.clamp(read::CALL_SPACING, read::LONGEST_IDLE),
            retry: Arc::new(Retry::new(self.patience, retry::jitter())),
            closed: Mutex::default(),
        })
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
            let shards = self.list_again().await?;
            let name = self.stream.name();
            let closed = shards.iter().filter(|shard| shard.closed).map(|shard| shards::partition(name, &shard.id));
            *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = closed.collect();
            Ok(shards::listing(name, &shards))
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
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner).contains(partition);
        let target = Target { partition: partition.clone(), shard, closed };
        let reader = Reader::new(Arc::clone(&self.kinesis), Arc::clone(&self.retry), self.idle, target, start);
        from_results(reader.batches()).boxed()
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
