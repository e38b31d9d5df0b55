//! [`Aligned`]: windows that begin at multiples of a step, for all keys. Pure: it is told event times only.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::ops::Bound;

use hashbrown::DefaultHashBuilder;

use super::event_machine::Rules;
use super::event_time::{Timing, Window, Windowed, aligned};
use crate::group::Aggregator;
use crate::keyed_queue::KeyedQueue;

/// Windows of all keys that have one end are kept together, in the order in which they were opened: that in which they are
/// given. So an item touches one small table, and a window is given without looking for it.
pub(super) struct Aligned<K, T, V> {
    span: i64,
    step: i64,
    copy: Option<fn(&T) -> T>,
    hasher: DefaultHashBuilder,
    /// By their ends. Those that have been given come first.
    open: BTreeMap<i64, KeyedQueue<Open<K, V>>>,
    len: usize,
    /// The one that the latest item was in, if windows do not overlap: often that of the next item.
    latest: Window,
    /// The windows that end no later have been given, and are kept for late items.
    given: i64,
    /// How many have been given of those that end next.
    given_of_next: usize,
    /// Windows that are given and not kept, and their end.
    closing: VecDeque<Open<K, V>>,
    closing_end: i64,
    /// Windows that take no late items any more.
    forgotten: VecDeque<Open<K, V>>,
    /// How many windows had the end that was given last: as many as the next may have.
    expected: usize,
    /// There is something to do when the watermark is here.
    wakes: i64,
}

struct Open<K, V> {
    /// Windows that are cut off where time ends share their end.
    start: i64,
    key: K,
    value: V,
}

impl<K, T, V> Aligned<K, T, V> {
    pub(super) fn new(span: i64, step: i64, copy: Option<fn(&T) -> T>) -> Self {
        Self {
            span,
            step,
            copy,
            hasher: DefaultHashBuilder::default(),
            open: BTreeMap::new(),
            len: 0,
            latest: Window { start: 0, end: 0 },
            given: i64::MIN,
            given_of_next: 0,
            closing: VecDeque::new(),
            closing_end: 0,
            forgotten: VecDeque::new(),
            expected: 0,
            wakes: i64::MAX,
        }
    }

    /// The last end of windows whose results have not been given.
    pub(super) fn last_due(&self) -> Option<i64> {
        self.open.last_key_value().map(|(end, _)| *end).filter(|end| *end > self.given)
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.closing.clear();
        self.forgotten.clear();
    }
}

impl<K: Hash + Eq + Clone, T, V> Aligned<K, T, V> {
    #[inline]
    pub(super) fn is_quiet<A: Aggregator<K, T>, E>(&self, rules: &Rules<K, T, A, E>) -> bool {
        rules.watermark.at() < self.wakes
    }

    /// A result that is due; any that has not been given if `all`, of which none is kept.
    pub(super) fn next<A, E>(&mut self, rules: &mut Rules<K, T, A, E>, all: bool) -> Option<Windowed<K, A::Output>>
    where
        A: Aggregator<K, T, State = V>,
    {
        loop {
            if let Some(Open { start, key, value }) = self.closing.pop_front() {
                let window = Window { start, end: self.closing_end };
                return Some(Windowed { key, window, value: rules.aggregator.close(value), timing: Timing::OnTime });
            }
            let next = self.open.range((Bound::Excluded(self.given), Bound::Unbounded)).next();
            let Some((end, open)) = next.filter(|(end, _)| all || rules.watermark.is_over(**end)) else {
                self.note_given(rules);
                return None;
            };
            let end = *end;
            match rules.copy {
                Some(copy) if !all && !rules.watermark.is_closed(end) => {
                    if let Some(Open { start, key, value }) = open.get(self.given_of_next) {
                        self.given_of_next += 1;
                        let window = Window { start: *start, end };
                        let value = rules.aggregator.close(copy(value));
                        return Some(Windowed { key: key.clone(), window, value, timing: Timing::OnTime });
                    }
                    (self.given, self.given_of_next) = (end, 0);
                }
                _ => {
                    self.closing = self.take(end);
                    self.closing_end = end;
                    self.expected = self.closing.len();
                }
            }
        }
    }

    /// Forgets a window that takes no late items any more. False if there is none.
    pub(super) fn forget_one<A: Aggregator<K, T>, E>(&mut self, rules: &Rules<K, T, A, E>) -> bool {
        if self.forgotten.is_empty()
            && let Some((end, _)) = self.open.first_key_value()
            && *end <= self.given
            && rules.watermark.is_closed(*end)
        {
            self.forgotten = self.take(*end);
        }
        let forgotten = self.forgotten.pop_front().is_some();
        if !forgotten {
            let due = self.open.range((Bound::Excluded(self.given), Bound::Unbounded)).next().map(|(end, _)| *end);
            let kept = self.open.first_key_value().map(|(end, _)| end.saturating_add(rules.watermark.lateness));
            self.wakes = due.into_iter().chain(kept).min().unwrap_or(i64::MAX);
        }
        forgotten
    }

    /// Puts an item into its windows. Gives it back if all of them are closed. All that is due has been given.
    #[inline]
    pub(super) fn put<A, E>(
        &mut self,
        rules: &mut Rules<K, T, A, E>,
        key: K,
        time: i64,
        item: T,
    ) -> Result<Option<T>, E>
    where
        A: Aggregator<K, T, State = V>,
    {
        if let Some(copy) = self.copy {
            return self.put_into_all(rules, &key, time, item, copy);
        }
        if time < self.latest.start || self.latest.end <= time {
            self.latest = aligned(time, self.span, self.step).next().unwrap_or(self.latest);
        }
        if rules.watermark.is_closed(self.latest.end) {
            return Ok(Some(item));
        }
        let hash = self.hasher.hash_one(&key);
        self.put_into(rules, hash, key, self.latest, item)?;
        Ok(None)
    }

    fn put_into_all<A, E>(
        &mut self,
        rules: &mut Rules<K, T, A, E>,
        key: &K,
        time: i64,
        item: T,
        copy: fn(&T) -> T,
    ) -> Result<Option<T>, E>
    where
        A: Aggregator<K, T, State = V>,
    {
        let hash = self.hasher.hash_one(key);
        let windows = aligned(time, self.span, self.step);
        let mut left = windows.len();
        let (mut item, mut late) = (Some(item), true);
        for window in windows {
            left -= 1;
            if rules.watermark.is_closed(window.end) {
                continue;
            }
            // The last window is open if any is, unless making room has closed it, and gets the item itself.
            late = false;
            let own = match &item {
                Some(item) if left > 0 => Some(copy(item)),
                _ => item.take(),
            };
            if let Some(own) = own {
                self.put_into(rules, hash, key.clone(), window, own)?;
            }
        }
        Ok(item.filter(|_| late))
    }

    #[inline]
    fn put_into<A, E>(
        &mut self,
        rules: &mut Rules<K, T, A, E>,
        hash: u64,
        key: K,
        window: Window,
        item: T,
    ) -> Result<(), E>
    where
        A: Aggregator<K, T, State = V>,
    {
        let hash = with_start(hash, window.start);
        let is_it = |open: &Open<K, V>| open.start == window.start && open.key == key;
        let Some(open) = self.open.get_mut(&window.end).and_then(|open| open.find_mut(hash, is_it)) else {
            return self.open(rules, hash, key, window, item);
        };
        rules.aggregator.add(&mut open.value, item);
        if rules.watermark.is_over(window.end)
            && let Some(copy) = rules.copy
        {
            let value = rules.aggregator.close(copy(&open.value));
            self.wakes = i64::MIN;
            rules.ready.push_back(Windowed { key, window, value, timing: Timing::Late });
        }
        Ok(())
    }

    /// Opens a window with its first item.
    #[inline(never)]
    fn open<A, E>(&mut self, rules: &mut Rules<K, T, A, E>, hash: u64, key: K, window: Window, item: T) -> Result<(), E>
    where
        A: Aggregator<K, T, State = V>,
    {
        self.note_given(rules);
        while rules.is_full(self.len)? {
            self.close_oldest(rules);
        }
        let value = rules.aggregator.open(&key, item);
        let Window { start, end } = window;
        // One that an item came to behind the watermark is given at once, and again with each.
        if rules.watermark.is_over(end) {
            self.wakes = i64::MIN;
            let kept = rules.copy.filter(|_| !rules.watermark.is_closed(end)).map(|copy| copy(&value));
            let (given, kept) = match kept {
                Some(given) => (given, Some(value)),
                // Making room has closed windows that end later.
                None => (value, None),
            };
            let value = rules.aggregator.close(given);
            rules.ready.push_back(Windowed { key: key.clone(), window, value, timing: Timing::Late });
            if let Some(value) = kept {
                self.insert(hash, end, Open { start, key, value });
            }
        } else {
            self.wakes = self.wakes.min(end);
            self.insert(hash, end, Open { start, key, value });
        }
        Ok(())
    }

    #[inline]
    fn insert(&mut self, hash: u64, end: i64, open: Open<K, V>) {
        // Expected once only: a burst of one window does not make others large.
        let expected = &mut self.expected;
        let windows = self.open.entry(end).or_insert_with(|| KeyedQueue::with_capacity(std::mem::take(expected)));
        windows.push(hash, open);
        self.len += 1;
    }

    fn close_oldest<A, E>(&mut self, rules: &mut Rules<K, T, A, E>)
    where
        A: Aggregator<K, T, State = V>,
    {
        let Some(mut first) = self.open.first_entry() else { return };
        let (end, hasher) = (*first.key(), &self.hasher);
        let oldest = first.get_mut().pop_first(|open| with_start(hasher.hash_one(&open.key), open.start));
        if first.get().is_empty() {
            first.remove();
        }
        let Some(Open { start, key, value }) = oldest else { return };
        self.len -= 1;
        self.wakes = i64::MIN;
        rules.closed_early.add(1);
        if end <= self.given {
            rules.watermark.close_up_to(end);
        } else {
            let value = rules.aggregator.close(value);
            rules.ready.push_back(Windowed { key, window: Window { start, end }, value, timing: Timing::Early });
        }
    }

    /// Nothing is due, so windows that end no later than the watermark have been given.
    fn note_given<A: Aggregator<K, T>, E>(&mut self, rules: &Rules<K, T, A, E>) {
        self.given = self.given.max(rules.watermark.at());
    }

    fn take(&mut self, end: i64) -> VecDeque<Open<K, V>> {
        let taken = self.open.remove(&end).map(KeyedQueue::into_entries).unwrap_or_default();
        self.len -= taken.len();
        taken
    }
}

/// Tells the windows of one key apart that share their end.
const fn with_start(hash: u64, start: i64) -> u64 {
    hash.wrapping_add((start as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
