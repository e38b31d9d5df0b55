//! [`Epochs`] and [`Pipeline`]: a source, cut into epochs, through a closure, into a ledger.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::TryStream;
use futures::future::{Either, OptionFuture, select};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::dead::DeadLetters;
use super::every::Every;
use super::format::JsonLines;
use super::gap;
use super::header::Root;
use super::horizon::AtGaps;
use super::ledger::{Committed, Head, Ledger, Outcome};
use super::records::{EpochRecords, Limits, More, Reader, Stop};
use super::redrive::Redrive;
use super::stats::{Report, Stats};
use crate::create::FromResults;
use crate::source::{Listed, Source, Start};
use crate::{Error, ErrorKind, Flow, FlowExt, Partition, metrics};

/// How often the source is asked for new partitions.
const DISCOVERY: Duration = Duration::from_secs(10);

/// Cuts the partitions of a source into epochs: [`epochs`](Self::epochs) as a method of sources.
pub trait SourceExt {
    /// Cuts each partition into pieces that are committed whole.
    fn epochs(self, every: Every) -> Epochs;
}

impl<S: Source> SourceExt for S {
    fn epochs(self, every: Every) -> Epochs {
        Epochs { source: Arc::new(self), every }
    }
}

impl SourceExt for Arc<dyn Source> {
    fn epochs(self, every: Every) -> Epochs {
        Epochs { source: self, every }
    }
}

/// A source, cut into epochs: see [`SourceExt::epochs`].
#[derive(Clone, Debug)]
#[must_use = "epochs do nothing until they are committed somewhere"]
pub struct Epochs {
    source: Arc<dyn Source>,
    every: Every,
}

impl Epochs {
    /// Runs `chain` on the records of each epoch, and commits the rows that it gives, with where the epoch begins and
    /// ends, as one object.
    ///
    /// The closure gets the epoch's records and a place for its dead letters. What it makes ends with the epoch, so
    /// operators in it need to know nothing of epochs: open groups end, and their rows are deltas that add up with those
    /// of other epochs. It may run more than once for the same records, when an epoch could not be committed; so other
    /// side effects in it are not exact.
    pub fn commit_to<C, R>(self, ledger: Ledger, chain: C) -> Pipeline<C>
    where
        C: Fn(Flow<FromResults<EpochRecords>>, DeadLetters) -> R + Send + Sync + 'static,
        R: TryStream<Error = Error> + Send + 'static,
        R::Ok: Serialize + Send,
    {
        let Self { source, every } = self;
        let stats = Stats::of(ledger.pipeline());
        Pipeline { source, every, ledger, chain, once: false, at_gaps: AtGaps::default(), stats }
    }
}

/// A pipeline that is ready to run: see [`Epochs::commit_to`].
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<C> {
    source: Arc<dyn Source>,
    every: Every,
    ledger: Ledger,
    chain: C,
    once: bool,
    at_gaps: AtGaps,
    stats: Stats,
}

impl<C> fmt::Debug for Pipeline<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("source", &self.source)
            .field("every", &self.every)
            .field("ledger", &self.ledger)
            .field("once", &self.once)
            .field("at_gaps", &self.at_gaps)
            .finish_non_exhaustive()
    }
}

impl<C, R> Pipeline<C>
where
    C: Fn(Flow<FromResults<EpochRecords>>, DeadLetters) -> R + Send + Sync + 'static,
    R: TryStream<Error = Error> + Send + 'static,
    R::Ok: Serialize + Send,
{
    /// Ends when the records that are there have been read and committed. Without it, a stream is followed until
    /// shutdown; a file ends by itself.
    pub const fn once(mut self, once: bool) -> Self {
        self.once = once;
        self
    }

    /// What to do when records may be lost, because the source had them no more when they were to be read;
    /// [`AtGaps::GoOn`] unless set.
    pub const fn at_gaps(mut self, at_gaps: AtGaps) -> Self {
        self.at_gaps = at_gaps;
        self
    }

    /// What the pipeline has done, to be read while it runs.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Runs until the source has nothing more, or until `shutdown` is ready; then reading stops, what was read is
    /// committed, and the pipeline ends. The next run goes on from there.
    ///
    /// Each partition runs on its own task, parents before the children that came of them. Dropping the future stops at
    /// once; what was not committed is read again by the next run.
    ///
    /// # Errors
    ///
    /// The first failure of the source, of the closure's flow or of the store. The other partitions stop reading and
    /// commit what they have read; the epoch that failed is not committed.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<Report, Error> {
        let root = self.ledger.open(&*self.source).await?;
        self.run_behind(root, shutdown).await
    }

    /// Puts the dead letters of committed epochs through the pipeline once more, when what was wrong with them is mended:
    /// those that it had when this began. The source is not read.
    ///
    /// The letters of a partition are read as a partition of their own, [`Partition::redriven`], with a chain of its own in
    /// the same ledger: so each goes through once, however often this is run, stopped, killed, or run twice at a time. Its
    /// rows add up with all others. A letter is a record with the bytes, the key and the time of arrival that it had, and
    /// a place of its own: the number of the epoch that set it aside, and its index there. What cannot be used again is
    /// a dead letter of that chain, and is read from there by the next redrive.
    ///
    /// Letters of which only the first bytes were kept are left out: [`Stats::cut`].
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if there is no ledger; as [`run`](Self::run).
    pub async fn redrive(mut self, shutdown: impl Future<Output = ()>) -> Result<Report, Error> {
        let root = self.ledger.reopen().await?;
        self.source = Arc::new(Redrive::new(self.ledger.clone(), root.clone(), self.stats.cut.clone()).await?);
        self.run_behind(root, shutdown).await
    }

    async fn run_behind(self, root: Root, shutdown: impl Future<Output = ()>) -> Result<Report, Error> {
        let Self { source, every, ledger, chain, once, at_gaps, stats } = self;
        metrics::describe();
        let (stop, stopped) = watch::channel(false);
        let limits = Limits { every, once, at_gaps, stop: Stop(stopped), stats: stats.clone() };
        let worker = Arc::new(Worker { source, ledger, root, chain, limits, stop });
        let mut work = pin!(Arc::clone(&worker).run_all());
        match select(&mut work, pin!(shutdown)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), work)) => {
                worker.stop.send_replace(true);
                work.await
            }
        }?;
        Ok(stats.report())
    }
}

/// What the tasks of all partitions share.
struct Worker<C> {
    source: Arc<dyn Source>,
    ledger: Ledger,
    root: Root,
    chain: C,
    limits: Limits,
    stop: watch::Sender<bool>,
}

/// What is known of a partition in this run.
enum Known {
    Running,
    /// It has nothing more in this run.
    Paused,
    /// Its chain has an end mark, so the partitions that came of it can be read.
    Ended,
}

impl<C, R> Worker<C>
where
    C: Fn(Flow<FromResults<EpochRecords>>, DeadLetters) -> R + Send + Sync + 'static,
    R: TryStream<Error = Error> + Send + 'static,
    R::Ok: Serialize + Send,
{
    /// Runs every partition as soon as its parents are done with, until there is none left to run.
    async fn run_all(self: Arc<Self>) -> Result<(), Error> {
        let mut known = HashMap::new();
        let mut tasks = JoinSet::new();
        let mut failure = None;
        let mut listing = Some(self.source.partitions());
        let mut stopped = pin!(self.limits.stop.clone().wait());
        let mut goes_on = true;
        while listing.is_some() || !tasks.is_empty() {
            tokio::select! {
                listed = OptionFuture::from(listing.as_mut()), if listing.is_some() => {
                    listing = None;
                    match listed {
                        Some(Ok(listed)) => self.start(listed, &mut known, &mut tasks),
                        Some(Err(error)) if error.is_transient() && !tasks.is_empty() => {
                            tracing::warn!(%error, "partitions cannot be listed; those that are known go on");
                        }
                        Some(Err(error)) => failure = failure.or(Some(error)),
                        None => {}
                    }
                }
                Some(joined) = tasks.join_next() => match joined {
                    Ok((partition, Ok(end))) => {
                        known.insert(partition, if end { Known::Ended } else { Known::Paused });
                        // It may have left children.
                        listing = goes_on.then(|| self.source.partitions());
                    }
                    Ok((_, Err(error))) => failure = failure.or(Some(error)),
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(_cancelled) => {}
                    },
                },
                () = tokio::time::sleep(DISCOVERY), if goes_on && listing.is_none() => {
                    listing = Some(self.source.partitions());
                }
                () = &mut stopped, if goes_on => {
                    goes_on = false;
                    listing = None;
                }
            }
            if failure.is_some() {
                self.stop.send_replace(true);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn start(self: &Arc<Self>, listed: Vec<Listed>, known: &mut HashMap<Partition, Known>, tasks: &mut Tasks) {
        for Listed { partition, parents, gone } in listed {
            if known.contains_key(&partition) {
                continue;
            }
            if !parents.iter().all(|parent| matches!(known.get(parent), Some(Known::Ended))) {
                continue;
            }
            if gone.iter().any(|parent| matches!(known.get(parent), Some(Known::Running))) {
                continue;
            }
            known.insert(partition.clone(), Known::Running);
            let worker = Arc::clone(self);
            tasks.spawn(async move {
                let end = worker.run_partition(&partition, &gone).await;
                (partition, end)
            });
        }
    }

    /// Runs a partition as far as it goes now; whether that is its end for good.
    async fn run_partition(&self, partition: &Partition, gone: &[Partition]) -> Result<bool, Error> {
        let mut head = Head::first(&self.root, partition);
        loop {
            // Whoever has lost an epoch may be several behind.
            let stopped = pin!(self.limits.stop.clone().wait());
            head = match select(pin!(self.ledger.walk(partition, head)), stopped).await {
                Either::Left((head, _)) => head?,
                Either::Right(((), _)) => return Ok(false),
            };
            if head.end {
                return Ok(true);
            }
            if head.n == 0 {
                head.seen = head.seen.or(self.end_parents(partition, gone).await?);
            }
            let start = head.start(&self.root, partition);
            let seen = head.seen.or(if let Start::At(time) = start { Some(time) } else { None });
            let reader = Reader::new(partition, self.source.read(partition, start), seen, &self.limits);
            let (reached, over) = self.run_epochs(partition, head, reader).await?;
            head = reached;
            if over {
                return Ok(head.end);
            }
        }
    }

    /// Ends the chains of a partition's parents that are gone. Until when nothing of the partition is lost: it begins where
    /// they end, and its own beginning may be gone as they are.
    async fn end_parents(&self, partition: &Partition, gone: &[Partition]) -> Result<Option<DateTime<Utc>>, Error> {
        let mut seen = None;
        for parent in gone {
            let (source, at_gaps) = (&*self.source, self.limits.at_gaps);
            let ended = gap::end(&self.ledger, source, &self.root, partition, parent, at_gaps).await?;
            if ended.gap {
                self.limits.stats.commit(0, 0, 0, true);
            }
            seen = seen.into_iter().chain(ended.seen).min();
        }
        Ok(seen)
    }

    /// Commits epoch after epoch until the reader has nothing more, and then says that the partition is over for this
    /// run, or until another worker has committed one: then reading has to begin anew behind it.
    async fn run_epochs(
        &self,
        partition: &Partition,
        mut head: Head,
        mut reader: Reader,
    ) -> Result<(Head, bool), Error> {
        loop {
            let more = poll_fn(|cx| reader.poll_more(cx, &self.limits)).await?;
            if matches!(more, More::Over) && !reader.has_more_to_commit() {
                return reader.refused.map_or(Ok((head, true)), Err);
            }
            let (returned, outcome) = self.run_epoch(partition, reader).await?;
            reader = returned;
            let (records, rows) = (outcome.taken.records, outcome.rows.count());
            let letters = outcome.dead.as_ref().map_or(0, JsonLines::lines);
            let gap = outcome.gap.is_some();
            let stats = &self.limits.stats;
            match self.ledger.commit(partition, &head, outcome).await? {
                Committed::Ours(next) => {
                    head = next;
                    stats.commit(records, rows, letters, gap);
                }
                Committed::Theirs(next) => {
                    stats.lose();
                    return Ok((next, false));
                }
            }
            if head.end {
                return Ok((head, true));
            }
        }
    }

    async fn run_epoch(&self, partition: &Partition, reader: Reader) -> Result<(Reader, Outcome), Error> {
        let (records, returned) = EpochRecords::begin(reader, self.limits.clone());
        let dead = DeadLetters::default();
        let mut rows = self.ledger.rows()?;
        {
            let mut chain = pin!((self.chain)(records.try_into_flow(), dead.clone()));
            while let Some(row) = poll_fn(|cx| chain.as_mut().try_poll_next(cx)).await.transpose()? {
                rows.push(&row)?;
            }
        }
        let unread = |what: &str| {
            Error::new(ErrorKind::Usage, what)
                .at(partition)
                .cure("let the closure of commit_to give a flow that reads its records to their end")
        };
        let (mut reader, taken) = returned.await.map_err(|_| unread("the records of an epoch were not given back"))?;
        if let Some(failure) = reader.failure {
            return Err(failure);
        }
        if !taken.done {
            return Err(unread("a pipeline ended its epoch without reading all of its records"));
        }
        let (end, tip, gap) = (reader.is_at_its_end(), reader.tip(), reader.gap.take());
        Ok((reader, Outcome { taken, rows, dead: dead.take(), end, tip, gap }))
    }
}

type Tasks = JoinSet<(Partition, Result<bool, Error>)>;
