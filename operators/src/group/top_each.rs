//! `top_each`: the items of each group that rank highest.
//!
//! ```text
//! in:   1-3-2-|
//! one key and the top 2
//! out:  ------([x[32]]|)
//! ```

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;
use std::hash::Hash;

use super::aggregate_each::{AggregateEach, Aggregator};
use super::group_until::GroupUntil;
use super::until::GroupSignal;
use crate::{Flow, TryStream};

/// The aggregator of [`top_each`](Flow::top_each).
pub struct Top<G> {
    pub(crate) n: usize,
    pub(crate) rank: G,
}

/// The best items so far. `seen` numbers them, so that of two equal ones the earlier is the better.
#[derive(Clone)]
pub struct Best<R, T> {
    pub(super) heap: BinaryHeap<Reverse<Ranked<R, T>>>,
    pub(super) seen: u64,
}

#[derive(Clone)]
pub(super) struct Ranked<R, T> {
    pub(super) rank: (R, Reverse<u64>),
    item: T,
}

impl<R: Ord, T> Ord for Ranked<R, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl<R: Ord, T> PartialOrd for Ranked<R, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R: Ord, T> PartialEq for Ranked<R, T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<R: Ord, T> Eq for Ranked<R, T> {}

impl<R: Ord, T> Best<R, T> {
    pub(crate) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), seen: 0 }
    }

    /// Keeps the item if it is one of the `n` best so far.
    pub(crate) fn offer(&mut self, n: usize, rank: R, item: T) {
        let rank = (rank, Reverse(self.seen));
        self.seen += 1;
        self.keep(n, Ranked { rank, item });
    }

    pub(super) fn keep(&mut self, n: usize, ranked: Ranked<R, T>) {
        if self.heap.len() < n {
            self.heap.push(Reverse(ranked));
        } else if let Some(mut least) = self.heap.peek_mut()
            && ranked > least.0
        {
            *least = Reverse(ranked);
        }
    }

    /// The items with their ranks, best first.
    pub(crate) fn into_sorted(self) -> impl Iterator<Item = (R, T)> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(ranked)| (ranked.rank.0, ranked.item))
    }
}

impl<R, T> fmt::Debug for Best<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Best").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl<G> fmt::Debug for Top<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Top").field("n", &self.n).finish_non_exhaustive()
    }
}

impl<K, T, R, G> Aggregator<K, T> for Top<G>
where
    G: FnMut(&T) -> R,
    R: Ord,
{
    type State = Best<R, T>;
    type Output = Vec<T>;

    fn open(&mut self, _key: &K, first: T) -> Self::State {
        let mut best = Best::new();
        best.offer(self.n, (self.rank)(&first), first);
        best
    }

    fn add(&mut self, best: &mut Self::State, item: T) {
        best.offer(self.n, (self.rank)(&item), item);
    }

    fn close(&mut self, best: Self::State) -> Vec<T> {
        best.into_sorted().map(|(_, item)| item).collect()
    }
}

impl<S, F, W, K> Flow<GroupUntil<S, F, W, K>>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
    W: GroupSignal<K, S::Error>,
{
    /// Gives `(key, items)` of each group when it ends: the `n` items with the greatest `rank(item)`, or all if there are fewer,
    /// greatest first. Of items that rank equal, those that came first are kept and stand first.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/top_each.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a group ends: by its [`Until`](crate::group::Until), or early because `max_groups` are open |
    /// | Ends | with upstream, after giving the groups that are still open, oldest first |
    /// | Errors | end it at once; open groups are lost, so half a result is never taken for a whole one |
    /// | Holds | a key and `n` items each, for at most [`max_groups`](Flow::max_groups) open groups |
    /// | Dropped | the open groups are lost |
    /// | Time | that of [`group_until`](Flow::group_until) |
    ///
    /// # Panics
    ///
    /// If `n` is zero, or if groups of this flow have been read as sub-streams already.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let words = anabranch_operators::from_iter(["reed", "rush", "ray", "sedge"]);
    /// let longest = words.group_by(|word| word.chars().next()).top_each(2, |word| word.len());
    /// let Ok(longest) = longest.collect::<Vec<_>>().await;
    /// assert_eq!(longest, [(Some('r'), vec!["reed", "rush"]), (Some('s'), vec!["sedge"])]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`fold_each`](Flow::fold_each), [`aggregate_each`](Flow::aggregate_each).
    #[track_caller]
    pub fn top_each<R, G>(self, n: usize, rank: G) -> Flow<AggregateEach<S, F, W, Top<G>, K>>
    where
        G: FnMut(&S::Ok) -> R,
        R: Ord,
    {
        assert!(n > 0, "the top 0 of a group is nothing");
        self.aggregate_each(Top { n, rank })
    }
}
