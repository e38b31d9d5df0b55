//! Many streams of one type, read as they become ready.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStream};

use crate::budget::Budget;

/// How many items of one stream are taken before another's turn comes.
pub(crate) const RUN: usize = 64;

/// The streams of a merge. A wake-up costs the same however many there are, since only those that were woken are polled.
pub(crate) struct MergeSet<S: TryStream> {
    /// Those that wait to be woken, or for their turn.
    waiting: FuturesUnordered<Next<S>>,
    /// The one that gave the last item. It is polled on directly, because a stream that gave one often has more, and
    /// goes back to the others when it has not, or has had its run.
    current: Option<Pin<Box<S>>>,
    run: usize,
}

/// The next item of a stream, with the stream; `None` when it has ended.
struct Next<S>(Option<Pin<Box<S>>>);

impl<S: TryStream> MergeSet<S> {
    pub(crate) fn new() -> Self {
        Self { waiting: FuturesUnordered::new(), current: None, run: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.current.is_some())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all streams.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Makes `stream` the current one, which is the next to be polled; the one before goes back to the others.
    pub(crate) fn start(&mut self, stream: S) {
        self.park();
        self.current = Some(Box::pin(stream));
        self.run = 0;
    }

    /// The next item of any stream; `None` if there are no streams.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let mut budget = Budget::new();
        loop {
            if let Some(current) = &mut self.current {
                match current.as_mut().try_poll_next(cx) {
                    Poll::Ready(Some(item)) => {
                        self.run += 1;
                        if self.run >= RUN {
                            self.park();
                        }
                        return Poll::Ready(Some(item));
                    }
                    Poll::Ready(None) => self.current = None,
                    // It is polled once more from among the others, so that its own waker is the one it keeps.
                    Poll::Pending => self.park(),
                }
            }
            match ready!(self.waiting.poll_next_unpin(cx)) {
                Some(Some((item, stream))) => {
                    (self.current, self.run) = (Some(stream), 1);
                    return Poll::Ready(Some(item));
                }
                Some(None) => {}
                None => return Poll::Ready(None),
            }
            ready!(budget.swallow(cx));
        }
    }

    /// Puts the current stream back to the others.
    fn park(&mut self) {
        if let Some(stream) = self.current.take() {
            self.waiting.push(Next(Some(stream)));
        }
    }
}

impl<S: TryStream> FromIterator<S> for MergeSet<S> {
    fn from_iter<I: IntoIterator<Item = S>>(streams: I) -> Self {
        let waiting = streams.into_iter().map(|stream| Next(Some(Box::pin(stream)))).collect();
        Self { waiting, current: None, run: 0 }
    }
}

impl<S: TryStream> fmt::Debug for MergeSet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<S: TryStream> Future for Next<S> {
    type Output = Option<(Result<S::Ok, S::Error>, Pin<Box<S>>)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(stream) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let item = ready!(stream.as_mut().try_poll_next(cx));
        Poll::Ready(item.zip(self.0.take()))
    }
}
