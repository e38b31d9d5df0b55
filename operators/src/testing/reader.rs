//! What both recording consumers are made of: streams polled only when woken, and the count of ticks.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Release};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::time::Instant;

use super::marbles::Event;
use crate::TryStream;
use crate::time::clock::{self, Timer};

/// Signals in one tick after which a flow is taken for one that never pauses.
const TOO_MANY: usize = 1 << 20;

/// A stream that is polled only when it was woken.
pub(super) struct Watched<S> {
    stream: Pin<Box<S>>,
    woken: Arc<Woken>,
    waker: Waker,
}

/// Whether a stream was woken, and whom to tell.
struct Woken {
    woken: AtomicBool,
    reader: AtomicWaker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Release);
        self.reader.wake();
    }
}

impl<S: TryStream> Watched<S> {
    pub(super) fn new(stream: S) -> Self {
        let woken = Arc::new(Woken { woken: AtomicBool::new(true), reader: AtomicWaker::new() });
        Self { stream: Box::pin(stream), waker: Waker::from(Arc::clone(&woken)), woken }
    }

    /// The next signal, if the stream was woken and has one. After a signal it counts as woken.
    pub(super) fn poll_if_woken(&mut self, cx: &mut Context<'_>) -> Poll<Event<S::Ok, S::Error>> {
        self.woken.reader.register(cx.waker());
        if !self.woken.woken.swap(false, AcqRel) {
            return Poll::Pending;
        }
        let polled = self.stream.as_mut().poll_next(&mut Context::from_waker(&self.waker));
        polled.map(|signal| {
            self.woken.woken.store(true, Release);
            match signal {
                Some(Ok(item)) => Event::Item(item),
                Some(Err(error)) => Event::Failure(error),
                None => Event::End,
            }
        })
    }
}

/// Counts ticks, and stops what never pauses.
pub(super) struct Ticks {
    zero: Instant,
    horizon: Instant,
    timer: Timer,
    tick: u64,
    signals: usize,
    /// Polls in this tick.
    polls: usize,
}

impl Ticks {
    pub(super) fn new(horizon: u64) -> Self {
        let zero = clock::now();
        let horizon = zero + Duration::from_millis(horizon);
        Self { zero, horizon, timer: Timer::new(), tick: 0, signals: 0, polls: 0 }
    }

    pub(super) fn poll_horizon(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let tick = self.go_on();
        self.polls += 1;
        assert!(
            self.polls < TOO_MANY,
            "the flow was polled {TOO_MANY} times within tick {tick}, so virtual time stands still: does it wake itself \
             whenever it waits, or read what is always ready?"
        );
        self.timer.poll_at(cx, self.horizon)
    }

    /// The tick now; what is counted is counted for each tick.
    fn go_on(&mut self) -> u64 {
        let tick = u64::try_from((clock::now() - self.zero).as_millis()).unwrap_or(u64::MAX);
        if tick != self.tick {
            (self.tick, self.signals, self.polls) = (tick, 0, 0);
        }
        tick
    }

    pub(super) fn now(&mut self) -> u64 {
        let tick = self.go_on();
        self.signals += 1;
        assert!(
            self.signals < TOO_MANY,
            "the flow gave {TOO_MANY} signals within tick {tick}, so virtual time stands still: end it with take(n)"
        );
        tick
    }
}
