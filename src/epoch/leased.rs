//! A run over the partitions of which this worker holds the leases.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, OptionFuture, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;

use super::dead::DeadLetters;
use super::header::Root;
use super::ledger::{Head, Ledger};
use super::partition::panicked;
use super::pipeline::{DISCOVERY, Records, Run, Worker};
use super::records::Stop;
use super::state::State;
use crate::lease::{Checkpoint, Keeper, Leases, Shard};
use crate::source::{Listed, Start};
use crate::{Error, ErrorKind, Partition, TryStream};

/// How often is looked whether partitions come to nothing.
const LOOK: Duration = Duration::from_secs(1);

/// A lease under which a partition is worked on.
#[derive(Clone)]
pub(super) struct Lease {
    keeper: Arc<Keeper>,
    partition: Partition,
    key: String,
    table: String,
    /// How far the partition was by the table, before the ledger was asked.
    said: Option<Checkpoint>,
}

impl Lease {
    /// Tells how far the partition is committed.
    pub(super) fn commit(&self, partition: &Partition, head: &Head) {
        let to = match &head.from {
            _ if head.end => Checkpoint::End,
            Some(position) => Checkpoint::At(position.clone()),
            None => return,
        };
        // A parent that is gone is ended in the course of its child.
        if *partition == self.partition {
            self.keeper.commit(&self.key, to);
        }
    }

    /// Refuses a table that says of the partition more than the ledger, which was read after it.
    pub(super) fn check(&self, head: &Head, ledger: &Ledger) -> Result<(), Error> {
        let ahead = match &self.said {
            Some(Checkpoint::End) if !head.end => "its end".to_owned(),
            Some(Checkpoint::At(position)) if !head.end && head.from.as_ref().is_none_or(|from| from < position) => {
                position.to_string()
            }
            _ => return Ok(()),
        };
        let ours = head.from.as_ref().map_or_else(|| "its start".to_owned(), ToString::to_string);
        let what =
            format!("the lease table says that {} is read up to {ahead}, and the ledger only up to {ours}", self.key);
        Err(foreign(what, &self.table, ledger))
    }

    /// Refuses to begin a partition before the ledger has the ends of its parents, whatever the table says.
    pub(super) async fn check_parents(
        &self,
        listed: &Listed,
        head: &Head,
        ledger: &Ledger,
        root: &Root,
    ) -> Result<(), Error> {
        for parent in listed.parents.iter().filter(|_| head.n == 0) {
            if !ledger.resume(root, parent).await?.0.end {
                let what = format!("the lease table says that {parent} is read to its end, and the ledger does not");
                return Err(foreign(what, &self.table, ledger));
            }
        }
        Ok(())
    }
}

fn foreign(what: String, table: &str, ledger: &Ledger) -> Error {
    Error::new(ErrorKind::Conflict, what).at(format!("{table}, {}", ledger.store().uri())).cure(
        "something else works with this table, or the ledger is another one: choose a table of its own for each ledger; to \
         go on from where another application stopped, begin a ledger that continues from its table",
    )
}

/// A partition that is being worked on.
struct Running {
    listed: Listed,
    stop: watch::Sender<bool>,
    task: AbortHandle,
    since: Instant,
    /// Its lease is gone, and its task on its way out.
    dropped: bool,
}

type Tasks = JoinSet<Result<bool, Error>>;

/// What a leased run knows.
struct Leased {
    keeper: Arc<Keeper>,
    table: String,
    listed: HashMap<String, Listed>,
    running: HashMap<String, Running>,
    /// Partitions at their ends, whose leases are given back when it is listed what came of them.
    ended: BTreeSet<String>,
    keys: HashMap<Id, String>,
    tasks: Tasks,
}

impl<C, S, R> Run<C, S>
where
    S: Serialize + DeserializeOwned + Send + 'static,
    C: Fn(Records, DeadLetters, State<S>) -> R + Send + Sync + 'static,
    R: TryStream<Error = Error> + Send + 'static,
    R::Ok: Serialize + Send,
{
    /// Works on the partitions of which it gets the leases, until it is to stop; then it gives them back.
    pub(super) async fn run_leased(&self, leases: &Leases) -> Result<(), Error> {
        let keeper = Arc::new(Keeper::new(leases));
        {
            let mut work = pin!(self.work(&keeper, leases));
            if let Either::Left((error, work)) = select(pin!(keeper.keep()), work.as_mut()).await {
                self.fail(error);
                work.await;
            }
        }
        keeper.leave().await;
        self.worker.limits.stats.leases(&keeper, 0);
        self.outcome()
    }

    async fn work(&self, keeper: &Arc<Keeper>, leases: &Leases) {
        let source = &self.worker.source;
        let too_long = leases.gives_up_after().saturating_add(self.worker.limits.every.span);
        let mut held = keeper.held();
        let mut listing = Some(source.partitions());
        let mut stopped = pin!(self.worker.limits.stop.clone().wait());
        let mut goes_on = true;
        let mut discovery = tokio::time::interval(DISCOVERY);
        let mut look = tokio::time::interval(LOOK);
        let mut leased = Leased {
            keeper: Arc::clone(keeper),
            table: leases.table().uri(),
            listed: HashMap::new(),
            running: HashMap::new(),
            ended: BTreeSet::new(),
            keys: HashMap::new(),
            tasks: JoinSet::new(),
        };
        while goes_on || !leased.tasks.is_empty() {
            tokio::select! {
                listed = OptionFuture::from(listing.as_mut()), if listing.is_some() => {
                    listing = None;
                    match listed {
                        Some(Ok(listed)) => self.list(&mut leased, listed),
                        Some(Err(error)) if error.is_transient() && !leased.listed.is_empty() => {
                            tracing::warn!(%error, "partitions cannot be listed; those that are known go on");
                        }
                        Some(Err(error)) => self.fail(error),
                        None => {}
                    }
                }
                Some(joined) = leased.tasks.join_next_with_id() => {
                    let (id, outcome) = match joined {
                        Ok((id, outcome)) => (id, outcome),
                        Err(error) => {
                            let id = error.id();
                            (id, error.try_into_panic().map_or(Ok(false), |panic| Err(panicked(&*panic))))
                        }
                    };
                    if leased.end(id, &outcome) && goes_on {
                        listing = Some(source.partitions());
                    }
                    if let Err(error) = outcome {
                        self.fail(error);
                    }
                }
                Ok(()) = held.changed() => {}
                _ = discovery.tick(), if goes_on && listing.is_none() => listing = Some(source.partitions()),
                _ = look.tick(), if goes_on => {
                    for key in self.stuck(&leased, too_long) {
                        leased.give_up(&key, too_long);
                        self.worker.limits.stats.give_up();
                    }
                }
                () = &mut stopped, if goes_on => {
                    goes_on = false;
                    listing = None;
                    keeper.retire();
                    for running in leased.running.values() {
                        running.stop.send_replace(true);
                    }
                }
            }
            if listing.is_none() {
                leased.give_ended_back();
            }
            let now = held.borrow_and_update().clone();
            self.worker.limits.stats.leases(keeper, now.len());
            leased.drop_lost(&now);
            if goes_on {
                self.start_held(&mut leased, &now);
            }
        }
    }

    fn list(&self, leased: &mut Leased, listed: Vec<Listed>) {
        let Worker { source, root, .. } = &self.worker;
        let key = |partition: &Partition| source.lease_key(partition);
        leased.listed = listed.into_iter().map(|listed| (key(&listed.partition), listed)).collect();
        let shards = leased.listed.iter().map(|(shard_key, listed)| {
            let parents = listed.parents.iter().chain(&listed.gone).map(key).collect();
            let range = listed.keys.map(|keys| (keys.first, keys.last));
            let first = match root.start_of(&listed.partition) {
                Start::At(_) => Checkpoint::AtTimestamp,
                Start::Beginning | Start::After(_) => Checkpoint::TrimHorizon,
            };
            (Shard { key: shard_key.clone(), parents, range }, first)
        });
        leased.keeper.list(shards);
    }

    /// Begins the partitions whose leases have come.
    fn start_held(&self, leased: &mut Leased, held: &BTreeSet<String>) {
        let is_new = |key: &&String| !leased.running.contains_key(*key) && !leased.ended.contains(*key);
        for key in held.iter().filter(is_new).cloned().collect::<Vec<_>>() {
            let Some(listed) = leased.listed.get(&key).cloned() else { continue };
            let (stop, stopped) = watch::channel(false);
            let mut worker = self.worker.clone();
            worker.limits.stop = Stop(stopped);
            let (keeper, table) = (Arc::clone(&leased.keeper), leased.table.clone());
            let partition = listed.partition.clone();
            let said = keeper.checkpoint(&key);
            worker.lease = Some(Lease { keeper, partition, key: key.clone(), table, said });
            let of_task = listed.clone();
            let task = leased.tasks.spawn(async move { worker.run_partition(&of_task).await });
            leased.keys.insert(task.id(), key.clone());
            leased.running.insert(key, Running { listed, stop, task, since: Instant::now(), dropped: false });
        }
    }

    /// The partitions that have come to nothing for too long.
    fn stuck(&self, leased: &Leased, too_long: Duration) -> Vec<String> {
        let progress = &self.worker.limits.stats.progress;
        let is_stuck = |running: &Running| {
            // One that is not known there has not come to reading yet.
            let stuck_for = progress.stuck_for(&running.listed.partition);
            !running.dropped && stuck_for.unwrap_or_else(|| running.since.elapsed()) >= too_long
        };
        leased.running.iter().filter(|(_, running)| is_stuck(running)).map(|(key, _)| key.clone()).collect()
    }
}

impl Leased {
    /// Ends the work on partitions whose leases are lost. What is not committed is dropped: whoever has the lease now has
    /// begun behind what is, and one of both results would be thrown away.
    fn drop_lost(&mut self, held: &BTreeSet<String>) {
        for (key, running) in &mut self.running {
            if !held.contains(key) && !running.dropped {
                tracing::info!(
                    key,
                    "a lease is lost; what is not committed of its partition is left to its new worker"
                );
                running.dropped = true;
                running.task.abort();
            }
        }
    }

    fn give_up(&mut self, key: &str, after: Duration) {
        tracing::error!(
            key,
            "nothing was committed of a partition for {after:?}, though it was begun or something was read of it; its lease is \
             given up, so that another worker can try"
        );
        if let Some(running) = self.running.get_mut(key) {
            running.dropped = true;
            running.task.abort();
        }
        self.keeper.release(key, self.keeper.penalty());
    }

    /// A task is over; whether its partition may have left children.
    fn end(&mut self, id: Id, outcome: &Result<bool, Error>) -> bool {
        let Some(key) = self.keys.remove(&id) else { return false };
        let Some(running) = self.running.remove(&key) else { return false };
        if running.dropped {
            return false;
        }
        let ended = matches!(outcome, Ok(true));
        if ended {
            self.ended.insert(key);
        } else {
            // It has nothing more in this run, and is not begun again in it.
            self.keeper.release(&key, Duration::MAX);
        }
        ended
    }

    /// Gives the leases back of what is at its end. If the table cannot be told, somebody has to find it once more.
    fn give_ended_back(&mut self) {
        for key in std::mem::take(&mut self.ended) {
            self.keeper.release(&key, Duration::ZERO);
        }
    }
}
