//! `take_while`: the items before the first that fails a test.
//!
//! ```text
//! below 3
//! in:   1-2-3-1-|
//! out:  1-2-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::take_while`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct TakeWhile<S, F> {
    #[pin]
    stream: S,
    f: F,
    /// Whether upstream ended or an item failed the test.
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items up to, and without, the first for which `f` says `false`, and ends there.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/take_while.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item that passes |
    /// | Ends | with upstream, or when upstream gives the first item that does not pass |
    /// | Errors | end it at once; they are not tested |
    /// | Holds | nothing |
    /// | Dropped | the item that did not pass is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lines = anabranch_operators::from_iter(["from: a", "to: b", "", "text"]);
    /// let Ok(head) = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().await;
    /// assert_eq!(head, ["from: a", "to: b"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`take_while_inclusive`](Self::take_while_inclusive), [`skip_while`](Self::skip_while), [`take`](Self::take),
    /// [`take_until`](Self::take_until), [`filter`](Self::filter).
    /// futures: `StreamExt::take_while`, whose test is a future. ReactiveX: `take_while`,
    /// `takeWhile`, `transformWhile`, `take_while_indexed` behind [`enumerate`](Self::enumerate).
    #[doc(alias = "takeWhile")]
    #[doc(alias = "take_while_indexed")]
    #[doc(alias = "transformWhile")]
    pub fn take_while<F>(self, f: F) -> Flow<TakeWhile<S, F>>
    where
        F: FnMut(&S::Ok) -> bool,
    {
        Flow::new(TakeWhile { stream: self.into_inner(), f, ended: false })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for TakeWhile<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeWhile").field("stream", &self.stream).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl<S, F> Stream for TakeWhile<S, F>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> bool,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(this.stream.poll_next(cx)) {
            Some(Ok(item)) if (this.f)(&item) => Some(Ok(item)),
            last => {
                *this.ended = true;
                last.filter(Result::is_err)
            }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended { (0, Some(0)) } else { (0, self.stream.size_hint().1) }
    }
}
