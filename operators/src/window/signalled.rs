//! Plans of windows that other flows open and close.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use futures::stream::FuturesUnordered;
use pin_project::pin_project;
use tokio::time::Instant;

use super::plan::{Plan, Turn};
use crate::budget::Budget;
use crate::{Signal, TryStream};

/// How many windows may be open at once if nothing else is said.
const MAX_OPEN: usize = 1 << 16;

/// One window after another: each item of a flow closes one and opens the next.
pub struct BySignal<G> {
    /// Dropped when it has ended.
    signal: Option<Pin<Box<G>>>,
    turns: Turns,
    number: u64,
    is_open: bool,
    /// Items in the open window.
    items: usize,
    pub(super) max_count: usize,
}

impl<G> BySignal<G> {
    pub(super) fn new(signal: G) -> Self {
        let (signal, turns) = (Some(Box::pin(signal)), Turns::new());
        Self { signal, turns, number: 0, is_open: false, items: 0, max_count: usize::MAX }
    }

    fn close(&mut self) -> Turn {
        self.is_open = false;
        self.items = 0;
        self.number += 1;
        Turn::Close(self.number - 1)
    }
}

impl<G: TryStream> Plan<G::Error> for BySignal<G> {
    fn poll_turn(&mut self, cx: &mut Context<'_>, _now: Instant) -> Poll<Result<Turn, G::Error>> {
        if !self.is_open {
            self.is_open = true;
            return Poll::Ready(Ok(Turn::Open));
        }
        if self.items >= self.max_count {
            return Poll::Ready(Ok(self.close()));
        }
        let Some(signal) = &mut self.signal else { return Poll::Pending };
        ready!(self.turns.take(cx));
        match signal.as_mut().poll_next(cx)? {
            Poll::Ready(Some(_)) => return Poll::Ready(Ok(self.close())),
            Poll::Ready(None) => self.signal = None,
            Poll::Pending => self.turns = Turns::new(),
        }
        Poll::Pending
    }

    fn item(&mut self) {
        self.items += 1;
    }
}

/// How often in a row signals go before upstream: if they are always ready, it still gets its turn.
struct Turns {
    left: Budget,
    rests: bool,
}

impl Turns {
    const fn new() -> Self {
        Self { left: Budget::new(), rests: false }
    }

    /// Pending when it is upstream's turn, and then the task is woken already.
    fn take(&mut self, cx: &Context<'_>) -> Poll<()> {
        // A rest lasts for two calls: after the first, a window that has just opened may be given before upstream is
        // looked at.
        if std::mem::take(&mut self.rests) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let turn = self.left.swallow(cx);
        if turn.is_pending() {
            *self = Self { left: Budget::new(), rests: true };
        }
        turn
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
    turns: Turns,
    opened: u64,
    /// Windows that are open, also those whose signal has ended without a word.
    open: usize,
    pub(super) max_open: usize,
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
        Self {
            openings: Some(Box::pin(openings)),
            f,
            closings: FuturesUnordered::new(),
            turns: Turns::new(),
            opened: 0,
            open: 0,
            max_open: MAX_OPEN,
        }
    }
}

impl<O, F, G, Kind> Plan<O::Error> for ByToggle<O, F, G, Kind>
where
    O: TryStream,
    F: FnMut(O::Ok) -> G,
    G: Signal<O::Error, Kind>,
{
    fn poll_turn(&mut self, cx: &mut Context<'_>, _now: Instant) -> Poll<Result<Turn, O::Error>> {
        ready!(self.turns.take(cx));
        // One that was opened by the turn before gets its first poll here.
        while let Poll::Ready(Some(closed)) = Pin::new(&mut self.closings).poll_next(cx)? {
            // A signal that has ended without a word leaves its window open.
            if let Some(number) = closed {
                self.open -= 1;
                return Poll::Ready(Ok(Turn::Close(number)));
            }
        }
        // At the limit only the signals, which have just been polled, can change anything.
        let openings = self.openings.as_mut().filter(|_| self.open < self.max_open);
        match openings.map_or(Poll::Pending, |openings| openings.as_mut().poll_next(cx))? {
            Poll::Ready(Some(opening)) => {
                let signal = (self.f)(opening);
                self.closings.push(Closing { number: self.opened, signal, marker: PhantomData });
                self.opened += 1;
                self.open += 1;
                return Poll::Ready(Ok(Turn::Open));
            }
            Poll::Ready(None) => self.openings = None,
            Poll::Pending => {}
        }
        self.turns = Turns::new();
        Poll::Pending
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
