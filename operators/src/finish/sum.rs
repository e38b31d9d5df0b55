//! `sum`: all items, added up.
//!
//! ```text
//! in:      1-2-3-|
//! answer:  ------6
//! ```

use std::iter;
use std::ops::Add;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::sum`].
#[derive(Debug)]
pub struct Sum<N> {
    /// Unset before the first item.
    total: Option<N>,
}

impl<T, N> Ending<T> for Sum<N>
where
    N: iter::Sum<T> + Add<Output = N>,
{
    type Answer = N;

    fn add(&mut self, item: T) -> ControlFlow<N> {
        let item = iter::once(item).sum();
        self.total = Some(match self.total.take() {
            Some(total) => total + item,
            None => item,
        });
        ControlFlow::Continue(())
    }

    fn end(self) -> N {
        self.total.unwrap_or_else(|| iter::empty().sum())
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and adds up its items, in the order in which they came.
    ///
    /// The type of the sum is named, or follows from its use, as with `Iterator::sum`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/sum.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends; of nothing, zero |
    /// | Errors | are the answer, at once: half a sum is no sum |
    /// | Holds | the sum |
    /// | Dropped | the sum is lost: not cancel safe |
    /// | Time | none; lets other tasks run when it has read for a millisecond, or 65,536 items |
    ///
    /// # Errors
    ///
    /// If the flow fails.
    ///
    /// # Panics
    ///
    /// Where `+` does: if integers overflow, in builds with debug assertions. Without them, as in release builds, the sum wraps
    /// around. Where that may happen, add in a wider type, as behind `map(u128::from)`, or with a check, as in the example.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let Ok(letters) = anabranch_operators::from_iter(["reed", "mud"]).map(str::len).sum::<usize>().await;
    /// assert_eq!(letters, 7);
    ///
    /// // A sum that has no room is none.
    /// let add = |sum: Option<u8>, n| sum?.checked_add(n);
    /// let Ok(sum) = anabranch_operators::from_iter([200, 100]).fold(Some(0), add).await;
    /// assert_eq!(sum, None);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`mean`](Self::mean), [`scan`](Self::scan) for each sum so far; `sum_each` behind [`group_by`](Self::group_by);
    /// `reduce(|a, b| a * b)` for a product. ReactiveX: `sum`.
    pub fn sum<N>(self) -> Answer<S, Sum<N>>
    where
        N: iter::Sum<S::Ok> + Add<Output = N>,
    {
        Answer::new(self, Sum { total: None })
    }
}
