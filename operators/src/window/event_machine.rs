//! [`Machine`]: puts items into their windows, and gives results by the watermark. Pure: no streams and no clocks.

use std::collections::VecDeque;
use std::hash::Hash;

use super::event_table::{Spot, Table};
use super::event_time::{LAST, Shape, Timing, Window, Windowed, aligned};
use crate::group::Aggregator;
use crate::{Counter, OperatorError};

/// How many windows may be open if nothing else is said.
const MAX_WINDOWS: usize = 1 << 20;

type Copy<V> = fn(&V) -> V;

pub(super) struct Machine<K, T, A: Aggregator<K, T>, E> {
    shape: Shape<T, A, A::State>,
    aggregator: A,
    table: Table<K, A::State>,
    /// Copies a state whose window is kept for late items; set if any are.
    copy: Option<Copy<A::State>>,
    pub(super) max_windows: usize,
    /// Makes the failure, where the flow is to fail; otherwise the oldest window is closed early.
    pub(super) fail: Option<fn(OperatorError) -> E>,
    pub(super) closed_early: Counter,
    /// What the last item made be given: for each of its windows at most that one and one that made room.
    ready: VecDeque<Windowed<K, A::Output>>,
}

impl<K, T, A, E> Machine<K, T, A, E>
where
    K: Hash + Eq + Clone,
    A: Aggregator<K, T>,
{
    pub(super) fn new(shape: Shape<T, A, A::State>, aggregator: A) -> Self {
        Self {
            shape,
            aggregator,
            table: Table::new(),
            copy: None,
            max_windows: MAX_WINDOWS,
            fail: None,
            closed_early: Counter::new(),
            ready: VecDeque::new(),
        }
    }

    pub(super) const fn set_lag(&mut self, lag: i64) {
        self.table.set_lag(lag);
    }

    pub(super) fn set_lateness(&mut self, lateness: i64)
    where
        A::State: Clone,
    {
        self.table.set_lateness(lateness);
        self.copy = Some(A::State::clone);
    }

    /// The watermark follows an item's time. Due windows are to be [given](Self::next) before it is [put](Self::put).
    pub(super) fn advance(&mut self, time: i64) {
        self.table.advance(time.min(LAST));
    }

    /// Nothing more is expected for the windows that are open.
    pub(super) fn advance_to_last(&mut self) {
        self.table.advance_to_last();
    }

    /// Whether there are windows whose result has not been given.
    pub(super) fn has_due(&self) -> bool {
        self.table.has_due()
    }

    /// Forgets a window that takes no late items any more. False if there is none.
    pub(super) fn forget_one(&mut self) -> bool {
        self.table.forget_one()
    }

    /// A result that is to be given now.
    pub(super) fn next(&mut self) -> Option<Windowed<K, A::Output>> {
        self.ready.pop_front().or_else(|| {
            let spot = self.table.next_due(false)?;
            let timing = if self.table.open(spot).given { Timing::Late } else { Timing::OnTime };
            self.give(spot, timing)
        })
    }

    /// A result of those that are left when the flow has ended.
    pub(super) fn next_at_end(&mut self) -> Option<Windowed<K, A::Output>> {
        self.ready.pop_front().or_else(|| {
            let spot = self.table.next_due(true)?;
            let timing = if self.table.open(spot).given { Timing::Late } else { Timing::OnTime };
            self.close(spot, timing)
        })
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        self.ready.clear();
        self.table.clear();
    }

    /// Puts an item into its windows. Gives it back if all of them are closed.
    pub(super) fn put(&mut self, key: &K, time: i64, item: T) -> Result<Option<T>, E> {
        let time = time.min(LAST);
        let (span, step, copy) = match self.shape {
            Shape::Aligned { span, step, copy } => (span, step, copy),
            Shape::Session { gap, merge } => return self.put_into_session(key, Window::of_one(time, gap), item, merge),
        };
        let windows = aligned(time, span, step);
        let mut left = windows.len();
        let (mut item, mut late) = (Some(item), true);
        for window in windows {
            left -= 1;
            if self.table.is_closed(window) {
                continue;
            }
            // The last window is open if any is, unless making room has closed it, and gets the item itself.
            late = false;
            let own = match (&item, copy) {
                (Some(item), Some(copy)) if left > 0 => Some(copy(item)),
                _ => item.take(),
            };
            if let Some(own) = own {
                self.put_into(key, window, own)?;
            }
        }
        Ok(item.filter(|_| late))
    }

    fn put_into(&mut self, key: &K, window: Window, item: T) -> Result<(), E> {
        let spot = match self.table.find(key, window) {
            Some(spot) => {
                self.aggregator.add(&mut self.table.open_mut(spot).value, item);
                spot
            }
            None => self.open(key, window, item)?,
        };
        self.give_if_over(spot);
        Ok(())
    }

    fn put_into_session(
        &mut self,
        key: &K,
        window: Window,
        item: T,
        merge: fn(&mut A, &mut A::State, A::State),
    ) -> Result<Option<T>, E> {
        // Whether it could join an open session does not matter: that might come to cover one that is closed.
        if self.table.is_closed(window) {
            return Ok(Some(item));
        }
        let spot = match self.table.overlapping(key, window) {
            Some((first, count)) => {
                for _ in 1..count {
                    if let Some(later) = self.table.join_next(first) {
                        merge(&mut self.aggregator, &mut self.table.open_mut(first).value, later);
                    }
                }
                self.table.extend(first, window);
                self.aggregator.add(&mut self.table.open_mut(first).value, item);
                first
            }
            None => self.open(key, window, item)?,
        };
        self.give_if_over(spot);
        Ok(None)
    }

    fn open(&mut self, key: &K, window: Window, item: T) -> Result<Spot, E> {
        while self.table.len() >= self.max_windows {
            if let Some(fail) = self.fail {
                return Err(fail(OperatorError::TooManyWindows { max_windows: self.max_windows }));
            }
            self.close_oldest();
        }
        let state = self.aggregator.open(key, item);
        Ok(self.table.insert(key, window, state))
    }

    fn close_oldest(&mut self) {
        let Some(spot) = self.table.oldest() else { return };
        self.closed_early.add(1);
        let open = self.table.open(spot);
        if open.given {
            let (end, is_over) = (open.window.end, self.table.is_over(open.window));
            self.table.close_up_to(end);
            // A session that grew since it was given has a result that nobody knows yet.
            let result = self.close(spot, Timing::Late).filter(|_| !is_over);
            self.ready.extend(result);
        } else {
            let result = self.close(spot, Timing::Early);
            self.ready.extend(result);
        }
    }

    /// A window that an item came to behind the watermark is given at once, and again.
    fn give_if_over(&mut self, spot: Spot) {
        if self.table.is_over(self.table.open(spot).window) {
            let result = self.give(spot, Timing::Late);
            self.ready.extend(result);
        }
    }

    fn give(&mut self, spot: Spot, timing: Timing) -> Option<Windowed<K, A::Output>> {
        let open = self.table.open(spot);
        match self.copy {
            Some(copy) if !self.table.is_closed(open.window) => {
                let (window, state) = (open.window, copy(&open.value));
                let key = self.table.key(spot).clone();
                self.table.keep(spot);
                Some(Windowed { key, window, value: self.aggregator.close(state), timing })
            }
            _ => self.close(spot, timing),
        }
    }

    fn close(&mut self, spot: Spot, timing: Timing) -> Option<Windowed<K, A::Output>> {
        let (key, open) = self.table.remove(spot)?;
        Some(Windowed { key, window: open.window, value: self.aggregator.close(open.value), timing })
    }
}
