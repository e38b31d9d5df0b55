//! [`Reshard`]: looks at the traffic, asks the planner, and makes the changes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::change::Standing;
use super::client::Kinesis;
use super::journal::{Journal, Sign};
use super::{Change, Entry, Event, Planned, Planner, Policy, Shard, Status, Traffic};
use crate::aws::retry::{Class, Retry, Trouble};
use crate::error::causes;
use crate::metrics::{label, reshard as metrics};
use crate::{Error, ErrorKind};

/// The least time between two calls that change shards. The service allows five a second in an account.
pub(super) const PACE: Duration = Duration::from_millis(500);
/// How long a change is tried that the service has no room for: an account has a limit of shards.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);
/// For how long a list of shards may be older than a change that the service has taken.
const STALE: Duration = Duration::from_secs(60);
/// How long it may take to say that a controller ends.
const END: Duration = Duration::from_secs(5);

/// Is told each decision, and what came of it.
pub(super) type Tell = Box<dyn FnMut(&Entry) + Send>;

/// Splits and merges the shards of a stream by their traffic.
///
/// Made by [`builder`](Self::builder). [`run`](Self::run) is a future to be run beside a pipeline; it may be dropped at any
/// time, and the next controller goes on with what this one had begun.
#[must_use = "a controller does nothing until it is run"]
pub struct Reshard {
    pub(super) stream: String,
    pub(super) kinesis: Arc<dyn Kinesis>,
    pub(super) retry: Arc<Retry>,
    pub(super) traffic: Traffic,
    pub(super) policy: Policy,
    pub(super) planner: Planner,
    /// None in a dry run.
    pub(super) journal: Option<Journal>,
    pub(super) lease: Duration,
    pub(super) status: Status,
    pub(super) tell: Option<Tell>,
    /// The last sign of another controller, and since when there was no other.
    pub(super) seen: Option<(Sign, Instant)>,
    /// Unset until the change that is being made has been tried.
    pub(super) attempt: Option<Attempt>,
    /// How many plans a dry run has told.
    pub(super) told: u64,
}

/// How the change fares that is being made: the first of those that are left.
#[derive(Debug)]
pub(super) struct Attempt {
    since: Instant,
    /// When the service said last that it begins.
    begun: Option<Instant>,
    /// Why the last call failed, and whether another one would fail as well.
    trouble: Option<Trouble>,
}

impl Reshard {
    /// What this controller sees and does, to be read while it runs.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// Looks and changes until `shutdown` is ready. A change that has begun by then is not waited for: the next controller
    /// takes note of it.
    ///
    /// # Errors
    ///
    /// What the service or the store says that will not pass: no permission, no stream. What passes is waited for.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let outcome = tokio::select! {
            biased;
            () = shutdown => Ok(()),
            outcome = self.control() => outcome,
        };
        self.status.leads(false, None);
        if let Some(journal) = &mut self.journal {
            match timeout(END, journal.end()).await {
                Ok(Ok(())) => {}
                // The next controller waits for as long as it does for one that died.
                Ok(Err(error)) => tracing::warn!(%error, "cannot note the end of resharding"),
                Err(_) => tracing::warn!("the store does not take note of the end of resharding"),
            }
        }
        outcome
    }

    async fn control(&mut self) -> Result<(), Error> {
        let origin = Instant::now();
        // What was measured before is of a time that is not known.
        drop(self.traffic.take());
        let mut taken = origin;
        let mut looked = None;
        loop {
            let due = looked.is_none_or(|looked: Instant| looked.elapsed() >= self.policy.window);
            let turn = async {
                if due {
                    self.look(origin, &mut taken).await?;
                    looked = Some(Instant::now());
                }
                if self.leads().await? {
                    if self.is_busy() {
                        self.advance().await?;
                    } else if due {
                        self.decide(origin.elapsed()).await?;
                    }
                }
                Ok::<_, Error>(())
            };
            match turn.await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(error = causes(&error), "resharding waits");
                    sleep(PACE).await;
                }
                turn => turn?,
            }
            let next = looked.map_or(Duration::ZERO, |looked| self.policy.window.saturating_sub(looked.elapsed()));
            sleep(if self.is_busy() { PACE } else { next }).await;
        }
    }

    /// Takes in the shards and what was measured of them since `taken`.
    async fn look(&mut self, origin: Instant, taken: &mut Instant) -> Result<(), Error> {
        let listed = self.retry.call(|| self.kinesis.shards()).await.map_err(|trouble| trouble.error)?;
        // The list may have taken its time, in which traffic was measured, too.
        let took = taken.elapsed();
        // The first look is at the shards alone: what was measured until now counts in the next window.
        let loads = if took < self.policy.window / 2 {
            BTreeMap::new()
        } else {
            *taken = Instant::now();
            self.traffic.take()
        };
        self.planner.observe(origin.elapsed(), took, Shard::open(&listed), &loads);
        self.status.observed(&self.planner, &loads);
        Ok(())
    }

    /// Whether this is the controller; it becomes it if nobody is.
    async fn leads(&mut self) -> Result<bool, Error> {
        let Some(journal) = &mut self.journal else { return Ok(true) };
        let sign = journal.sign().await?;
        let mut leads = journal.is_mine();
        if !leads {
            let silent = match &self.seen {
                Some((before, since)) if *before == sign => since.elapsed(),
                _ => Duration::ZERO,
            };
            if silent.is_zero() {
                self.seen = Some((sign, Instant::now()));
            }
            if journal.is_free() || silent >= self.lease {
                let left = journal.left().to_vec();
                leads = journal.write(Event::Began, left).await?;
                if leads {
                    self.attempt = None;
                    self.say();
                }
            }
        }
        if leads && let Some(journal) = &mut self.journal {
            // A turn may come a little sooner after the last one than a window: it is not to be left out for that.
            journal.beat(self.policy.window / 2).await?;
        }
        self.status.leads(leads, self.journal.as_ref().and_then(Journal::leader));
        Ok(leads)
    }

    /// Whether changes are planned and not made yet, and this is who makes them.
    fn is_busy(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.is_mine() && !journal.left().is_empty())
    }

    /// Decides what is to be done, and writes that down before anything is done.
    async fn decide(&mut self, now: Duration) -> Result<(), Error> {
        let plan = self.planner.plan(now);
        for (shard, why) in plan.stuck {
            self.write(Event::Stuck { shard, why }, Vec::new()).await?;
        }
        if plan.changes.is_empty() {
            return Ok(());
        }
        if self.journal.is_none() {
            plan.changes.iter().for_each(|planned| self.planner.forget(&planned.change));
        }
        self.write(Event::Planned, plan.changes).await
    }

    /// Brings the first of the planned changes forward by a step.
    async fn advance(&mut self) -> Result<(), Error> {
        let mut left = self.journal.iter().flat_map(Journal::left).cloned();
        let Some(Planned { change, .. }) = left.next() else { return Ok(()) };
        let left: Vec<_> = left.collect();
        // Only when a change is over can the next one begin. The shards are listed behind that, or they could be older.
        if !self.retry.call(|| self.kinesis.is_active()).await.map_err(|trouble| trouble.error)? {
            return Ok(());
        }
        let listed = self.retry.call(|| self.kinesis.shards()).await.map_err(|trouble| trouble.error)?;
        match change.standing(&listed) {
            Standing::Done => self.over(Event::Done { change }, left).await,
            Standing::Overtaken => {
                let why = "its shards were changed in another way".to_owned();
                self.over(Event::Dropped { change, why }, left).await
            }
            Standing::Before => self.attempt(change, left).await,
        }
    }

    /// Begins a change, unless it has been tried for long enough.
    async fn attempt(&mut self, change: Change, left: Vec<Planned>) -> Result<(), Error> {
        let attempt = self.attempt.get_or_insert_with(|| Attempt { since: Instant::now(), begun: None, trouble: None });
        let over = attempt.since.elapsed() >= PATIENCE;
        if let Some(trouble) = attempt.trouble.take().filter(|trouble| over || trouble.class == Class::Fatal) {
            self.planner.forget(&change);
            return self.over(Event::Dropped { change, why: causes(&trouble.error) }, left).await;
        }
        // The list does not show yet what has been made, and another call would be refused.
        if attempt.begun.is_some_and(|begun| begun.elapsed() < STALE) {
            return Ok(());
        }
        match self.kinesis.begin(&change).await {
            Ok(()) => {
                attempt.begun = Some(Instant::now());
                Ok(())
            }
            Err(trouble) if trouble.error.kind() == ErrorKind::Denied && trouble.class == Class::Fatal => {
                Err(trouble.error)
            }
            Err(trouble) => {
                trouble.log(PACE, attempt.since.elapsed());
                attempt.trouble = Some(trouble);
                Ok(())
            }
        }
    }

    /// Writes what has come of the change that was being made.
    async fn over(&mut self, event: Event, left: Vec<Planned>) -> Result<(), Error> {
        self.attempt = None;
        self.write(event, left).await
    }

    /// Writes an entry and tells it. That another controller has come in between is seen at the next turn.
    async fn write(&mut self, event: Event, left: Vec<Planned>) -> Result<(), Error> {
        let written = match &mut self.journal {
            Some(journal) => journal.write(event, left).await?,
            None => {
                let entry = Entry::new(self.told, "dry run".to_owned(), event, left);
                self.told += 1;
                self.tell(&entry);
                false
            }
        };
        if written {
            self.say();
        }
        Ok(())
    }

    /// Tells the last entry of the journal.
    fn say(&mut self) {
        if let Some(entry) = self.journal.as_ref().and_then(Journal::last).cloned() {
            self.tell(&entry);
        }
    }

    fn tell(&mut self, entry: &Entry) {
        tracing::info!(%entry, "resharding");
        self.status.told(entry);
        let stream = label("stream", &*self.stream);
        match &entry.event {
            Event::Done { change: Change::Split { .. } } => {
                metrics::CHANGES.add(&[stream, label("change", "split")], 1)
            }
            Event::Done { change: Change::Merge { .. } } => {
                metrics::CHANGES.add(&[stream, label("change", "merge")], 1)
            }
            Event::Dropped { .. } => metrics::DROPPED.add(&[stream], 1),
            Event::Stuck { .. } => metrics::STUCK.add(&[stream], 1),
            Event::Began | Event::Planned | Event::Ended => {}
        }
        if let Some(tell) = &mut self.tell {
            tell(entry);
        }
    }
}

impl fmt::Debug for Reshard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reshard")
            .field("kinesis", &self.kinesis)
            .field("policy", &self.policy)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}
