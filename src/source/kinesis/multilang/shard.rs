//! [`ShardSource`]: the one shard that a daemon gives to this process, as a source.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::feed::{Feed, Found};
use super::machine::check;
use super::message::{At, Given};
use crate::codec::kpl::is_aggregate;
use crate::source::kinesis::KinesisSource;
use crate::source::kinesis::read::Shared;
use crate::source::kinesis::shards;
use crate::source::{Batch, Description, Listed, Retention, Source, Start};
use crate::{BoxFlow, Error, ErrorKind, Layout, Origin, Partition, Position, Record, RecordParts, from_results};

/// To the ledger it is the stream, so that the same ledger serves with and without a daemon; but only one of its shards is
/// ever read.
#[derive(Debug)]
pub(super) struct ShardSource {
    stream: KinesisSource,
    partition: Partition,
    at: At,
    feed: Arc<Feed>,
    /// The root is made, or known.
    recognised: AtomicBool,
    /// The stream has the shard no more.
    gone: AtomicBool,
    listed: OnceCell<Vec<Listed>>,
}

impl ShardSource {
    pub(super) fn new(stream: KinesisSource, shard: &str, at: At, feed: Arc<Feed>) -> Self {
        let partition = shards::partition(stream.stream.name(), shard);
        Self {
            stream,
            partition,
            at,
            feed,
            recognised: AtomicBool::default(),
            gone: AtomicBool::default(),
            listed: OnceCell::new(),
        }
    }

    /// The shard, and its parents: those have to be at their ends in the ledger.
    async fn list(&self) -> Result<Vec<Listed>, Error> {
        let all = self.stream.partitions().await?;
        let Some(own) = all.iter().find(|listed| listed.partition == self.partition) else {
            // All its records have expired, and the daemon's table still has it: if the ledger has its end, so shall the table.
            if all.iter().any(|child| child.gone.contains(&self.partition)) {
                self.gone.store(true, Ordering::Release);
                let (parents, gone) = (Vec::new(), Vec::new());
                return Ok(vec![Listed { partition: self.partition.clone(), parents, gone, keys: None }]);
            }
            return Err(Error::new(ErrorKind::NotFound, "the daemon gives a shard that the stream does not have")
                .at(&self.partition)
                .cure("name the same stream as streamName in the daemon's properties and with --source"));
        };
        let parents = all.iter().filter(|listed| own.parents.contains(&listed.partition)).cloned();
        let mut listed: Vec<_> =
            parents.map(|parent| Listed { parents: Vec::new(), gone: Vec::new(), ..parent }).collect();
        listed.push(own.clone());
        Ok(listed)
    }
}

impl Source for ShardSource {
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>> {
        self.stream.describe()
    }

    fn recognise<'a>(&'a self, recorded: &'a Description) -> BoxFuture<'a, Result<(), Error>> {
        async {
            self.stream.recognise(recorded).await?;
            self.recognised.store(true, Ordering::Release);
            Ok(())
        }
        .boxed()
    }

    /// All shards for the root, which is made before it is recognised.
    fn partitions(&self) -> BoxFuture<'_, Result<Vec<Listed>, Error>> {
        async {
            if !self.recognised.load(Ordering::Acquire) {
                return self.stream.partitions().await;
            }
            self.listed.get_or_try_init(|| self.list()).await.cloned()
        }
        .boxed()
    }

    fn read(&self, partition: &Partition, start: Start) -> BoxFlow<'static, Batch, Error> {
        let refused = if *partition != self.partition {
            let what = "the daemon has ended a shard that the ledger has not, and gives one that came of it";
            Err(Error::new(ErrorKind::Conflict, what)
                .at(partition)
                .cure("stop the daemon, and run this once with --once and without --multilang, which reads the rest"))
        } else if self.gone.load(Ordering::Acquire) {
            let what = "the stream has this shard no more, and the ledger not its end: what was not read of it is lost";
            Err(Error::new(ErrorKind::NotFound, what).at(partition).cure(
                "stop the daemon, and run this once with --once and without --multilang, which writes down what is lost",
            ))
        } else {
            check(&self.at, &start)
        };
        if let Err(error) = refused {
            return from_results(stream::iter([Err(error)])).boxed();
        }
        let reader = Reader {
            shared: self.stream.shared.clone(),
            feed: Arc::clone(&self.feed),
            start: Some(start),
            clock: None,
            is_over: false,
        };
        let batches =
            stream::try_unfold(
                reader,
                |mut reader| async move { Ok(reader.next().await?.map(|batch| (batch, reader))) },
            );
        from_results(batches).boxed()
    }

    fn committed(&self, partition: &Partition, to: Option<&Position>, ended: bool) {
        if *partition == self.partition {
            self.feed.committed(to, ended);
        }
    }
}

/// Gives the pipeline what the daemon gives.
#[derive(Debug)]
struct Reader {
    shared: Shared,
    feed: Arc<Feed>,
    /// Where to begin, until that was said.
    start: Option<Start>,
    clock: Option<Clock>,
    /// The end of the shard was given.
    is_over: bool,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Batch>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let clock = match self.clock {
            Some(clock) => clock,
            None => *self.clock.insert(Clock::begin(&self.shared).await?),
        };
        if let Some(start) = self.start.take() {
            self.feed.begin(start);
        }
        let Found { records, behind, closed, over } = self.feed.next().await;
        if over {
            return Ok(None);
        }
        self.is_over = closed;
        let period = self.shared.watch.retention().await?;
        let now = clock.now(records.last().map(|last| last.arrived()), behind);
        let behind = if closed { Some(Duration::ZERO) } else { behind };
        Ok(Some(Batch { records: records.into(), behind, closed, retention: Some(Retention { now, period }) }))
    }
}

/// The service's clock, which was looked at once.
#[derive(Clone, Copy, Debug)]
struct Clock {
    then: DateTime<Utc>,
    since: Instant,
}

impl Clock {
    async fn begin(shared: &Shared) -> Result<Self, Error> {
        Ok(Self { then: shared.watch.look().await?.now, since: Instant::now() })
    }

    /// Not later than when the daemon read the records: it may have kept them for a while.
    fn now(&self, last: Option<DateTime<Utc>>, behind: Option<Duration>) -> DateTime<Utc> {
        let span = |span| TimeDelta::from_std(span).unwrap_or(TimeDelta::zero());
        let now = self.then + span(self.since.elapsed());
        match (last, behind) {
            (Some(last), Some(behind)) => now.min(last + span(behind)),
            _ => now,
        }
    }
}

/// Makes records of what the daemon gives.
#[derive(Debug)]
pub(super) struct Origins {
    plain: Arc<Origin>,
    /// Of what the daemon could not take apart.
    aggregate: Arc<Origin>,
}

impl Origins {
    pub(super) fn new(source: &ShardSource) -> Self {
        let origin = |layout| Arc::new(Origin { partition: source.partition.clone(), layout });
        Self { plain: origin(Layout::Json), aggregate: origin(Layout::Aggregate) }
    }

    pub(super) fn record(&self, given: Given) -> Record {
        let Given { position, data, key, arrived } = given;
        let origin = if is_aggregate(&data) { &self.aggregate } else { &self.plain };
        Record::from(RecordParts { origin: Arc::clone(origin), arrived, data, position, key })
    }
}
