//! [`Table`]: the open groups and what ends them. Pure: it is told the time and waits for nothing.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};
use slab::Slab;
use tokio::time::Instant;

use super::list::{Links, List};
use super::until::Until;

/// Open groups by key, by age and, where an idle time is asked for, by their latest item.
///
/// Groups that share a duration expire in the order in which they were opened or touched, so a queue in that order is
/// all that is needed to find the next: no heap and no timer per group. What an item needs is in one entry of the hash
/// table; the queue knows its groups by their hash and a number.
pub(super) struct Table<K, V> {
    hasher: DefaultHashBuilder,
    entries: HashTable<Entry<K, V>>,
    /// Groups as they opened. Some may have ended early, but never the first.
    ages: VecDeque<Age>,
    next: u32,
    uses: Uses,
    after: Option<u64>,
    idle: Option<u64>,
    count: usize,
    /// What times count from, in nanoseconds: half the size of an `Instant`.
    epoch: Option<Instant>,
    /// The time at that instant: groups that are older than this table were opened before.
    begin: u64,
    now: u64,
}

struct Entry<K, V> {
    key: K,
    value: V,
    items: usize,
    number: u32,
    /// Its place among the uses, if there is an idle time.
    used: u32,
}

/// What a group is found by. Numbers are given anew after four billion groups, when no old one is remembered.
#[derive(Clone, Copy)]
pub(super) struct Id {
    hash: u64,
    number: u32,
}

impl Id {
    /// Unlike that of any other open group.
    pub(super) const fn number(self) -> u32 {
        self.number
    }
}

struct Age {
    opened: u64,
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
    hash: u64,
}

impl<K> Vacancy<K> {
    pub(super) const fn key(&self) -> &K {
        &self.key
    }
}

/// When groups had their latest items, the longest ago first.
struct Uses {
    slots: Slab<Use>,
    order: List<Use>,
}

struct Use {
    at: u64,
    id: Id,
    links: Links,
}

impl Uses {
    fn insert(&mut self, at: u64, id: Id) -> u32 {
        let place = self.slots.insert(Use { at, id, links: Links::new() }) as u32;
        self.order.push(&mut self.slots, place);
        place
    }

    /// Groups used at one reading of the clock are equally old, so a busy key does not move within its run.
    fn touch(&mut self, place: u32, now: u64) {
        let slot = &mut self.slots[place as usize];
        if slot.at != now {
            slot.at = now;
            if !self.order.is_last(place) {
                self.order.remove(&mut self.slots, place);
                self.order.push(&mut self.slots, place);
            }
        }
    }

    fn remove(&mut self, place: u32) {
        self.order.remove(&mut self.slots, place);
        self.slots.remove(place as usize);
    }

    fn first(&self) -> Option<&Use> {
        self.order.first().map(|place| &self.slots[place as usize])
    }

    fn sort(&mut self) {
        let mut places: Vec<_> = self.slots.iter().map(|(place, slot)| (slot.at, place as u32)).collect();
        places.sort_unstable();
        self.order.clear();
        for (_, place) in places {
            self.order.push(&mut self.slots, place);
        }
    }

    fn clear(&mut self) {
        self.order.clear();
        self.slots.clear();
    }
}

impl<K: Hash + Eq, V> Table<K, V> {
    pub(super) fn new<W>(until: &Until<W>) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            entries: HashTable::new(),
            ages: VecDeque::new(),
            next: 0,
            uses: Uses { slots: Slab::new(), order: List::new(|slot| &mut slot.links) },
            after: until.after.map(nanos),
            idle: until.idle.map(nanos),
            count: until.count.unwrap_or(usize::MAX),
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
        let hash = self.hasher.hash_one(&key);
        match self.entries.find_mut(hash, |entry| entry.key == key) {
            Some(entry) => {
                if self.idle.is_some() {
                    self.uses.touch(entry.used, self.now);
                }
                entry.items += 1;
                let last = entry.items >= self.count;
                Lookup::Open(&mut entry.value, last.then_some(Id { hash, number: entry.number }))
            }
            None => Lookup::Absent(Vacancy { key, hash }),
        }
    }

    /// Whether a group of that key can be opened; gives the key back if there is one.
    pub(super) fn vacancy(&self, key: K) -> Result<Vacancy<K>, K> {
        let hash = self.hasher.hash_one(&key);
        if self.entries.find(hash, |entry| entry.key == key).is_some() {
            return Err(key);
        }
        Ok(Vacancy { key, hash })
    }

    /// Opens a group with its first item. Tells whether that was its last item too.
    pub(super) fn open(&mut self, vacancy: Vacancy<K>, value: V) -> (Id, bool) {
        let id = self.insert(vacancy, value, 1, self.now, self.now);
        (id, self.is_full(1))
    }

    /// Begins the clock at `age`, so that groups which are that old have a place on it: before all else.
    pub(super) fn begin_at(&mut self, age: Duration) {
        self.begin = nanos(age);
        self.now = self.begin;
    }

    /// Whether a group of so many items has all that it may have.
    pub(super) const fn is_full(&self, items: usize) -> bool {
        items >= self.count
    }

    /// Opens a group that was open before. Groups come in the order of their ages; when all have come, they are to be
    /// [put in order](Self::sort_by_use) of their latest items too.
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
        let Vacancy { key, hash } = vacancy;
        let number = self.next;
        let id = Id { hash, number };
        self.next = self.next.wrapping_add(1);
        let used = if self.idle.is_some() { self.uses.insert(used, id) } else { 0 };
        let hasher = &self.hasher;
        self.entries
            .insert_unique(hash, Entry { key, value, items, number, used }, |entry| hasher.hash_one(&entry.key));
        self.ages.push_back(Age { opened, id });
        id
    }

    pub(super) fn sort_by_use(&mut self) {
        self.uses.sort();
    }

    /// How long the oldest group has been open, how long ago its latest item came, and how many it has had.
    pub(super) fn ages_of_oldest(&self) -> Option<(Duration, Duration, usize)> {
        let Age { opened, id } = self.ages.front()?;
        let entry = self.find(*id)?;
        let used = if self.idle.is_some() { self.uses.slots[entry.used as usize].at } else { *opened };
        let since = |then: u64| Duration::from_nanos(self.now.saturating_sub(then));
        Some((since(*opened), since(used), entry.items))
    }

    /// Takes a group out, if it is open.
    pub(super) fn close(&mut self, id: Id) -> Option<(K, V)> {
        let found = self.entries.find_entry(id.hash, |entry| entry.number == id.number).ok()?;
        let (Entry { key, value, used, .. }, _) = found.remove();
        if self.idle.is_some() {
            self.uses.remove(used);
        }
        if self.ages.front().is_some_and(|first| first.id.number == id.number) {
            self.ages.pop_front();
            while self.ages.len() > self.entries.len()
                && let Some(first) = self.ages.front()
                && self.find(first.id).is_none()
            {
                self.ages.pop_front();
            }
        } else if self.ages.len() / 2 > self.entries.len() + 32 {
            let entries = &self.entries;
            self.ages.retain(|age| find(entries, age.id).is_some());
        }
        Some((key, value))
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.ages.clear();
        self.uses.clear();
    }

    /// The group that has been open for longest.
    pub(super) fn oldest(&self) -> Option<Id> {
        self.ages.front().map(|age| age.id)
    }

    /// A group whose time has come.
    pub(super) fn due(&self) -> Option<Id> {
        let by_age = self.age_deadline().filter(|(deadline, _)| *deadline <= self.now);
        let by_use = self.idle_deadline().filter(|(deadline, _)| *deadline <= self.now);
        by_age.into_iter().chain(by_use).min_by_key(|(deadline, _)| *deadline).map(|(_, id)| id)
    }

    /// When the next group is due; unset if none ever is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = self.age_deadline().into_iter().chain(self.idle_deadline());
        let deadline = deadlines.map(|(deadline, _)| deadline).min()?;
        self.epoch?.checked_add(Duration::from_nanos(deadline.saturating_sub(self.begin)))
    }

    /// All open groups, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|entry| &entry.value)
    }

    fn find(&self, id: Id) -> Option<&Entry<K, V>> {
        find(&self.entries, id)
    }

    fn age_deadline(&self) -> Option<(u64, Id)> {
        let (span, first) = (self.after?, self.ages.front()?);
        Some((first.opened.checked_add(span)?, first.id))
    }

    fn idle_deadline(&self) -> Option<(u64, Id)> {
        let (span, first) = (self.idle?, self.uses.first()?);
        Some((first.at.checked_add(span)?, first.id))
    }
}

fn find<K, V>(entries: &HashTable<Entry<K, V>>, id: Id) -> Option<&Entry<K, V>> {
    entries.find(id.hash, |entry| entry.number == id.number)
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
        assert!(table.ages.is_empty() && table.uses.slots.is_empty());
    }
}
