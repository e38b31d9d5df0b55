//! [`KinesisSinkBuilder`]: the settings of a sink, and how it is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use futures::{FutureExt, Sink};

use super::KinesisSink;
use super::batch::Limits;
use super::client::{Kinesis, StreamWriter};
use super::map::ShardMap;
use crate::aws::kinesis::{StreamClient, StreamName};
use crate::aws::retry::{self, Retry};
use crate::aws::traffic::Traffic;
use crate::sink::{DeadMessage, DeadSink, dead_file};
use crate::uri::Uri;
use crate::{Error, Message};

/// The most records in a request: the service's own limit.
pub(super) const MAX_RECORDS: usize = 500;
/// The most bytes in a request, with keys, where the stream takes records of its default size. Other servers take no
/// more than that.
pub(super) const MAX_BYTES: usize = 5 << 20;
/// The most bytes in a request, with keys, where the stream takes larger records: the service's own limit.
const MAX_BYTES_OF_LARGE: usize = 10 << 20;
/// A record's largest size where the stream does not say: its own default.
const DEFAULT_RECORD_KIB: i32 = 1_024;
/// The most bytes in an aggregate: the default of the Kinesis Producer Library.
const AGGREGATE: usize = 51_200;
/// How much is held.
const BUDGET: usize = 32 << 20;

/// Gives a message's explicit hash key.
pub(super) type HashKey = Box<dyn Fn(&Message) -> Option<u128> + Send + Sync>;

/// Makes a [`KinesisSink`].
#[must_use = "a builder does nothing until it is built"]
pub struct KinesisSinkBuilder {
    stream: String,
    limits: Limits,
    in_flight: usize,
    patience: Duration,
    hash_key: Option<HashKey>,
    dead: Option<DeadSink>,
    config: Option<SdkConfig>,
}

/// What a sink is made with.
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) in_flight: usize,
    pub(super) max_record: usize,
    pub(super) patience: Duration,
    pub(super) hash_key: Option<HashKey>,
    pub(super) dead: Option<DeadSink>,
}

impl KinesisSinkBuilder {
    pub(super) const fn new(stream: String) -> Self {
        let limits = Limits {
            linger: Duration::from_millis(100),
            records: MAX_RECORDS,
            bytes: usize::MAX,
            budget: BUDGET,
            aggregate: None,
            ordered: false,
            rate: Some(100),
            traffic: None,
        };
        Self { stream, limits, in_flight: 4, patience: retry::PATIENCE, hash_key: None, dead: None, config: None }
    }

    /// How long a message may wait for others to fill its request; 100 ms unless set, and never more than a day.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.limits.linger = linger;
        self
    }

    /// How many records a request may have: 500 unless set, which is the service's own limit.
    ///
    /// # Panics
    ///
    /// If `records` is zero.
    #[track_caller]
    pub const fn batch_records(mut self, records: usize) -> Self {
        assert!(records > 0, "a request of no records sends nothing");
        self.limits.records = if records < MAX_RECORDS { records } else { MAX_RECORDS };
        self
    }

    /// How many bytes a request may have, keys included; unless set, the service's own limit: 5 MiB, or 10 MiB where the
    /// stream takes records of more than 1 MiB. A record that is larger goes alone.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub const fn batch_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a request of no bytes sends nothing");
        self.limits.bytes = bytes;
        self
    }

    /// How many bytes may be held that were not accepted yet, under way or waiting: 32 MiB unless set. Each message counts
    /// with its data, its key and 256 bytes more. Then `poll_ready` holds the caller back; one message may exceed it.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub const fn budget(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a sink that may hold nothing sends nothing");
        self.limits.budget = bytes;
        self
    }

    /// How many requests may be under way at once; 4 unless set. After a call that failed as a whole one is begun at a time.
    ///
    /// # Panics
    ///
    /// If `requests` is zero.
    #[track_caller]
    pub const fn in_flight(mut self, requests: usize) -> Self {
        assert!(requests > 0, "a sink with no request under way sends nothing");
        self.in_flight = requests;
        self
    }

    /// Whether messages of one key arrive in the order in which they were given; they do not unless set. A key then gets
    /// one message, or one aggregate, through for each round trip; see the [page of the sink](super).
    pub const fn ordered_per_key(mut self, ordered: bool) -> Self {
        self.limits.ordered = ordered;
        self
    }

    /// Gives messages an explicit hash key, by which Kinesis chooses their shard in the place of the MD5 of the key. One
    /// for which the function gives none goes by its key.
    pub fn hash_key(mut self, hash_key: impl Fn(&Message) -> Option<u128> + Send + Sync + 'static) -> Self {
        self.hash_key = Some(Box::new(hash_key));
        self
    }

    /// Packs messages into aggregates, as the Kinesis Producer Library does: several in one record of at most
    /// [`aggregate_bytes`](Self::aggregate_bytes). They are not unless set. Readers have to take them apart: the
    /// `kinesis:` source and the Kinesis Client Library do; Lambda and others do not. A message that is alone goes as it is.
    pub const fn aggregate(mut self, aggregate: bool) -> Self {
        self.limits.aggregate = if aggregate { Some(AGGREGATE) } else { None };
        self
    }

    /// Packs messages into [aggregates](Self::aggregate) of at most so many bytes: 51,200 unless set, and never more than
    /// a record may have.
    pub const fn aggregate_bytes(mut self, bytes: usize) -> Self {
        self.limits.aggregate = Some(bytes);
        self
    }

    /// How many percent of what a shard takes this sink uses: 100 unless set; with `None` it sends until it is turned away.
    /// Less than 100 leaves room for other producers of the stream.
    ///
    /// # Panics
    ///
    /// If it is zero percent.
    #[track_caller]
    pub const fn rate_limit(mut self, percent: Option<u32>) -> Self {
        assert!(!matches!(percent, Some(0)), "a shard that is used to zero percent gets nothing");
        self.limits.rate = percent;
        self
    }

    /// Tells what each shard takes and turns away, and where in its range of hash keys: see
    /// [`reshard`](crate::reshard).
    pub fn traffic(mut self, traffic: Traffic) -> Self {
        self.limits.traffic = Some(traffic);
        self
    }

    /// Where messages go that Kinesis would never take: their key is empty or has more than 256 characters, or they are
    /// too large. Such as [`dead_file`]. While it is not ready, this sink is not either; it is flushed and closed with it,
    /// and if it fails, so does this one. Without it, such a message is an error.
    pub fn dead_messages(mut self, sink: impl Sink<DeadMessage, Error = Error> + Send + 'static) -> Self {
        self.dead = Some(Box::pin(sink));
        self
    }

    /// How long an endpoint may be silent before the sink fails: 5 minutes unless set. One that answers that it is busy
    /// is never given up.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Region, credentials and endpoint; those of the environment, profile and machine unless set.
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Looks at the stream and its shards, and makes the sink.
    ///
    /// # Errors
    ///
    /// If the stream is not there, cannot be reached within about 10 s, or may not be looked at.
    pub async fn build(mut self) -> Result<KinesisSink, Error> {
        let stream: StreamName = self.stream.parse()?;
        let client = StreamClient::new(stream, self.config.take()).await?;
        let retry = Arc::new(Retry::new(self.patience, retry::jitter()));
        let summary = retry.call(|| client.describe().boxed()).await.map_err(|trouble| trouble.error)?;
        let kib = summary.max_record_size_in_kib.unwrap_or(DEFAULT_RECORD_KIB);
        let settings = self.settings(usize::try_from(kib).unwrap_or_default() * 1_024);
        let kinesis = StreamWriter::new(client);
        let map = if settings.limits.need_map() {
            let shards = retry.call(|| kinesis.shards()).await.map_err(|trouble| trouble.error)?;
            ShardMap::new(shards)
        } else {
            ShardMap::default()
        };
        Ok(KinesisSink::new(Arc::new(kinesis), retry, map, settings, retry::jitter()))
    }

    /// What was set, within what the stream takes.
    pub(super) fn settings(self, max_record: usize) -> Settings {
        let Self { mut limits, in_flight, patience, hash_key, dead, .. } = self;
        let large = max_record > DEFAULT_RECORD_KIB as usize * 1_024;
        limits.bytes = limits.bytes.min(if large { MAX_BYTES_OF_LARGE } else { MAX_BYTES });
        limits.aggregate = limits.aggregate.map(|bytes| bytes.min(max_record));
        Settings { limits, in_flight, max_record, patience, hash_key, dead }
    }
}

impl KinesisSink {
    pub(in crate::sink) async fn from_uri(mut uri: Uri<'_>) -> Result<Self, Error> {
        const COUNT: &str = "a whole number, from 1";
        let mut builder = Self::builder(uri.place);
        let count = |value: &str| value.parse().ok().filter(|count| *count > 0);
        if let Some(millis) = uri.parsed("linger_ms", "a whole number of milliseconds")? {
            builder = builder.linger(Duration::from_millis(millis));
        }
        if let Some(records) = uri.option("batch_records", COUNT, count)? {
            builder = builder.batch_records(records);
        }
        if let Some(bytes) = uri.option("batch_bytes", COUNT, count)? {
            builder = builder.batch_bytes(bytes);
        }
        if let Some(bytes) = uri.option("budget_bytes", COUNT, count)? {
            builder = builder.budget(bytes);
        }
        if let Some(requests) = uri.option("in_flight", COUNT, count)? {
            builder = builder.in_flight(requests);
        }
        if let Some(ordered) = uri.parsed("ordered_per_key", "true or false")? {
            builder = builder.ordered_per_key(ordered);
        }
        let kpl = |value: &str| match value {
            "kpl" => Some(true),
            "off" => Some(false),
            _ => None,
        };
        let aggregate = uri.option("aggregate", "kpl or off", kpl)?.unwrap_or(false);
        builder = builder.aggregate(aggregate);
        if let Some(bytes) = uri.option("aggregate_bytes", COUNT, count)? {
            if !aggregate {
                return Err(uri.wrong("there are no aggregates that could have so many bytes", "add aggregate=kpl"));
            }
            builder = builder.aggregate_bytes(bytes);
        }
        let percent = |value: &str| match value {
            "off" => Some(None),
            _ => value.parse().ok().filter(|percent| *percent > 0).map(Some),
        };
        if let Some(percent) = uri.option("rate_limit", "a whole number of percent, from 1, or off", percent)? {
            builder = builder.rate_limit(percent);
        }
        let dead = uri.option("dead_messages", "the path of a file", |path| Some(path.to_owned()))?;
        uri.finish(&[
            "linger_ms",
            "batch_records",
            "batch_bytes",
            "budget_bytes",
            "in_flight",
            "ordered_per_key",
            "aggregate",
            "aggregate_bytes",
            "rate_limit",
            "dead_messages",
        ])?;
        if let Some(path) = dead {
            builder = builder.dead_messages(dead_file(path).await?);
        }
        builder.build().await
    }
}

impl fmt::Debug for KinesisSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KinesisSinkBuilder")
            .field("stream", &self.stream)
            .field("limits", &self.limits)
            .field("in_flight", &self.in_flight)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
