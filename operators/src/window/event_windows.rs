//! `event_windows`: one result for each window of event time, when the watermark has passed it.
//!
//! ```text
//! tumbling windows of 5 s, items are seconds, the watermark lags 1 s
//! in:   1-3-5-4-9-6-2-|
//! out:  --------[134]-----([596]|)
//! ```

use std::fmt;
use std::hash::Hash;
use std::ops::AddAssign;

use super::aggregate_windows::AggregateWindows;
use super::event_time::{EventTime, EventWindow};
use crate::group::{Aggregator, Count, Fold, MergeStates, Reduce, Sum, Top};
use crate::{Flow, TryStream};

/// Items with their event times, which are still to be aggregated: see [`Flow::event_windows`].
#[must_use = "windows give nothing until they are aggregated: go on with count_each, say"]
pub struct EventWindows<S, W, F, G> {
    source: S,
    windows: W,
    time: F,
    key: G,
}

/// The aggregator of [`collect_each`](Flow::collect_each).
#[derive(Clone, Copy, Debug)]
pub struct Collected;

impl<K, T> Aggregator<K, T> for Collected {
    type State = Vec<T>;
    type Output = Vec<T>;

    fn open(&mut self, _key: &K, first: T) -> Vec<T> {
        vec![first]
    }

    fn add(&mut self, list: &mut Vec<T>, item: T) {
        list.push(item);
    }

    fn close(&mut self, list: Vec<T>) -> Vec<T> {
        list
    }
}

impl<K, T> MergeStates<K, T> for Collected {
    fn merge(&mut self, earlier: &mut Vec<T>, mut later: Vec<T>) {
        earlier.append(&mut later);
    }
}

impl<S: TryStream> Flow<S> {
    /// Cuts the flow into windows by `time`, when each item says that it happened, and not when it was read.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/event_windows.svg"))]
    ///
    /// Say what is to be made of each window next: [`count_each`](Flow::count_each), [`collect_each`](Flow::collect_each)
    /// and their kin give a [`Windowed`](crate::window::Windowed) result for each window that has items. The windows are
    /// [`tumbling`](crate::window::tumbling), [`hopping`](crate::window::hopping) or a
    /// [`session`](crate::window::session); a key is set by [`by_key`](Flow::by_key).
    ///
    /// Three words, which the [module](crate::window) explains: event time, watermark and lateness. The **watermark** is
    /// the latest event time of any item of the flow, whatever its key, less [`watermark_lag`](Flow::watermark_lag). A
    /// window is given when the watermark reaches its end, and takes items for
    /// [`allowed_lateness`](Flow::allowed_lateness) longer. An item is **late** when each window that it belongs to
    /// takes none any more. In the
    /// picture items are seconds: `4` is in time because of the lag, and `2` is late.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | the windows whose end the watermark reaches, before the item that moved it is looked at: those that end first first, and of those with one end the one that was opened first. Again with each late item that is allowed. A window without items is not given |
    /// | Ends | with upstream, after giving the windows that are open, in the same order |
    /// | Errors | end it at once; open windows are lost, so half a result is never taken for a whole one |
    /// | Holds | key and state of each open window, at most [`max_windows`](Flow::max_windows) (1,048,576 unless set), those that are kept for late items among them; beyond, the one that ends first is closed early. 1 item |
    /// | Ahead | 1 item, while the windows before it are given |
    /// | Dropped | open windows are lost. Late items are, too, counted by [`count_late`](Flow::count_late), unless [`give_late`](Flow::give_late) is asked for |
    /// | Time | none: the watermark moves with items only, and a source that gives nothing closes nothing, unless [`idle_after`](Flow::idle_after) is set. Lets other tasks run when it has read for a millisecond, or 65,536 items |
    ///
    /// # Errors
    ///
    /// [`TooManyWindows`](crate::OperatorError::TooManyWindows), if asked for by [`fail_beyond`](Flow::fail_beyond).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{Counter, from_iter, window::tumbling};
    ///
    /// // Second and carrier of departures, not quite in order. The last one comes far too late.
    /// let departures = from_iter([(3, "UA"), (61, "UA"), (59, "AA"), (8, "UA"), (130, "AA"), (7, "UA")]);
    /// let late = Counter::new();
    /// let per_minute = departures
    ///     .event_windows(tumbling(Duration::from_secs(60)), |(second, _)| second * 1_000_i64)
    ///     .by_key(|(_, carrier)| *carrier)
    ///     .count_each()
    ///     .watermark_lag(Duration::from_secs(10))
    ///     .count_late(&late)
    ///     .map(|counted| (counted.window.start / 1_000, counted.key, counted.value));
    /// let Ok(per_minute) = per_minute.collect::<Vec<_>>().await;
    /// assert_eq!(per_minute, [(0, "UA", 2), (0, "AA", 1), (60, "UA", 1), (120, "AA", 1)]);
    /// assert_eq!(late.get(), 1);
    /// # });
    /// ```
    ///
    /// Late items become the flow's items beside the results, and leave it by [`dead_letters`](Flow::dead_letters):
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{from_iter, window::session};
    /// use futures::channel::mpsc;
    ///
    /// let (sink, mut late) = mpsc::unbounded();
    /// let visits = from_iter([10, 12, 31, 11, 35]).fails_with::<mpsc::SendError>();
    /// let sessions = visits
    ///     .event_windows(session(Duration::from_secs(5)), |second| second * 1_000_i64)
    ///     .collect_each()
    ///     .give_late()
    ///     .dead_letters(sink)
    ///     .map(|session| session.value);
    /// assert_eq!(sessions.collect::<Vec<_>>().await, Ok(vec![vec![10, 12], vec![31, 35]]));
    /// assert_eq!(late.try_recv(), Ok(11));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`group_until`](Self::group_until) with [`Until::idle`](crate::group::Until::idle) or
    /// [`Until::after`](crate::group::Until::after) for sessions and windows by the clock, as items are read;
    /// [`window_time`](Self::window_time). ReactiveX has no event time; elsewhere these are Flink's, Beam's and Kafka
    /// Streams' windows.
    #[doc(alias = "tumbling_window")]
    #[doc(alias = "sliding_window")]
    #[doc(alias = "session_window")]
    #[doc(alias = "watermark")]
    #[allow(clippy::type_complexity)]
    pub fn event_windows<W, F, M>(self, windows: W, time: F) -> Flow<EventWindows<S, W, F, fn(&S::Ok)>>
    where
        F: FnMut(&S::Ok) -> M,
        M: EventTime,
    {
        Flow::new(EventWindows { source: self.into_inner(), windows, time, key: |_| () })
    }
}

/// What is made of each window. The aggregators are those of [`group_until`](Flow::group_until), which its methods of
/// the same names explain; here the result is a [`Windowed`](super::Windowed) instead of a pair.
impl<S, W, F, G, M, K> Flow<EventWindows<S, W, F, G>>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> M,
    M: EventTime,
    G: FnMut(&S::Ok) -> K,
    K: Hash + Eq + Clone,
{
    /// Gives each key windows of its own. The watermark stays that of the whole flow.
    pub fn by_key<H, L>(self, key: H) -> Flow<EventWindows<S, W, F, H>>
    where
        H: FnMut(&S::Ok) -> L,
        L: Hash + Eq + Clone,
    {
        let EventWindows { source, windows, time, .. } = self.into_inner();
        Flow::new(EventWindows { source, windows, time, key })
    }

    /// Gives what `aggregator` makes of the items of each window. For sessions it must [merge](MergeStates).
    ///
    /// How an [`Aggregator`] is written stands on the page of the method of that name behind
    /// [`group_until`](Flow::group_until). All other `*_each` are made by it:
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{from_iter, window::tumbling};
    ///
    /// let seconds = from_iter([3, 1, 7, 9]);
    /// let windows = seconds.event_windows(tumbling(Duration::from_secs(5)), |second| second * 1_000_i64);
    /// let Ok(counts) = windows.aggregate_each(anabranch_operators::group::Count).map(|window| window.value).collect::<Vec<_>>().await;
    /// assert_eq!(counts, [2, 2]);
    /// # });
    /// ```
    pub fn aggregate_each<A>(self, aggregator: A) -> Flow<AggregateWindows<S, F, G, K, A>>
    where
        A: Aggregator<K, S::Ok>,
        W: EventWindow<K, S::Ok, A>,
    {
        let EventWindows { source, windows, time, key } = self.into_inner();
        Flow::new(AggregateWindows::new(source, windows, time, key, aggregator))
    }

    /// Gives the items of each window as a list, in the order in which they came; when sessions merge, those of the
    /// earlier session come first. **Their number is not bounded.** As [`buffer_time`](Flow::buffer_time), but by event time.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{from_iter, window::session};
    ///
    /// let seconds = from_iter([3, 1, 7, 9]);
    /// let windows = seconds.event_windows(session(Duration::from_secs(5)), |second| second * 1_000_i64);
    /// let Ok(lists) = windows.collect_each().map(|window| window.value).collect::<Vec<_>>().await;
    /// assert_eq!(lists, [vec![3, 1, 7, 9]]);
    /// # });
    /// ```
    pub fn collect_each(self) -> Flow<AggregateWindows<S, F, G, K, Collected>>
    where
        W: EventWindow<K, S::Ok, Collected>,
    {
        self.aggregate_each(Collected)
    }

    /// Gives how many items each window had.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{from_iter, window::tumbling};
    ///
    /// let seconds = from_iter([3, 1, 7, 9]);
    /// let windows = seconds.event_windows(tumbling(Duration::from_secs(5)), |second| second * 1_000_i64);
    /// let Ok(counts) = windows.count_each().map(|window| window.value).collect::<Vec<_>>().await;
    /// assert_eq!(counts, [2, 2]);
    /// # });
    /// ```
    pub fn count_each(self) -> Flow<AggregateWindows<S, F, G, K, Count>>
    where
        W: EventWindow<K, S::Ok, Count>,
    {
        self.aggregate_each(Count)
    }

    /// Gives a fold of the items of each window. Not for sessions, because two folds cannot be made one: use
    /// `reduce_each` or `aggregate_each` there.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{from_iter, window::tumbling};
    ///
    /// let seconds = from_iter([3, 1, 7, 9]);
    /// let windows = seconds.event_windows(tumbling(Duration::from_secs(5)), |second| second * 1_000_i64);
    /// let Ok(products) = windows.fold_each(|| 1, |product, second| product * second).map(|window| window.value).collect::<Vec<_>>().await;
    /// assert_eq!(products, [3, 63]);
    /// # });
    /// ```
    #[allow(clippy::type_complexity)]
    pub fn fold_each<V, I, H>(self, init: I, f: H) -> Flow<AggregateWindows<S, F, G, K, Fold<I, H>>>
    where
        I: FnMut() -> V,
        H: FnMut(V, S::Ok) -> V,
        W: EventWindow<K, S::Ok, Fold<I, H>>,
    {
        self.aggregate_each(Fold { init, f })
    }

    /// Gives the items of each window, put together two by two. When sessions merge, so are the two values so far.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{from_iter, window::session};
    ///
    /// let seconds = from_iter([3, 1, 7, 9]);
    /// let windows = seconds.event_windows(session(Duration::from_secs(5)), |second| second * 1_000_i64);
    /// let Ok(latest) = windows.reduce_each(i64::max).map(|window| window.value).collect::<Vec<_>>().await;
    /// assert_eq!(latest, [9]);
    /// # });
    /// ```
    pub fn reduce_each<H>(self, f: H) -> Flow<AggregateWindows<S, F, G, K, Reduce<H>>>
    where
        H: FnMut(S::Ok, S::Ok) -> S::Ok,
        W: EventWindow<K, S::Ok, Reduce<H>>,
    {
        self.aggregate_each(Reduce { f })
    }

    /// Gives the sum of `f(item)` for the items of each window.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{from_iter, window::tumbling};
    ///
    /// let seconds = from_iter([3, 1, 7, 9]);
    /// let windows = seconds.event_windows(tumbling(Duration::from_secs(5)), |second| second * 1_000_i64);
    /// let Ok(sums) = windows.sum_each(|second| second).map(|window| window.value).collect::<Vec<_>>().await;
    /// assert_eq!(sums, [4, 16]);
    /// # });
    /// ```
    pub fn sum_each<N, H>(self, f: H) -> Flow<AggregateWindows<S, F, G, K, Sum<H>>>
    where
        H: FnMut(S::Ok) -> N,
        N: AddAssign,
        W: EventWindow<K, S::Ok, Sum<H>>,
    {
        self.aggregate_each(Sum { f })
    }

    /// Gives the `n` items of each window with the greatest `rank(item)`, greatest first; of equal ones, those that came first.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{from_iter, window::tumbling};
    ///
    /// let seconds = from_iter([3, 1, 7, 9]);
    /// let windows = seconds.event_windows(tumbling(Duration::from_secs(5)), |second| second * 1_000_i64);
    /// let Ok(latest) = windows.top_each(1, |second| *second).map(|window| window.value).collect::<Vec<_>>().await;
    /// assert_eq!(latest, [[3], [9]]);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn top_each<R, H>(self, n: usize, rank: H) -> Flow<AggregateWindows<S, F, G, K, Top<H>>>
    where
        H: FnMut(&S::Ok) -> R,
        R: Ord,
        W: EventWindow<K, S::Ok, Top<H>>,
    {
        assert!(n > 0, "the top 0 of a window is nothing");
        self.aggregate_each(Top { n, rank })
    }
}

impl<S: fmt::Debug, W: fmt::Debug, F, G> fmt::Debug for EventWindows<S, W, F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWindows")
            .field("source", &self.source)
            .field("windows", &self.windows)
            .finish_non_exhaustive()
    }
}
