//! `try_filter`: the items that pass a test that may fail.
//!
//! ```text
//! even ones, and x is no number
//! in:   1-2-4-x-6-|
//! out:  --2-4-#
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::try_filter`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct TryFilter<S, F> {
    #[pin]
    stream: S,
    f: F,
    /// Whether upstream ended or `f` failed.
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items for which `f` says `Ok(true)`; its first `Err` is the flow's failure.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/try_filter.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item that passes |
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
    /// let depths = anabranch_operators::from_iter(["3", "12", "deep", "40"]).fails_with::<ParseIntError>();
    /// let mut deep = depths.try_filter(|text| Ok(text.parse::<u32>()? > 10));
    /// assert_eq!(deep.next().await, Ok(Some("12")));
    /// assert!(deep.next().await.is_err());
    /// assert_eq!(deep.next().await, Ok(None));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`filter`](Self::filter), [`try_map`](Self::try_map), [`fails_with`](Self::fails_with);
    /// [`dead_letters`](Self::dead_letters), where a bad item is to be set aside and the rest is to go on. futures:
    /// `TryStreamExt::try_filter` is something else, its test is a future of a plain `bool`. ReactiveX: a `filter` whose
    /// function throws.
    pub fn try_filter<F>(self, f: F) -> Flow<TryFilter<S, F>>
    where
        F: FnMut(&S::Ok) -> Result<bool, S::Error>,
    {
        Flow::new(TryFilter { stream: self.into_inner(), f, ended: false })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for TryFilter<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryFilter").field("stream", &self.stream).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl<S, F> Stream for TryFilter<S, F>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> Result<bool, S::Error>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let mut budget = Budget::new();
        loop {
            let failure = match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) => match (this.f)(&item) {
                    Ok(true) => return Poll::Ready(Some(Ok(item))),
                    Ok(false) => {
                        ready!(budget.swallow(cx));
                        continue;
                    }
                    Err(error) => Some(Err(error)),
                },
                end => end,
            };
            *this.ended = true;
            return Poll::Ready(failure);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended { (0, Some(0)) } else { (0, self.stream.size_hint().1) }
    }
}
