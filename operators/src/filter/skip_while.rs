//! `skip_while`: the items from the first that fails a test.
//!
//! ```text
//! below 3
//! in:   1-2-3-1-|
//! out:  ----3-1-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::skip_while`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct SkipWhile<S, F> {
    #[pin]
    stream: S,
    f: F,
    /// Whether all items so far passed the test, and were left out.
    skipping: bool,
}

impl<S: TryStream> Flow<S> {
    /// Leaves out the items up to, and without, the first for which `f` says `false`; gives that and all that follow.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/skip_while.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, from the first that does not pass |
    /// | Ends | with upstream |
    /// | Errors | end it at once; they are not tested |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lines = anabranch_operators::from_iter(["# counts", "# by carrier", "UA 3", "# 4"]);
    /// let Ok(data) = lines.skip_while(|line| line.starts_with('#')).collect::<Vec<_>>().await;
    /// assert_eq!(data, ["UA 3", "# 4"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`take_while`](Self::take_while), [`skip`](Self::skip), [`filter`](Self::filter). futures:
    /// `StreamExt::skip_while`, whose test is a future. ReactiveX: `skip_while`,
    /// `skipWhile`, `dropWhile`, `skip_while_indexed` behind [`enumerate`](Self::enumerate).
    #[doc(alias = "skipWhile")]
    #[doc(alias = "skip_while_indexed")]
    #[doc(alias = "dropWhile")]
    pub fn skip_while<F>(self, f: F) -> Flow<SkipWhile<S, F>>
    where
        F: FnMut(&S::Ok) -> bool,
    {
        Flow::new(SkipWhile { stream: self.into_inner(), f, skipping: true })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for SkipWhile<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SkipWhile");
        debug.field("stream", &self.stream).field("skipping", &self.skipping).finish_non_exhaustive()
    }
}

impl<S, F> Stream for SkipWhile<S, F>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> bool,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if !*this.skipping {
            return this.stream.poll_next(cx);
        }
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) if (this.f)(&item) => ready!(budget.swallow(cx)),
                signal => {
                    *this.skipping = false;
                    return Poll::Ready(signal);
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        (if self.skipping { 0 } else { low }, high)
    }
}
