//! [`Table`]: the open windows of all keys, and the watermark that closes them. Pure: it is told event times only.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};
use slab::Slab;

use super::event_time::{LAST, Window};

pub(super) struct Table<K, V> {
    hasher: DefaultHashBuilder,
    ids: HashTable<usize>,
    keys: Slab<Windows<K, V>>,
    /// Windows that have a result to give.
    due: BTreeSet<Place>,
    /// When the first of them ends, which each item has to know; later than all time if there is none.
    first_due: i64,
    /// Windows whose result has been given, and that are kept for late items.
    kept: BTreeSet<Place>,
    opened: u64,
    watermark: i64,
    lag: i64,
    lateness: i64,
    /// Windows that end no later are closed, whatever the lateness.
    floor: i64,
}

/// A key's open windows, those that end first first.
struct Windows<K, V> {
    key: K,
    hash: u64,
    open: VecDeque<Open<V>>,
}

pub(super) struct Open<V> {
    pub(super) window: Window,
    /// How many windows had been opened before.
    opened: u64,
    /// Whether a result of it has been given.
    pub(super) given: bool,
    pub(super) value: V,
}

/// Orders windows by their end, and of those with one end by when they were opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    end: i64,
    opened: u64,
    id: usize,
}

/// Where an open window is, until the next change.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    id: usize,
    at: usize,
}

impl<K: Hash + Eq + Clone, V> Table<K, V> {
    pub(super) fn new() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            ids: HashTable::new(),
            keys: Slab::new(),
            due: BTreeSet::new(),
            first_due: i64::MAX,
            kept: BTreeSet::new(),
            opened: 0,
            watermark: i64::MIN,
            lag: 0,
            lateness: 0,
            floor: i64::MIN,
        }
    }

    pub(super) const fn set_lag(&mut self, lag: i64) {
        self.lag = lag;
    }

    pub(super) const fn set_lateness(&mut self, lateness: i64) {
        self.lateness = lateness;
    }

    pub(super) fn len(&self) -> usize {
        self.due.len() + self.kept.len()
    }

    /// An item with that event time has come. The watermark never goes back.
    pub(super) fn advance(&mut self, time: i64) {
        self.watermark = self.watermark.max(time.saturating_sub(self.lag).min(LAST));
    }

    /// Nothing that has a result to give is waited for any longer.
    pub(super) fn advance_to_last(&mut self) {
        if let Some(last) = self.due.last() {
            self.watermark = self.watermark.max(last.end);
        }
    }

    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Whether the watermark is past that window.
    pub(super) const fn is_over(&self, window: Window) -> bool {
        window.end <= self.watermark
    }

    /// Whether that window takes no items any more.
    pub(super) const fn is_closed(&self, window: Window) -> bool {
        window.end <= self.floor || window.end.saturating_add(self.lateness) <= self.watermark
    }

    /// The first window whose result is to be given now; any window that has one if `all`.
    pub(super) fn next_due(&self, all: bool) -> Option<Spot> {
        if self.first_due > self.watermark && !all {
            return None;
        }
        Some(self.spot(self.due.first()?))
    }

    /// The window that ends first.
    pub(super) fn oldest(&self) -> Option<Spot> {
        let oldest = self.kept.first().into_iter().chain(self.due.first()).min()?;
        Some(self.spot(oldest))
    }

    /// Forgets a window that was kept for late items and now takes none any more. False if there is none.
    pub(super) fn forget_one(&mut self) -> bool {
        let first = self.kept.first().map(|place| self.spot(place));
        let closed = first.filter(|spot| self.is_closed(self.open(*spot).window));
        closed.and_then(|spot| self.remove(spot)).is_some()
    }

    /// A window whose result has been given is closed early: what comes for it now is late, because a result without its
    /// items would take the place of one with them.
    pub(super) fn close_up_to(&mut self, end: i64) {
        self.floor = self.floor.max(end);
    }

    pub(super) fn key(&self, spot: Spot) -> &K {
        &self.keys[spot.id].key
    }

    pub(super) fn open(&self, spot: Spot) -> &Open<V> {
        &self.keys[spot.id].open[spot.at]
    }

    pub(super) fn open_mut(&mut self, spot: Spot) -> &mut Open<V> {
        &mut self.keys[spot.id].open[spot.at]
    }

    /// The result of a window is given: it goes on only for late items.
    pub(super) fn keep(&mut self, spot: Spot) {
        let open = &mut self.keys[spot.id].open[spot.at];
        open.given = true;
        let place = Place { end: open.window.end, opened: open.opened, id: spot.id };
        self.unplace(place);
        self.kept.insert(place);
    }

    /// That very window of a key.
    pub(super) fn find(&self, key: &K, window: Window) -> Option<Spot> {
        let id = self.find_key(self.hasher.hash_one(key), key)?;
        let order = |open: &Open<V>| (open.window.end, open.window.start);
        let at = self.keys[id].open.binary_search_by_key(&(window.end, window.start), order).ok()?;
        Some(Spot { id, at })
    }

    /// Opens a window of a key.
    pub(super) fn insert(&mut self, key: &K, window: Window, value: V) -> Spot {
        let hash = self.hasher.hash_one(key);
        let id = self.find_key(hash, key).unwrap_or_else(|| {
            let id = self.keys.insert(Windows { key: key.clone(), hash, open: VecDeque::new() });
            self.ids.insert_unique(hash, id, |id| self.keys[*id].hash);
            id
        });
        let opened = self.opened;
        self.opened += 1;
        let open = &mut self.keys[id].open;
        let at = open.partition_point(|open| (open.window.end, open.window.start) < (window.end, window.start));
        open.insert(at, Open { window, opened, given: false, value });
        self.place(Place { end: window.end, opened, id });
        Spot { id, at }
    }

    /// The first of the key's windows that overlap with that one, and how many there are. They lie side by side.
    pub(super) fn overlapping(&self, key: &K, window: Window) -> Option<(Spot, usize)> {
        let id = self.find_key(self.hasher.hash_one(key), key)?;
        let open = &self.keys[id].open;
        let at = open.partition_point(|open| open.window.end <= window.start);
        let count = open.range(at..).take_while(|open| open.window.overlaps(window)).count();
        (count > 0).then_some((Spot { id, at }, count))
    }

    /// Makes one window of that one and the next of its key. What was kept of the next is still to be merged.
    pub(super) fn join_next(&mut self, spot: Spot) -> Option<V> {
        let (_, next) = self.remove(Spot { at: spot.at + 1, ..spot })?;
        self.replace(spot, |open| {
            open.window = open.window.cover(next.window);
            open.opened = open.opened.min(next.opened);
            open.given |= next.given;
        });
        Some(next.value)
    }

    /// Makes a window longer, so that it covers that one. It may not reach the next one of its key.
    pub(super) fn extend(&mut self, spot: Spot, window: Window) {
        let covered = self.open(spot).window.cover(window);
        if covered != self.open(spot).window {
            self.replace(spot, |open| open.window = covered);
        }
    }

    /// Changes a window, which has a result to give then.
    fn replace(&mut self, spot: Spot, change: impl FnOnce(&mut Open<V>)) {
        let place = |open: &Open<V>| Place { end: open.window.end, opened: open.opened, id: spot.id };
        self.unplace(place(self.open(spot)));
        let open = self.open_mut(spot);
        change(open);
        let place = place(open);
        self.place(place);
    }

    /// Takes a window out, with its key.
    pub(super) fn remove(&mut self, spot: Spot) -> Option<(K, Open<V>)> {
        let windows = &mut self.keys[spot.id];
        let open = windows.open.remove(spot.at)?;
        let last = windows.open.is_empty();
        self.unplace(Place { end: open.window.end, opened: open.opened, id: spot.id });
        if !last {
            return Some((self.keys[spot.id].key.clone(), open));
        }
        let Windows { key, hash, .. } = self.keys.remove(spot.id);
        if let Ok(entry) = self.ids.find_entry(hash, |other| *other == spot.id) {
            entry.remove();
        }
        Some((key, open))
    }

    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.due.clear();
        self.first_due = i64::MAX;
        self.kept.clear();
        self.keys.clear();
    }

    /// That window has a result to give.
    fn place(&mut self, place: Place) {
        self.first_due = self.first_due.min(place.end);
        self.due.insert(place);
    }

    fn unplace(&mut self, place: Place) {
        if self.due.remove(&place) {
            self.first_due = self.due.first().map_or(i64::MAX, |first| first.end);
        } else {
            self.kept.remove(&place);
        }
    }

    fn find_key(&self, hash: u64, key: &K) -> Option<usize> {
        self.ids.find(hash, |id| self.keys[*id].key == *key).copied()
    }

    fn spot(&self, place: &Place) -> Spot {
        let open = &self.keys[place.id].open;
        let from = open.partition_point(|open| open.window.end < place.end);
        // Windows that were cut off where time ends share their end.
        let among = open.range(from..).take_while(|open| open.opened != place.opened).count();
        Spot { id: place.id, at: from + among }
    }
}
