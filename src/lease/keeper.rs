//! [`Keeper`]: keeps one worker's leases, against a table.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{BoxFuture, Either, select};
use futures::stream::{self, FuturesUnordered};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::view::{Counts, Step, View};
use super::{Change, Checkpoint, Lease, LeaseTable, Leases, Shard};
use crate::{Error, ErrorKind};

/// How many rows are written at once.
const WRITES_AT_ONCE: usize = 16;

/// What is to be done soon is done after this part of the failover time, or of ten seconds if that is less.
const SOON: u32 = 10;
const AT_MOST_SOON: Duration = Duration::from_secs(1);

/// How many times a call is made before it has failed.
const TRIES: usize = 3;

/// How many writes are made to a row in a turn: what is said of it, what was said of it meanwhile, and the end of the lease.
const WRITES: usize = 3;

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
    /// Something is to be written to a lease that is held, at once.
    settles: Notify,
    /// Something is to be looked at, at once.
    looks: Notify,
    /// The table could not be reached.
    away: AtomicBool,
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
            settles: Notify::new(),
            looks: Notify::new(),
            away: AtomicBool::new(false),
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
        let is_new = self.view().list(shards);
        if is_new {
            self.looks.notify_one();
        }
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
        self.settles.notify_one();
    }

    /// Takes no more leases.
    pub(crate) fn retire(&self) {
        self.view().retire();
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
    ///
    /// Looking never holds up what is renewed or given back, however long it takes.
    pub(crate) async fn keep(&self) -> Error {
        match select(pin!(self.go_on_settling()), pin!(self.go_on_looking())).await {
            Either::Left((error, _)) | Either::Right((error, _)) => error,
        }
    }

    async fn go_on_settling(&self) -> Error {
        loop {
            let pause = match self.reached(self.settle().await) {
                Ok(true) => self.view().renews_in(self.now()),
                Ok(false) => self.soon(),
                Err(error) => return error,
            };
            let _ = timeout(pause, self.settles.notified()).await;
        }
    }

    async fn go_on_looking(&self) -> Error {
        loop {
            let reached = match self.reached(self.look().await) {
                Ok(reached) => reached,
                Err(error) => return error,
            };
            let pause = {
                let view = self.view();
                // A lease that is free, or a call that failed, is not left for long. Workers that began together do not
                // go on together; but a lease that expires is looked for just then.
                let jitter = self.random().random_range(0.8..1.0);
                match (reached, view.waits()) {
                    (false, _) => self.soon().mul_f64(jitter),
                    (true, true) => view.looks_in(self.now(), jitter).min(self.soon().mul_f64(jitter)),
                    (true, false) => view.looks_in(self.now(), jitter),
                }
            };
            let _ = timeout(pause, self.looks.notified()).await;
        }
    }

    fn soon(&self) -> Duration {
        (self.failover / SOON).min(AT_MOST_SOON)
    }

    fn random(&self) -> MutexGuard<'_, StdRng> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the table could be reached.
    fn reached(&self, outcome: Result<(), Error>) -> Result<bool, Error> {
        match outcome {
            Ok(()) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!(table = self.table.uri(), "the lease table can be reached again");
                }
                Ok(true)
            }
            Err(error) if error.is_transient() => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    let what = "the lease table cannot be reached; this worker goes on with the leases that it has";
                    tracing::warn!(%error, "{what}");
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// What the first of up to three calls answers. The next one is made when the last has failed, or has been silent for a
    /// while: one answer that is lost must not cost a lease. A call may be made twice, since each write has a condition,
    /// and who is refused looks why.
    async fn ask<'a, T>(&self, call: impl Fn() -> BoxFuture<'a, Result<T, Error>>) -> Result<T, Error> {
        let mut calls = FuturesUnordered::from_iter([call()]);
        let mut left = TRIES - 1;
        loop {
            tokio::select! {
                Some(answer) = calls.next() => match answer {
                    Err(error) if error.is_transient() && left > 0 => {}
                    Err(error) if error.is_transient() && !calls.is_empty() => continue,
                    answer => return answer,
                },
                () = sleep(self.soon()), if left > 0 => {}
            }
            left -= 1;
            calls.push(call());
        }
    }

    /// Looks at the table, and takes what is to be taken.
    async fn look(&self) -> Result<(), Error> {
        let sent = self.now();
        let rows = self.ask(|| self.table.list()).await?;
        let steps = {
            let mut view = self.view();
            view.look(sent, self.now(), rows);
            view.plan()
        };
        self.publish();
        let written = stream::iter(steps).map(|step| self.write(step)).buffer_unordered(WRITES_AT_ONCE);
        written.fold(Ok(()), async |outcome, written| outcome.and(written)).await
    }

    /// Writes what is to be written to the leases that are held. What fails of it is no reason to leave out the rest.
    async fn settle(&self) -> Result<(), Error> {
        let due = self.view().due(self.now());
        let settled = stream::iter(due).map(|key| self.settle_one(key)).buffer_unordered(WRITES_AT_ONCE);
        settled.fold(Ok(()), async |outcome, settled| outcome.and(settled)).await
    }

    async fn settle_one(&self, key: String) -> Result<(), Error> {
        for _ in 0..WRITES {
            let due = self.view().due_of(&key, self.now());
            let Some(change) = due else { break };
            self.write((key.clone(), change)).await?;
        }
        Ok(())
    }

    async fn write(&self, step: Step) -> Result<(), Error> {
        let (key, change) = &step;
        let sent = self.now();
        self.view().begin(&step);
        if self.ask(|| self.table.write(key, change, &self.worker)).await? {
            if let Change::Take(..) = change {
                let from = self.view().owner(key).map(str::to_owned);
                tracing::info!(key, worker = &*self.worker, from = from.as_deref(), "took a lease");
            }
            self.view().done(&step, sent, self.now());
        } else {
            let lease = self.ask(|| self.table.get(key)).await?;
            self.view().refused(&step, lease, sent, self.now());
        }
        match change {
            // What comes of it may be taken now.
            Change::Checkpoint(_, Checkpoint::End, _) | Change::Create(..) => self.looks.notify_one(),
            Change::Renew(_) | Change::Take(..) | Change::Evict | Change::Checkpoint(..) | Change::Remove(_) => {}
        }
        self.publish();
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
        let left = async {
            while !self.view().has_left() {
                match self.settle().await {
                    Ok(()) => {}
                    Err(error) if error.is_transient() => sleep(self.soon()).await,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        let trouble = match timeout(LEAVE, left).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it takes longer than {LEAVE:?}"),
        };
        tracing::warn!(
            worker = &*self.worker,
            trouble,
            "leases could not be given back; others take them when they expire"
        );
    }
}

/// How far the partitions of another application are that works with a lease table, by their keys; it must have stopped.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) if there is no table, or it has no lease; [`Conflict`](ErrorKind::Conflict) if one of its workers
/// still runs: a lease is renewed while this looks, which takes as long as a lease lasts.
pub(crate) async fn checkpoints(table: &dyn LeaseTable) -> Result<BTreeMap<String, Checkpoint>, Error> {
    let first = table.list().await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "there is no lease table to continue from")
            .at(table.uri())
            .cure("check its name, which is that of the application that has read this stream, and the region"),
        _ => error,
    })?;
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
    let written = |lease: &Lease| {
        format!(
            "the lease of {} was written just now, by {}",
            lease.key,
            lease.owner.as_deref().unwrap_or("nobody now")
        )
    };
    let moved = last.iter().find(|lease| !first.contains(lease)).map(written);
    let removed = first.iter().find(|lease| last.iter().all(|other| other.key != lease.key));
    let removed = removed.map(|lease| format!("the row of {} was removed just now", lease.key));
    if let Some(what) = moved.or(removed) {
        return Err(Error::new(ErrorKind::Conflict, what)
            .at(table.uri())
            .cure("stop all workers of the application to continue from, and try again"));
    }
    Ok(last.into_iter().map(|lease| (lease.key, lease.checkpoint)).collect())
}

#[cfg(test)]
mod tests;
