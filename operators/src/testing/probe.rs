//! [`probe`]: watches how an operator treats its upstream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use futures::Stream;
use pin_project::{pin_project, pinned_drop};

use crate::{Flow, TryStream};

/// What a [`probe`] has seen so far.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    polls: AtomicUsize,
    pending: AtomicUsize,
    items: AtomicUsize,
    wakes: AtomicUsize,
    polls_after_end: AtomicUsize,
    failed: AtomicBool,
    ended: AtomicBool,
    dropped: AtomicBool,
}

impl Probe {
    /// How often the flow was polled. Zero until the operator behind it is polled: nothing runs by being built.
    pub fn polls(&self) -> usize {
        self.seen.polls.load(Relaxed)
    }

    /// How many of the polls had to wait.
    pub fn pending(&self) -> usize {
        self.seen.pending.load(Relaxed)
    }

    /// How many items the flow gave. Less what the operator handed on, it is how far the operator reads ahead.
    pub fn items(&self) -> usize {
        self.seen.items.load(Relaxed)
    }

    /// How often the flow woke whoever polled it.
    pub fn wakes(&self) -> usize {
        self.seen.wakes.load(Relaxed)
    }

    /// How often it was polled again after it had ended or failed.
    pub fn polls_after_end(&self) -> usize {
        self.seen.polls_after_end.load(Relaxed)
    }

    /// Whether it failed.
    pub fn failed(&self) -> bool {
        self.seen.failed.load(Relaxed)
    }

    /// Whether it ended, without failing.
    pub fn ended(&self) -> bool {
        self.seen.ended.load(Relaxed)
    }

    /// Whether it was dropped.
    pub fn dropped(&self) -> bool {
        self.seen.dropped.load(Relaxed)
    }
}

/// The stream of [`probe`].
#[must_use = "streams do nothing unless polled"]
#[pin_project(PinnedDrop)]
pub struct Probed<S> {
    #[pin]
    stream: S,
    seen: Arc<Seen>,
    /// Whether to wait once before each signal, and whether that has been done.
    stutter: Option<bool>,
}

/// The flow, watched: put operators behind it, and ask the [`Probe`] what they did.
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::{Script, assert_marbles, probe};
///
/// let (source, seen) = probe(Script::marbles("a-b-c|"));
/// let flow = source.take(2);
/// assert_eq!(seen.polls(), 0);
/// assert_marbles(flow, "a-(b|)");
/// assert_eq!(seen.items(), 2);
/// assert!(seen.dropped() && !seen.ended());
/// ```
pub fn probe<S: TryStream>(flow: Flow<S>) -> (Flow<Probed<S>>, Probe) {
    with(flow, None)
}

/// As [`probe`], but the flow says "not yet" once before everything it gives, and wakes its reader at once.
///
/// What comes out of an operator must be the same: one that polls again without having been woken, or that forgets
/// what it was doing, shows here.
pub fn probe_stuttering<S: TryStream>(flow: Flow<S>) -> (Flow<Probed<S>>, Probe) {
    with(flow, Some(false))
}

fn with<S>(flow: Flow<S>, stutter: Option<bool>) -> (Flow<Probed<S>>, Probe) {
    let probe = Probe::default();
    (Flow::new(Probed { stream: flow.into_inner(), seen: Arc::clone(&probe.seen), stutter }), probe)
}

/// Counts a wake and passes it on.
struct CountWake {
    seen: Arc<Seen>,
    waker: Waker,
}

impl Wake for CountWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.seen.wakes.fetch_add(1, Relaxed);
        self.waker.wake_by_ref();
    }
}

impl<S: TryStream> Stream for Probed<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let seen = &**this.seen;
        seen.polls.fetch_add(1, Relaxed);
        if seen.ended.load(Relaxed) || seen.failed.load(Relaxed) {
            seen.polls_after_end.fetch_add(1, Relaxed);
            return Poll::Ready(None);
        }
        let waker = Waker::from(Arc::new(CountWake { seen: Arc::clone(this.seen), waker: cx.waker().clone() }));
        if let Some(waited) = this.stutter {
            *waited = !*waited;
            if *waited {
                seen.pending.fetch_add(1, Relaxed);
                waker.wake();
                return Poll::Pending;
            }
        }
        let polled = this.stream.poll_next(&mut Context::from_waker(&waker));
        match &polled {
            Poll::Pending => {
                seen.pending.fetch_add(1, Relaxed);
                if let Some(waited) = this.stutter {
                    *waited = true; // It was woken for this poll: only after something was given does it stutter.
                }
            }
            Poll::Ready(Some(Ok(_))) => _ = seen.items.fetch_add(1, Relaxed),
            Poll::Ready(Some(Err(_))) => seen.failed.store(true, Relaxed),
            Poll::Ready(None) => seen.ended.store(true, Relaxed),
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.seen.ended.load(Relaxed) || self.seen.failed.load(Relaxed) {
            (0, Some(0))
        } else {
            self.stream.size_hint()
        }
    }
}

#[pinned_drop]
impl<S> PinnedDrop for Probed<S> {
    fn drop(self: Pin<&mut Self>) {
        self.seen.dropped.store(true, Relaxed);
    }
}

impl<S: fmt::Debug> fmt::Debug for Probed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probed").field("stream", &self.stream).field("seen", &self.seen).finish_non_exhaustive()
    }
}
