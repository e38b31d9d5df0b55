//! [`Table`]: the open groups and what ends them. Pure: it is told the time and waits for nothing.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use hashbrown::HashMap;
use tokio::time::Instant;

use super::entries::{Entries, More};
use super::until::Until;

/// Open groups by key, by age and, where an idle time is asked for, by their latest item.
///
/// What an item touches is one entry of the hash table, and nothing else: that of its group. What tells which group is
/// next to end is a queue in the order in which groups opened, which knows its groups by their hash and a number. An idle
/// time counts from the latest item, so a group's place in that queue may be out of date; it is looked at when it comes
/// up, and the group is then put among those that wait `again`, by the item that it has had since. So a group costs one
/// step for each idle time that it lives through, however many items it has.
pub(super) struct Table<K, V> {
    entries: Entries<K, V>,
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
    /// Whether anything depends on how many items a group has had.
    counts_items: bool,
    /// What times count from, in nanoseconds: half the size of an `Instant`.
    epoch: Option<Instant>,
    /// The time at that instant: groups that are older than this table were opened before.
    begin: u64,
    now: u64,
}

/// What a group is found by. Numbers are given anew after four billion groups, when no old one is remembered.
#[derive(Clone, Copy)]
pub(super) struct Id {
    /// Unlike that of any other open group.
    pub(super) number: u32,
    pub(super) hash: u64,
}

/// A group as it was at some time. There may be two for each open group, so they are packed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(4))]
struct Stamp {
    at: u64,
    number: u32,
    hash: u64,
}

impl Stamp {
    const fn id(self) -> Id {
        Id { number: self.number, hash: self.hash }
    }
}

/// The group of a key.
pub(super) enum Lookup<'a, K, V> {
    /// What is kept of it, and its id if this was its last item, so that it is to be closed.
    Open(&'a mut V, Option<Id>),
    Absent(Vacancy<K>),
}

/// A key, and its hash.
pub(super) struct Hashed<K> {
    key: K,
    hash: u64,
}

/// A key that has no open group.
pub(super) struct Vacancy<K>(Hashed<K>);

impl<K> Vacancy<K> {
    pub(super) const fn key(&self) -> &K {
        &self.0.key
    }
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
    #[inline]
    fn begin(&mut self, number: u32, items: usize) -> u32 {
        if items < self.stop as usize { items as u32 } else { self.begin_beyond(number, items) }
    }

    #[cold]
    fn begin_beyond(&mut self, number: u32, items: usize) -> u32 {
        let left = u32::try_from(self.limit - items).unwrap_or(self.stop);
        let counted = self.stop.saturating_sub(left);
        self.before.insert(number, items - counted as usize);
        counted
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

impl<K, V> Table<K, V> {
    /// Items are to be counted even where they end no group. To be said before there is one.
    pub(super) fn count_items(&mut self) {
        self.counts_items = true;
        self.entries = Entries::new(true);
    }
}

impl<K: Hash + Eq, V> Table<K, V> {
    /// For groups that end by `until`, and some `otherwise`, or only as the oldest.
    pub(super) fn new<W>(until: &Until<W>, otherwise: bool) -> Self {
        let full = otherwise || until.idle.is_some() || until.count.is_some();
        Self {
            entries: Entries::new(full),
            ages: VecDeque::new(),
            passed: 0,
            again: BinaryHeap::new(),
            next: 0,
            after: until.after.map(nanos),
            idle: until.idle.map(nanos),
            limit: ItemLimit::new(until.count.unwrap_or(usize::MAX)),
            counts_items: until.count.is_some(),
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

    #[inline(always)]
    pub(super) fn hash(&self, key: K) -> Hashed<K> {
        Hashed { hash: self.entries.hash(&key), key }
    }

    /// Has the processor fetch the memory of a key's group, if it is open.
    #[inline]
    pub(super) fn fetch(&self, Hashed { key, hash }: &Hashed<K>) {
        self.entries.fetch(*hash, key);
    }

    /// Counts an item of that key now, if its group is open.
    #[inline(always)]
    pub(super) fn count_item(&mut self, key: K) -> Lookup<'_, K, V> {
        let key = self.hash(key);
        self.count_hashed(key)
    }

    /// The same for a key whose hash is known.
    #[inline(always)]
    pub(super) fn count_hashed(&mut self, key: Hashed<K>) -> Lookup<'_, K, V> {
        match self.entries.find(key.hash, &key.key) {
            Some((value, more)) => {
                if let Some(more) = more {
                    more.used = self.now;
                    if self.counts_items {
                        more.items += 1;
                        if more.items == self.limit.stop && self.limit.is_last(more.number, &mut more.items) {
                            return Lookup::Open(value, Some(Id { number: more.number, hash: key.hash }));
                        }
                    }
                }
                Lookup::Open(value, None)
            }
            None => Lookup::Absent(Vacancy(key)),
        }
    }

    /// Whether a group of that key can be opened; gives the key back if there is one.
    pub(super) fn vacancy(&mut self, key: K) -> Result<Vacancy<K>, K> {
        let key = self.hash(key);
        if self.entries.find(key.hash, &key.key).is_some() {
            return Err(key.key);
        }
        Ok(Vacancy(key))
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

    /// Whether no number of items is too many for a group.
    pub(super) const fn is_endless(&self) -> bool {
        self.limit.limit == usize::MAX
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
        let Vacancy(Hashed { key, hash }) = vacancy;
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let items = self.limit.begin(number, items);
        let more = More { used, items, number };
        if self.entries.has_twin(hash) {
            self.entries.keep_more(self.ages.iter().map(|age| age.id()));
        }
        self.entries.insert(hash, (key, value), more);
        self.ages.push_back(Stamp { at: opened, number, hash });
        Id { number, hash }
    }

    /// How long the oldest group has been open, how long ago its latest item came, and how many it has had.
    pub(super) fn ages_of_oldest(&self) -> Option<(Duration, Duration, usize)> {
        let oldest = *self.ages.front()?;
        let More { used, items, number } = self.entries.more(self.entries.place(oldest.id())?)?;
        let opened = oldest.at;
        let used = if self.idle.is_some() { used } else { opened };
        let since = |then: u64| Duration::from_nanos(self.now.saturating_sub(then));
        Some((since(opened), since(used), self.limit.items(number, items)))
    }

    /// Takes a group out, if it is open.
    pub(super) fn close(&mut self, id: Id) -> Option<(K, V)> {
        let closed = self.take(id)?;
        if self.ages.front().is_some_and(|first| first.number == id.number) {
            self.pop_age();
        } else if self.ages.len() / 2 > self.entries.len() + 32 {
            let (mut at, mut passed) = (0, 0);
            self.ages.retain(|age| {
                let open = self.entries.place(age.id()).is_some();
                passed += usize::from(open && at < self.passed);
                at += 1;
                open
            });
            self.passed = passed;
        }
        if self.again.len() / 2 > self.entries.len() + 32 {
            self.again.retain(|Reverse(stamp)| self.entries.place(stamp.id()).is_some());
        }
        Some(closed)
    }

    /// Takes the oldest groups out, some at once: where they are is looked up for all of them before any is taken, so that
    /// the waits for the memory of a large table overlap. For a table that is being emptied: nothing else may be done
    /// with it until it is.
    pub(super) fn drain_oldest(&mut self) -> Vec<(K, V)> {
        const AT_ONCE: usize = 32;
        let mut closed = Vec::with_capacity(AT_ONCE.min(self.entries.len()));
        while closed.is_empty() && !self.ages.is_empty() {
            let mut places = [None; AT_ONCE];
            for (place, age) in places.iter_mut().zip(&self.ages) {
                *place = self.entries.place(age.id());
            }
            self.ages.drain(..self.ages.len().min(AT_ONCE));
            closed.extend(places.into_iter().flatten().filter_map(|place| self.entries.remove(place)));
        }
        closed
    }

    #[inline]
    fn take(&mut self, id: Id) -> Option<(K, V)> {
        let taken = self.entries.remove(self.entries.place(id)?)?;
        self.limit.forget(id.number);
        Some(taken)
    }

    /// The first of the ages has ended, and with it those behind it that ended early.
    #[inline]
    fn pop_age(&mut self) {
        loop {
            self.ages.pop_front();
            self.passed = self.passed.saturating_sub(1);
            if self.ages.len() == self.entries.len()
                || self.ages.front().is_none_or(|first| self.entries.place(first.id()).is_some())
            {
                return;
            }
        }
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
        self.ages.front().map(|age| age.id())
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

    fn age_deadline(&self) -> Option<(u64, Id)> {
        let (span, first) = (self.after?, self.ages.front()?);
        let opened = first.at;
        Some((opened.checked_add(span)?, first.id()))
    }

    /// The idle time of the group whose latest item is the longest ago, if that was at `since` or before.
    fn idle_deadline(&mut self, since: u64) -> Option<(u64, Id)> {
        let span = self.idle?;
        loop {
            let fresh = self.ages.get(self.passed);
            let again = self.again.peek().map(|Reverse(stamp)| stamp);
            let is_fresh = again.is_none_or(|again| fresh.is_some_and(|fresh| fresh < again));
            let first = *(if is_fresh { fresh } else { again }).filter(|first| first.at <= since)?;
            let used = self.entries.place(first.id()).and_then(|place| Some(self.entries.more(place)?.used));
            if let Some(used) = used
                && used == first.at
            {
                return Some((used.checked_add(span)?, first.id()));
            }
            if is_fresh {
                self.passed += 1;
            } else {
                self.again.pop();
            }
            self.again.extend(used.map(|at| Reverse(Stamp { at, ..first })));
        }
    }
}

/// Nanoseconds, or the end of time: 584 years.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn open(table: &mut Table<u32, ()>, key: u32) -> Id {
        let Lookup::Absent(vacancy) = table.count_item(key) else { unreachable!("the group is open") };
        table.open(vacancy, ()).0
    }

    #[test]
    fn groups_that_ended_early_are_forgotten_in_the_end() {
        let mut table = Table::new(&Until::idle(SECOND), false);
        let first = open(&mut table, 0);
        let second = open(&mut table, 1);
        for key in 2..10_000 {
            let id = open(&mut table, key);
            assert_eq!(table.close(id), Some((key, ())));
            assert_eq!(table.close(id), None);
        }
        assert!(table.ages.len() < 100, "{} for two groups", table.ages.len());
        let last = open(&mut table, 10_000);
        assert_eq!(table.oldest().map(|id| id.number), Some(first.number));
        assert_eq!(table.close(first), Some((0, ())));
        assert_eq!(table.close(second), Some((1, ())));
        assert_eq!(table.oldest().map(|id| id.number), Some(last.number), "those between are gone");
        assert_eq!(table.close(last), Some((10_000, ())));
        assert!(table.ages.is_empty() && table.again.is_empty());
    }

    #[test]
    fn groups_that_wait_again_and_end_early_are_forgotten_in_the_end() {
        let mut table = Table::new(&Until::idle(SECOND), false);
        let begin = Instant::now();
        table.set_now(begin);
        let ids: Vec<_> = (0..10_000).map(|key| open(&mut table, key)).collect();
        table.set_now(begin + SECOND / 2);
        for key in 0..10_000 {
            assert!(matches!(table.count_item(key), Lookup::Open((), None)));
        }
        assert_eq!(table.deadline(), Some(begin + SECOND * 3 / 2));
        assert_eq!(table.passed, 10_000, "all wait again");
        for id in &ids[1..9_999] {
            assert!(table.close(*id).is_some());
        }
        assert!(table.ages.len() < 100 && table.again.len() < 100, "two groups are open");
        table.set_now(begin + SECOND * 3 / 2);
        for key in [0, 9_999] {
            let due = table.due();
            assert_eq!(due.and_then(|id| table.close(id)), Some((key, ())));
        }
        assert!(table.due().is_none() && table.deadline().is_none());
        assert!(table.ages.is_empty() && table.again.is_empty() && table.passed == 0);
    }

    #[test]
    fn counts_items_beyond_32_bits() {
        let most = u32::MAX as usize;
        for limit in [3, most - 1, most, most + 1, 2 * most, 2 * most + 7, usize::MAX] {
            for had in [1, 2, most - 2, most - 1, most, most + 1, 2 * most - 1, 2 * most, 3 * most] {
                if had >= limit {
                    continue;
                }
                let mut items = ItemLimit::new(limit);
                let mut counted = items.begin(0, had);
                assert_eq!(items.items(0, counted), had, "of {limit}");
                let mut total = had;
                while total < limit.min(had.saturating_add(3 * most)) {
                    // As many items as there can be without a look, in one step.
                    total += (items.stop - counted) as usize;
                    counted = items.stop;
                    assert_eq!(items.is_last(0, &mut counted), total >= limit, "{total} of {limit}");
                    assert_eq!(items.items(0, counted), total);
                }
                assert!(total <= limit, "{total} of {limit}");
                items.forget(0);
                assert!(items.before.is_empty());
            }
        }
    }
}
