//! The loop that reads one shard.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Aggregates;
use super::client::{Answer, Kinesis, RECORDS_PER_CALL};
use super::discovery::Discovery;
use super::pace::{CALL_SPACING, Pace};
use super::shards::HashRange;
use super::stats::Stats;
use super::unpack::{Cursor, Keep, Unpacker};
use crate::aws::retry::{Class, Retry};
use crate::codec::kpl::is_aggregate;
use crate::source::{Batch, Start};
use crate::{Error, Partition, Record};

/// The most bytes of records in one answer: the service's own limit.
pub(super) const BYTES_PER_CALL: u32 = 10 << 20;
/// The most records in one batch: an aggregate may have more than an answer.
const RECORDS_PER_BATCH: usize = RECORDS_PER_CALL;
/// How many iterators in a row may be called expired as soon as they are made.
const STALE_TRIES: usize = 10;

/// What the readers of all shards share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) kinesis: Arc<dyn Kinesis>,
    pub(super) retry: Arc<Retry>,
    pub(super) discovery: Arc<Discovery>,
    pub(super) idle: Duration,
    pub(super) aggregates: Aggregates,
    /// A permit for each byte that may be read ahead.
    pub(super) budget: Arc<Semaphore>,
    pub(super) stats: Stats,
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
    /// Where to go on: from where the reader was told to start, then behind the last record that was read.
    from: Cursor,
    iterator: Option<String>,
    pace: Pace,
    unpacker: Unpacker,
    range: Option<HashRange>,
    /// The room that the last answer takes until the next is asked for.
    room: Option<OwnedSemaphorePermit>,
    behind: Option<Duration>,
    ended: bool,
}

impl Reader {
    pub(super) fn new(shared: Shared, target: Target, start: Start) -> Self {
        let unpacker = Unpacker::new(&target.partition, start.clone(), shared.stats.clone());
        Self {
            shared,
            target,
            from: Cursor::Start(start),
            iterator: None,
            pace: Pace::default(),
            unpacker,
            range: None,
            room: None,
            behind: None,
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
        Ok(Some(Batch { records, behind, closed: last && self.ended }))
    }

    /// Reads the next answer.
    async fn read(&mut self) -> Result<(), Error> {
        self.room = None;
        let (answer, room) = self.answer().await?;
        self.ended = answer.next.is_none();
        self.behind = self.behind(&answer);
        let bytes = answer.records.iter().map(|raw| raw.data.len()).sum();
        let pause = if self.behind == Some(Duration::ZERO) { self.shared.idle } else { CALL_SPACING };
        self.pace.rest(bytes, pause);
        self.room = room.and_then(|room| held(room, bytes + answer.records.len() * size_of::<Record>()));

        let Shared { stats, .. } = &self.shared;
        stats.answers.add(1);
        stats.bytes.add(bytes as u64);
        stats.set_lag(&self.target.partition, answer.behind.filter(|_| !self.ended));

        let keep = self.keep(&answer).await?;
        if let Some(last) = answer.records.last() {
            self.from = Cursor::Behind(last.position.clone());
        }
        self.iterator = answer.next;
        self.unpacker.put(answer.records, keep);
        Ok(())
    }

    async fn answer(&mut self) -> Result<(Answer, Option<OwnedSemaphorePermit>), Error> {
        let Shared { kinesis, retry, stats, budget, .. } = &self.shared;
        let (shard, pace) = (&*self.target.shard, &self.pace);
        let mut stale = 0;
        loop {
            let iterator = match self.iterator.take() {
                Some(iterator) => iterator,
                None => {
                    let call = || kinesis.iterator(shard, &self.from).inspect(|answer| note(stats, answer)).boxed();
                    retry.call(call).await.map_err(|it| it.error)?
                }
            };
            let iterator = &*iterator;
            let attempt = || {
                async move {
                    pace.turn().await;
                    // The semaphore is never closed.
                    let room = Arc::clone(budget).acquire_many_owned(BYTES_PER_CALL).await.ok();
                    let answer = kinesis.records(shard, iterator).await;
                    note(stats, &answer);
                    Ok((answer?, room))
                }
                .boxed()
            };
            match retry.call(attempt).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) if trouble.class == Class::Stale && stale < STALE_TRIES => {
                    stale += 1;
                    tracing::debug!(partition = %self.target.partition, "a shard iterator has expired and is renewed");
                }
                Err(trouble) => return Err(trouble.error),
            }
        }
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
        self.shared.stats.set_lag(&self.target.partition, None);
    }
}

fn note<T>(stats: &Stats, answer: &Result<T, crate::aws::retry::Trouble>) {
    if let Err(trouble) = answer {
        stats.note(trouble);
    }
}

/// Gives back the room that an answer does not take.
fn held(mut room: OwnedSemaphorePermit, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let taken = room.split(bytes.min(room.num_permits()));
    drop(room);
    taken
}
