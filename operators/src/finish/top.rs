//! `top`: the greatest items.
//!
//! ```text
//! in:      2-4-1-3-|
//! the top 2
//! answer:  --------[43]
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::group::Best;
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::top`].
#[derive(Debug)]
pub struct Top<T> {
    n: usize,
    best: Best<T, ()>,
}

impl<T: Ord> Ending<T> for Top<T> {
    type Answer = Vec<T>;

    fn add(&mut self, item: T) -> ControlFlow<Vec<T>> {
        self.best.offer(self.n, item, ());
        ControlFlow::Continue(())
    }

    fn end(self) -> Vec<T> {
        self.best.into_sorted().map(|(item, ())| item).collect()
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and gives its `n` greatest items, or all if there are fewer, greatest first. Of items that are
    /// equal, those that came first are kept and stand first.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/top.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | `n` items |
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
    /// let Ok(top) = anabranch_operators::from_iter([3, 9, 2, 7]).top(2).await;
    /// assert_eq!(top, [9, 7]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`top_by_key`](Self::top_by_key), [`max`](Self::max); `top_each` behind [`group_by`](Self::group_by). ReactiveX
    /// has none; itertools: `k_largest`.
    #[track_caller]
    pub fn top(self, n: usize) -> Answer<S, Top<S::Ok>>
    where
        S::Ok: Ord,
    {
        assert!(n > 0, "the top 0 of a flow is nothing");
        Answer::new(self, Top { n, best: Best::new() })
    }
}
