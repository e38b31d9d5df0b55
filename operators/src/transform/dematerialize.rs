//! `dematerialize`: what items say is an item, a failure or an end, made that again.
//!
//! ```text
//! X is an end
//! in:   a-b-X-c|
//! out:  a-b-|
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::transform::Notification;
use crate::{Flow, TryStream};

/// The stream of [`Flow::dematerialize`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Dematerialize<S> {
    /// Dropped when it has ended, or has said so.
    #[pin]
    stream: Option<S>,
}

impl<S, T, E> Flow<S>
where
    S: TryStream<Ok = Notification<T, E>, Error = Infallible>,
{
    /// Gives the items of notifications, and fails or ends where a notification says so.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/dematerialize.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item as a notification |
    /// | Ends | with upstream, or when a notification says so; upstream is then dropped |
    /// | Errors | upstream has none; a notification of one ends it at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_results;
    /// use anabranch_operators::transform::Notification;
    ///
    /// // A failure counts as the last item.
    /// let broken = from_results(futures::stream::iter([Ok(1), Err("pipe")]));
    /// let numbered = broken.materialize().map(|notification| match notification {
    ///     Notification::Failure(_) => Notification::Next(-1),
    ///     other => other,
    /// });
    /// assert_eq!(numbered.dematerialize().collect::<Vec<_>>().await, Ok(vec![1, -1]));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`materialize`](Self::materialize), [`take_while`](Self::take_while). ReactiveX: `dematerialize`.
    pub fn dematerialize(self) -> Flow<Dematerialize<S>> {
        Flow::new(Dematerialize { stream: Some(self.into_inner()) })
    }
}

impl<S, T, E> Stream for Dematerialize<S>
where
    S: TryStream<Ok = Notification<T, E>, Error = Infallible>,
{
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Ok(notification) = ready!(stream.poll_next(cx)).transpose();
        let last = match notification {
            Some(Notification::Next(item)) => return Poll::Ready(Some(Ok(item))),
            Some(Notification::Failure(error)) => Some(Err(error)),
            Some(Notification::End) | None => None,
        };
        this.stream.set(None);
        Poll::Ready(last)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // The next notification may be the end.
        (0, self.stream.as_ref().map_or(Some(0), |stream| stream.size_hint().1))
    }
}
