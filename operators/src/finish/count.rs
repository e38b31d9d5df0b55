//! `count`: how many items.
//!
//! ```text
//! in:      a-b-c-|
//! answer:  ------3
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::count`].
#[derive(Debug)]
pub struct Count {
    count: usize,
}

impl<T> Ending<T> for Count {
    type Answer = usize;

    fn add(&mut self, _item: T) -> ControlFlow<usize> {
        self.count += 1;
        ControlFlow::Continue(())
    }

    fn end(self) -> usize {
        self.count
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and counts its items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/count.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends; of nothing, 0 |
    /// | Errors | are the answer, at once: half a count is no count |
    /// | Holds | the count |
    /// | Dropped | the count is lost: not cancel safe |
    /// | Time | none; lets other tasks run when it has read for a millisecond, or 65,536 items |
    ///
    /// # Errors
    ///
    /// If the flow fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let Ok(n) = anabranch_operators::from_iter(1..10).filter(|n| n % 3 == 0).count().await;
    /// assert_eq!(n, 3);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`fold`](Self::fold), [`count_by`](Self::count_by); `count_each` behind [`group_by`](Self::group_by) for a count
    /// of every group. futures: `StreamExt::count`. ReactiveX: `count`.
    pub fn count(self) -> Answer<S, Count> {
        Answer::new(self, Count { count: 0 })
    }
}
