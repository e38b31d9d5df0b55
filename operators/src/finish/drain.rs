//! `drain`: to the end, for what is done on the way.
//!
//! ```text
//! in:      a-b-c-|
//! answer:  ------[]
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::drain`].
#[derive(Debug)]
pub struct Drain;

impl<T> Ending<T> for Drain {
    type Answer = ();

    fn add(&mut self, _item: T) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn end(self) {}
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow to its end and drops its items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/drain.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost: cancel safe |
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
    /// use anabranch_operators::Counter;
    ///
    /// let words = Counter::new();
    /// let Ok(()) = anabranch_operators::from_iter(["reed", "mud"]).inspect(|_| words.add(1)).drain().await;
    /// assert_eq!(words.get(), 2);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`for_each`](Self::for_each), [`forward`](Self::forward), [`count`](Self::count). ReactiveX: what
    /// `ignore_elements` and `subscribe` do together; Pekko: `ignore`.
    #[doc(alias = "ignore")]
    #[doc(alias = "launchIn")]
    pub fn drain(self) -> Answer<S, Drain> {
        Answer::new(self, Drain)
    }
}
