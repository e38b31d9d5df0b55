//! `pairwise`: each item, with the one before it.
//!
//! ```text
//! in:   a-b-c-|
//! out:  --[ab]-[bc]-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::pairwise`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Pairwise<S: TryStream> {
    #[pin]
    stream: S,
    previous: Option<S::Ok>,
}

impl<S: TryStream> Flow<S> {
    /// Gives `(first, second)`, `(second, third)`, and so on.
    ///
    /// Each item is in two pairs, so it is cloned once. Of less than two items there is no pair.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/pairwise.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, from the second on |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | 1 item |
    /// | Dropped | the last item, which was the second of a pair already, or the only item |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let readings = anabranch_operators::from_iter([20, 22, 19]);
    /// let Ok(changes) = readings.pairwise().map(|(before, now)| now - before).collect::<Vec<_>>().await;
    /// assert_eq!(changes, [2, -3]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`scan`](Self::scan) to remember more, [`time_interval`](Self::time_interval) for the time between items,
    /// [`buffer_count`](Self::buffer_count). itertools: `tuple_windows`. ReactiveX: `pairwise`, `sliding`.
    #[doc(alias = "sliding")]
    #[doc(alias = "tuple_windows")]
    pub fn pairwise(self) -> Flow<Pairwise<S>>
    where
        S::Ok: Clone,
    {
        Flow::new(Pairwise { stream: self.into_inner(), previous: None })
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for Pairwise<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairwise").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S: TryStream<Ok: Clone>> Stream for Pairwise<S> {
    type Item = Result<(S::Ok, S::Ok), S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let given = ready!(this.stream.as_mut().poll_next(cx));
            let Some(Ok(item)) = given else {
                *this.previous = None;
                return Poll::Ready(given.and_then(Result::err).map(Err));
            };
            if let Some(previous) = this.previous.replace(item.clone()) {
                return Poll::Ready(Some(Ok((previous, item))));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        // The first thing that comes may be a failure, which is given.
        (low.saturating_sub(usize::from(self.previous.is_none())), high)
    }
}
