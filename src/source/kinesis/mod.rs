//! [`KinesisSource`]: the records of an Amazon Kinesis data stream, shard by shard.
//!
//! **Guarantee**: every record of every shard, in the shard's order, from any position on; a shard that was split or
//! merged ends, and its children name it as their parent. **Order**: within a shard only.
//!
//! | limit of the service | what is done about it |
//! |---|---|
//! | 5 `GetRecords` a second and shard, among all who read it | a call every 200 ms while behind; at the tip ever less, after 400 and 800 ms up to [`idle`](KinesisSourceBuilder::idle); a call that is made again waits for its turn too |
//! | 2 MiB a second and shard; up to 10,000 records and 10 MiB an answer | the next call waits until the last answer is made up for; throttled calls wait, with full jitter, for as long as it takes |
//! | an iterator lives for 5 minutes | it is renewed from the last position, or from the start if nothing has come yet |
//! | records are kept for the stream's retention | each batch says for how long, so that a pipeline sees what it may have missed: see [`AtGaps`](crate::epoch::AtGaps) |
//! | a subscription lives for 5 minutes, and one must be 5 s old to be taken over | it is taken over shortly before, from where it ended; one from which nothing has come for 15 s is given up |
//! | 1,000 shards a `ListShards` answer | all pages are read; a list whose shards leave hash keys out is an error |
//!
//! Permissions: `kinesis:DescribeStreamSummary`, `kinesis:ListShards`, `kinesis:GetShardIterator`,
//! `kinesis:GetRecords`; with a consumer also `kinesis:DescribeStreamConsumer`, `kinesis:RegisterStreamConsumer`,
//! `kinesis:SubscribeToShard`.
//!
//! | setting | default | |
//! |---|---|---|
//! | [`start`](KinesisSourceBuilder::start) | `TrimHorizon` | where shards start that exist when the ledger is made |
//! | [`idle`](KinesisSourceBuilder::idle) | 1 s | time between two calls at the tip of a quiet shard |
//! | [`patience`](KinesisSourceBuilder::patience) | 5 min | how long an endpoint may be silent before reading fails |
//! | [`aggregates`](KinesisSourceBuilder::aggregates) | `Kpl` | which records of KPL aggregates are given |
//! | [`read_ahead`](KinesisSourceBuilder::read_ahead) | 256 MiB | bytes of records read ahead, over all shards |
//! | [`consumer`](KinesisSourceBuilder::consumer) | none | reads by enhanced fan-out, as that consumer |
//! | [`traffic`](KinesisSourceBuilder::traffic) | none | where what is read of each shard is told, for [`reshard`](crate::reshard) |
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
mod fanout;
mod multilang;
mod pace;
mod poll;
mod read;
mod shards;
mod stats;
mod unpack;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use tokio::sync::Semaphore;

use self::client::{Kinesis, ShardReader};
use self::discovery::Discovery;
use self::fanout::Consumer;
pub use self::multilang::MultiLang;
use self::read::{BYTES_PER_CALL, Reader, Shared, Target};
pub use self::stats::Stats;
use self::watch::Watch;
use super::{Batch, Description, Listed, Source, Start};
use crate::aws::kinesis::{StreamClient, StreamName};
use crate::aws::retry::{self, Retry};
use crate::aws::traffic::Traffic;
use crate::uri::Uri;
use crate::{BoxFlow, Error, ErrorKind, Partition, from_results, metrics};

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
    consumer: Option<String>,
    traffic: Option<Traffic>,
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
            consumer: None,
            traffic: None,
            config: None,
        }
    }

    /// The source that a URI names: `kinesis:STREAM`, with options behind a question mark.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) as [`build`](KinesisSourceBuilder::build), and if it is another URI.
    pub async fn open(uri: &str) -> Result<Self, Error> {
        let uri = Uri::parse(uri)?;
        if uri.scheme != "kinesis" {
            return Err(uri.wrong("this names no stream", "use kinesis:STREAM"));
        }
        Self::from_uri(uri).await
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
        if let Some(consumer) = uri.option("consumer", "a name of letters, digits, '_', '.' and '-'", consumer_name)? {
            builder = builder.consumer(consumer);
        }
        uri.finish(&["start", "idle_ms", "aggregates", "consumer"])?;
        builder.build().await
    }

    /// What this source has done, and how far behind it is, to be read while it is read from.
    pub fn stats(&self) -> Stats {
        self.shared.stats.clone()
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

    /// The time between two calls at the tip of a shard, at most: 1 s unless set, never less than the 200 ms that Kinesis
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
    /// one answer. An event of a subscription, 2 MB at most, takes its room when it is there: one of each shard may wait for it.
    ///
    /// A call takes room for a whole answer, and what the answer does not fill is given back; the rest is, when the
    /// shard's flow is polled for its next batch or dropped. So this many bytes, divided by 10 MiB, is how many calls
    /// are made at the same time. A shard whose flow is not polled keeps its room: whoever reads several shards by
    /// turns in one task must leave room for a batch of each.
    pub const fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Reads by enhanced fan-out, as the consumer of that name, which is registered if it is not there; by polling unless
    /// set.
    ///
    /// Kinesis then pushes records as they arrive, with 2 MB a second and shard for this consumer alone, and bills it. If
    /// a shard cannot be subscribed to for half a minute, it is polled for a minute, which is logged and
    /// [counted](Stats::fell_back). A consumer has one subscription to a shard: two processes that read the same shards
    /// need two names. It is never deregistered by this.
    pub fn consumer(mut self, name: impl Into<String>) -> Self {
        self.consumer = Some(name.into());
        self
    }

    /// Tells what is read of each shard, and where in its range of hash keys: see [`reshard`](crate::reshard).
    pub fn traffic(mut self, traffic: Traffic) -> Self {
        self.traffic = Some(traffic);
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
    /// [`Usage`](ErrorKind::Usage) if the stream's or the consumer's name is none, or if no region is configured.
    pub async fn build(self) -> Result<KinesisSource, Error> {
        let stream: StreamName = self.stream.parse()?;
        if let Some(name) = self.consumer.as_deref().filter(|name| consumer_name(name).is_none()) {
            return Err(Error::new(ErrorKind::Usage, "this is no name for a consumer")
                .at(format!("{name:?}"))
                .cure("use 1 to 128 letters, digits, '_', '.' or '-'"));
        }
        let client = StreamClient::new(stream.clone(), self.config.clone()).await?;
        Ok(self.on(stream, Arc::new(ShardReader::new(client))))
    }

    fn on(self, stream: StreamName, kinesis: Arc<dyn Kinesis>) -> KinesisSource {
        let retry = Arc::new(Retry::new(self.patience, retry::jitter()));
        let name = stream.name().to_owned();
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let bytes = self.read_ahead.clamp(BYTES_PER_CALL as usize, most);
        metrics::describe();
        let shared = Shared {
            watch: Arc::new(Watch::new(Arc::clone(&kinesis), Arc::clone(&retry))),
            consumer: self.consumer.map(|name| Arc::new(Consumer::new(name))),
            discovery: Arc::new(Discovery::new(Arc::clone(&kinesis), Arc::clone(&retry), name)),
            kinesis,
            retry,
            idle: self.idle.clamp(pace::CALL_SPACING, pace::LONGEST_IDLE),
            aggregates: self.aggregates,
            budget: Arc::new(Semaphore::new(bytes)),
            bytes: bytes as u32,
            stats: Stats::default(),
            traffic: self.traffic,
        };
        KinesisSource { stream, start: self.start, shared }
    }
}

impl Source for KinesisSource {
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>> {
        async {
            let described = self.shared.watch.look().await?;
            Ok(Description { start: self.fix_start(described.now)?, identity: described.identity() })
        }
        .boxed()
    }

    fn recognise<'a>(&'a self, recorded: &'a Description) -> BoxFuture<'a, Result<(), Error>> {
        async {
            let here = self.shared.watch.look().await?.identity();
            watch::same(&here, &recorded.identity, "in the ledger")
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

    /// The shard's id, as the Kinesis Client Library has it.
    fn lease_key(&self, partition: &Partition) -> String {
        shards::shard_of(self.stream.name(), partition).unwrap_or_else(|| partition.to_string())
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
        from_results(Reader::new(self.shared.clone(), self.stream.name(), target, start).batches()).boxed()
    }
}

/// The text, if a consumer can have that name.
fn consumer_name(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}
