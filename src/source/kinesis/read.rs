//! The loop that reads one shard.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, stream};
use tokio::time::{Instant, sleep_until};

use super::client::{Answer, Kinesis, RECORDS_PER_CALL, Raw};
use crate::aws::retry::{Class, Retry};
use crate::source::{Batch, Start};
use crate::{Error, Layout, Origin, Partition, Record};

/// Kinesis allows five calls a second for each shard, among all who read it.
pub(super) const CALL_SPACING: Duration = Duration::from_millis(200);
/// The most time between calls, so that an instant that far ahead can be told.
pub(super) const LONGEST_IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// How many iterators in a row may be called expired as soon as they are made.
const STALE_TRIES: usize = 10;

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
    kinesis: Arc<dyn Kinesis>,
    retry: Arc<Retry>,
    idle: Duration,
    target: Target,
    origin: Arc<Origin>,
    /// Where to go on: from where the reader was told to start, then after the last record that it gave.
    from: Start,
    iterator: Option<String>,
    /// When the next call may be made; at once if unset.
    next_call: Option<Instant>,
    ended: bool,
}

impl Reader {
    /// Calls every `idle` at the tip.
    pub(super) fn new(
        kinesis: Arc<dyn Kinesis>,
        retry: Arc<Retry>,
        idle: Duration,
        target: Target,
        start: Start,
    ) -> Self {
        let origin = Arc::new(Origin { partition: target.partition.clone(), layout: Layout::Json });
        Self { kinesis, retry, idle, target, origin, from: start, iterator: None, next_call: None, ended: false }
    }

    /// One batch for each answer, empty ones too: they tell that the tip was reached.
    pub(super) fn batches(self) -> impl Stream<Item = Result<Batch, Error>> + Send + 'static {
        stream::try_unfold(self, |mut reader| async move { Ok(reader.next().await?.map(|batch| (batch, reader))) })
    }

    async fn next(&mut self) -> Result<Option<Batch>, Error> {
        if self.ended {
            return Ok(None);
        }
        let answer = self.answer().await?;
        self.ended = answer.next.is_none();
        let behind = self.behind(&answer);
        let pause = if behind == Some(Duration::ZERO) { self.idle } else { CALL_SPACING };
        self.next_call = Some(Instant::now() + pause);
        self.iterator = answer.next;

        let mut records = answer.records;
        let early = records.iter().take_while(|record| is_early(&self.from, record)).count();
        records.drain(..early);
        if let Some(last) = records.last() {
            self.from = Start::After(last.position.clone());
        }
        let records = records.into_iter().map(|raw| Record {
            data: raw.data,
            origin: Arc::clone(&self.origin),
            position: raw.position,
            arrived: raw.arrived,
            key: raw.key,
        });
        Ok(Some(Batch { records: records.collect(), behind, closed: self.ended }))
    }

    async fn answer(&mut self) -> Result<Answer, Error> {
        let mut stale = 0;
        loop {
            if let Some(next_call) = self.next_call {
                sleep_until(next_call).await;
            }
            let shard = &self.target.shard;
            let iterator = match self.iterator.take() {
                Some(iterator) => iterator,
                None => self.retry.call(|| self.kinesis.iterator(shard, &self.from)).await.map_err(|it| it.error)?,
            };
            match self.retry.call(|| self.kinesis.records(shard, &iterator)).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) if trouble.class == Class::Stale && stale < STALE_TRIES => {
                    stale += 1;
                    tracing::debug!(partition = %self.target.partition, "a shard iterator has expired and is renewed");
                    self.next_call = Some(Instant::now() + CALL_SPACING);
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
}

/// Whether a record stands before the place where reading starts. Kinesis gives none; other servers start further back
/// when nothing has arrived since the instant asked for. Arrival times are not quite in order, so this is asked until
/// the first record that is not early, and then no more.
fn is_early(from: &Start, record: &Raw) -> bool {
    match from {
        Start::Beginning => false,
        Start::At(time) => record.arrived < *time,
        Start::After(position) => record.position <= *position,
    }
}
