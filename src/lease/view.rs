//! [`View`]: what one worker knows of a lease table, and what it does about it. Pure: times are given, in durations since
//! the worker began, by its own clock that never goes back.

mod lineage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use self::lineage::Lineage;
use super::{Change, Checkpoint, Lease, Shard};

/// What is to be done to the row of a key.
pub(super) type Step = (String, Change);

/// How many times in the failover time a lease is renewed.
pub(super) const RENEWALS: u32 = 3;
/// The longest time between two looks, however long leases last: what is given back is to be found within seconds.
const LOOK: Duration = Duration::from_secs(3);

/// One worker's view.
#[derive(Debug)]
pub(super) struct View {
    me: String,
    failover: Duration,
    random: StdRng,
    lineage: Lineage,
    rows: BTreeMap<String, Row>,
    /// Those that are listed and whose rows were removed, which is done when what came of them is being read.
    removed: BTreeSet<String>,
    held: BTreeMap<String, Held>,
    /// Leases that are being taken, or of which it is not known whether they were.
    tried: BTreeSet<String>,
    /// Leases that this worker leaves to others, until then.
    shunned: BTreeMap<String, Duration>,
    /// No more leases are taken.
    retired: bool,
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
    /// When it was last written or asked for by itself: a look that began before may show less.
    written: Duration,
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
            lineage: Lineage::default(),
            rows: BTreeMap::new(),
            removed: BTreeSet::new(),
            held: BTreeMap::new(),
            tried: BTreeSet::new(),
            shunned: BTreeMap::new(),
            retired: false,
            looked: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    /// Which partitions there are, and what the row of each says when it is made. Whether that is new.
    pub(super) fn list(&mut self, shards: impl IntoIterator<Item = (Shard, Checkpoint)>) -> bool {
        let is_new = self.lineage.list(shards);
        self.removed = self.lineage.removed(&self.rows);
        is_new
    }

    /// All rows, as they were at some time between `sent` and `received`.
    pub(super) fn look(&mut self, sent: Duration, received: Duration, rows: Vec<Lease>) {
        let seen: BTreeSet<String> = rows.iter().map(|lease| lease.key.clone()).collect();
        self.rows.retain(|key, _| seen.contains(key));
        for lease in rows {
            if self.rows.get(&lease.key).is_none_or(|row| row.written <= sent) {
                self.see(lease, received);
            }
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
        self.removed = self.lineage.removed(&self.rows);
    }

    /// A row as it is now, or was just now.
    fn see(&mut self, lease: Lease, received: Duration) {
        let (is_mine, counter, key) = (lease.owner.as_deref() == Some(&*self.me), lease.counter, lease.key.clone());
        let ended = lease.checkpoint == Checkpoint::End;
        match self.rows.get_mut(&key) {
            Some(row) if row.lease.counter == lease.counter && row.lease.owner == lease.owner => row.lease = lease,
            Some(row) => (row.lease, row.since, row.free_since) = (lease, received, None),
            None => {
                let row = Row { lease, since: received, free_since: None, written: Duration::ZERO };
                self.rows.insert(key.clone(), row);
            }
        }
        match self.held.get_mut(&key) {
            Some(held) if is_mine => held.counter = counter,
            Some(_) => self.lose(&key),
            // The answer to a write of ours was lost; or this is the work of one before us who had our name.
            None if is_mine && !ended && self.lineage.contains(&key) => self.hold(&key, counter, received),
            None => {}
        }
    }

    /// Holds a lease: to give it back, if it is one that came too late.
    fn hold(&mut self, key: &str, counter: u64, renewed: Duration) {
        self.tried.remove(key);
        let leaves = self.retired || self.shunned.contains_key(key);
        self.held.insert(key.to_owned(), Held { counter, renewed, to_say: None, leaves });
    }

    fn lose(&mut self, key: &str) {
        if let Some(held) = self.held.remove(key) {
            self.counts.lost += u64::from(!held.leaves);
        }
    }

    /// The leases that are held and to which something is to be written.
    pub(super) fn due(&self, now: Duration) -> Vec<String> {
        self.held.keys().filter(|key| self.due_of(key, now).is_some()).cloned().collect()
    }

    /// What is to be written to a lease that is held.
    pub(super) fn due_of(&self, key: &str, now: Duration) -> Option<Change> {
        let held = self.held.get(key)?;
        match &held.to_say {
            // The end is said with the partitions that came of it, and those are known when the lease is given back.
            Some(to) if *to != Checkpoint::End || held.leaves => {
                let children = if *to == Checkpoint::End { self.lineage.children(key) } else { &[] };
                Some(Change::Checkpoint(held.counter, to.clone(), children.to_vec()))
            }
            _ if held.leaves => Some(Change::Evict),
            _ if now.saturating_sub(held.renewed) >= self.renewal() => Some(Change::Renew(held.counter)),
            _ => None,
        }
    }

    /// In what time the next lease is to be renewed.
    pub(super) fn renews_in(&self, now: Duration) -> Duration {
        let next = self.held.values().map(|held| held.renewed.saturating_add(self.renewal()).saturating_sub(now)).min();
        next.unwrap_or_else(|| self.renewal()).min(self.renewal())
    }

    /// In what time to look again, if nothing makes that necessary before: in this part of the usual time, or just when a lease
    /// expires.
    pub(super) fn looks_in(&self, now: Duration, part: f64) -> Duration {
        let others = self.rows.iter().filter(|(key, row)| {
            self.lineage.contains(key) && !self.held.contains_key(*key) && row.free_since.is_none() && !at_end(row)
        });
        let expires = others.map(|(_, row)| row.since.saturating_add(self.failover).saturating_sub(now)).min();
        expires.unwrap_or(Duration::MAX).min(self.look_interval().mul_f64(part))
    }

    fn renewal(&self) -> Duration {
        self.failover / RENEWALS
    }

    fn look_interval(&self) -> Duration {
        self.renewal().min(LOOK)
    }

    /// What is to be done to leases that are not held, after a look: rows are made, free leases are taken up to an even
    /// share, and if there are none, one is stolen from who has the most.
    pub(super) fn plan(&mut self) -> Vec<Step> {
        if self.retired {
            return Vec::new();
        }
        let ready: Vec<String> =
            self.lineage.shards().filter(|shard| self.is_ready(shard)).map(|s| s.key.clone()).collect();
        let (there, missing): (Vec<_>, Vec<_>) = ready.into_iter().partition(|key| self.rows.contains_key(key));
        let mut steps: Vec<Step> = missing.iter().filter_map(|key| Some((key.clone(), self.create(key)?))).collect();
        steps.extend(self.done_with());

        let mut loads = BTreeMap::from([(&*self.me, self.held.len())]);
        // What the source does not list counts for nobody: it is not there to be shared.
        let listed = self.rows.values().filter(|row| self.lineage.contains(&row.lease.key));
        for row in listed.filter(|row| !at_end(row)) {
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
        let could =
            |shard: &Shard| !self.shunned.contains_key(&shard.key) && self.rows.get(&shard.key).is_some_and(is_free);
        self.lineage.shards().any(|shard| could(shard) && self.is_ready(shard))
    }

    /// Whether a partition can be worked on: it is not at its end, and what it came from is.
    fn is_ready(&self, shard: &Shard) -> bool {
        let done = |parent: &String| match self.rows.get(parent) {
            Some(row) if at_end(row) => true,
            // What the source has no more is done with when nobody holds it.
            Some(row) => !self.lineage.contains(parent) && is_free(row),
            None => !self.lineage.contains(parent) || self.removed.contains(parent),
        };
        let is_open = self.rows.get(&shard.key).is_none_or(|row| !at_end(row)) && !self.removed.contains(&shard.key);
        is_open && shard.parents.iter().all(done)
    }

    /// The removal of rows that nobody needs any more: of partitions that are read to their ends, when what came of them is
    /// being read, the oldest first; and of those that the source has no more.
    fn done_with(&self) -> impl Iterator<Item = Step> {
        let is_begun = |key: &String| {
            let begun = |row: &Row| matches!(row.lease.checkpoint, Checkpoint::At(_) | Checkpoint::End);
            self.rows.get(key).is_some_and(begun)
        };
        let is_done_with = move |key: &String| match self.lineage.get(key) {
            Some(shard) => {
                let children = self.lineage.children(key);
                !children.is_empty()
                    && children.iter().all(is_begun)
                    && !shard.parents.iter().any(|parent| self.rows.contains_key(parent))
            }
            None => self.lineage.has_expired(key),
        };
        let ended = self.rows.iter().filter(|(_, row)| at_end(row) && is_free(row));
        let done_with = ended.filter(move |(key, _)| is_done_with(key));
        done_with.map(|(key, row)| (key.clone(), Change::Remove(row.lease.counter)))
    }

    fn is_left(&self, key: &str) -> bool {
        let free_since = self.rows.get(key).and_then(|row| row.free_since);
        free_since.is_some_and(|since| self.looked.saturating_sub(since) >= self.look_interval().mul_f64(1.1))
    }

    fn create(&self, key: &str) -> Option<Change> {
        Some(Change::Create(self.lineage.get(key)?.clone(), self.lineage.first(key)?.clone()))
    }

    fn take(&self, key: &str) -> Option<Change> {
        let lease = &self.rows.get(key)?.lease;
        Some(Change::Take(lease.counter, lease.owner.as_deref().is_some_and(|owner| owner != self.me)))
    }

    /// A step is begun.
    pub(super) fn begin(&mut self, (key, change): &Step) {
        if let Change::Take(..) = change {
            self.tried.insert(key.clone());
        }
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
            Change::Remove(_) => {
                self.rows.remove(key);
                return;
            }
            Change::Create(_, first) => lease(None, 0, Some(first)),
            Change::Renew(counter) | Change::Take(counter, _) => lease(me, counter + 1, None),
            Change::Evict => lease(None, before.map_or(0, |lease| lease.counter + 1), None),
            Change::Checkpoint(counter, to, _) => lease(me, counter + 1, Some(to)),
        };
        // A look was faster than the answer, and has shown what came after.
        if before.is_some_and(|before| before.counter > now.counter) {
            return;
        }
        match change {
            Change::Create(..) | Change::Renew(_) | Change::Remove(_) => {}
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
            (row.free_since, row.written) = (is_free.then_some(sent), received);
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
            Change::Create(..) | Change::Evict | Change::Remove(_) => false,
        };
        if done {
            return self.done(step, sent, received);
        }
        self.tried.remove(key);
        match lease {
            Some(lease) => {
                self.see(lease, received);
                if let Some(row) = self.rows.get_mut(key) {
                    row.written = received;
                }
                // A lease that is being handed over by others is not renewed, however often that is tried.
                if let Some(held) = self.held.get_mut(key).filter(|held| *change == Change::Renew(held.counter)) {
                    held.renewed = sent;
                }
            }
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

    /// Who had a lease when it was last seen.
    pub(super) fn owner(&self, key: &str) -> Option<&str> {
        self.rows.get(key)?.lease.owner.as_deref()
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

    /// Takes no more leases.
    pub(super) const fn retire(&mut self) {
        self.retired = true;
    }

    /// Gives all leases back, and those that may have been taken.
    pub(super) fn leave(&mut self) {
        self.retire();
        self.held.values_mut().for_each(|held| held.leaves = true);
        for key in std::mem::take(&mut self.tried) {
            if !self.held.contains_key(&key) {
                self.hold(&key, 0, Duration::ZERO);
            }
        }
    }

    /// Whether all leases are given back.
    pub(super) fn has_left(&self) -> bool {
        self.held.is_empty()
    }

    /// The leases that are held and to be worked on.
    pub(super) fn held(&self) -> BTreeSet<String> {
        self.held.iter().filter(|(_, held)| !held.leaves).map(|(key, _)| key.clone()).collect()
    }
}

/// Whether a partition is read to its end.
fn at_end(row: &Row) -> bool {
    row.lease.checkpoint == Checkpoint::End
}

/// Whether nobody holds a lease.
const fn is_free(row: &Row) -> bool {
    row.lease.owner.is_none() || row.free_since.is_some()
}

/// Whether a look that began at `looked` found the counter as it had been for the failover time.
fn is_expired(row: &Row, looked: Duration, failover: Duration) -> bool {
    looked.saturating_sub(row.since) >= failover
}

#[cfg(test)]
mod tests;
