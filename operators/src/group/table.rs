//! [`Table`]: the open groups and what ends them. Pure: it is told the time and waits for nothing.

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};
use slab::Slab;
use tokio::time::Instant;

use super::list::{Links, List};
use super::until::Until;

/// Open groups by key, by age and, where an idle time is asked for, by their latest item.
///
/// Groups that share a duration expire in the order in which they were opened or touched, so a list in that order is
/// all that is needed to find the next: no heap and no timer per group.
pub(super) struct Table<K, V> {
    hasher: DefaultHashBuilder,
    ids: HashTable<u32>,
    slots: Slab<Slot<K, V>>,
    by_age: List<Slot<K, V>>,
    by_use: List<Slot<K, V>>,
    after: Option<u64>,
    idle: Option<u64>,
    count: usize,
    /// What the times in the slots count from, in nanoseconds: half the size of an `Instant`.
    epoch: Option<Instant>,
    now: u64,
}

struct Slot<K, V> {
    key: K,
    value: V,
    hash: u64,
    opened: u64,
    used: u64,
    items: usize,
    by_age: Links,
    by_use: Links,
}

/// Where the group of a key is, or would go.
pub(super) enum Lookup<K> {
    Open(u32),
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

impl<K: Hash + Eq, V> Table<K, V> {
    pub(super) fn new<W>(until: &Until<W>) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            ids: HashTable::new(),
            slots: Slab::new(),
            by_age: List::new(|slot| &mut slot.by_age),
            by_use: List::new(|slot| &mut slot.by_use),
            after: until.after.map(nanos),
            idle: until.idle.map(nanos),
            count: until.count.unwrap_or(usize::MAX),
            epoch: None,
            now: 0,
        }
    }

    /// Tells the time. It never goes backwards.
    pub(super) fn set_now(&mut self, now: Instant) {
        let epoch = *self.epoch.get_or_insert(now);
        self.now = self.now.max(nanos(now.saturating_duration_since(epoch)));
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    pub(super) fn look_up(&self, key: K) -> Lookup<K> {
        let hash = self.hasher.hash_one(&key);
        match self.ids.find(hash, |id| self.slots[*id as usize].key == key) {
            Some(id) => Lookup::Open(*id),
            None => Lookup::Absent(Vacancy { key, hash }),
        }
    }

    /// Opens a group; its first item is still to be [counted](Self::count_item).
    pub(super) fn open(&mut self, vacancy: Vacancy<K>, value: V) -> u32 {
        let Vacancy { key, hash } = vacancy;
        let (by_age, by_use) = (Links::new(), Links::new());
        let slot = Slot { key, value, hash, opened: self.now, used: self.now, items: 0, by_age, by_use };
        let id = self.slots.insert(slot) as u32;
        self.ids.insert_unique(hash, id, |id| self.slots[*id as usize].hash);
        self.by_age.push(&mut self.slots, id);
        if self.idle.is_some() {
            self.by_use.push(&mut self.slots, id);
        }
        id
    }

    /// Counts an item of a group now. Gives what is kept of the group, and whether that was its last item.
    #[inline]
    pub(super) fn count_item(&mut self, id: u32) -> (&mut V, bool) {
        if self.idle.is_some() {
            self.touch(id);
        }
        let slot = &mut self.slots[id as usize];
        slot.items += 1;
        (&mut slot.value, slot.items >= self.count)
    }

    /// Groups used at one reading of the clock are equally old, so a busy key does not move within its run.
    fn touch(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        if slot.used != self.now {
            slot.used = self.now;
            if !self.by_use.is_last(id) {
                self.by_use.remove(&mut self.slots, id);
                self.by_use.push(&mut self.slots, id);
            }
        }
    }

    pub(super) fn key(&self, id: u32) -> &K {
        &self.slots[id as usize].key
    }

    /// What is kept of a group, if it is still open.
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut V> {
        self.slots.get_mut(id as usize).map(|slot| &mut slot.value)
    }

    pub(super) fn value_mut(&mut self, id: u32) -> &mut V {
        &mut self.slots[id as usize].value
    }

    pub(super) fn close(&mut self, id: u32) -> (K, V) {
        self.by_age.remove(&mut self.slots, id);
        if self.idle.is_some() {
            self.by_use.remove(&mut self.slots, id);
        }
        let slot = self.slots.remove(id as usize);
        if let Ok(entry) = self.ids.find_entry(slot.hash, |other| *other == id) {
            entry.remove();
        }
        (slot.key, slot.value)
    }

    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.by_age.clear();
        self.by_use.clear();
        self.slots.clear();
    }

    /// The group that has been open for longest.
    pub(super) const fn oldest(&self) -> Option<u32> {
        self.by_age.first()
    }

    /// A group whose time has come.
    pub(super) fn due(&self) -> Option<u32> {
        let by_age = self.age_deadline().filter(|(deadline, _)| *deadline <= self.now);
        let by_use = self.idle_deadline().filter(|(deadline, _)| *deadline <= self.now);
        by_age.into_iter().chain(by_use).min().map(|(_, id)| id)
    }

    /// When the next group is due; unset if none ever is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (deadline, _) = self.age_deadline().into_iter().chain(self.idle_deadline()).min()?;
        self.epoch?.checked_add(Duration::from_nanos(deadline))
    }

    /// All open groups, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.slots.iter().map(|(_, slot)| &slot.value)
    }

    fn age_deadline(&self) -> Option<(u64, u32)> {
        let (span, id) = (self.after?, self.by_age.first()?);
        Some((self.slots[id as usize].opened.checked_add(span)?, id))
    }

    fn idle_deadline(&self) -> Option<(u64, u32)> {
        let (span, id) = (self.idle?, self.by_use.first()?);
        Some((self.slots[id as usize].used.checked_add(span)?, id))
    }
}

/// Nanoseconds, or the end of time: 584 years.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
