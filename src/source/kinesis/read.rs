//! The loop that reads one shard.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Aggregates;
use super::client::{Answer, Kinesis, RECORDS_PER_CALL};
use super::discovery::Discovery;
use super::fanout::{Consumer, FanOut};
use super::poll::Poller;
use super::shards::HashRange;
use super::stats::{Meter, Stats};
use super::unpack::{Cursor, Keep, Unpacker};
use super::watch::Watch;
use crate::aws::retry::Retry;
use crate::aws::traffic::Traffic;
use crate::codec::kpl::is_aggregate;
use crate::source::{Batch, Retention, Start};
use crate::{Error, Partition, Position, Record};

/// The most bytes of records in one answer: the service's own limit.
pub(super) const BYTES_PER_CALL: u32 = 10 << 20;
/// The most records in one batch: an aggregate may have more than an answer.
const RECORDS_PER_BATCH: usize = RECORDS_PER_CALL;

/// What the readers of all shards share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) kinesis: Arc<dyn Kinesis>,
    pub(super) retry: Arc<Retry>,
    pub(super) discovery: Arc<Discovery>,
    pub(super) watch: Arc<Watch>,
    /// Who subscribes to shards; they are polled if there is none.
    pub(super) consumer: Option<Arc<Consumer>>,
    pub(super) idle: Duration,
    pub(super) aggregates: Aggregates,
    /// A permit for each byte that may be read ahead.
    pub(super) budget: Arc<Semaphore>,
    pub(super) bytes: u32,
    pub(super) stats: Stats,
    /// Where what is read of each shard is told.
    pub(super) traffic: Option<Traffic>,
}

/// Which shard to read.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) partition: Partition,
    pub(super) shard: String,
    /// Whether it was closed when it was listed.
    pub(super) closed: bool,
}

/// Reads one shard.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Shared,
    target: Target,
    meter: Meter,
    /// Where to go on: from where the reader was told to start, then behind what was read.
    from: Cursor,
    /// The last record that came.
    last: Option<Position>,
    poller: Poller,
    fan_out: FanOut,
    unpacker: Unpacker,
    range: Option<HashRange>,
    /// The room that the last answer takes until the next is asked for.
    room: Option<OwnedSemaphorePermit>,
    behind: Option<Duration>,
    retention: Option<Retention>,
    ended: bool,
}

impl Reader {
    pub(super) fn new(shared: Shared, stream: &str, target: Target, start: Start) -> Self {
        let meter = Meter::new(&shared, stream, &target);
        Self {
            unpacker: Unpacker::new(&target.partition, start.clone(), meter.clone()),
            poller: Poller::new(shared.clone(), target.shard.clone(), meter.clone()),
            fan_out: FanOut::new(shared.clone(), target.shard.clone(), meter.clone()),
            shared,
            target,
            meter,
            from: Cursor::Start(start),
            last: None,
            range: None,
            room: None,
            behind: None,
            retention: None,
            ended: false,
        }
    }

    /// One batch for each answer, empty ones too: they tell that the tip was reached. An answer whose aggregates hold
    /// very many records comes in several.
    pub(super) fn batches(self) -> impl Stream<Item = Result<Batch, Error>> + Send + 'static {
        stream::try_unfold(self, |mut reader| async move { Ok(reader.next().await?.map(|batch| (batch, reader))) })
    }

    async fn next(&mut self) -> Result<Option<Batch>, Error> {
        if self.unpacker.is_empty() {
            if self.ended {
                return Ok(None);
            }
            self.read().await?;
        }
        let records = self.unpacker.take(RECORDS_PER_BATCH);
        let last = self.unpacker.is_empty();
        let behind = self.behind.filter(|behind| last || !behind.is_zero());
        Ok(Some(Batch { records: records.into(), behind, closed: last && self.ended, retention: self.retention }))
    }

    /// Reads what comes next, by a subscription or by asking.
    async fn read(&mut self) -> Result<(), Error> {
        self.room = None;
        let event = match &self.shared.consumer {
            Some(consumer) => self.fan_out.next(consumer, &self.from).await?,
            None => None,
        };
        let is_event = event.is_some();
        let (answer, room) = match event {
            Some(event) => {
                self.poller.forget();
                let size = u32::try_from(size(&event, bytes(&event))).unwrap_or(u32::MAX);
                let room = Arc::clone(&self.shared.budget).acquire_many_owned(size.min(self.shared.bytes)).await;
                (event, room.ok())
            }
            None => self.poller.next(&self.from).await?,
        };
        // How long records are kept is needed for each batch, and looked up in memory nearly always.
        let period = self.shared.watch.retention().await?;
        self.retention = Some(Retention { now: answer.now, period });
        self.ended = answer.ended;
        self.behind = self.behind(&answer);
        let bytes = bytes(&answer);
        if !is_event {
            self.poller.rest(bytes, self.behind == Some(Duration::ZERO));
        }
        self.room = room.and_then(|room| held(room, size(&answer, bytes)));
        self.meter.answered(is_event, bytes as u64, answer.behind, answer.now);
        self.meter.measure(&answer);
        if self.ended {
            self.meter.ended();
        }

        let keep = self.keep(&answer).await?;
        let before = self.last.clone();
        if let Some(last) = answer.records.last() {
            self.from = Cursor::Behind(last.position.clone());
            self.last = Some(last.position.clone());
        }
        if let Some(on) = answer.on {
            self.from = Cursor::With(on);
        }
        self.unpacker.put(answer.records, keep, before);
        Ok(())
    }

    /// How far behind the end of the shard the answer is.
    fn behind(&self, answer: &Answer) -> Option<Duration> {
        let full = answer.records.len() >= RECORDS_PER_CALL;
        match answer.behind {
            _ if self.ended => Some(Duration::ZERO),
            // Behind a full answer there may be more, whatever a server says. And the end of a closed shard is its end
            // mark, which a reader that stops at the tip would miss.
            Some(Duration::ZERO) if full || self.target.closed => None,
            behind => behind,
        }
    }

    /// Which records of aggregates to keep. The shard's range is asked for when the first aggregate comes.
    async fn keep(&mut self, answer: &Answer) -> Result<Keep, Error> {
        let keep = match self.shared.aggregates {
            Aggregates::KeepAll => return Ok(Keep::All),
            Aggregates::Kpl => Keep::Whole,
            Aggregates::FilterSub => Keep::Each,
        };
        let range = match self.range {
            Some(range) => range,
            None if !answer.records.iter().any(|raw| is_aggregate(&raw.data)) => return Ok(Keep::All),
            None => self.shared.discovery.range(&self.target.shard).await?,
        };
        self.range = Some(range);
        Ok(keep(range))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.meter.gone();
    }
}

/// The bytes of an answer's records.
fn bytes(answer: &Answer) -> usize {
    answer.records.iter().map(|raw| raw.data.len()).sum()
}

/// The room that an answer of so many bytes takes.
const fn size(answer: &Answer, bytes: usize) -> usize {
    bytes + answer.records.len() * size_of::<Record>()
}

/// Gives back the room that an answer does not take.
fn held(mut room: OwnedSemaphorePermit, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let taken = room.split(bytes.min(room.num_permits()));
    drop(room);
    taken
}
