//! Plans of windows that other flows open and close.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::FuturesUnordered;
use futures::{Stream, TryStream};
use pin_project::pin_project;
use tokio::time::Instant;

use super::plan::{Plan, Turn};
use crate::Signal;

/// One window after another: each item of a flow closes one and opens the next.
pub struct BySignal<G> {
    /// Dropped when it has ended.
    signal: Option<Pin<Box<G>>>,
    number: u64,
    is_open: bool,
}

impl<G> BySignal<G> {
    pub(super) fn new(signal: G) -> Self {
        Self { signal: Some(Box::pin(signal)), number: 0, is_open: false }
    }
}

impl<G: TryStream> Plan<G::Error> for BySignal<G> {
    fn poll_turn(&mut self, cx: &mut Context<'_>, _now: Instant) -> Poll<Result<Turn, G::Error>> {
        if !self.is_open {
            self.is_open = true;
            return Poll::Ready(Ok(Turn::Open));
        }
        let Some(signal) = &mut self.signal else { return Poll::Pending };
        match ready!(signal.as_mut().try_poll_next(cx)?) {
            Some(_) => {
                self.is_open = false;
                self.number += 1;
                Poll::Ready(Ok(Turn::Close(self.number - 1)))
            }
            None => {
                self.signal = None;
                Poll::Pending
            }
        }
    }
}

impl<G> fmt::Debug for BySignal<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BySignal").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Each item of a flow opens a window, which a signal of its own closes.
pub struct ByToggle<O: TryStream, F, G, Kind> {
    /// Dropped when they have ended.
    openings: Option<Pin<Box<O>>>,
    f: F,
    closings: FuturesUnordered<Closing<G, O::Error, Kind>>,
    opened: u64,
}

/// The signal that closes one window.
#[pin_project]
struct Closing<G, E, Kind> {
    number: u64,
    #[pin]
    signal: G,
    #[allow(clippy::type_complexity)]
    marker: PhantomData<fn() -> (E, Kind)>,
}

impl<E, Kind, G: Signal<E, Kind>> Future for Closing<G, E, Kind> {
    type Output = Result<Option<u64>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let said = ready!(this.signal.poll_signal(cx)?);
        Poll::Ready(Ok(said.then_some(*this.number)))
    }
}

impl<O: TryStream, F, G, Kind> ByToggle<O, F, G, Kind> {
    pub(super) fn new(openings: O, f: F) -> Self {
        Self { openings: Some(Box::pin(openings)), f, closings: FuturesUnordered::new(), opened: 0 }
    }
}

impl<O, F, G, Kind> Plan<O::Error> for ByToggle<O, F, G, Kind>
where
    O: TryStream,
    F: FnMut(O::Ok) -> G,
    G: Signal<O::Error, Kind>,
{
    fn poll_turn(&mut self, cx: &mut Context<'_>, _now: Instant) -> Poll<Result<Turn, O::Error>> {
        // One that was opened by the turn before gets its first poll here.
        while let Poll::Ready(Some(closed)) = Pin::new(&mut self.closings).poll_next(cx)? {
            // A signal that has ended without a word leaves its window open.
            if let Some(number) = closed {
                return Poll::Ready(Ok(Turn::Close(number)));
            }
        }
        let Some(openings) = &mut self.openings else { return Poll::Pending };
        match ready!(openings.as_mut().try_poll_next(cx)?) {
            Some(opening) => {
                let signal = (self.f)(opening);
                self.closings.push(Closing { number: self.opened, signal, marker: PhantomData });
                self.opened += 1;
                Poll::Ready(Ok(Turn::Open))
            }
            None => {
                self.openings = None;
                Poll::Pending
            }
        }
    }

    fn stop_opening(&mut self) {
        self.openings = None;
    }
}

impl<O: TryStream, F, G, Kind> fmt::Debug for ByToggle<O, F, G, Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByToggle").field("opened", &self.opened).finish_non_exhaustive()
    }
}
