//! `distinct`: the items whose key has not been seen before.
//!
//! ```text
//! in:   a-b-a-c-b-|
//! out:  a-b---c---|
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use hashbrown::{DefaultHashBuilder, HashTable};
use pin_project::pin_project;
use tokio::time::Instant;

use crate::budget::Budget;
use crate::time::clock;
use crate::time::due::Due;
use crate::{Counter, Flow, TryStream};

/// As many keys as [`group_until`](Flow::group_until) keeps groups.
const MAX_KEYS: usize = 1 << 20;

/// The stream of [`Flow::distinct`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Distinct<S, F, K> {
    #[pin]
    stream: S,
    key: F,
    seen: Seen<K>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items whose `key(item)` has not been seen before.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/distinct.svg"))]
    ///
    /// **It remembers no more than 1,048,576 keys**, unless [`max_keys`](Flow::max_keys) says otherwise: beyond, the one
    /// that was seen first is forgotten and [counted](Flow::keys_forgotten), and an item with that key passes again. With
    /// [`forget_after`](Flow::forget_after), a key passes again after a while in any case.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item with a key that is not remembered |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | the keys it remembers, at most `max_keys` of them; no items |
    /// | Dropped | nothing is lost |
    /// | Time | none; with `forget_after` the clock, but no timer |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let orders = anabranch_operators::from_iter([(7, "new"), (8, "new"), (7, "sent again"), (9, "new")]);
    /// let Ok(once) = orders.distinct(|(id, _)| *id).map(|(id, _)| id).collect::<Vec<_>>().await;
    /// assert_eq!(once, [7, 8, 9]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`distinct_until_changed`](Self::distinct_until_changed), which remembers one key;
    /// [`group_by`](Self::group_by). itertools: `unique_by`. ReactiveX: `distinct`, which remembers all keys for ever.
    #[doc(alias = "unique")]
    #[doc(alias = "unique_by")]
    #[doc(alias = "deduplicate")]
    pub fn distinct<K, F>(self, key: F) -> Flow<Distinct<S, F, K>>
    where
        F: FnMut(&S::Ok) -> K,
        K: Hash + Eq,
    {
        Flow::new(Distinct { stream: self.into_inner(), key, seen: Seen::new() })
    }
}

/// How long keys are remembered.
impl<S, F, K> Flow<Distinct<S, F, K>> {
    /// Remembers at most `n` keys, 1,048,576 if not said. Beyond, the one that was seen first is forgotten, and
    /// [counted](Self::keys_forgotten).
    ///
    /// With `usize::MAX`, memory grows with each new key, for as long as the flow runs.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn max_keys(mut self, n: usize) -> Self {
        assert!(n > 0, "distinct must be allowed to remember at least one key");
        self.inner_mut().seen.max_keys = n;
        self
    }

    /// Forgets a key when `span` has passed since an item with it was given; for ever remembered if not said.
    ///
    /// So an item of each key is given at most once in `span`; those that are left out do not make it longer. An item's
    /// time is when it was read from upstream. Keys are forgotten when the flow is polled; nothing runs meanwhile.
    ///
    /// # Panics
    ///
    /// If `span` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// // The same alert every second: one in 2.5 seconds is enough.
    /// let alerts = anabranch_operators::interval(Duration::from_secs(1)).take(5);
    /// let Ok(sent) = alerts.distinct(|_| "disk full").forget_after(Duration::from_millis(2_500)).collect::<Vec<_>>().await;
    /// assert_eq!(sent, [0, 3]);
    /// # });
    /// ```
    #[track_caller]
    pub fn forget_after(mut self, span: Duration) -> Self {
        assert!(!span.is_zero(), "keys must be remembered for some time");
        self.inner_mut().seen.forget_after = Some(span);
        self
    }

    /// Counts in `counter` the keys that were forgotten because there were more than [`max_keys`](Self::max_keys). While
    /// it is 0, no item was given twice for want of room.
    pub fn keys_forgotten(mut self, counter: &Counter) -> Self {
        self.inner_mut().seen.forgotten = counter.clone();
        self
    }
}

/// The keys that are remembered, each with its hash and when it is due to be forgotten, in the order they were seen.
struct Seen<K> {
    keys: VecDeque<(u64, K, Option<Due>)>,
    /// Where each key is in `keys`, counted from the first that there ever was.
    places: HashTable<u64>,
    /// How many keys have been forgotten: the place of the first in `keys`.
    first: u64,
    hasher: DefaultHashBuilder,
    max_keys: usize,
    forget_after: Option<Duration>,
    forgotten: Counter,
}

impl<K> Seen<K> {
    fn new() -> Self {
        Self {
            keys: VecDeque::new(),
            places: HashTable::new(),
            first: 0,
            hasher: DefaultHashBuilder::default(),
            max_keys: MAX_KEYS,
            forget_after: None,
            forgotten: Counter::new(),
        }
    }

    /// Forgets the key that was seen first.
    fn forget_first(&mut self) {
        if let Some((hash, ..)) = self.keys.front()
            && let Ok(place) = self.places.find_entry(*hash, |place| *place == self.first)
        {
            place.remove();
        }
        self.first += 1;
        drop(self.keys.pop_front());
    }

    /// Whether the key that was seen first is to be forgotten by now.
    fn has_expired(&self, now: Option<Instant>) -> bool {
        let due = self.keys.front().and_then(|(_, _, due)| *due);
        now.zip(due).is_some_and(|(now, due)| due.has_come(now))
    }

    /// Whether the key is new; it is remembered from now on.
    fn is_new(&mut self, key: K, now: Option<Instant>) -> bool
    where
        K: Hash + Eq,
    {
        let hash = self.hasher.hash_one(&key);
        let (keys, first) = (&self.keys, self.first);
        let at = |place: &u64| usize::try_from(*place - first).ok().and_then(|index| keys.get(index));
        if self.places.find(hash, |place| at(place).is_some_and(|(_, seen, _)| *seen == key)).is_some() {
            return false;
        }
        if self.keys.len() >= self.max_keys {
            self.forget_first();
            self.forgotten.add(1);
        }
        let place = self.first + self.keys.len() as u64;
        let due = self.forget_after.zip(now).map(|(span, now)| Due::after(span, now));
        self.keys.push_back((hash, key, due));
        let (keys, first) = (&self.keys, self.first);
        let hash_at = |place: &u64| {
            usize::try_from(*place - first).ok().and_then(|index| keys.get(index)).map_or(0, |(hash, ..)| *hash)
        };
        self.places.insert_unique(hash, place, hash_at);
        true
    }
}

impl<S: fmt::Debug, F, K> fmt::Debug for Distinct<S, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Distinct");
        debug.field("stream", &self.stream).field("keys", &self.seen.keys.len()).finish_non_exhaustive()
    }
}

impl<S, F, K> Stream for Distinct<S, F, K>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        // One look at the clock is enough: the budget ends this call before long.
        let now = this.seen.forget_after.map(|_| clock::now());
        let mut budget = Budget::new();
        // After a pause these may be all keys, which takes a while.
        while this.seen.has_expired(now) {
            this.seen.forget_first();
            ready!(budget.swallow(cx));
        }
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) => {
                    if this.seen.is_new((this.key)(&item), now) {
                        return Poll::Ready(Some(Ok(item)));
                    }
                    ready!(budget.swallow(cx));
                }
                end => return Poll::Ready(end),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        // The first item is always new.
        (if self.seen.keys.is_empty() { low.min(1) } else { 0 }, high)
    }
}
