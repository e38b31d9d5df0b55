//! A partition's epochs: read and computed, put, and given up where another worker was faster.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::beat::Beat;
use super::budget::Held;
use super::course::Course;
use super::dead::DeadLetters;
use super::format::JsonLines;
use super::gap::{self, Gone};
use super::hint::Hints;
use super::ledger::{Committed, Head, Outcome};
use super::pipeline::{Records, Worker};
use super::progress::{Lag, Watched};
use super::records::{EpochRecords, More, Reader, Taken};
use super::state::{Inherited, State};
use crate::source::{Listed, Start};
use crate::{Error, ErrorKind, FlowExt, Partition, Position, TryStream};

/// How long is waited for the records that a closure has failed with, to say which they were.
const RETURN: Duration = Duration::from_secs(1);

/// Where an epoch begins that may not be the next to be committed yet.
struct Place {
    from: Option<Position>,
    seen: Option<DateTime<Utc>>,
    /// When the epoch before it was done, or reading began.
    since: Instant,
}

/// An epoch that is to be put.
struct Made<S> {
    reader: Reader,
    /// What it leaves to the next.
    state: S,
    /// Groups are open in it.
    is_open: bool,
    outcome: Outcome,
    held: Held,
    lag: Lag,
}

impl<C, S, R> Worker<C, S>
where
    S: Serialize + DeserializeOwned + Send + 'static,
    C: Fn(Records, DeadLetters, State<S>) -> R + Send + Sync + 'static,
    R: TryStream<Error = Error> + Send + 'static,
    R::Ok: Serialize + Send,
{
    /// Runs a partition as far as it goes now; whether that is its end for good.
    pub(super) async fn run_partition(&self, listed: &Listed) -> Result<bool, Error> {
        let partition = &listed.partition;
        let Some(resumed) = self.unless_stopped(self.ledger.resume(&self.root, partition)).await else {
            return Ok(false);
        };
        let (mut head, hinted) = resumed?;
        if let Some(lease) = &self.lease {
            lease.check(&head, &self.ledger)?;
            lease.check_parents(listed, &head, &self.ledger, &self.root).await?;
        }
        self.tell(partition, &head);
        let mut hints = Hints::behind(hinted);
        while !head.end {
            if head.n == 0 {
                let mut seen = None;
                for parent in &listed.gone {
                    seen = seen.into_iter().chain(self.end_gone(partition, parent).await?).min();
                }
                head.seen = head.seen.or(seen);
            }
            let state = self.state_of(listed, &head).await?;
            let start = head.start(&self.root, partition);
            head.seen = head.seen.or(if let Start::At(time) = start { Some(time) } else { None });
            let reader = Reader::new(partition, self.source.read(partition, start), head.seen, &self.limits);
            let (reached, over) = self.run_epochs(partition, head, (reader, state), &mut hints).await?;
            head = reached;
            if over {
                break;
            }
            // Whoever has lost an epoch may be several behind.
            match self.unless_stopped(self.ledger.walk(partition, head.clone())).await {
                Some(walked) => head = walked?,
                None => break,
            }
            self.tell(partition, &head);
        }
        hints.put_last(&self.ledger, partition, &head).await;
        Ok(head.end)
    }

    /// Tells the source and the lease how far a partition is committed.
    fn tell(&self, partition: &Partition, head: &Head) {
        self.source.committed(partition, head.from.as_ref(), head.end);
        if let Some(lease) = &self.lease {
            lease.commit(partition, head);
        }
    }

    /// The state that the next epoch of a partition begins with.
    async fn state_of(&self, listed: &Listed, head: &Head) -> Result<S, Error> {
        if let Some(saved) = &head.state {
            return self.carry.read(&self.ledger, &listed.partition, saved).await;
        }
        let mut inherited = Vec::new();
        // Its first epochs may have had no records, and left no state.
        if self.carry.inherits() {
            for parent in listed.parents.iter().chain(&listed.gone) {
                let (last, _) = self.ledger.resume(&self.root, parent).await?;
                if let Some(saved) = &last.state {
                    let state = self.carry.read(&self.ledger, parent, saved).await?;
                    inherited.push(Inherited { partition: parent.clone(), state });
                }
            }
        }
        Ok(self.carry.begin(inherited, listed.keys))
    }

    /// Ends the chain of a parent that is gone before it was read to its end, with an epoch that has the gap, and what its
    /// state still gives. Until when nothing of it is lost: its child begins where it ends, and may have lost as much.
    async fn end_gone(&self, child: &Partition, parent: &Partition) -> Result<Option<DateTime<Utc>>, Error> {
        loop {
            let (source, at_gaps) = (&*self.source, self.limits.at_gaps);
            let (head, gap) = match gap::behind(&self.ledger, source, &self.root, (child, parent), at_gaps).await? {
                Gone::Before => return Ok(None),
                Gone::Ended(head) => return Ok(head.seen),
                Gone::Unfinished(head, gap) => (head, gap),
            };
            let seen = head.seen;
            let listed = Listed { partition: parent.clone(), parents: Vec::new(), gone: Vec::new(), keys: None };
            let state = self.state_of(&listed, &head).await?;
            let place = Place { from: head.from.clone(), seen: head.seen, since: Instant::now() };
            let closed = (Reader::closed(parent, &self.limits), state);
            let Made { mut outcome, held, lag, .. } = self.run_epoch(parent, &place, closed, None).await?;
            outcome.gap = Some(gap);
            let watched = self.limits.stats.progress.enter(parent, head.from.clone());
            if let Committed::Ours(_) = self.put(parent, head, outcome, held, &watched, lag).await? {
                return Ok(seen);
            }
        }
    }

    /// What `work` comes to, or nothing if reading is to stop before.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), pin!(self.limits.stop.clone().wait())).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }

    /// Commits epoch after epoch until the reader has nothing more, and then says that the partition is over for this
    /// run, or until another worker has committed one: then reading has to begin anew behind it.
    ///
    /// While an epoch is put, the next is read and computed. It is put when that one is committed, and thrown away when
    /// that one is lost.
    async fn run_epochs(
        &self,
        partition: &Partition,
        mut head: Head,
        (mut reader, mut state): (Reader, S),
        hints: &mut Hints,
    ) -> Result<(Head, bool), Error> {
        let watched = self.limits.stats.progress.enter(partition, head.from.clone());
        let mut place = Place { from: head.from.clone(), seen: head.seen, since: Instant::now() };
        // What a state holds that was read or inherited is not known.
        let mut is_open = self.carry.is_some();
        let mut putting: Option<BoxFuture<'_, Result<Committed, Error>>> = None;
        loop {
            let made = {
                let mut next = pin!(self.next_epoch(partition, &place, (reader, state, is_open), &watched));
                match putting.take() {
                    None => next.await,
                    Some(put) => {
                        let (committed, early) = match select(put, next.as_mut()).await {
                            Either::Left((committed, _)) => (committed?, None),
                            // Also if it failed: the epoch before it is to be committed.
                            Either::Right((made, put)) => (put.await?, Some(made)),
                        };
                        match committed {
                            Committed::Ours(reached) => head = reached,
                            Committed::Theirs(reached) => return Ok((reached, false)),
                        }
                        hints.put(&self.ledger, partition, &head).await;
                        match early {
                            Some(made) => made,
                            None => next.await,
                        }
                    }
                }
            };
            let Some(made) = made? else { return Ok((head, true)) };
            let (outcome, held, lag) = (made.outcome, made.held, made.lag);
            (reader, state, is_open) = (made.reader, made.state, made.is_open);
            place = Place {
                from: outcome.taken.to.clone().or(place.from),
                seen: place.seen.max(outcome.tip).max(outcome.taken.last_arrival),
                since: Instant::now(),
            };
            let end = outcome.end;
            let (watched, head_before) = (&watched, head.clone());
            let put = self.put(partition, head_before, outcome, held, watched, lag).boxed();
            if end {
                return Ok(match put.await? {
                    Committed::Ours(reached) => (reached, true),
                    Committed::Theirs(reached) => (reached, false),
                });
            }
            putting = Some(put);
        }
    }

    /// Puts an epoch behind `head`, in the hour that it is or was just now: behind an epoch without records if need be.
    async fn put(
        &self,
        partition: &Partition,
        mut head: Head,
        outcome: Outcome,
        held: Held,
        watched: &Watched<'_>,
        lag: Lag,
    ) -> Result<Committed, Error> {
        let stats = &self.limits.stats;
        let (records, rows) = (outcome.taken.records, outcome.rows.count());
        let letters = outcome.dead.as_ref().map_or(0, JsonLines::lines);
        let gap = outcome.gap.is_some();
        if rows > 0 && self.ledger.is_old(&head) {
            match self.ledger.commit(partition, &head, Outcome::empty(self.ledger.rows()?, None)).await? {
                Committed::Ours(next) => head = next,
                Committed::Theirs(theirs) => {
                    stats.lose();
                    return Ok(Committed::Theirs(theirs));
                }
            }
            stats.commit(0, 0, 0, false);
        }
        let committed = self.ledger.commit(partition, &head, outcome).await?;
        drop(held);
        let (Committed::Ours(head) | Committed::Theirs(head)) = &committed;
        self.tell(partition, head);
        match &committed {
            Committed::Ours(head) => {
                watched.committed(head.from.clone(), lag);
                stats.commit(records, rows, letters, gap);
            }
            Committed::Theirs(_) => stats.lose(),
        }
        Ok(committed)
    }

    /// Reads and computes an epoch, or says that there is none in this run any more.
    ///
    /// While groups are open, the chain is run also without records, so that their timeouts close them.
    async fn next_epoch(
        &self,
        partition: &Partition,
        place: &Place,
        (mut reader, mut state, mut is_open): (Reader, S, bool),
        watched: &Watched<'_>,
    ) -> Result<Option<Made<S>>, Error> {
        loop {
            if !is_open {
                match self.more(partition, &mut reader, place).await? {
                    More::Over if !reader.has_more_to_commit() => return reader.refused.map_or(Ok(None), Err),
                    More::Idle => {
                        let mut outcome = Outcome::empty(self.ledger.rows()?, reader.tip());
                        outcome.gap = reader.gap.take();
                        let (held, lag) = (Held::default(), reader.lag());
                        return Ok(Some(Made { reader, state, is_open, outcome, held, lag }));
                    }
                    More::Over | More::Records => {}
                }
            }
            let room = self.unless_stopped(self.limits.budget.clone().room()).await;
            if room.is_none() && !reader.is_at_its_end() {
                return Ok(None);
            }
            if !is_open {
                watched.begun();
            }
            let beat = is_open.then(|| self.beat(place));
            let made = self.run_epoch(partition, place, (reader, state), beat).await?;
            if !made.outcome.is_empty() {
                // With records, it has begun with the first of them.
                if is_open && made.outcome.taken.records == 0 {
                    watched.begun();
                }
                return Ok(Some(made));
            }
            if made.outcome.taken.beats || self.beat(place).is_overdue(&made.reader) {
                return Ok(Some(made));
            }
            // Reading was stopped, or there is nothing more.
            if made.reader.is_over(&self.limits) {
                return made.reader.refused.map_or(Ok(None), Err);
            }
            (reader, state, is_open) = (made.reader, made.state, made.is_open);
        }
    }

    /// Reads until there is something to give, or a heartbeat is due.
    async fn more(&self, partition: &Partition, reader: &mut Reader, place: &Place) -> Result<More, Error> {
        let mut beat = self.beat(place);
        poll_fn(|cx| {
            let polled = reader.poll_more(cx, &self.limits);
            if polled.is_pending() {
                self.limits.stats.progress.read(partition, reader.lag());
                if beat.is_due(cx, reader) {
                    return Poll::Ready(Ok(More::Idle));
                }
            }
            match polled {
                Poll::Ready(Ok(More::Over)) if !reader.has_more_to_commit() && beat.is_overdue(reader) => {
                    Poll::Ready(Ok(More::Idle))
                }
                polled => polled,
            }
        })
        .await
    }

    const fn beat(&self, place: &Place) -> Beat {
        Beat::new(place.since, place.seen, self.heartbeat)
    }

    /// Runs the chain on an epoch, which ends without anything when the beat says so.
    async fn run_epoch(
        &self,
        partition: &Partition,
        place: &Place,
        (reader, state): (Reader, S),
        beat: Option<Beat>,
    ) -> Result<Made<S>, Error> {
        let course = Arc::new(Course::default());
        let (records, returned) = EpochRecords::begin(reader, self.limits.clone(), Arc::clone(&course), beat);
        let state = State::new(state, Arc::clone(&course));
        let dead = DeadLetters::within(self.limits.budget.take());
        let mut held = self.limits.budget.take();
        let computed = AssertUnwindSafe(async {
            let mut rows = self.ledger.rows()?;
            let mut chain = pin!((self.chain)(records.try_into_flow(), dead.clone(), state.clone()));
            while let Some(row) = poll_fn(|cx| chain.as_mut().poll_next(cx)).await.transpose()? {
                rows.push(&row)?;
                held.set(rows.held());
                course.add_row();
            }
            Ok::<_, Error>(rows)
        })
        .catch_unwind()
        .await;
        let computed = computed.unwrap_or_else(|panic| Err(panicked(&*panic)));
        let rows = match computed {
            Ok(rows) => rows,
            Err(error) => return Err(failed(partition, place, returned, error).await),
        };
        let not_back = |_| unread(partition, "the records of an epoch were not given back");
        let (mut reader, taken) = returned.await.map_err(not_back)?;
        if let Some(failure) = reader.failure {
            return Err(failure);
        }
        if !taken.done {
            return Err(unread(partition, "a pipeline ended its epoch without reading all of its records"));
        }
        let dead = dead.take();
        held.set(rows.held() + dead.as_ref().map_or(0, JsonLines::held));
        let state = state.take().ok_or_else(|| unread(partition, "the state of an epoch was not given back"))?;
        let unsaved = self.carry.write(partition, &state)?;
        let (end, tip, lag, gap) = (reader.is_at_its_end(), reader.tip(), reader.lag(), reader.gap.take());
        let outcome = Outcome { taken, rows, dead, end, tip, gap, state: unsaved };
        Ok(Made { reader, state, is_open: course.has_open_groups(), outcome, held, lag })
    }
}

fn unread(partition: &Partition, what: &str) -> Error {
    Error::new(ErrorKind::Usage, what)
        .at(partition)
        .cure("let the closure of commit_to give a flow that reads its records to their end")
}

/// Why an epoch was not computed. What came of its closure may be the failure of its source, handed on.
async fn failed(
    partition: &Partition,
    place: &Place,
    returned: oneshot::Receiver<(Reader, Taken)>,
    error: Error,
) -> Error {
    let taken = match timeout(RETURN, returned).await {
        Ok(Ok((Reader { failure: Some(failure), .. }, _))) => return failure,
        Ok(Ok((_, taken))) => taken,
        // Still in use somewhere.
        _ => Taken::default(),
    };
    let from = place.from.as_ref().map_or_else(|| "from its start".to_owned(), |from| format!("behind {from}"));
    let to = taken.to.map(|to| format!(" up to {to}")).unwrap_or_default();
    Error::new(error.kind(), "the closure of commit_to failed, and its epoch is not committed")
        .at(format!("{partition}, records {from}{to}"))
        .cure(
            "mend it, or let it set aside what it cannot use as a dead letter; the next run reads these records again",
        )
        .because(error)
}

/// A panic, as an error.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::new(ErrorKind::Operator, format!("it panicked: {}", text.as_deref().unwrap_or("without a message")))
}
