//! [`Many`], streams of one type, each with the item that it gave.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use super::slots::sealed;
use crate::TryStream;
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

/// A stream, and its place among the others. As a future, it gives itself back with what the stream gave.
pub(super) struct Next<S> {
    at: usize,
    /// Dropped when it has ended or failed.
    stream: Option<Pin<Box<S>>>,
}

impl<S: TryStream> Next<S> {
    pub(super) fn new(at: usize, stream: S) -> Self {
        Self { at, stream: Some(Box::pin(stream)) }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn into_stream(self) -> Option<Pin<Box<S>>> {
        self.stream
    }
}

impl<S: TryStream> Future for Next<S> {
    type Output = (Self, Option<Result<S::Ok, S::Error>>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let given = match &mut self.stream {
            Some(stream) => ready!(stream.as_mut().poll_next(cx)),
            None => None,
        };
        let stream = self.stream.take().filter(|_| matches!(given, Some(Ok(_))));
        Poll::Ready((Self { at: self.at, stream }, given))
    }
}

impl<S: TryStream> Many<S> {
    /// Keeps the next item, and gives its stream, or `None` if that has ended. Without streams to read, there is nothing.
    #[allow(clippy::type_complexity, reason = "it is taken apart at once")]
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Option<Next<S>>, S::Error>>> {
        let polled = ready!(self.reading.poll_next_unpin(cx));
        Poll::Ready(polled.map(|given| self.keep(given)))
    }

    /// Keeps what a stream gave, and gives the stream, or `None` if it has ended.
    fn keep(&mut self, (next, given): <Next<S> as Future>::Output) -> Result<Option<Next<S>>, S::Error> {
        let kept = &mut self.kept[next.at];
        match given {
            Some(Ok(item)) => {
                self.missing -= usize::from(kept.replace(item).is_none());
                Ok(Some(next))
            }
            Some(Err(error)) => Err(error),
            None => {
                self.hopeless |= kept.is_none();
                Ok(None)
            }
        }
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
        let mut budget = Budget::new();
        while let Some(next) = ready!(self.poll_kept(cx)?) {
            if let Some(next) = next {
                self.reading.push(next);
                return Poll::Ready(Some(Ok(())));
            }
            ready!(budget.swallow(cx));
        }
        Poll::Ready(None)
    }

    fn poll_each(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<S::Ok>, S::Error>>> {
        let this = &mut *self;
        if this.missing == this.kept.len() && this.reading.is_empty() {
            // In their order, so that of several that have ended or failed meanwhile the first is seen; and directly,
            // because only those that have to wait need a waker of their own.
            this.resting.sort_unstable_by_key(|next| next.at);
            for mut next in std::mem::take(&mut this.resting) {
                let Poll::Ready(given) = next.poll_unpin(cx) else {
                    this.reading.push(next);
                    continue;
                };
                match this.keep(given)? {
                    Some(next) => this.resting.push(next),
                    None => return Poll::Ready(None),
                }
            }
        }
        let mut budget = Budget::new();
        while this.missing > 0 {
            match ready!(this.poll_kept(cx)?) {
                Some(Some(next)) => this.resting.push(next),
                Some(None) | None => return Poll::Ready(None),
            }
            ready!(budget.swallow(cx));
        }
        if this.kept.is_empty() {
            return Poll::Ready(None);
        }
        this.missing = this.kept.len();
        Poll::Ready(Some(Ok(this.kept.iter_mut().filter_map(Option::take).collect())))
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
