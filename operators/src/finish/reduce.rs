//! `reduce`: all items, put together two by two.
//!
//! ```text
//! in:      a-c-b-|
//! the later letter of two
//! answer:  ------c
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::reduce`].
pub struct Reduce<T, F> {
    value: Option<T>,
    f: F,
}

impl<T: fmt::Debug, F> fmt::Debug for Reduce<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reduce").field("value", &self.value).finish_non_exhaustive()
    }
}

impl<T, F> Ending<T> for Reduce<T, F>
where
    F: FnMut(T, T) -> T,
{
    type Answer = Option<T>;

    fn add(&mut self, item: T) -> ControlFlow<Option<T>> {
        self.value = Some(match self.value.take() {
            Some(value) => (self.f)(value, item),
            None => item,
        });
        ControlFlow::Continue(())
    }

    fn end(self) -> Option<T> {
        self.value
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and puts its items together: the first one, with `f` applied to the value so far and each further
    /// item. Of nothing, `None`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/reduce.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once; the value is dropped |
    /// | Holds | the value |
    /// | Dropped | the value is lost: not cancel safe |
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
    /// let Ok(heaviest) = anabranch_operators::from_iter([0.5, 2.0, 1.5]).reduce(f64::max).await;
    /// assert_eq!(heaviest, Some(2.0));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`fold`](Self::fold) with a seed, [`sum`](Self::sum), [`max`](Self::max); `reduce_each` behind
    /// [`group_by`](Self::group_by). ReactiveX: `reduce` without a seed.
    pub fn reduce<F>(self, f: F) -> Answer<S, Reduce<S::Ok, F>>
    where
        F: FnMut(S::Ok, S::Ok) -> S::Ok,
    {
        Answer::new(self, Reduce { value: None, f })
    }
}
