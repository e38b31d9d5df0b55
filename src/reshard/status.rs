//! [`Status`]: what a controller sees and does, to be read meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Entry, Event, Load, Planner, Shard};

/// What a [`Reshard`](super::Reshard) sees and does, to be read while it runs. Clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<View>>);

/// What a controller sees and does at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The shards that are written to, in the order of their hash keys.
    pub shards: Vec<ShardView>,
    /// Whether this controller is the one that changes shards.
    pub leads: bool,
    /// Which controller is the one that changes shards, by the name that the journal has for it; none while there is no such
    /// one, and in a dry run.
    pub leader: Option<String>,
    /// How many splits it has made.
    pub splits: u64,
    /// How many merges it has made.
    pub merges: u64,
    /// Records that were turned away since it began, over all shards.
    pub throttled: u64,
    /// Its last decision, or what it did last.
    pub last: Option<Entry>,
}

/// A shard, and what is known of its load.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardView {
    /// The shard.
    pub shard: Shard,
    /// Its use in the last window, as a share of what a shard takes; none if that is not known.
    pub used: Option<f64>,
    /// Records that it turned away in the last window.
    pub throttled: u64,
}

impl Status {
    /// What there is to see now.
    pub fn view(&self) -> View {
        self.lock().clone()
    }

    /// Takes in the shards and what was measured of them.
    pub(super) fn observed(&self, planner: &Planner, loads: &BTreeMap<String, Load>) {
        let throttled = |load: &Load| load.written.map_or(0, |written| written.throttled);
        let mut view = self.lock();
        view.throttled += loads.values().map(throttled).sum::<u64>();
        let shards = planner.shards().iter().map(|shard| ShardView {
            shard: shard.clone(),
            used: planner.used(&shard.id),
            throttled: loads.get(&shard.id).map_or(0, throttled),
        });
        view.shards = shards.collect();
    }

    pub(super) fn leads(&self, leads: bool, leader: Option<&str>) {
        let mut view = self.lock();
        view.leads = leads;
        view.leader = leader.map(str::to_owned);
    }

    pub(super) fn told(&self, entry: &Entry) {
        let mut view = self.lock();
        if let Event::Done { change } = &entry.event {
            match change {
                super::Change::Split { .. } => view.splits += 1,
                super::Change::Merge { .. } => view.merges += 1,
            }
        }
        view.last = Some(entry.clone());
    }

    fn lock(&self) -> MutexGuard<'_, View> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
