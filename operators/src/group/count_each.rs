//! `count_each`: the number of each group's items.
//!
//! ```text
//! in:   a-b-a-|
//! the letter as key
//! out:  ------([a2][b1]|)
//! ```

use std::hash::Hash;

use super::aggregate_each::{AggregateEach, Aggregator};
use super::group_until::GroupUntil;
use super::until::GroupSignal;
use crate::{Flow, TryStream};

/// The aggregator of [`count_each`](Flow::count_each).
#[derive(Clone, Copy, Debug)]
pub struct Count;

impl<K, T> Aggregator<K, T> for Count {
    type State = usize;
    type Output = usize;

    fn open(&mut self, _key: &K, _first: T) -> usize {
        1
    }

    fn add(&mut self, state: &mut usize, _item: T) {
        *state += 1;
    }

    fn close(&mut self, state: usize) -> usize {
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
    /// Gives `(key, n)` of each group when it ends: how many items it had.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/count_each.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a group ends: by its [`Until`](crate::group::Until), or early because `max_groups` are open |
    /// | Ends | with upstream, after giving the groups that are still open, oldest first |
    /// | Errors | end it at once; open groups are lost, so half a result is never taken for a whole one |
    /// | Holds | a key and a number each, for at most [`max_groups`](Flow::max_groups) open groups |
    /// | Dropped | the open groups are lost |
    /// | Time | that of [`group_until`](Flow::group_until) |
    ///
    /// # Panics
    ///
    /// If groups of this flow have been read as sub-streams already.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let words = anabranch_operators::from_iter(["reed", "rush", "sedge"]);
    /// let Ok(counts) = words.group_by(|word| word.chars().next()).count_each().collect::<Vec<_>>().await;
    /// assert_eq!(counts, [(Some('r'), 2), (Some('s'), 1)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`sum_each`](Flow::sum_each), [`count`](Flow::count). ReactiveX: `group_by` with `flat_map` and `count`.
    #[doc(alias = "count_by_key")]
    #[track_caller]
    pub fn count_each(self) -> Flow<AggregateEach<S, F, W, Count, K>> {
        self.aggregate_each(Count)
    }
}
