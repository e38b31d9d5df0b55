//! [`Table`]: the open groups and what ends them. Pure: it is told the time and waits for nothing.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use tokio::time::Instant;

use super::until::Until;

/// Open groups by key, by age and, where an idle time is asked for, by their latest item.
///
/// What an item touches is one entry of the hash table, and nothing else: that of its group. What tells which group is
/// next to end is a queue in the order in which groups opened, which knows its groups by their hash and a number. An idle
/// time counts from the latest item, so a group's place in that queue may be out of date; it is looked at when it comes
/// up, and the group is then put among those that wait `again`, by the item that it has had since. So a group costs one
/// step for each idle time that it lives through, however many items it has.
pub(super) struct Table<K, V> {
    hasher: DefaultHashBuilder,
    entries: HashTable<Entry<K, V>>,
    /// Groups as they opened. Some may have ended early, but never the first.
    ages: VecDeque<Stamp>,
    /// How many of these, from the first on, are not waited for here any longer: they ended, or wait again.
    passed: usize,
    /// Groups that had further items while they waited; some may have ended, or have had items since.
    again: BinaryHeap<Reverse<Stamp>>,
    next: u32,
    after: Option<u64>,
    idle: Option<u64>,
    limit: ItemLimit,
    /// What times count from, in nanoseconds: half the size of an `Instant`.
    epoch: Option<Instant>,
    /// The time at that instant: groups that are older than this table were opened before.
    begin: u64,
    now: u64,
}

struct Entry<K, V> {
    key: K,
    value: V,
    /// When it had its latest item.
    used: u64,
    /// How many items it has had, without those that [`ItemLimit`] knows of.
    items: u32,
    number: u32,
}

/// What a group is found by. Numbers are given anew after four billion groups, when no old one is remembered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    number: u32,
    hash: u32,
}

impl Id {
    /// Unlike that of any other open group.
    pub(super) const fn number(self) -> u32 {
        self.number
    }
}

/// A group as it was at some time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    at: u64,
    id: Id,
}

/// The group of a key.
pub(super) enum Lookup<'a, K, V> {
    /// What is kept of it, and its id if this was its last item, so that it is to be closed.
    Open(&'a mut V, Option<Id>),
    Absent(Vacancy<K>),
}

/// A key that has no open group, and its hash.
pub(super) struct Vacancy<K> {
    key: K,
    hash: u32,
}

impl<K> Vacancy<K> {
    pub(super) const fn key(&self) -> &K {
        &self.key
    }
}

/// Half of a hash is kept with each group that waits: it is enough for as many groups as there can be. The table looks
/// at both ends of a hash, so both are made of it.
const fn whole(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
}

/// How many items a group may have. Entries count in 32 bits; the rare group that has more is kept track of here.
struct ItemLimit {
    limit: usize,
    /// What an entry counts to.
    stop: u32,
    /// Items that groups have had besides those that their entries tell of, by their numbers.
    before: HashMap<u32, usize>,
}

impl ItemLimit {
    fn new(limit: usize) -> Self {
        Self { limit, stop: u32::try_from(limit).unwrap_or(u32::MAX), before: HashMap::new() }
    }

    /// What the entry of a group begins to count from that has had `items`, fewer than the limit.
    fn begin(&mut self, number: u32, items: usize) -> u32 {
        match u32::try_from(items) {
            Ok(items) if items < self.stop => items,
            _ => {
                let left = u32::try_from(self.limit - items).unwrap_or(self.stop);
                let counted = self.stop.saturating_sub(left);
                self.before.insert(number, items - counted as usize);
                counted
            }
        }
    }

    /// A group's entry has counted to the stop. Whether that was its last item.
    #[cold]
    fn is_last(&mut self, number: u32, counted: &mut u32) -> bool {
        let items = self.items(number, *counted);
        let last = items >= self.limit;
        if !last {
            *counted = self.begin(number, items);
        }
        last
    }

    fn items(&self, number: u32, counted: u32) -> usize {
        self.before.get(&number).copied().unwrap_or(0).saturating_add(counted as usize)
    }

    fn forget(&mut self, number: u32) {
        if !self.before.is_empty() {
            self.before.remove(&number);
        }
    }
}

impl<K: Hash + Eq, V> Table<K, V> {
    pub(super) fn new<W>(until: &Until<W>) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            entries: HashTable::new(),
            ages: VecDeque::new(),
            passed: 0,
            again: BinaryHeap::new(),
            next: 0,
            after: until.after.map(nanos),
            idle: until.idle.map(nanos),
            limit: ItemLimit::new(until.count.unwrap_or(usize::MAX)),
            epoch: None,
            begin: 0,
            now: 0,
        }
    }

    /// Tells the time. It never goes backwards.
    pub(super) fn set_now(&mut self, now: Instant) {
        let epoch = *self.epoch.get_or_insert(now);
        self.now = self.now.max(self.begin.saturating_add(nanos(now.saturating_duration_since(epoch))));
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Counts an item of that key now, if its group is open.
    #[inline]
    pub(super) fn count_item(&mut self, key: K) -> Lookup<'_, K, V> {
        let hash = hash(&self.hasher, &key);
        match self.entries.find_mut(whole(hash), |entry| entry.key == key) {
            Some(entry) => {
                entry.used = self.now;
                entry.items += 1;
                let number = entry.number;
                let last = entry.items == self.limit.stop && self.limit.is_last(number, &mut entry.items);
                Lookup::Open(&mut entry.value, last.then_some(Id { number, hash }))
            }
            None => Lookup::Absent(Vacancy { key, hash }),
        }
    }

    /// Whether a group of that key can be opened; gives the key back if there is one.
    pub(super) fn vacancy(&self, key: K) -> Result<Vacancy<K>, K> {
        let hash = hash(&self.hasher, &key);
        if self.entries.find(whole(hash), |entry| entry.key == key).is_some() {
            return Err(key);
        }
        Ok(Vacancy { key, hash })
    }

    /// Opens a group with its first item. Tells whether that was its last item too.
    pub(super) fn open(&mut self, vacancy: Vacancy<K>, value: V) -> (Id, bool) {
        let last = self.is_full(1);
        (self.insert(vacancy, value, 1, self.now, self.now), last)
    }

    /// Begins the clock at `age`, so that groups which are that old have a place on it: before all else.
    pub(super) fn begin_at(&mut self, age: Duration) {
        self.begin = nanos(age);
        self.now = self.begin;
    }

    /// Whether a group of so many items has all that it may have.
    pub(super) const fn is_full(&self, items: usize) -> bool {
        items >= self.limit.limit
    }

    /// Opens a group that was open before. Groups come in the order of their ages.
    pub(super) fn open_again(
        &mut self,
        vacancy: Vacancy<K>,
        value: V,
        age: Duration,
        idle: Duration,
        items: usize,
    ) -> Id {
        let opened = self.now.saturating_sub(nanos(age));
        let used = self.now.saturating_sub(nanos(idle)).max(opened);
        self.insert(vacancy, value, items, opened, used)
    }

    fn insert(&mut self, vacancy: Vacancy<K>, value: V, items: usize, opened: u64, used: u64) -> Id {
        let Vacancy { key, hash: half } = vacancy;
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let items = self.limit.begin(number, items);
        let hasher = &self.hasher;
        self.entries.insert_unique(whole(half), Entry { key, value, used, items, number }, |entry| {
            whole(hash(hasher, &entry.key))
        });
        let id = Id { number, hash: half };
        self.ages.push_back(Stamp { at: opened, id });
        id
    }

    /// How long the oldest group has been open, how long ago its latest item came, and how many it has had.
    pub(super) fn ages_of_oldest(&self) -> Option<(Duration, Duration, usize)> {
        let Stamp { at, id } = self.ages.front()?;
        let entry = find(&self.entries, *id)?;
        let used = if self.idle.is_some() { entry.used } else { *at };
        let since = |then: u64| Duration::from_nanos(self.now.saturating_sub(then));
        Some((since(*at), since(used), self.limit.items(id.number, entry.items)))
    }

    /// Takes a group out, if it is open.
    pub(super) fn close(&mut self, id: Id) -> Option<(K, V)> {
        let found = self.entries.find_entry(whole(id.hash), |entry| entry.number == id.number).ok()?;
        let (Entry { key, value, .. }, _) = found.remove();
        self.limit.forget(id.number);
        let entries = &self.entries;
        if self.ages.front().is_some_and(|first| first.id == id) {
            self.pop_age();
            while self.ages.len() > self.entries.len()
                && let Some(first) = self.ages.front()
                && find(&self.entries, first.id).is_none()
            {
                self.pop_age();
            }
        } else if self.ages.len() / 2 > entries.len() + 32 {
            let (mut at, mut passed) = (0, 0);
            self.ages.retain(|age| {
                let open = find(entries, age.id).is_some();
                passed += usize::from(open && at < self.passed);
                at += 1;
                open
            });
            self.passed = passed;
        }
        if self.again.len() / 2 > self.entries.len() + 32 {
            let entries = &self.entries;
            self.again.retain(|Reverse(stamp)| find(entries, stamp.id).is_some());
        }
        Some((key, value))
    }

    fn pop_age(&mut self) {
        self.ages.pop_front();
        self.passed = self.passed.saturating_sub(1);
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.ages.clear();
        self.passed = 0;
        self.again.clear();
        self.limit.before.clear();
    }

    /// The group that has been open for longest.
    pub(super) fn oldest(&self) -> Option<Id> {
        self.ages.front().map(|age| age.id)
    }

    /// A group whose time has come.
    pub(super) fn due(&mut self) -> Option<Id> {
        let by_age = self.age_deadline().filter(|(deadline, _)| *deadline <= self.now);
        let unused_since = self.idle.and_then(|span| self.now.checked_sub(span));
        let by_use = unused_since.and_then(|since| self.idle_deadline(since));
        by_age.into_iter().chain(by_use).min_by_key(|(deadline, _)| *deadline).map(|(_, id)| id)
    }

    /// When the next group is due; unset if none ever is.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        let deadlines = self.age_deadline().into_iter().chain(self.idle_deadline(u64::MAX));
        let deadline = deadlines.map(|(deadline, _)| deadline).min()?;
        self.epoch?.checked_add(Duration::from_nanos(deadline.saturating_sub(self.begin)))
    }

    /// All open groups, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|entry| &entry.value)
    }

    fn age_deadline(&self) -> Option<(u64, Id)> {
        let (span, first) = (self.after?, self.ages.front()?);
        Some((first.at.checked_add(span)?, first.id))
    }

    /// The idle time of the group whose latest item is the longest ago, if that was at `since` or before.
    fn idle_deadline(&mut self, since: u64) -> Option<(u64, Id)> {
        let span = self.idle?;
        loop {
            let fresh = self.ages.get(self.passed);
            let again = self.again.peek().map(|Reverse(stamp)| stamp);
            let is_fresh = again.is_none_or(|again| fresh.is_some_and(|fresh| fresh < again));
            let Stamp { at, id } = *(if is_fresh { fresh } else { again }).filter(|first| first.at <= since)?;
            let used = find(&self.entries, id).map(|entry| entry.used);
            if used == Some(at) {
                return Some((at.checked_add(span)?, id));
            }
            if is_fresh {
                self.passed += 1;
            } else {
                self.again.pop();
            }
            self.again.extend(used.map(|at| Reverse(Stamp { at, id })));
        }
    }
}

fn hash<K: Hash>(hasher: &DefaultHashBuilder, key: &K) -> u32 {
    hasher.hash_one(key) as u32
}

fn find<K, V>(entries: &HashTable<Entry<K, V>>, id: Id) -> Option<&Entry<K, V>> {
    entries.find(whole(id.hash), |entry| entry.number == id.number)
}

/// Nanoseconds, or the end of time: 584 years.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(table: &mut Table<u32, ()>, key: u32) -> Id {
        let Lookup::Absent(vacancy) = table.count_item(key) else { unreachable!("the group is open") };
        table.open(vacancy, ()).0
    }

    #[test]
    fn groups_that_ended_early_are_forgotten_in_the_end() {
        let mut table = Table::new(&Until::idle(Duration::from_secs(1)));
        let first = open(&mut table, 0);
        let second = open(&mut table, 1);
        for key in 2..10_000 {
            let id = open(&mut table, key);
            assert_eq!(table.close(id), Some((key, ())));
            assert_eq!(table.close(id), None);
        }
        assert!(table.ages.len() < 100, "{} for two groups", table.ages.len());
        let last = open(&mut table, 10_000);
        assert_eq!(table.oldest().map(Id::number), Some(first.number()));
        assert_eq!(table.close(first), Some((0, ())));
        assert_eq!(table.close(second), Some((1, ())));
        assert_eq!(table.oldest().map(Id::number), Some(last.number()), "those between are gone");
        assert_eq!(table.close(last), Some((10_000, ())));
        assert!(table.ages.is_empty() && table.again.is_empty());
    }
}
