//! [`Machine`]: puts items into their windows, and gives results by the watermark. Pure: no streams and no clocks.

use std::collections::VecDeque;
use std::hash::Hash;

use super::aligned::Aligned;
use super::event_time::{LAST, Shape, Windowed};
use super::sessions::Sessions;
use super::watermark::Watermark;
use crate::group::Aggregator;
use crate::keyed_queue::KeyedQueue;
use crate::{Counter, OperatorError};

/// How many windows may be open if nothing else is said.
const MAX_WINDOWS: usize = 1 << 20;

type Copy<V> = fn(&V) -> V;

pub(super) struct Machine<K, T, A: Aggregator<K, T>, E> {
    pub(super) rules: Rules<K, T, A, E>,
    windows: Windows<K, T, A>,
}

/// What windows of both kinds go by, and what they have ready.
pub(super) struct Rules<K, T, A: Aggregator<K, T>, E> {
    pub(super) aggregator: A,
    pub(super) watermark: Watermark,
    /// Copies a state whose window is kept for late items; set if any are.
    pub(super) copy: Option<Copy<A::State>>,
    max_windows: usize,
    /// Makes the failure, where the flow is to fail; otherwise the oldest window is closed early.
    pub(super) fail: Option<fn(OperatorError) -> E>,
    pub(super) closed_early: Counter,
    /// What the last item made be given: for each of its windows at most that one and one that made room.
    pub(super) ready: VecDeque<Windowed<K, A::Output>>,
}

enum Windows<K, T, A: Aggregator<K, T>> {
    Aligned(Aligned<K, T, A::State>),
    Sessions(Sessions<K, A, A::State>),
}

impl<K, T, A: Aggregator<K, T>, E> Rules<K, T, A, E> {
    /// Whether room must be made for one window more, where so many are open.
    pub(super) fn is_full(&self, open: usize) -> Result<bool, E> {
        if open < self.max_windows {
            return Ok(false);
        }
        match self.fail {
            Some(fail) => Err(fail(OperatorError::TooManyWindows { max_windows: self.max_windows })),
            None => Ok(true),
        }
    }

    pub(super) fn set_max_windows(&mut self, n: usize) {
        self.max_windows = n.min(KeyedQueue::<()>::MOST);
    }

    pub(super) fn set_lateness(&mut self, lateness: i64)
    where
        A::State: Clone,
    {
        self.watermark.lateness = lateness;
        self.copy = Some(A::State::clone);
    }
}

impl<K, T, A, E> Machine<K, T, A, E>
where
    K: Hash + Eq + Clone,
    A: Aggregator<K, T>,
{
    pub(super) fn new(shape: Shape<T, A, A::State>, aggregator: A) -> Self {
        let windows = match shape {
            Shape::Aligned { span, step, copy } => Windows::Aligned(Aligned::new(span, step, copy)),
            Shape::Session { gap, merge } => Windows::Sessions(Sessions::new(gap, merge)),
        };
        let rules = Rules {
            aggregator,
            watermark: Watermark::new(),
            copy: None,
            max_windows: MAX_WINDOWS,
            fail: None,
            closed_early: Counter::new(),
            ready: VecDeque::new(),
        };
        Self { rules, windows }
    }

    /// The watermark follows an item's time. Unless all is quiet then, due windows are to be [given](Self::next) before
    /// the item is [put](Self::put).
    #[inline]
    pub(super) fn advance(&mut self, time: i64) {
        self.rules.watermark.advance(time);
    }

    /// Nothing more is expected for the windows that are open.
    pub(super) fn advance_to_last(&mut self) {
        self.last_due().into_iter().for_each(|end| self.rules.watermark.advance_to(end));
    }

    /// Whether there are windows whose result has not been given.
    pub(super) fn has_due(&self) -> bool {
        self.last_due().is_some()
    }

    /// The last end of windows whose results have not been given.
    fn last_due(&self) -> Option<i64> {
        match &self.windows {
            Windows::Aligned(windows) => windows.last_due(),
            Windows::Sessions(windows) => windows.last_due(),
        }
    }

    /// Whether there is nothing to give or to forget before the next item.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        match &self.windows {
            Windows::Aligned(windows) => windows.is_quiet(&self.rules),
            Windows::Sessions(windows) => windows.is_quiet(&self.rules),
        }
    }

    /// A result that is to be given now.
    pub(super) fn next(&mut self) -> Option<Windowed<K, A::Output>> {
        self.rules.ready.pop_front().or_else(|| match &mut self.windows {
            Windows::Aligned(windows) => windows.next(&mut self.rules, false),
            Windows::Sessions(windows) => windows.next(&mut self.rules),
        })
    }

    /// A result of those that are left when the flow has ended.
    pub(super) fn next_at_end(&mut self) -> Option<Windowed<K, A::Output>> {
        self.rules.ready.pop_front().or_else(|| match &mut self.windows {
            Windows::Aligned(windows) => windows.next(&mut self.rules, true),
            Windows::Sessions(windows) => windows.next_at_end(&mut self.rules),
        })
    }

    /// Forgets a window that takes no late items any more. False if there is none; all is quiet then, if no
    /// [result](Self::next) is left.
    pub(super) fn forget_one(&mut self) -> bool {
        match &mut self.windows {
            Windows::Aligned(windows) => windows.forget_one(&self.rules),
            Windows::Sessions(windows) => windows.forget_one(&self.rules),
        }
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        self.rules.ready.clear();
        match &mut self.windows {
            Windows::Aligned(windows) => windows.clear(),
            Windows::Sessions(windows) => windows.clear(),
        }
    }

    /// Puts an item into its windows. Gives it back if all of them are closed.
    #[inline]
    pub(super) fn put(&mut self, key: K, time: i64, item: T) -> Result<Option<T>, E> {
        let time = time.min(LAST);
        match &mut self.windows {
            Windows::Aligned(windows) => windows.put(&mut self.rules, key, time, item),
            Windows::Sessions(windows) => windows.put(&mut self.rules, &key, time, item),
        }
    }
}
