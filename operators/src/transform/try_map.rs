//! `try_map`: each item, changed, where the change may fail.
//!
//! ```text
//! x cannot be changed
//! in:   a-b-x-c-|
//! out:  A-B-#
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::try_map`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct TryMap<S, F> {
    #[pin]
    stream: S,
    f: F,
    /// Whether upstream ended or `f` failed.
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives the value of `f(item)` for each item; the first `Err` is the flow's failure.
    ///
    /// That is for an item without which the rest is worth nothing. Where a bad item is to be set aside and the rest is
    /// to go on, `map` to a `Result` and take the errors out with [`dead_letters`](Self::dead_letters).
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/try_map.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once; so does an `Err` of `f`, and upstream is not polled again |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::num::ParseIntError;
    ///
    /// let depths = anabranch_operators::from_iter(["3", "12", "deep", "4"]);
    /// let mut depths = depths.fails_with::<ParseIntError>().try_map(|text| text.parse::<u32>());
    /// assert_eq!(depths.next().await, Ok(Some(3)));
    /// assert_eq!(depths.next().await, Ok(Some(12)));
    /// assert!(depths.next().await.is_err());
    /// assert_eq!(depths.next().await, Ok(None));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`map`](Self::map), [`dead_letters`](Self::dead_letters), [`fails_with`](Self::fails_with). futures:
    /// `TryStreamExt::and_then`. ReactiveX: a `map` whose function throws.
    pub fn try_map<U, F>(self, f: F) -> Flow<TryMap<S, F>>
    where
        F: FnMut(S::Ok) -> Result<U, S::Error>,
    {
        Flow::new(TryMap { stream: self.into_inner(), f, ended: false })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for TryMap<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryMap").field("stream", &self.stream).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl<S, F, U> Stream for TryMap<S, F>
where
    S: TryStream,
    F: FnMut(S::Ok) -> Result<U, S::Error>,
{
    type Item = Result<U, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let changed = ready!(this.stream.poll_next(cx)).map(|item| item.and_then(this.f));
        *this.ended = !matches!(changed, Some(Ok(_)));
        Poll::Ready(changed)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended {
            return (0, Some(0));
        }
        // The first item may be the last, if it cannot be changed.
        let (low, high) = self.stream.size_hint();
        (low.min(1), high)
    }
}
