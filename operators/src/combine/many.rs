//! [`Many`], streams of one type, each with the item that it gave.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStream};

use super::slots::sealed;
use crate::budget::Budget;
use crate::combine::{CopyingSides, Sides};

/// The streams of a `Vec` or an array: [`Sides`] of one type. Only those that were woken are polled.
pub struct Many<S: TryStream> {
    /// Those that are read.
    reading: FuturesUnordered<Next<S>>,
    /// Those whose item waits for the items of others.
    resting: Vec<Next<S>>,
    kept: Vec<Option<S::Ok>>,
    /// How many have given no item yet.
    missing: usize,
    hopeless: bool,
}

/// A stream, and its place among the others. As a future, what it gives next.
pub(super) struct Next<S> {
    at: usize,
    stream: Option<Pin<Box<S>>>,
}

impl<S: TryStream> Next<S> {
    pub(super) fn new(at: usize, stream: S) -> Self {
        Self { at, stream: Some(Box::pin(stream)) }
    }
}

impl<S: TryStream> Future for Next<S> {
    /// `None` instead of the stream when it has ended or failed.
    #[allow(clippy::type_complexity, reason = "it is taken apart at once")]
    type Output = (usize, Option<Result<S::Ok, S::Error>>, Option<Pin<Box<S>>>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = self.at;
        let Some(stream) = &mut self.stream else {
            return Poll::Ready((at, None, None));
        };
        let given = ready!(stream.as_mut().try_poll_next(cx));
        let stream = self.stream.take().filter(|_| matches!(given, Some(Ok(_))));
        Poll::Ready((at, given, stream))
    }
}

impl<S: TryStream> Many<S> {
    /// The place of the stream that gave the next item, which is kept; `None` when none is read any more.
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Next<S>, S::Error>>> {
        let mut budget = Budget::new();
        while let Some((at, given, stream)) = ready!(self.reading.poll_next_unpin(cx)) {
            match given {
                Some(Ok(item)) => {
                    self.missing -= usize::from(self.kept[at].is_none());
                    self.kept[at] = Some(item);
                    return Poll::Ready(Some(Ok(Next { at, stream })));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.hopeless |= self.kept[at].is_none(),
            }
            ready!(budget.swallow(cx));
        }
        Poll::Ready(None)
    }
}

impl<S: TryStream> FromIterator<S> for Many<S> {
    fn from_iter<I: IntoIterator<Item = S>>(streams: I) -> Self {
        let reading: FuturesUnordered<_> =
            streams.into_iter().enumerate().map(|(at, stream)| Next::new(at, stream)).collect();
        let missing = reading.len();
        let kept = std::iter::repeat_with(|| None).take(missing).collect();
        Self { reading, resting: Vec::new(), kept, missing, hopeless: false }
    }
}

impl<S: TryStream> fmt::Debug for Many<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Many").field("len", &self.kept.len()).field("missing", &self.missing).finish_non_exhaustive()
    }
}

/// The streams are boxed, and the items are never pinned.
impl<S: TryStream> Unpin for Many<S> {}

impl<S: TryStream> sealed::Sealed for Many<S> {}

impl<S: TryStream> Sides for Many<S> {
    type Items = Vec<S::Ok>;
    type Error = S::Error;

    fn poll_any(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<(), S::Error>>> {
        let next = ready!(self.poll_kept(cx));
        Poll::Ready(next.map(|next| next.map(|next| self.reading.push(next))))
    }

    fn poll_each(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<S::Ok>, S::Error>>> {
        if self.reading.is_empty() {
            let this = &mut *self;
            this.reading.extend(this.resting.drain(..));
        }
        let mut budget = Budget::new();
        while self.missing > 0 && !self.hopeless {
            match ready!(self.poll_kept(cx)) {
                Some(Ok(next)) => self.resting.push(next),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => break,
            }
            ready!(budget.swallow(cx));
        }
        if self.missing > 0 || self.kept.is_empty() {
            return Poll::Ready(None);
        }
        self.missing = self.kept.len();
        Poll::Ready(Some(Ok(self.kept.iter_mut().filter_map(Option::take).collect())))
    }

    fn is_hopeless(&self) -> bool {
        self.hopeless
    }

    fn clear(mut self: Pin<&mut Self>) {
        *self = std::iter::empty().collect();
    }

    fn most_of_any(&self) -> Option<usize> {
        self.reading.is_empty().then_some(0)
    }

    fn hint_of_each(&self) -> (usize, Option<usize>) {
        (0, self.kept.is_empty().then_some(0))
    }
}

impl<S> CopyingSides for Many<S>
where
    S: TryStream,
    S::Ok: Clone,
{
    fn copy(&self) -> Option<Vec<S::Ok>> {
        self.kept.iter().cloned().collect()
    }
}
