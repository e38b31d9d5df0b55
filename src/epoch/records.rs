//! [`EpochRecords`]: the records of one epoch, cut out of a partition.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::Stream;
use futures::future::select;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::beat::Beat;
use super::budget::Budget;
use super::clock::Clock;
use super::course::Course;
use super::every::Every;
use super::header::Gap;
use super::horizon::{AtGaps, Horizon, both};
use super::progress::Lag;
use super::stats::Stats;
use crate::source::Batch;
use crate::{BoxFlow, Error, Partition, Position, Record, Records, from_results};

/// The records of one epoch: what [`commit_to`](super::Epochs::commit_to) gives to the pipeline's closure.
///
/// It ends when the epoch is to be closed, and fails when its source does; then the epoch is not committed, whatever the
/// closure makes of the failure. It is to be read to its end: what the closure did not read, or read ahead and threw away,
/// would be counted as done. So an epoch whose records were dropped before their end is an error.
#[must_use = "streams do nothing unless polled"]
pub struct EpochRecords {
    /// Unset only after the reader has been handed back.
    reader: Option<Reader>,
    /// With all records of the run.
    taken: Taken,
    /// How many records are given before anything else is looked at, and how many of them were not given yet.
    run: usize,
    at_once: usize,
    /// How many may be in a run, and when the last was begun.
    longest: usize,
    run_begun: Instant,
    limits: Limits,
    course: Arc<Course>,
    /// Ends it while it has nothing.
    beat: Option<Beat>,
    /// Ready when the epoch's time is over, or the budget used up; made with its first record or its first row.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    back: Option<oneshot::Sender<(Reader, Taken)>>,
}

/// After how many records the time and a request to stop are looked at, and the statistics told, even if more are there.
const LOOK_EVERY: usize = 16;

/// The same, where so many records take less than [`QUICK`]: there a look costs as much as a record.
const LOOK_SELDOM: usize = 256;
const QUICK: Duration = Duration::from_millis(1);

/// What ends epochs, beside the end of their source.
#[derive(Clone)]
pub(super) struct Limits {
    pub(super) every: Every,
    /// Ends with the records that are there.
    pub(super) once: bool,
    pub(super) at_gaps: AtGaps,
    pub(super) stop: Stop,
    pub(super) stats: Stats,
    pub(super) budget: Budget,
    pub(super) clock: Clock,
}

/// Tells all partitions when reading is to stop.
#[derive(Clone, Debug)]
pub(super) struct Stop(pub(super) tokio::sync::watch::Receiver<bool>);

impl Stop {
    /// Also once the sender is gone, which lives as long as the pipeline: then there is nothing to go on for.
    pub(super) fn is_set(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Ready when it is set.
    pub(super) async fn wait(mut self) {
        let _ = self.0.wait_for(|set| *set).await;
    }
}

/// How far an epoch has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    pub(super) to: Option<Position>,
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// The epoch was read to its end.
    pub(super) done: bool,
    pub(super) last_arrival: Option<DateTime<Utc>>,
    /// It has nothing but that nothing was missed.
    pub(super) beats: bool,
}

/// A partition that is being read, with what has been read ahead of the epochs.
pub(super) struct Reader {
    partition: Partition,
    batches: BoxFlow<'static, Batch, Error>,
    records: Records,
    behind: Option<Duration>,
    /// When that was so.
    asked: Instant,
    horizon: Horizon,
    /// How long the source keeps records; unset if it keeps them for good, or has not said.
    period: Option<Duration>,
    /// What may be lost before what is given next, or within the epoch.
    pub(super) gap: Option<Gap>,
    /// Why nothing more is read: there is a gap, and it is to stop there.
    pub(super) refused: Option<Error>,
    /// When the end of the partition was reached, by its source's clock, or this machine's if it has none; unset if it was
    /// not, or if more has come.
    tip: Option<DateTime<Utc>>,
    /// The source's failure, which the closure may have swallowed.
    pub(super) failure: Option<Error>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The source gives nothing more.
    pub(super) ended: bool,
    /// The partition is closed for good.
    pub(super) closed: bool,
}

/// What [`Reader::poll_more`] came to.
pub(super) enum More {
    /// There are records.
    Records,
    /// There are none, and that is worth an epoch.
    Idle,
    /// There are none, and none will come in this run.
    Over,
}

impl Reader {
    /// Of a partition of which nothing is lost until `seen`, if that is known.
    pub(super) fn new(
        partition: &Partition,
        batches: BoxFlow<'static, Batch, Error>,
        seen: Option<DateTime<Utc>>,
        limits: &Limits,
    ) -> Self {
        let stopped = Box::pin(limits.stop.clone().wait());
        Self {
            partition: partition.clone(),
            batches,
            horizon: Horizon::new(seen),
            period: None,
            gap: None,
            refused: None,
            records: Records::default(),
            behind: None,
            asked: Instant::now(),
            tip: None,
            failure: None,
            stopped,
            ended: false,
            closed: false,
        }
    }

    /// A partition that is closed for good, with nothing left to read.
    pub(super) fn closed(partition: &Partition, limits: &Limits) -> Self {
        let nothing = from_results(futures::stream::empty()).boxed();
        Self { ended: true, closed: true, ..Self::new(partition, nothing, None, limits) }
    }

    /// Reads until there are records to give or it is clear that there will be none.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>, limits: &Limits) -> Poll<Result<More, Error>> {
        if limits.stop.is_set() || self.refused.is_some() {
            return Poll::Ready(Ok(More::Over));
        }
        while self.records.is_empty() {
            if self.is_spent(limits) || self.stopped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(More::Over));
            }
            match ready!(Pin::new(&mut self.batches).poll_next(cx)).transpose()? {
                Some(batch) => {
                    if let Some(gap) = self.horizon.look(&batch) {
                        if let Err(error) = limits.at_gaps.meet(&self.partition, &gap) {
                            // What was read before it is committed.
                            self.refused = Some(error);
                            return Poll::Ready(Ok(More::Over));
                        }
                        self.gap = Some(both(self.gap.take(), gap));
                    }
                    (self.behind, self.closed) = (batch.behind, batch.closed);
                    self.asked = Instant::now();
                    self.period = batch.retention.map(|retention| retention.period);
                    let now = || batch.retention.map_or_else(|| limits.clock.now(), |retention| retention.now);
                    self.tip = batch.behind.is_some_and(|behind| behind.is_zero()).then(now);
                    self.ended |= batch.closed;
                    self.records = batch.records;
                }
                None => self.ended = true,
            }
        }
        Poll::Ready(Ok(More::Records))
    }

    /// When the partition had nothing behind what has been taken.
    pub(super) fn tip(&self) -> Option<DateTime<Utc>> {
        self.tip.filter(|_| self.records.is_empty())
    }

    pub(super) const fn period(&self) -> Option<Duration> {
        self.period
    }

    /// Whether there is an epoch to commit, though no record is left: an end mark, or a gap.
    pub(super) fn has_more_to_commit(&self) -> bool {
        self.is_at_its_end() || self.gap.is_some()
    }

    /// Whether nothing comes in this run behind what has been taken, even if it is not stopped.
    fn is_spent(&self, limits: &Limits) -> bool {
        let caught_up = limits.once && self.behind.is_some_and(|behind| behind.is_zero());
        (self.ended || caught_up) && self.records.is_empty()
    }

    /// Whether nothing comes in this run behind what has been taken.
    pub(super) fn is_over(&self, limits: &Limits) -> bool {
        limits.stop.is_set() || self.refused.is_some() || self.is_spent(limits)
    }

    /// How far behind the end of the partition what has been taken is, about.
    pub(super) fn lag(&self) -> Lag {
        self.behind.map(|behind| (self.asked, behind))
    }

    /// Whether the partition is closed for good behind what has been taken.
    pub(super) fn is_at_its_end(&self) -> bool {
        self.closed && self.records.is_empty()
    }
}

impl EpochRecords {
    /// The next epoch of a reader. The reader comes back when this is dropped.
    pub(super) fn begin(
        reader: Reader,
        limits: Limits,
        course: Arc<Course>,
        beat: Option<Beat>,
    ) -> (Self, oneshot::Receiver<(Reader, Taken)>) {
        let (back, returned) = oneshot::channel();
        let taken = Taken::default();
        (
            Self {
                reader: Some(reader),
                taken,
                run: 0,
                at_once: 0,
                longest: LOOK_EVERY,
                run_begun: Instant::now(),
                limits,
                course,
                beat,
                over: None,
                back: Some(back),
            },
            returned,
        )
    }

    /// Whether it is to be closed: never before it has a record, whatever the limits are.
    fn is_full(&self) -> bool {
        let Taken { records, bytes, .. } = self.taken;
        records > 0 && (bytes >= self.limits.every.bytes || records >= self.limits.every.records)
    }

    fn begin_time(&mut self) {
        let full = Box::pin(self.limits.budget.clone().full());
        self.over = Some(match Instant::now().checked_add(self.limits.every.span) {
            Some(until) => Box::pin(async move {
                select(pin!(sleep_until(until)), full).await;
            }),
            None => full,
        });
    }

    /// Whether its time is over, the budget is used up, or reading is to stop.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.limits.stop.is_set() || self.over.as_mut().is_some_and(|over| over.as_mut().poll(cx).is_ready())
    }

    /// Notes how far the run has come, and tells the statistics. Not one by one: all partitions write there.
    fn end_run(&mut self) {
        let given = std::mem::take(&mut self.run) - std::mem::take(&mut self.at_once);
        if self.run_begun.elapsed() >= QUICK {
            self.longest = LOOK_EVERY;
        } else if given == self.longest {
            self.longest = LOOK_SELDOM.min(2 * given);
        }
        if given > 0 {
            self.taken.to = self.reader.as_ref().and_then(|reader| reader.records.last_of_run());
            self.limits.stats.records.add(given as u64);
        }
    }

    /// Counts the records that are given before anything else is looked at. There is one.
    fn begin_run(&mut self) {
        self.run_begun = Instant::now();
        let Self { reader: Some(reader), taken, limits: Limits { every, .. }, run, longest, .. } = self else { return };
        let room = usize::try_from(every.records.saturating_sub(taken.records)).unwrap_or(usize::MAX);
        let next = reader.records.begin_run(room.clamp(1, *longest), every.bytes.saturating_sub(taken.bytes));
        taken.records += next.records as u64;
        taken.bytes += next.bytes;
        taken.last_arrival = taken.last_arrival.max(next.last_arrival);
        *run = next.records;
        self.at_once = self.run;
    }

    /// Gives the next record of the run. Nothing else is done here, so that it costs nothing to be made a part of the reader's
    /// loop.
    #[inline(always)]
    fn next_at_once(&mut self) -> Option<Record> {
        self.at_once = self.at_once.checked_sub(1)?;
        self.reader.as_mut()?.records.next()
    }

    /// Looks whether there is a record in this epoch, and how many may be given at once.
    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        self.end_run();
        if self.is_full() {
            return Poll::Ready(Ok(false));
        }
        let exhausted = self.reader.as_ref().is_none_or(|reader| reader.records.is_empty());
        if exhausted && self.over.is_none() {
            self.course.wake_at_first_row(cx.waker());
            if self.course.has_rows() {
                self.begin_time();
            }
        }
        if self.is_over(cx) {
            return Poll::Ready(Ok(false));
        }
        let Some(reader) = &mut self.reader else { return Poll::Ready(Ok(false)) };
        if exhausted {
            match reader.poll_more(cx, &self.limits) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    reader.failure = Some(error.clone());
                    return Poll::Ready(Err(error));
                }
                Poll::Pending if self.over.is_some() => return Poll::Pending,
                Poll::Pending => {
                    self.limits.stats.progress.read(&reader.partition, reader.lag());
                    self.taken.beats = self.beat.as_mut().is_some_and(|beat| beat.is_due(cx, reader));
                    return if self.taken.beats { Poll::Ready(Ok(false)) } else { Poll::Pending };
                }
            }
        }
        if reader.records.is_empty() {
            return Poll::Ready(Ok(false));
        }
        if self.taken.records == 0 && self.beat.is_some() {
            // Without open groups an epoch is begun when it is known to have records.
            self.limits.stats.progress.begun(&reader.partition);
        }
        self.begin_run();
        if self.over.is_none() {
            self.begin_time();
        }
        Poll::Ready(Ok(true))
    }

    /// Looks whether there is a record, at which the epoch ends if there is none.
    #[inline(never)]
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        if self.taken.done {
            return Poll::Ready(Ok(false));
        }
        let looked = ready!(self.poll_look(cx));
        self.taken.done = !matches!(looked, Ok(true));
        if let Ok(false) = looked
            && self.reader.as_ref().is_some_and(|reader| reader.is_spent(&self.limits))
        {
            self.course.set_last();
        }
        Poll::Ready(looked)
    }
}

impl Stream for EpochRecords {
    type Item = Result<Record, Error>;

    #[inline(always)]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // No record comes by way of memory from what is out of line: it would be read back before it is written.
        loop {
            if let Some(record) = self.next_at_once() {
                return Poll::Ready(Some(Ok(record)));
            }
            match ready!(self.poll_more(cx)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl Drop for EpochRecords {
    fn drop(&mut self) {
        self.end_run();
        if let (Some(reader), Some(back)) = (self.reader.take(), self.back.take()) {
            // Nobody waits for it if the pipeline was dropped: then the reader is dropped as well.
            let _ = back.send((reader, std::mem::take(&mut self.taken)));
        }
    }
}

impl std::fmt::Debug for EpochRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EpochRecords").field("taken", &self.taken).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::sync::watch;

    use super::*;

    #[test]
    fn reading_is_to_stop_once_its_pipeline_is_gone() {
        let (sender, receiver) = watch::channel(false);
        let stop = Stop(receiver);
        assert!(!stop.is_set() && stop.clone().wait().now_or_never().is_none());
        drop(sender);
        // Who has seen that the wait is over must not wait again.
        assert!(stop.clone().wait().now_or_never().is_some() && stop.is_set());
    }
}
