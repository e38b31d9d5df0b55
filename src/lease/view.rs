//! [`View`]: what one worker knows of a lease table, and what it does about it. Pure: times are given, in durations since
//! the worker began, by its own clock that never goes back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::{Change, Checkpoint, Lease, Shard};

/// What is to be done to the row of a key.
pub(super) type Step = (String, Change);

/// How many times in the failover time a lease is renewed.
pub(super) const RENEWALS: u32 = 3;

/// One worker's view.
#[derive(Debug)]
pub(super) struct View {
    me: String,
    failover: Duration,
    random: StdRng,
    shards: BTreeMap<String, Shard>,
    /// What a row that is made says of how far the partition is.
    first: BTreeMap<String, Checkpoint>,
    rows: BTreeMap<String, Row>,
    held: BTreeMap<String, Held>,
    /// Leases that this worker leaves to others, until then.
    shunned: BTreeMap<String, Duration>,
    /// When the last look began.
    looked: Duration,
    pub(super) counts: Counts,
}

/// What has happened to this worker's leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Those that nobody held.
    pub(crate) taken: u64,
    /// Those that another worker held.
    pub(crate) stolen: u64,
    pub(crate) lost: u64,
}

#[derive(Debug)]
struct Row {
    lease: Lease,
    /// Since when its counter stands still, at the latest.
    since: Duration,
    /// Since when it could be taken and nobody has.
    free_since: Option<Duration>,
}

#[derive(Debug)]
struct Held {
    counter: u64,
    /// When the last write began that is known to have been done.
    renewed: Duration,
    /// How far the partition is committed, if the table does not say so yet.
    to_say: Option<Checkpoint>,
    /// The lease is to be given back.
    leaves: bool,
}

impl View {
    pub(super) fn new(me: impl Into<String>, failover: Duration, random: StdRng) -> Self {
        Self {
            me: me.into(),
            failover,
            random,
            shards: BTreeMap::new(),
            first: BTreeMap::new(),
            rows: BTreeMap::new(),
            held: BTreeMap::new(),
            shunned: BTreeMap::new(),
            looked: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    /// Which partitions there are, and what the row of each says when it is made.
    pub(super) fn list(&mut self, shards: impl IntoIterator<Item = (Shard, Checkpoint)>) {
        (self.shards, self.first) =
            shards.into_iter().map(|(shard, first)| ((shard.key.clone(), shard.clone()), (shard.key, first))).unzip();
    }

    /// All rows, as they were at some time between `sent` and `received`.
    pub(super) fn look(&mut self, sent: Duration, received: Duration, rows: Vec<Lease>) {
        let seen: BTreeSet<String> = rows.iter().map(|lease| lease.key.clone()).collect();
        self.rows.retain(|key, _| seen.contains(key));
        for lease in rows {
            self.see(lease, received);
        }
        self.looked = sent;
        let gone: Vec<_> = self.held.keys().filter(|key| !self.rows.contains_key(*key)).cloned().collect();
        for key in gone {
            self.lose(&key);
        }
        self.shunned.retain(|_, until| *until > sent);
        for (key, row) in &mut self.rows {
            let free = row.lease.owner.is_none() || is_expired(row, sent, self.failover);
            row.free_since = if free && !self.held.contains_key(key) { row.free_since.or(Some(sent)) } else { None };
        }
    }

    /// A row as it is now, or was just now.
    fn see(&mut self, lease: Lease, received: Duration) {
        let (is_mine, counter, key) = (lease.owner.as_deref() == Some(&*self.me), lease.counter, lease.key.clone());
        let ended = lease.checkpoint == Checkpoint::End;
        match self.rows.get_mut(&key) {
            Some(row) if row.lease.counter == lease.counter && row.lease.owner == lease.owner => row.lease = lease,
            Some(row) => (row.lease, row.since, row.free_since) = (lease, received, None),
            None => {
                self.rows.insert(key.clone(), Row { lease, since: received, free_since: None });
            }
        }
        match self.held.get_mut(&key) {
            Some(held) if is_mine => held.counter = counter,
            Some(_) => self.lose(&key),
            // The answer to a write of ours was lost; or this is the work of one before us who had our name.
            None if is_mine && !ended && self.shards.contains_key(&key) && !self.shunned.contains_key(&key) => {
                self.hold(&key, counter, received);
            }
            None => {}
        }
    }

    fn hold(&mut self, key: &str, counter: u64, renewed: Duration) {
        self.held.insert(key.to_owned(), Held { counter, renewed, to_say: None, leaves: false });
    }

    fn lose(&mut self, key: &str) {
        if let Some(held) = self.held.remove(key) {
            self.counts.lost += u64::from(!held.leaves);
        }
    }

    /// What is to be written to the leases that are held.
    pub(super) fn due(&self, now: Duration) -> Vec<Step> {
        let step = |(key, held): (&String, &Held)| {
            let change = match &held.to_say {
                Some(to) => Change::Checkpoint(held.counter, to.clone(), self.children(key, to)),
                None if held.leaves => Change::Evict,
                None if now.saturating_sub(held.renewed) >= self.failover / RENEWALS => Change::Renew(held.counter),
                None => return None,
            };
            Some((key.clone(), change))
        };
        self.held.iter().filter_map(step).collect()
    }

    /// The partitions that came of one that is at its end.
    fn children(&self, key: &str, checkpoint: &Checkpoint) -> Vec<String> {
        if *checkpoint != Checkpoint::End {
            return Vec::new();
        }
        let came_of_it = |shard: &&Shard| shard.parents.iter().any(|parent| parent == key);
        self.shards.values().filter(came_of_it).map(|shard| shard.key.clone()).collect()
    }

    /// What is to be done to leases that are not held, after a look: rows are made, free leases are taken up to an even
    /// share, and if there are none, one is stolen from who has the most.
    pub(super) fn plan(&mut self) -> Vec<Step> {
        let ready: Vec<String> =
            self.shards.values().filter(|shard| self.is_ready(shard)).map(|s| s.key.clone()).collect();
        let (there, missing): (Vec<_>, Vec<_>) = ready.into_iter().partition(|key| self.rows.contains_key(key));
        let mut steps: Vec<Step> = missing.iter().filter_map(|key| Some((key.clone(), self.create(key)?))).collect();

        let mut loads = BTreeMap::from([(&*self.me, self.held.len())]);
        for row in self.rows.values().filter(|row| row.lease.checkpoint != Checkpoint::End) {
            if let Some(owner) = row.lease.owner.as_deref().filter(|owner| *owner != self.me)
                && !is_expired(row, self.looked, self.failover)
            {
                *loads.entry(owner).or_default() += 1;
            }
        }
        let is_free = |key: &&String| self.rows.get(*key).is_some_and(|row| row.free_since.is_some());
        let open = |key: &&String| !self.held.contains_key(*key) && !self.shunned.contains_key(*key);
        let mut free: Vec<String> = there.iter().filter(is_free).cloned().collect();
        let total = free.len() + missing.len() + loads.values().sum::<usize>();
        let share = total.div_ceil(loads.len());
        let room = share.saturating_sub(self.held.len());
        let others = loads.iter().filter(|(owner, _)| **owner != self.me);
        let most = others.max_by_key(|(_, load)| **load).filter(|(_, load)| **load >= self.held.len() + 2);
        if let Some((victim, _)) = most.filter(|_| free.is_empty()) {
            let is_his =
                |key: &&String| self.rows.get(*key).is_some_and(|row| row.lease.owner.as_deref() == Some(*victim));
            let his: Vec<&String> = there.iter().filter(is_his).filter(open).collect();
            if !his.is_empty() {
                let stolen = his[self.random.random_range(0..his.len())].clone();
                steps.extend(self.take(&stolen).map(|change| (stolen, change)));
            }
            return steps;
        }
        free.retain(|key| open(&key));
        // Those who begin together would otherwise all try for the same ones.
        free.shuffle(&mut self.random);
        for (index, key) in free.into_iter().enumerate() {
            // One that nobody wants is for whoever sees it, whatever the shares are.
            if index < room || self.is_left(&key) {
                steps.extend(self.take(&key).map(|change| (key, change)));
            }
        }
        steps
    }

    /// Whether there is a free lease that this worker could take, though it has not.
    pub(super) fn waits(&self) -> bool {
        let is_free = |shard: &Shard| {
            let row = self.rows.get(&shard.key);
            !self.shunned.contains_key(&shard.key) && row.is_some_and(|row| row.free_since.is_some())
        };
        self.shards.values().any(|shard| is_free(shard) && self.is_ready(shard))
    }

    /// Whether a partition can be worked on: it is not at its end, and what it came from is.
    fn is_ready(&self, shard: &Shard) -> bool {
        let at_end = |row: &Row| row.lease.checkpoint == Checkpoint::End;
        let done = |parent: &String| match self.rows.get(parent) {
            Some(row) if at_end(row) => true,
            // What the source has no more is done with when nobody holds it.
            Some(row) => !self.shards.contains_key(parent) && (row.free_since.is_some() || row.lease.owner.is_none()),
            None => !self.shards.contains_key(parent),
        };
        self.rows.get(&shard.key).is_none_or(|row| !at_end(row)) && shard.parents.iter().all(done)
    }

    fn is_left(&self, key: &str) -> bool {
        let free_since = self.rows.get(key).and_then(|row| row.free_since);
        free_since.is_some_and(|since| self.looked.saturating_sub(since) >= self.failover / RENEWALS)
    }

    fn create(&self, key: &str) -> Option<Change> {
        Some(Change::Create(self.shards.get(key)?.clone(), self.first.get(key)?.clone()))
    }

    fn take(&self, key: &str) -> Option<Change> {
        let lease = &self.rows.get(key)?.lease;
        Some(Change::Take(lease.counter, lease.owner.as_deref() != Some(&*self.me)))
    }

    /// A step that began at `sent` was done.
    pub(super) fn done(&mut self, (key, change): &Step, sent: Duration, received: Duration) {
        let before = self.rows.get(key).map(|row| &row.lease);
        let lease = |owner: Option<&str>, counter, checkpoint: Option<&Checkpoint>| {
            let checkpoint = checkpoint.or_else(|| before.map(|lease| &lease.checkpoint));
            let checkpoint = checkpoint.unwrap_or(&Checkpoint::TrimHorizon).clone();
            Lease { key: key.clone(), owner: owner.map(str::to_owned), counter, checkpoint }
        };
        let me = Some(&*self.me);
        let now = match change {
            Change::Create(_, first) => lease(None, 0, Some(first)),
            Change::Renew(counter) | Change::Take(counter, _) => lease(me, counter + 1, None),
            Change::Evict => lease(None, before.map_or(0, |lease| lease.counter + 1), None),
            Change::Checkpoint(counter, to, _) => lease(me, counter + 1, Some(to)),
        };
        match change {
            Change::Create(..) | Change::Renew(_) => {}
            Change::Take(..) => {
                let was_free = self.rows.get(key).is_none_or(|row| row.free_since.is_some());
                *(if was_free { &mut self.counts.taken } else { &mut self.counts.stolen }) += 1;
                self.hold(key, now.counter, sent);
            }
            Change::Evict => drop(self.held.remove(key)),
            Change::Checkpoint(_, to, _) => {
                if let Some(held) = self.held.get_mut(key).filter(|held| held.to_say.as_ref() == Some(to)) {
                    held.to_say = None;
                }
            }
        }
        if let Some(held) = self.held.get_mut(key) {
            held.renewed = sent;
        }
        let is_free = now.owner.is_none();
        self.see(now, received);
        if let Some(row) = self.rows.get_mut(key) {
            row.free_since = is_free.then_some(sent);
        }
    }

    /// The condition of a step that began at `sent` did not hold: the row is this, if it is there.
    pub(super) fn refused(&mut self, step: &Step, lease: Option<Lease>, sent: Duration, received: Duration) {
        let (key, change) = step;
        let mine = lease.as_ref().filter(|lease| lease.owner.as_deref() == Some(&*self.me));
        let is_it = |counter: &u64| mine.is_some_and(|lease| lease.counter == counter + 1);
        // Done by an attempt of ours whose answer was lost.
        let done = match change {
            Change::Renew(counter) | Change::Take(counter, _) => is_it(counter),
            Change::Checkpoint(counter, to, _) => is_it(counter) && mine.is_some_and(|lease| lease.checkpoint == *to),
            Change::Create(..) | Change::Evict => false,
        };
        if done {
            return self.done(step, sent, received);
        }
        match lease {
            Some(lease) => self.see(lease, received),
            None => {
                self.rows.remove(key);
                self.lose(key);
            }
        }
        if *change == Change::Evict {
            self.held.remove(key);
        }
    }

    /// A partition whose lease is held is committed up to there.
    pub(super) fn commit(&mut self, key: &str, to: Checkpoint) {
        let said = self.rows.get(key).is_some_and(|row| row.lease.checkpoint == to);
        if let Some(held) = self.held.get_mut(key) {
            held.to_say = (!said).then_some(to);
        }
    }

    /// What the table said of a partition when its lease was last seen.
    pub(super) fn checkpoint(&self, key: &str) -> Option<&Checkpoint> {
        self.rows.get(key).map(|row| &row.lease.checkpoint)
    }

    /// Gives a lease back, and leaves it to others until then.
    pub(super) fn release(&mut self, key: &str, shun_until: Option<Duration>) {
        if let Some(held) = self.held.get_mut(key) {
            held.leaves = true;
        }
        if let Some(until) = shun_until {
            self.shunned.insert(key.to_owned(), until);
        }
    }

    /// Gives all leases back.
    pub(super) fn leave(&mut self) {
        self.held.values_mut().for_each(|held| held.leaves = true);
    }

    /// The leases that are held and to be worked on.
    pub(super) fn held(&self) -> BTreeSet<String> {
        self.held.iter().filter(|(_, held)| !held.leaves).map(|(key, _)| key.clone()).collect()
    }
}

/// Whether a look that began at `looked` found the counter as it had been for the failover time.
fn is_expired(row: &Row, looked: Duration, failover: Duration) -> bool {
    looked.saturating_sub(row.since) >= failover
}

#[cfg(test)]
mod tests;
