//! [`Watch`]: the signals of all open groups that have one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use futures::future::{AbortHandle, Abortable};
use futures::stream::FuturesUnordered;
use hashbrown::{DefaultHashBuilder, HashMap};
use pin_project::pin_project;

use super::table::Id;
use super::until::GroupSignal;

/// The signals of open groups, of which only those that were woken are polled.
pub(super) struct Watch<W, K, E>
where
    W: GroupSignal<K, E>,
{
    signal: W,
    watched: FuturesUnordered<Abortable<Tagged<W::Fired>>>,
    /// Those of groups that are open, by the numbers of these.
    watching: HashMap<u32, Watching, DefaultHashBuilder>,
}

/// Stops watching a group's signal when it is dropped: the group has ended.
struct Watching(AbortHandle);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<W, K, E> Watch<W, K, E>
where
    W: GroupSignal<K, E>,
{
    pub(super) fn new(signal: W) -> Self {
        Self { signal, watched: FuturesUnordered::new(), watching: HashMap::default() }
    }

    /// The signal for a group that is about to open, if there is one for its key.
    pub(super) fn signal(&mut self, key: &K) -> Option<W::Fired> {
        self.signal.watch(key)
    }

    /// Waits for the signal of a group from now on.
    #[inline]
    pub(super) fn start(&mut self, id: Id, signal: Option<W::Fired>) {
        if let Some(future) = signal {
            let (future, handle) = futures::future::abortable(Tagged { id, future });
            self.watched.push(future);
            self.watching.insert(id.number, Watching(handle));
        }
    }

    /// A group ends.
    pub(super) fn stop(&mut self, id: Id) {
        if W::PRESENT {
            self.watching.remove(&id.number);
        }
    }

    pub(super) fn clear(&mut self) {
        self.watched.clear();
        self.watching.clear();
    }

    /// A group whose signal has fired or failed.
    pub(super) fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<(Id, Result<(), E>)> {
        while !self.watched.is_empty() {
            // `Err` is a signal that was stopped; the set has dropped it now.
            if let Some(Ok(fired)) = ready!(Pin::new(&mut self.watched).poll_next(cx)) {
                return Poll::Ready(fired);
            }
        }
        Poll::Pending
    }
}

#[pin_project]
struct Tagged<F> {
    id: Id,
    #[pin]
    future: F,
}

impl<F: Future> Future for Tagged<F> {
    type Output = (Id, F::Output);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        Poll::Ready((*this.id, output))
    }
}
