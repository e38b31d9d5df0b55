//! `collect`: all items, in a collection.
//!
//! ```text
//! in:      a  -b  -c  -|
//! answer:  -   -   -   [abc]
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::TryStream;
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;

/// The future of [`Flow::collect`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct Collect<S, C> {
    #[pin]
    stream: S,
    items: C,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and collects its items: into a `Vec`, a `String`, a map, anything that can be extended.
    ///
    /// ```text
    /// in:      a  -b  -c  -|
    /// answer:  -   -   -   [abc]
    /// ```
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once; what was collected is dropped |
    /// | Holds | all items: put a [`take`](Self::take) before it where there may be many |
    /// | Dropped | the items are lost: not cancel safe |
    /// | Time | none; lets other tasks run after every 256 items |
    ///
    /// # Errors
    ///
    /// If the flow fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::collections::BTreeSet;
    ///
    /// let Ok(set) = anabranch_operators::from_iter([3, 1, 3]).collect::<BTreeSet<_>>().await;
    /// assert_eq!(set, BTreeSet::from([1, 3]));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_count`](Self::buffer_count) for lists of bounded size, [`fold`](Self::fold). futures:
    /// `TryStreamExt::try_collect`. ReactiveX: `to_list`, `toArray`.
    #[doc(alias = "to_list")]
    #[doc(alias = "toList")]
    #[doc(alias = "toArray")]
    pub fn collect<C>(self) -> Collect<S, C>
    where
        C: Default + Extend<S::Ok>,
    {
        Collect { stream: self.into_inner(), items: C::default() }
    }
}

impl<S, C> Future for Collect<S, C>
where
    S: TryStream,
    C: Default + Extend<S::Ok>,
{
    type Output = Result<C, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().try_poll_next(cx)) {
                Some(Ok(item)) => this.items.extend(Some(item)),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(std::mem::take(this.items))),
            }
            ready!(budget.swallow(cx));
        }
    }
}
