//! `count`: how many items.
//!
//! ```text
//! in:      a-b-c-|
//! answer:  ------3
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::TryStream;
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;

/// The future of [`Flow::count`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct Count<S> {
    #[pin]
    stream: S,
    count: usize,
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
    /// let Ok(n) = anabranch_operators::from_iter(1..10).filter(|n| n % 3 == 0).count().await;
    /// assert_eq!(n, 3);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`fold`](Self::fold); `count_each` behind [`group_by`](Self::group_by) for a count of every key. futures:
    /// `StreamExt::count`. ReactiveX: `count`.
    pub fn count(self) -> Count<S> {
        Count { stream: self.into_inner(), count: 0 }
    }
}

impl<S: TryStream> Future for Count<S> {
    type Output = Result<usize, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().try_poll_next(cx)) {
                Some(Ok(_)) => *this.count += 1,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(*this.count)),
            }
            ready!(budget.swallow(cx));
        }
    }
}
