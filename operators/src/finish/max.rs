//! `max`: the greatest item.
//!
//! ```text
//! in:      2-3-1-|
//! answer:  ------3
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::max`].
#[derive(Debug)]
pub struct Max<T> {
    item: Option<T>,
}

impl<T: Ord> Ending<T> for Max<T> {
    type Answer = Option<T>;

    fn add(&mut self, item: T) -> ControlFlow<Option<T>> {
        if self.item.as_ref().is_none_or(|max| item >= *max) {
            self.item = Some(item);
        }
        ControlFlow::Continue(())
    }

    fn end(self) -> Option<T> {
        self.item
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and gives its greatest item; of nothing, `None`. Of several that are equal it is the last, as with
    /// `Iterator::max`.
    ///
    /// Floats have no total order: use [`reduce(f64::max)`](Self::reduce).
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/max.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | an item |
    /// | Dropped | the item is lost: not cancel safe |
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
    /// let Ok(word) = anabranch_operators::from_iter(["reed", "mud", "silt"]).max().await;
    /// assert_eq!(word, Some("silt"));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`max_by_key`](Self::max_by_key), [`min`](Self::min), [`top`](Self::top) for several. ReactiveX: `max`.
    pub fn max(self) -> Answer<S, Max<S::Ok>>
    where
        S::Ok: Ord,
    {
        Answer::new(self, Max { item: None })
    }
}
