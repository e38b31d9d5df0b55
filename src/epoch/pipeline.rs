//! [`Epochs`] and [`Pipeline`]: a source, cut into epochs, through a closure, into a ledger.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::{Either, OptionFuture, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::dead::DeadLetters;
use super::every::Every;
use super::header::Root;
use super::horizon::AtGaps;
use super::leased::Lease;
use super::ledger::Ledger;
use super::partition::panicked;
use super::records::{EpochRecords, Limits, Stop};
use super::redrive::Redrive;
use super::state::{Carry, State};
use super::stats::{Report, Stats};
use crate::create::FromResults;
use crate::lease::Leases;
use crate::source::{Listed, Source};
use crate::{Error, ErrorKind, Flow, Partition, TryStream, metrics};

pub(super) type Records = Flow<FromResults<EpochRecords>>;

/// How often the source is asked for new partitions.
pub(super) const DISCOVERY: Duration = Duration::from_secs(10);

/// See [`Pipeline::stop_within`].
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// See [`Pipeline::hold_at_most`].
const HELD: u64 = 256 << 20;

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
    /// When a run begins, and while [groups](super::carry_groups) are open, the chain is run also while no records come, so that
    /// what waits in the state can come out. Such an epoch lasts from its first row; one without records and rows is not committed, and what it did to the state is lost with the process.
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
        Pipeline {
            source,
            every,
            stats: Stats::of(ledger.pipeline()),
            ledger,
            carry,
            chain,
            once: false,
            at_gaps: AtGaps::default(),
            heartbeat: None,
            leases: None,
            stop_within: STOP_WITHIN,
            most: HELD,
        }
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
    heartbeat: Option<Duration>,
    stop_within: Duration,
    most: u64,
    at_gaps: AtGaps,
    leases: Option<Leases>,
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
            .field("heartbeat", &self.heartbeat)
            .field("stop_within", &self.stop_within)
            .field("hold_at_most", &self.most)
            .field("at_gaps", &self.at_gaps)
            .field("leases", &self.leases)
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

    /// Says "nothing is missing" once in a while: a partition that has had nothing new for so long, and of which all is
    /// read, commits an epoch without records that tells until when that was so. Unless set, that is done four times in the
    /// period for which the source keeps records, so that whoever comes back to a quiet partition knows that it has lost
    /// nothing, also if each of its runs is short; and never if the source keeps them for good.
    ///
    /// An object for each quiet partition and period: an hour is a good one.
    pub const fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = Some(every);
        self
    }

    /// How long the pipeline may take to stop, 30 seconds if not said: to finish the epochs that are open, and to commit
    /// them. After that it fails.
    pub const fn stop_within(mut self, within: Duration) -> Self {
        self.stop_within = within;
        self
    }

    /// How many bytes of rows and dead letters, compressed, may be made and not committed, over all partitions: 256 MiB if
    /// not said. When they are reached, open epochs are closed early, and none is begun before some are committed. So a
    /// store that is slow or away stops the reading.
    ///
    /// What a chain still gives when its epoch is closed, such as its open groups, comes on top, and so does what it holds
    /// itself. While an object is put together, it is there twice.
    pub const fn hold_at_most(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }

    /// What to do when records may be lost, because the source had them no more when they were to be read;
    /// [`AtGaps::GoOn`] unless set.
    pub const fn at_gaps(mut self, at_gaps: AtGaps) -> Self {
        self.at_gaps = at_gaps;
        self
    }

    /// Shares the partitions with other workers that run the same pipeline into the same ledger: see [`lease`](crate::lease).
    /// Each works on those of which it holds the lease, until shutdown; then it commits what it has read, and gives them
    /// back. A pipeline that runs [once](Self::once) reads all partitions, and cannot share them; nor can a source be shared
    /// that [comes to an end](Source::ends).
    pub fn leases(mut self, leases: Leases) -> Self {
        self.leases = Some(leases);
        self
    }

    /// What the pipeline has done, to be read while it runs.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Runs until the source has nothing more, or until `shutdown` is ready; then reading stops, what was read is
    /// committed, and the pipeline ends. The next run goes on from there.
    ///
    /// Each partition runs on its own task, parents before the children that came of them. While an epoch is put, the
    /// next of its partition is read and computed; it is put when that one is committed. Dropping the future stops at
    /// once; what was not committed is read again by the next run.
    ///
    /// A store that is away is waited for, for ever; at the start, for a minute.
    ///
    /// # Errors
    ///
    /// The first failure of the source, of the closure or its flow, which may be a panic, or of the store. The other
    /// partitions stop reading and commit what they have read; the epoch that failed is not committed.
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) if not all that was read could be committed before the time of
    /// [`stop_within`](Self::stop_within) was over.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<Report, Error> {
        let mut shutdown = pin!(shutdown);
        if self.once && self.leases.is_some() {
            return Err(Error::new(ErrorKind::Usage, "a pipeline that runs once cannot share partitions with others")
                .cure("leave out the leases, or let it run until it is asked to stop"));
        }
        if let Some(leases) = self.leases.as_ref().filter(|_| self.source.ends()) {
            return Err(Error::new(
                ErrorKind::Usage,
                "a source that comes to an end cannot be shared with other workers",
            )
            .at(leases.table().uri())
            .cure("leave out the leases: one worker reads all of it, and ends; streams can be shared"));
        }
        let opened = async {
            if let Some(leases) = &self.leases {
                leases.check()?;
                // A table that is made for a stream that is not there would be left behind.
                self.source.describe().await?;
                leases.table().prepare().await?;
            }
            self.ledger.open(&*self.source).await
        };
        let root = match select(pin!(opened), shutdown.as_mut()).await {
            Either::Left((root, _)) => root?,
            Either::Right(((), _)) => return Ok(self.stats.report()),
        };
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
        let mut shutdown = pin!(shutdown);
        let (ledger, cut) = (self.ledger.clone(), self.stats.cut.clone());
        let opened = async move {
            let root = ledger.reopen().await?;
            Ok::<_, Error>((Redrive::new(ledger, root.clone(), cut).await?, root))
        };
        let (redrive, root) = match select(pin!(opened), shutdown.as_mut()).await {
            Either::Left((opened, _)) => opened?,
            Either::Right(((), _)) => return Ok(self.stats.report()),
        };
        self.source = Arc::new(redrive);
        // Its partitions are others, and few.
        self.leases = None;
        self.run_behind(root, shutdown).await
    }

    async fn run_behind(self, root: Root, shutdown: impl Future<Output = ()>) -> Result<Report, Error> {
        let Self { source, every, ledger, carry, chain, once, at_gaps, heartbeat, leases, stop_within, most, stats } =
            self;
        metrics::describe();
        let shutdown = pin!(shutdown);
        let ledger = ledger.patient(stats.retries.clone());
        let (stop, stopped) = watch::channel(false);
        let (budget, clock) = (Budget::new(most, stats.held.clone()), ledger.its_clock());
        let limits = Limits { every, once, at_gaps, stop: Stop(stopped.clone()), stats: stats.clone(), budget, clock };
        let failure = OnceLock::new();
        let (root, carry, chain) = (Arc::new(root), Arc::new(carry), Arc::new(chain));
        let worker = Worker { source, ledger, root, carry, chain, limits, heartbeat, lease: None };
        let run = Run { worker, stop, failure };
        let too_late = async {
            select(shutdown, pin!(Stop(stopped).wait())).await;
            run.stop.send_replace(true);
            tokio::time::sleep(stop_within).await;
        };
        let all = async {
            match &leases {
                Some(leases) => run.run_leased(leases).await,
                None => run.run_all().await,
            }
        };
        match select(pin!(all), pin!(too_late)).await {
            Either::Left((outcome, _)) => outcome?,
            Either::Right(_) => return Err(run.too_late(stop_within)),
        }
        Ok(stats.report())
    }
}

/// What works on the partitions. Clones share all but what stops them, and the lease that they work under.
pub(super) struct Worker<C, S> {
    pub(super) source: Arc<dyn Source>,
    pub(super) ledger: Ledger,
    pub(super) root: Arc<Root>,
    pub(super) carry: Arc<Carry<S>>,
    pub(super) chain: Arc<C>,
    pub(super) limits: Limits,
    pub(super) heartbeat: Option<Duration>,
    pub(super) lease: Option<Lease>,
}

impl<C, S> Clone for Worker<C, S> {
    fn clone(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
            ledger: self.ledger.clone(),
            root: Arc::clone(&self.root),
            carry: Arc::clone(&self.carry),
            chain: Arc::clone(&self.chain),
            limits: self.limits.clone(),
            heartbeat: self.heartbeat,
            lease: self.lease.clone(),
        }
    }
}

/// A run over all partitions.
pub(super) struct Run<C, S> {
    pub(super) worker: Worker<C, S>,
    stop: watch::Sender<bool>,
    /// The first.
    failure: OnceLock<Error>,
}

impl<C, S> Run<C, S> {
    pub(super) fn fail(&self, error: Error) {
        // Only the first counts: those behind it often follow from it.
        let _ = self.failure.set(error);
        self.stop.send_replace(true);
    }

    /// How it ended, when nothing runs any more.
    pub(super) fn outcome(&self) -> Result<(), Error> {
        self.failure.get().cloned().map_or(Ok(()), Err)
    }

    /// Why a run that did not stop in time failed.
    fn too_late(&self, within: Duration) -> Error {
        let uncommitted = self.worker.limits.stats.progress.uncommitted();
        let uncommitted = uncommitted.unwrap_or_else(|| "nothing that was read".to_owned());
        if let Some(failure) = self.failure.get() {
            tracing::error!(uncommitted, "what was read could not be committed in time; the next run reads it again");
            return failure.clone();
        }
        let what = format!("the pipeline could not stop within {within:?}, and has not committed: {uncommitted}");
        let error = Error::new(ErrorKind::Unavailable, what).at(self.worker.ledger.store().uri()).cure(
            "run again when the store answers: what is not committed is read again; or give it more time to stop",
        );
        match self.worker.ledger.patience.trouble() {
            Some(trouble) => error.because(trouble),
            None => error,
        }
    }
}

/// What is known of a partition in this run.
enum Known {
    Running,
    /// It has nothing more in this run.
    Paused,
    /// Its chain has an end mark, so the partitions that came of it can be read.
    Ended,
}

impl<C, S, R> Run<C, S>
where
    S: Serialize + DeserializeOwned + Send + 'static,
    C: Fn(Records, DeadLetters, State<S>) -> R + Send + Sync + 'static,
    R: TryStream<Error = Error> + Send + 'static,
    R::Ok: Serialize + Send,
{
    /// Runs every partition as soon as its parents are done with, until there is none left to run.
    async fn run_all(&self) -> Result<(), Error> {
        let mut known = HashMap::new();
        let mut tasks = JoinSet::new();
        let mut listing = Some(self.worker.source.partitions());
        let mut stopped = pin!(self.worker.limits.stop.clone().wait());
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
                        Some(Err(error)) => self.fail(error),
                        None => {}
                    }
                }
                Some(joined) = tasks.join_next() => match joined {
                    Ok((partition, Ok(end))) => {
                        known.insert(partition, if end { Known::Ended } else { Known::Paused });
                        // It may have left children.
                        listing = goes_on.then(|| self.worker.source.partitions());
                    }
                    Ok((_, Err(error))) => self.fail(error),
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => self.fail(panicked(&*panic)),
                        Err(_cancelled) => {}
                    },
                },
                () = tokio::time::sleep(DISCOVERY), if goes_on && listing.is_none() => {
                    listing = Some(self.worker.source.partitions());
                }
                () = &mut stopped, if goes_on => {
                    goes_on = false;
                    listing = None;
                }
            }
        }
        self.outcome()
    }

    fn start(&self, listed: Vec<Listed>, known: &mut HashMap<Partition, Known>, tasks: &mut Tasks) {
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
            let worker = self.worker.clone();
            tasks.spawn(async move {
                let end = worker.run_partition(&listed).await;
                (listed.partition, end)
            });
        }
    }
}

type Tasks = JoinSet<(Partition, Result<bool, Error>)>;
