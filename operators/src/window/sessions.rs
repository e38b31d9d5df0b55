//! [`Sessions`]: windows between gaps, for all keys. Pure: it is told event times only.

use std::hash::Hash;

use super::event_machine::Rules;
use super::event_time::{Timing, Window, Windowed};
use super::session_table::{Spot, Table};
use crate::group::Aggregator;

type Merge<A, V> = fn(&mut A, &mut V, V);

pub(super) struct Sessions<K, A, V> {
    gap: i64,
    merge: Merge<A, V>,
    table: Table<K, V>,
}

impl<K: Hash + Eq + Clone, A, V> Sessions<K, A, V> {
    pub(super) fn new(gap: i64, merge: Merge<A, V>) -> Self {
        Self { gap, merge, table: Table::new() }
    }

    /// The last end of sessions that have a result to give.
    pub(super) fn last_due(&self) -> Option<i64> {
        self.table.last_due()
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
    }

    #[inline]
    pub(super) fn is_quiet<T, E>(&self, rules: &Rules<K, T, A, E>) -> bool
    where
        A: Aggregator<K, T, State = V>,
    {
        rules.ready.is_empty() && rules.watermark.at() < self.table.first_due() && !self.table.keeps()
    }

    pub(super) fn next<T, E>(&mut self, rules: &mut Rules<K, T, A, E>) -> Option<Windowed<K, A::Output>>
    where
        A: Aggregator<K, T, State = V>,
    {
        if self.table.first_due() > rules.watermark.at() {
            return None;
        }
        let spot = self.table.next_due()?;
        self.give(rules, spot, self.timing(spot))
    }

    pub(super) fn next_at_end<T, E>(&mut self, rules: &mut Rules<K, T, A, E>) -> Option<Windowed<K, A::Output>>
    where
        A: Aggregator<K, T, State = V>,
    {
        let spot = self.table.next_due()?;
        self.close(rules, spot, self.timing(spot))
    }

    fn timing(&self, spot: Spot) -> Timing {
        if self.table.open(spot).given { Timing::Late } else { Timing::OnTime }
    }

    /// Forgets a session that takes no late items any more. False if there is none.
    pub(super) fn forget_one<T, E>(&mut self, rules: &Rules<K, T, A, E>) -> bool
    where
        A: Aggregator<K, T, State = V>,
    {
        let first = self.table.first_kept();
        let closed = first.filter(|spot| rules.watermark.is_closed(self.table.open(*spot).window.end));
        closed.and_then(|spot| self.table.remove(spot)).is_some()
    }

    /// Puts an item into its session. Gives it back if that is closed.
    pub(super) fn put<T, E>(
        &mut self,
        rules: &mut Rules<K, T, A, E>,
        key: &K,
        time: i64,
        item: T,
    ) -> Result<Option<T>, E>
    where
        A: Aggregator<K, T, State = V>,
    {
        let window = Window::of_one(time, self.gap);
        // Whether it could join an open session does not matter: that might come to cover one that is closed.
        if rules.watermark.is_closed(window.end) {
            return Ok(Some(item));
        }
        let spot = match self.table.overlapping(key, window) {
            Some((first, count)) => {
                for _ in 1..count {
                    if let Some(later) = self.table.join_next(first) {
                        (self.merge)(&mut rules.aggregator, &mut self.table.open_mut(first).value, later);
                    }
                }
                self.table.extend(first, window);
                rules.aggregator.add(&mut self.table.open_mut(first).value, item);
                first
            }
            None => {
                while rules.is_full(self.table.len())? {
                    self.close_oldest(rules);
                }
                let state = rules.aggregator.open(key, item);
                self.table.insert(key, window, state)
            }
        };
        // A session that an item came to behind the watermark is given at once, and again.
        if rules.watermark.is_over(self.table.open(spot).window.end) {
            let result = self.give(rules, spot, Timing::Late);
            rules.ready.extend(result);
        }
        Ok(None)
    }

    fn close_oldest<T, E>(&mut self, rules: &mut Rules<K, T, A, E>)
    where
        A: Aggregator<K, T, State = V>,
    {
        let Some(spot) = self.table.oldest() else { return };
        rules.closed_early.add(1);
        let open = self.table.open(spot);
        if open.given {
            let end = open.window.end;
            let is_over = rules.watermark.is_over(end);
            rules.watermark.close_up_to(end);
            // A session that grew since it was given has a result that nobody knows yet.
            let result = self.close(rules, spot, Timing::Late).filter(|_| !is_over);
            rules.ready.extend(result);
        } else {
            let result = self.close(rules, spot, Timing::Early);
            rules.ready.extend(result);
        }
    }

    fn give<T, E>(
        &mut self,
        rules: &mut Rules<K, T, A, E>,
        spot: Spot,
        timing: Timing,
    ) -> Option<Windowed<K, A::Output>>
    where
        A: Aggregator<K, T, State = V>,
    {
        let open = self.table.open(spot);
        match rules.copy {
            Some(copy) if !rules.watermark.is_closed(open.window.end) => {
                let (window, state) = (open.window, copy(&open.value));
                let key = self.table.key(spot).clone();
                self.table.keep(spot);
                Some(Windowed { key, window, value: rules.aggregator.close(state), timing })
            }
            _ => self.close(rules, spot, timing),
        }
    }

    fn close<T, E>(
        &mut self,
        rules: &mut Rules<K, T, A, E>,
        spot: Spot,
        timing: Timing,
    ) -> Option<Windowed<K, A::Output>>
    where
        A: Aggregator<K, T, State = V>,
    {
        let (key, open) = self.table.remove(spot)?;
        Some(Windowed { key, window: open.window, value: rules.aggregator.close(open.value), timing })
    }
}
