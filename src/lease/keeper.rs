//! [`Keeper`]: keeps one worker's leases, against a table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::view::{Counts, RENEWALS, Step, View};
use super::{Change, Checkpoint, LeaseTable, Leases, Shard};
use crate::{Error, ErrorKind};

/// How many rows are written at once.
const WRITES_AT_ONCE: usize = 16;

/// How many times in the failover time is looked while something is to be done soon.
const SOON: u32 = 10;

/// For how long a worker that stops tries to give its leases back. Without that they are free after the failover time.
const LEAVE: Duration = Duration::from_secs(3);

/// One worker's leases in a table.
#[derive(Debug)]
pub(crate) struct Keeper {
    table: Arc<dyn LeaseTable>,
    worker: Arc<str>,
    failover: Duration,
    began: Instant,
    view: Mutex<View>,
    /// Something has changed that is to be written, or looked at, at once.
    wake: Notify,
    held: watch::Sender<BTreeSet<String>>,
    random: Mutex<StdRng>,
}

impl Keeper {
    pub(crate) fn new(leases: &Leases) -> Self {
        Self::seeded(leases, StdRng::from_rng(&mut rand::rng()))
    }

    fn seeded(leases: &Leases, mut random: StdRng) -> Self {
        let view = View::new(&*leases.worker, leases.failover, StdRng::from_rng(&mut random));
        Self {
            table: Arc::clone(&leases.table),
            worker: Arc::clone(&leases.worker),
            failover: leases.failover,
            began: Instant::now(),
            view: Mutex::new(view),
            wake: Notify::new(),
            held: watch::Sender::default(),
            random: Mutex::new(random),
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells which partitions there are, and what the row of each says if it is made now.
    pub(crate) fn list(&self, shards: impl IntoIterator<Item = (Shard, Checkpoint)>) {
        self.view().list(shards);
        self.wake.notify_one();
    }

    /// A partition that is held is committed up to there.
    pub(crate) fn commit(&self, key: &str, to: Checkpoint) {
        self.view().commit(key, to);
    }

    /// What the table says of how far a partition is, as far as is known.
    pub(crate) fn checkpoint(&self, key: &str) -> Option<Checkpoint> {
        self.view().checkpoint(key).cloned()
    }

    /// Gives a lease back at once, and leaves it to others for that time.
    pub(crate) fn release(&self, key: &str, shun: Duration) {
        let until = self.now().saturating_add(shun);
        self.view().release(key, Some(until));
        self.publish();
        self.wake.notify_one();
    }

    /// For how long a lease that was given up is left to others, so that one of them can try.
    pub(crate) fn penalty(&self) -> Duration {
        self.failover * 2
    }

    /// The keys of the leases that are held.
    pub(crate) fn held(&self) -> watch::Receiver<BTreeSet<String>> {
        self.held.subscribe()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.view().counts
    }

    /// Keeps, takes and loses leases, until something goes wrong that no patience helps against.
    pub(crate) async fn keep(&self) -> Error {
        loop {
            let turn = self.turn().await;
            // A lease that is free, or a call that failed, is not left for a whole turn.
            let soon = turn.is_err() || self.view().waits();
            if let Err(error) = turn {
                if !error.is_transient() {
                    return error;
                }
                tracing::warn!(%error, "the lease table cannot be reached; this worker goes on with the leases that it has");
            }
            // Workers that began together do not go on together.
            let pause = self.failover / if soon { SOON } else { RENEWALS };
            let pause = pause.mul_f64(self.random().random_range(0.8..1.0));
            let _ = timeout(pause, self.wake.notified()).await;
        }
    }

    fn random(&self) -> MutexGuard<'_, StdRng> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews, looks and takes. What fails of it is no reason to leave out the rest.
    async fn turn(&self) -> Result<(), Error> {
        let settled = self.settle().await;
        let sent = self.now();
        let rows = self.table.list().await?;
        let steps = {
            let mut view = self.view();
            view.look(sent, self.now(), rows);
            view.plan()
        };
        self.publish();
        settled.and(self.write_all(steps).await)
    }

    /// Writes what is to be written to the leases that are held.
    async fn settle(&self) -> Result<(), Error> {
        // A lease is given back when all is said of it, and what is said may meanwhile be more.
        for _ in 0..3 {
            let steps = self.view().due(self.now());
            if steps.is_empty() {
                break;
            }
            self.write_all(steps).await?;
        }
        Ok(())
    }

    async fn write_all(&self, steps: Vec<Step>) -> Result<(), Error> {
        let mut written = stream::iter(steps).map(|step| self.write(step)).buffer_unordered(WRITES_AT_ONCE);
        let mut outcome = Ok(());
        while let Some(done) = written.next().await {
            outcome = outcome.and(done);
        }
        self.publish();
        outcome
    }

    async fn write(&self, step: Step) -> Result<(), Error> {
        let (key, change) = &step;
        let sent = self.now();
        if self.table.write(key, change, &self.worker).await? {
            if let Change::Take(_, _) = change {
                tracing::info!(key, worker = &*self.worker, "took a lease");
            }
            self.view().done(&step, sent, self.now());
            return Ok(());
        }
        let lease = self.table.get(key).await?;
        self.view().refused(&step, lease, sent, self.now());
        Ok(())
    }

    fn publish(&self) {
        let held = self.view().held();
        self.held.send_if_modified(|published| {
            let changed = *published != held;
            *published = held;
            changed
        });
    }

    /// Gives all leases back, so that others need not wait until they expire.
    pub(crate) async fn leave(&self) {
        self.view().leave();
        let settled = timeout(LEAVE, self.settle()).await;
        if !matches!(settled, Ok(Ok(()))) {
            tracing::warn!(worker = &*self.worker, "leases could not be given back; others take them when they expire");
        }
    }
}

/// How far the partitions of another application are that works with a lease table, by their keys; it must have stopped.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) if the table has no lease; [`Conflict`](ErrorKind::Conflict) if one of its workers
/// still runs: a lease is renewed while this looks, which takes as long as a lease lasts.
pub(crate) async fn checkpoints(table: &dyn LeaseTable) -> Result<BTreeMap<String, Checkpoint>, Error> {
    let first = table.list().await?;
    if first.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "the lease table to continue from has no leases")
            .at(table.uri())
            .cure("name the table of the application that has read this stream, or begin without one"));
    }
    if first.iter().any(|lease| lease.owner.is_some()) {
        tracing::info!(table = table.uri(), "looking whether the application to continue from has stopped");
        sleep(super::FAILOVER).await;
    }
    let last = table.list().await?;
    if let Some(moved) = last.iter().find(|lease| !first.contains(lease)) {
        let owner = moved.owner.as_deref().unwrap_or("nobody now");
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("the lease of {} was written just now, by {owner}", moved.key),
        )
        .at(table.uri())
        .cure("stop all workers of the application to continue from, and try again"));
    }
    Ok(last.into_iter().map(|lease| (lease.key, lease.checkpoint)).collect())
}

#[cfg(test)]
mod tests;
