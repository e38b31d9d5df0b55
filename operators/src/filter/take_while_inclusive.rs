//! `take_while_inclusive`: the items up to the first that fails a test, with that one.
//!
//! ```text
//! below 3
//! in:   1-2-3-1-|
//! out:  1-2-(3|)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::take_while_inclusive`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct TakeWhileInclusive<S, F> {
    #[pin]
    stream: S,
    f: F,
    /// Whether upstream ended or an item failed the test.
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items up to, and with, the first for which `f` says `false`, and ends there.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/take_while_inclusive.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream, or together with the first item that does not pass |
    /// | Errors | end it at once; they are not tested |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let states = anabranch_operators::from_iter(["queued", "running", "done", "deleted"]);
    /// let Ok(seen) = states.take_while_inclusive(|state| *state != "done").collect::<Vec<_>>().await;
    /// assert_eq!(seen, ["queued", "running", "done"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`take_while`](Self::take_while), [`take_until`](Self::take_until). itertools: `take_while_inclusive`. ReactiveX:
    /// `take_while` and `takeWhile` that are `inclusive`; `takeUntil` with a test, which is the opposite of this one's.
    #[doc(alias = "takeWhile")]
    #[doc(alias = "takeUntil")]
    pub fn take_while_inclusive<F>(self, f: F) -> Flow<TakeWhileInclusive<S, F>>
    where
        F: FnMut(&S::Ok) -> bool,
    {
        Flow::new(TakeWhileInclusive { stream: self.into_inner(), f, ended: false })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for TakeWhileInclusive<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TakeWhileInclusive");
        debug.field("stream", &self.stream).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl<S, F> Stream for TakeWhileInclusive<S, F>
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
        let signal = ready!(this.stream.poll_next(cx));
        *this.ended = !matches!(&signal, Some(Ok(item)) if (this.f)(item));
        Poll::Ready(signal)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended {
            return (0, Some(0));
        }
        let (low, high) = self.stream.size_hint();
        (low.min(1), high)
    }
}
