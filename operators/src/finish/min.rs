//! `min`: the least item.
//!
//! ```text
//! in:      2-3-1-|
//! answer:  ------1
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::min`].
#[derive(Debug)]
pub struct Min<T> {
    item: Option<T>,
}

impl<T: Ord> Ending<T> for Min<T> {
    type Answer = Option<T>;

    fn add(&mut self, item: T) -> ControlFlow<Option<T>> {
        if self.item.as_ref().is_none_or(|min| item < *min) {
            self.item = Some(item);
        }
        ControlFlow::Continue(())
    }

    fn end(self) -> Option<T> {
        self.item
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and gives its least item; of nothing, `None`. Of several that are equal it is the first, as with
    /// `Iterator::min`.
    ///
    /// Floats have no total order: use [`reduce(f64::min)`](Self::reduce).
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/min.svg"))]
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
    /// let Ok(word) = anabranch_operators::from_iter(["reed", "mud", "silt"]).min().await;
    /// assert_eq!(word, Some("mud"));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`min_by_key`](Self::min_by_key), [`max`](Self::max). ReactiveX: `min`.
    pub fn min(self) -> Answer<S, Min<S::Ok>>
    where
        S::Ok: Ord,
    {
        Answer::new(self, Min { item: None })
    }
}
