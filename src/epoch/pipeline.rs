//! [`Epochs`] and [`Pipeline`]: a source, cut into epochs, through a closure, into a ledger.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStream;
use futures::future::{Either, OptionFuture, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::course::Course;
use super::dead::DeadLetters;
use super::every::Every;
use super::gap;
use super::gzip::GzipLines;
use super::header::Root;
use super::ledger::{Committed, Head, Ledger, Outcome};
use super::records::{EpochRecords, Limits, More, Reader, Stop};
use super::state::{Carry, Inherited, State};
use super::stats::{Report, Stats};
use crate::create::FromResults;
use crate::source::{Listed, Source};
use crate::{Error, ErrorKind, Flow, FlowExt, Partition};

type Records = Flow<FromResults<EpochRecords>>;

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
    pub fn commit_to<C, R>(
        self,
        ledger: Ledger,
        chain: C,
    ) -> Pipeline<impl Fn(Records, DeadLetters, State<()>) -> R + Send + Sync + 'static, ()>
    where
        C: Fn(Records, DeadLetters) -> R + Send + Sync + 'static,
        R: TryStream<Error = Error> + Send + 'static,
        R::Ok: Serialize + Send,
    {
        self.commit_to_with_state(ledger, Carry::nothing(), move |records, dead, _| chain(records, dead))
    }

    /// The same as [`commit_to`](Self::commit_to) for a `chain` that keeps a state: what each epoch leaves there, the next
    /// epoch of its partition begins with.
    ///
    /// The state is committed with the epoch. So it is what the chain made of all records up to there, each counted once,
    /// whatever was tried in between; whoever loses an epoch to another worker goes on with that one's state. It is written
    /// in each epoch's header, or, if it takes more than 32 KiB, as an object of its own for each epoch: what is kept
    /// should be small. In between it stays in memory, once for each partition.
    ///
    /// The chain is run also while no records come, so that what waits in the state can come out. Such an epoch lasts from
    /// its first row; one without records and rows is not committed, and what it did to the state is lost with the process.
    ///
    /// A chain that has a state stops a pipeline that keeps none, or another version of it: see [`Carry::new`].
    pub fn commit_to_with_state<S, C, R>(self, ledger: Ledger, carry: Carry<S>, chain: C) -> Pipeline<C, S>
    where
        S: Serialize + DeserializeOwned + Send + 'static,
        C: Fn(Records, DeadLetters, State<S>) -> R + Send + Sync + 'static,
        R: TryStream<Error = Error> + Send + 'static,
        R::Ok: Serialize + Send,
    {
        let Self { source, every } = self;
        Pipeline { source, every, ledger, carry, chain, once: false, stats: Stats::default() }
    }
}

/// A pipeline that is ready to run: see [`Epochs::commit_to`].
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<C, S> {
    source: Arc<dyn Source>,
    every: Every,
    ledger: Ledger,
    carry: Carry<S>,
    chain: C,
    once: bool,
    stats: Stats,
}

impl<C, S> fmt::Debug for Pipeline<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("source", &self.source)
            .field("every", &self.every)
            .field("ledger", &self.ledger)
            .field("carry", &self.carry)
            .field("once", &self.once)
            .finish_non_exhaustive()
    }
}

impl<C, S, R> Pipeline<C, S>
where
    S: Serialize + DeserializeOwned + Send + 'static,
    C: Fn(Records, DeadLetters, State<S>) -> R + Send + Sync + 'static,
    R: TryStream<Error = Error> + Send + 'static,
    R::Ok: Serialize + Send,
{
    /// Ends when the records that are there have been read and committed. Without it, a stream is followed until
    /// shutdown; a file ends by itself.
    pub const fn once(mut self, once: bool) -> Self {
        self.once = once;
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
        let Self { source, every, ledger, carry, chain, once, stats } = self;
        let root = ledger.open(&*source).await?;
        let (stop, stopped) = watch::channel(false);
        let limits = Limits { every, once, stop: Stop(stopped), stats: stats.clone() };
        let worker = Arc::new(Worker { source, ledger, root, carry, chain, limits, stop });
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
struct Worker<C, S> {
    source: Arc<dyn Source>,
    ledger: Ledger,
    root: Root,
    carry: Carry<S>,
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

impl<C, S, R> Worker<C, S>
where
    S: Serialize + DeserializeOwned + Send + 'static,
    C: Fn(Records, DeadLetters, State<S>) -> R + Send + Sync + 'static,
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
        for listed in listed {
            let Listed { partition, parents, gone, .. } = &listed;
            if known.contains_key(partition) {
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
                let end = worker.run_partition(&listed).await;
                (listed.partition, end)
            });
        }
    }

    /// Runs a partition as far as it goes now; whether that is its end for good.
    async fn run_partition(&self, listed: &Listed) -> Result<bool, Error> {
        let partition = &listed.partition;
        let mut head = self.ledger.first(&self.root, partition);
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
                for parent in &listed.gone {
                    self.end_gone(partition, parent).await?;
                }
            }
            let state = self.resume(listed, &head).await?;
            let batches = self.source.read(partition, head.start(&self.root, partition));
            let reader = Reader::new(batches, &self.limits);
            let (reached, over) = self.run_epochs(partition, head, reader, state).await?;
            head = reached;
            if over {
                return Ok(head.end);
            }
        }
    }

    /// The state that the next epoch of a partition begins with.
    async fn resume(&self, listed: &Listed, head: &Head) -> Result<S, Error> {
        let store = &**self.ledger.store();
        if let Some(saved) = &head.state {
            return self.carry.read(store, &listed.partition, saved).await;
        }
        let mut inherited = Vec::new();
        if head.n == 0 && self.carry.inherits() {
            for parent in listed.parents.iter().chain(&listed.gone) {
                let last = self.ledger.walk(parent, self.ledger.first(&self.root, parent)).await?;
                if let Some(saved) = &last.state {
                    let state = self.carry.read(store, parent, saved).await?;
                    inherited.push(Inherited { partition: parent.clone(), state });
                }
            }
        }
        Ok(self.carry.begin(inherited, listed.keys))
    }

    /// Ends the chain of a parent that is gone before it was read to its end, with an epoch that has the gap, and what its
    /// state still gives.
    async fn end_gone(&self, child: &Partition, parent: &Partition) -> Result<(), Error> {
        loop {
            let found = gap::behind(&self.ledger, &*self.source, &self.root, child, parent).await?;
            let Some((head, gap)) = found else { return Ok(()) };
            let listed = Listed { partition: parent.clone(), parents: Vec::new(), gone: Vec::new(), keys: None };
            let state = self.resume(&listed, &head).await?;
            let (_, mut outcome, _) = self.run_epoch(parent, Reader::closed(&self.limits), state).await?;
            outcome.gap = Some(gap);
            if let Committed::Ours(_) = self.commit(parent, &head, outcome).await? {
                return Ok(());
            }
        }
    }

    /// Commits epoch after epoch until the reader has nothing more, and then says that the partition is over for this
    /// run, or until another worker has committed one: then reading has to begin anew behind it.
    async fn run_epochs(
        &self,
        partition: &Partition,
        mut head: Head,
        mut reader: Reader,
        mut state: S,
    ) -> Result<(Head, bool), Error> {
        loop {
            // What waits in a state may come out while no records come.
            if !self.carry.is_some() {
                let more = poll_fn(|cx| reader.poll_more(cx, &self.limits)).await?;
                if matches!(more, More::Over) && !reader.is_at_its_end() {
                    return Ok((head, true));
                }
            }
            let (returned, outcome, left) = self.run_epoch(partition, reader, state).await?;
            (reader, state) = (returned, left);
            if outcome.is_empty() {
                return Ok((head, true));
            }
            match self.commit(partition, &head, outcome).await? {
                Committed::Ours(next) => head = next,
                Committed::Theirs(next) => return Ok((next, false)),
            }
            if head.end {
                return Ok((head, true));
            }
        }
    }

    async fn commit(&self, partition: &Partition, head: &Head, outcome: Outcome) -> Result<Committed, Error> {
        let (records, rows) = (outcome.taken.records, outcome.rows.lines());
        let letters = outcome.dead.as_ref().map_or(0, GzipLines::lines);
        let gaps = u64::from(outcome.gap.is_some());
        let committed = self.ledger.commit(partition, head, outcome).await?;
        let stats = &self.limits.stats;
        match &committed {
            Committed::Ours(_) => {
                stats.committed.add(records);
                stats.rows.add(rows);
                stats.dead_letters.add(letters);
                stats.gaps.add(gaps);
                stats.epochs.add(1);
            }
            Committed::Theirs(_) => stats.lost.add(1),
        }
        Ok(committed)
    }

    async fn run_epoch(&self, partition: &Partition, reader: Reader, state: S) -> Result<(Reader, Outcome, S), Error> {
        let course = Arc::new(Course::default());
        let (records, returned) = EpochRecords::begin(reader, self.limits.clone(), Arc::clone(&course));
        let state = State::new(state, Arc::clone(&course));
        let dead = DeadLetters::default();
        let mut rows = GzipLines::new();
        {
            let mut chain = pin!((self.chain)(records.try_into_flow(), dead.clone(), state.clone()));
            while let Some(row) = poll_fn(|cx| chain.as_mut().try_poll_next(cx)).await.transpose()? {
                rows.push(&row)?;
                course.add_row();
            }
        }
        let unread = |what: &str| {
            Error::new(ErrorKind::Usage, what)
                .at(partition)
                .cure("let the closure of commit_to give a flow that reads its records to their end")
        };
        let (reader, taken) = returned.await.map_err(|_| unread("the records of an epoch were not given back"))?;
        if let Some(failure) = reader.failure {
            return Err(failure);
        }
        if !taken.done {
            return Err(unread("a pipeline ended its epoch without reading all of its records"));
        }
        let state = state.take().ok_or_else(|| unread("the state of an epoch was not given back"))?;
        let unsaved = self.carry.write(partition, &state)?;
        let (end, tip) = (reader.is_at_its_end(), reader.tip());
        let outcome = Outcome { taken, rows, dead: dead.take(), end, tip, gap: None, state: unsaved };
        Ok((reader, outcome, state))
    }
}

type Tasks = JoinSet<(Partition, Result<bool, Error>)>;
