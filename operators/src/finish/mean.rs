//! `mean`: the arithmetic mean of all items.
//!
//! ```text
//! in:      1-2-3-|
//! answer:  ------2
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::mean`].
#[derive(Debug)]
pub struct Mean {
    sum: f64,
    count: u64,
}

impl<T: Into<f64>> Ending<T> for Mean {
    type Answer = Option<f64>;

    fn add(&mut self, item: T) -> ControlFlow<Option<f64>> {
        self.sum += item.into();
        self.count += 1;
        ControlFlow::Continue(())
    }

    fn end(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and gives the arithmetic mean of its items; of nothing, `None`.
    ///
    /// Items are numbers that a `f64` holds exactly, up to 32 bits; others are brought to one by [`map`](Self::map).
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/mean.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | the sum and the count |
    /// | Dropped | they are lost: not cancel safe |
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
    /// let Ok(length) = anabranch_operators::from_iter(["reed", "mud"]).map(|word| word.len() as f64).mean().await;
    /// assert_eq!(length, Some(3.5));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`sum`](Self::sum), [`count`](Self::count). ReactiveX: `average`.
    #[doc(alias = "average")]
    pub fn mean(self) -> Answer<S, Mean>
    where
        S::Ok: Into<f64>,
    {
        Answer::new(self, Mean { sum: 0.0, count: 0 })
    }
}
