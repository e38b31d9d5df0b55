//! `materialize`: items, the failure and the end, all as items.
//!
//! ```text
//! in:   a-b-#
//! out:  [a]-[b]-([#]|)
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// What a flow gives, as an item: see [`Flow::materialize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notification<T, E> {
    /// It gave an item.
    Next(T),
    /// It failed.
    Failure(E),
    /// It ended.
    End,
}

/// The stream of [`Flow::materialize`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Materialize<S> {
    /// Dropped when it has ended or failed.
    #[pin]
    stream: Option<S>,
}

impl<S: TryStream> Flow<S> {
    /// Gives each item, and then the failure or the end, as a [`Notification`]; the flow of them cannot fail.
    ///
    /// That makes a failure something to store, count, or send, before [`dematerialize`](Self::dematerialize) makes it a
    /// failure again.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/materialize.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, fails or ends |
    /// | Ends | after the failure or the end was given |
    /// | Errors | are given, and so it has none |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_results;
    /// use anabranch_operators::transform::Notification::{Failure, Next};
    ///
    /// let broken = from_results(futures::stream::iter([Ok(1), Err("pipe")]));
    /// let Ok(all) = broken.materialize().collect::<Vec<_>>().await;
    /// assert_eq!(all, [Next(1), Failure("pipe")]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`dematerialize`](Self::dematerialize) for the way back, [`map_err`](Self::map_err) to change the failure. ReactiveX:
    /// `materialize`.
    pub fn materialize(self) -> Flow<Materialize<S>> {
        Flow::new(Materialize { stream: Some(self.into_inner()) })
    }
}

impl<S: TryStream> Stream for Materialize<S> {
    type Item = Result<Notification<S::Ok, S::Error>, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let notification = match ready!(stream.poll_next(cx)) {
            Some(Ok(item)) => return Poll::Ready(Some(Ok(Notification::Next(item)))),
            Some(Err(error)) => Notification::Failure(error),
            None => Notification::End,
        };
        this.stream.set(None);
        Poll::Ready(Some(Ok(notification)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.stream {
            // The end counts, too, unless a failure takes its place.
            Some(stream) => {
                let (low, high) = stream.size_hint();
                (low.max(1), high.and_then(|high| high.checked_add(1)))
            }
            None => (0, Some(0)),
        }
    }
}
