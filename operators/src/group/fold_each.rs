//! `fold_each`: a fold of each group's items.
//!
//! ```text
//! in:   a-b-A-|
//! the small letter as key, and a list
//! out:  ------([a[aA]][b[b]]|)
//! ```

use std::fmt;
use std::hash::Hash;

use super::aggregate_each::{AggregateEach, Aggregator};
use super::group_until::GroupUntil;
use super::until::GroupSignal;
use crate::{Flow, TryStream};

/// The aggregator of [`fold_each`](Flow::fold_each).
pub struct Fold<I, G> {
    pub(crate) init: I,
    pub(crate) f: G,
}

impl<I, G> fmt::Debug for Fold<I, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").finish_non_exhaustive()
    }
}

impl<K, T, V, I, G> Aggregator<K, T> for Fold<I, G>
where
    I: FnMut() -> V,
    G: FnMut(V, T) -> V,
{
    /// Unset only while `f` has it.
    type State = Option<V>;
    type Output = V;

    fn open(&mut self, _key: &K, first: T) -> Self::State {
        Some((self.f)((self.init)(), first))
    }

    fn add(&mut self, state: &mut Self::State, item: T) {
        *state = state.take().map(|value| (self.f)(value, item));
    }

    fn close(&mut self, state: Self::State) -> V {
        state.unwrap_or_else(|| (self.init)())
    }
}

impl<S, F, W, K> Flow<GroupUntil<S, F, W, K>>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
    W: GroupSignal<K, S::Error>,
{
    /// Gives `(key, value)` of each group when it ends, the value folded from its items: `f(… f(f(init(), first), second) …)`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/fold_each.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a group ends: by its [`Until`](crate::group::Until), or early because `max_groups` are open |
    /// | Ends | with upstream, after giving the groups that are still open, oldest first |
    /// | Errors | end it at once; open groups are lost, so half a result is never taken for a whole one |
    /// | Holds | a key and a value each, for at most [`max_groups`](Flow::max_groups) open groups |
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
    /// let lengths = words.group_by(|word| word.chars().next()).fold_each(|| 0, |sum, word| sum + word.len());
    /// let Ok(lengths) = lengths.collect::<Vec<_>>().await;
    /// assert_eq!(lengths, [(Some('r'), 8), (Some('s'), 5)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`reduce_each`](Flow::reduce_each), [`aggregate_each`](Flow::aggregate_each), [`fold`](Flow::fold). ReactiveX:
    /// `group_by` with `flat_map` and `reduce`.
    #[allow(clippy::type_complexity)]
    #[track_caller]
    pub fn fold_each<V, I, G>(self, init: I, f: G) -> Flow<AggregateEach<S, F, W, Fold<I, G>, K>>
    where
        I: FnMut() -> V,
        G: FnMut(V, S::Ok) -> V,
    {
        self.aggregate_each(Fold { init, f })
    }
}
