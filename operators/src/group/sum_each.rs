//! `sum_each`: the sum of a number of each group's items.
//!
//! ```text
//! in:   1-2-3-|
//! odd or not as key
//! out:  ------([[true]4][[false]2]|)
//! ```

use std::fmt;
use std::hash::Hash;
use std::ops::AddAssign;

use super::aggregate_each::{AggregateEach, Aggregator};
use super::group_until::GroupUntil;
use super::until::GroupSignal;
use crate::{Flow, TryStream};

/// The aggregator of [`sum_each`](Flow::sum_each).
pub struct Sum<G> {
    pub(crate) f: G,
}

impl<G> fmt::Debug for Sum<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sum").finish_non_exhaustive()
    }
}

impl<K, T, N, G> Aggregator<K, T> for Sum<G>
where
    G: FnMut(T) -> N,
    N: AddAssign,
{
    type State = N;
    type Output = N;

    fn open(&mut self, _key: &K, first: T) -> N {
        (self.f)(first)
    }

    fn add(&mut self, state: &mut N, item: T) {
        *state += (self.f)(item);
    }

    fn close(&mut self, state: N) -> N {
        state
    }
}

impl<S, F, W, K> Flow<GroupUntil<S, F, W, K>>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
    W: GroupSignal<K, S::Error>,
{
    /// Gives `(key, sum)` of each group when it ends: `f(item)` of all its items, added up in the order in which they came.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/sum_each.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a group ends: by its [`Until`](crate::group::Until), or early because `max_groups` are open |
    /// | Ends | with upstream, after giving the groups that are still open, oldest first |
    /// | Errors | end it at once; open groups are lost, so half a result is never taken for a whole one |
    /// | Holds | a key and a sum each, for at most [`max_groups`](Flow::max_groups) open groups |
    /// | Dropped | the open groups are lost |
    /// | Time | that of [`group_until`](Flow::group_until) |
    ///
    /// # Panics
    ///
    /// If groups of this flow have been read as sub-streams already; in debug builds, if an integer sum overflows.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let words = anabranch_operators::from_iter(["reed", "rush", "sedge"]);
    /// let Ok(sums) = words.group_by(|word| word.chars().next()).sum_each(str::len).collect::<Vec<_>>().await;
    /// assert_eq!(sums, [(Some('r'), 8), (Some('s'), 5)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`count_each`](Flow::count_each), [`fold_each`](Flow::fold_each). ReactiveX: `group_by` with `flat_map` and `sum`.
    #[track_caller]
    pub fn sum_each<N, G>(self, f: G) -> Flow<AggregateEach<S, F, W, Sum<G>, K>>
    where
        G: FnMut(S::Ok) -> N,
        N: AddAssign,
    {
        self.aggregate_each(Sum { f })
    }
}
