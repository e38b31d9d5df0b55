//! `reduce_each`: the items of each group, put together two by two.
//!
//! ```text
//! in:   1-2-3-|
//! odd or not as key, and the greater of two
//! out:  ------([[true]3][[false]2]|)
//! ```

use std::fmt;
use std::hash::Hash;

use super::aggregate_each::{AggregateEach, Aggregator};
use super::group_until::GroupUntil;
use super::until::GroupSignal;
use crate::{Flow, TryStream};

/// The aggregator of [`reduce_each`](Flow::reduce_each).
pub struct Reduce<G> {
    pub(crate) f: G,
}

impl<G> fmt::Debug for Reduce<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reduce").finish_non_exhaustive()
    }
}

impl<K, T, G> Aggregator<K, T> for Reduce<G>
where
    G: FnMut(T, T) -> T,
{
    /// Unset only while `f` has it.
    type State = Option<T>;
    type Output = T;

    fn open(&mut self, _key: &K, first: T) -> Self::State {
        Some(first)
    }

    fn add(&mut self, state: &mut Self::State, item: T) {
        *state = Some(match state.take() {
            Some(value) => (self.f)(value, item),
            None => item,
        });
    }

    fn close(&mut self, state: Self::State) -> T {
        state.unwrap_or_else(|| unreachable!("a group has at least its first item"))
    }
}

impl<S, F, W, K> Flow<GroupUntil<S, F, W, K>>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
    W: GroupSignal<K, S::Error>,
{
    /// Gives `(key, value)` of each group when it ends: its first item, with `f` applied to the value so far and each further item.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/reduce_each.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a group ends: by its [`Until`](crate::group::Until), or early because `max_groups` are open |
    /// | Ends | with upstream, after giving the groups that are still open, oldest first |
    /// | Errors | end it at once; open groups are lost, so half a result is never taken for a whole one |
    /// | Holds | a key and an item each, for at most [`max_groups`](Flow::max_groups) open groups |
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
    /// let words = anabranch_operators::from_iter(["reed", "salt", "rush", "sedge"]);
    /// let last = words.group_by(|word| word.chars().next()).reduce_each(|a, b| a.max(b));
    /// let Ok(last) = last.collect::<Vec<_>>().await;
    /// assert_eq!(last, [(Some('r'), "rush"), (Some('s'), "sedge")]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`fold_each`](Flow::fold_each), [`aggregate_each`](Flow::aggregate_each). ReactiveX: `group_by` with `flat_map` and
    /// `reduce`.
    #[track_caller]
    pub fn reduce_each<G>(self, f: G) -> Flow<AggregateEach<S, F, W, Reduce<G>, K>>
    where
        G: FnMut(S::Ok, S::Ok) -> S::Ok,
    {
        self.aggregate_each(Reduce { f })
    }
}
