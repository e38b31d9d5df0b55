//! `top_by_key`: the items with the greatest keys.
//!
//! ```text
//! in:      2-4-1-3-|
//! the top 2 with the opposite number as key
//! answer:  --------[12]
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::group::Best;
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::top_by_key`].
pub struct TopByKey<K, T, F> {
    n: usize,
    best: Best<K, T>,
    key: F,
}

impl<K, T, F> fmt::Debug for TopByKey<K, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopByKey").field("n", &self.n).field("best", &self.best).finish_non_exhaustive()
    }
}

impl<K, T, F> Ending<T> for TopByKey<K, T, F>
where
    F: FnMut(&T) -> K,
    K: Ord,
{
    type Answer = Vec<T>;

    fn add(&mut self, item: T) -> ControlFlow<Vec<T>> {
        self.best.offer(self.n, (self.key)(&item), item);
        ControlFlow::Continue(())
    }

    fn end(self) -> Vec<T> {
        self.best.into_sorted().map(|(_, item)| item).collect()
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and gives the `n` items of which `key(item)` is greatest, or all if there are fewer, greatest
    /// first. Of items with equal keys, those that came first are kept and stand first.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/top_by_key.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | `n` items and their keys |
    /// | Dropped | the items are lost: not cancel safe |
    /// | Time | none; lets other tasks run when it has read for a millisecond, or 65,536 items |
    ///
    /// # Errors
    ///
    /// If the flow fails.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let words = anabranch_operators::from_iter(["reed", "mud", "sedge", "silt"]);
    /// let Ok(longest) = words.top_by_key(2, |word| word.len()).await;
    /// assert_eq!(longest, ["sedge", "reed"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`top`](Self::top), [`max_by_key`](Self::max_by_key); `top_each` behind [`group_by`](Self::group_by). ReactiveX
    /// has none; itertools: `k_largest_by_key`.
    #[track_caller]
    pub fn top_by_key<K, F>(self, n: usize, key: F) -> Answer<S, TopByKey<K, S::Ok, F>>
    where
        F: FnMut(&S::Ok) -> K,
        K: Ord,
    {
        assert!(n > 0, "the top 0 of a flow is nothing");
        Answer::new(self, TopByKey { n, best: Best::new(), key })
    }
}
