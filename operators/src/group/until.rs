//! [`Until`]: when a group ends.

use std::fmt;
use std::future::{Future, Pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::TryStream;
use pin_project::pin_project;

/// When a group of [`group_until`](crate::Flow::group_until) ends, if its source does not end first.
///
/// ```
/// use std::time::Duration;
/// use anabranch_operators::group::Until;
///
/// // Ten seconds after the group's last item, but a minute after its first at the latest, or with its 1,000th item.
/// let until = Until::idle(Duration::from_secs(10)).or(Until::after(Duration::from_secs(60))).or(Until::count(1_000));
/// ```
///
/// Time is tokio's clock, and an item's time is when it was read from upstream. At its very deadline a group has ended:
/// an item of its key that is read at that instant opens the next group.
#[derive(Clone)]
pub struct Until<W = NoSignal> {
    pub(super) after: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) count: Option<usize>,
    pub(super) signal: W,
}

impl Until {
    const END: Self = Self { after: None, idle: None, count: None, signal: NoSignal };

    /// Only when the source ends: what [`group_by`](crate::Flow::group_by) uses.
    pub const fn end() -> Self {
        Self::END
    }

    /// `span` after the group's first item. Durations are of any length; one beyond the clock's reach never passes.
    ///
    /// # Panics
    ///
    /// If `span` is zero.
    #[track_caller]
    pub const fn after(span: Duration) -> Self {
        assert!(!span.is_zero(), "a group must last longer than no time");
        Self { after: Some(span), ..Self::END }
    }

    /// `span` after the group's latest item.
    ///
    /// # Panics
    ///
    /// If `span` is zero.
    #[track_caller]
    pub const fn idle(span: Duration) -> Self {
        assert!(!span.is_zero(), "a group must last longer than no time");
        Self { idle: Some(span), ..Self::END }
    }

    /// Together with the group's `n`-th item.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub const fn count(n: usize) -> Self {
        assert!(n > 0, "a group must have at least its opening item");
        Self { count: Some(n), ..Self::END }
    }
}

impl<G> Until<When<G>> {
    /// When the stream that `signal` makes of the group's key gives its first item, or ends.
    ///
    /// The stream is polled from the instant at which the group opens and dropped when the group ends for another
    /// reason. Its failure fails that group alone, or the flow of `*_each`, which has no groups to fail. It fails with what the source
    /// fails with; for one that never fails, [`fails_with`](crate::Flow::fails_with) says so.
    ///
    /// The type of the key has to be written, as in `|key: &u32| ...`: the compiler cannot tell it.
    pub const fn when(signal: G) -> Self {
        Self { after: None, idle: None, count: None, signal: When(signal) }
    }
}

impl<W> Until<W> {
    /// Whichever of the two comes first.
    pub fn or<V>(self, other: Until<V>) -> Until<(W, V)> {
        fn sooner<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
            a.into_iter().chain(b).min()
        }
        Until {
            after: sooner(self.after, other.after),
            idle: sooner(self.idle, other.idle),
            count: sooner(self.count, other.count),
            signal: (self.signal, other.signal),
        }
    }
}

impl<W> fmt::Debug for Until<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Until")
            .field("after", &self.after)
            .field("idle", &self.idle)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// The signal of an [`Until`] that has none.
#[derive(Clone, Copy, Debug)]
pub struct NoSignal;

/// The signal of [`Until::when`].
#[derive(Clone)]
pub struct When<G>(G);

impl<G> fmt::Debug for When<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When").finish_non_exhaustive()
    }
}

/// What can make a future for each group that is ready when the group is to end: sealed, made by [`Until`].
pub trait GroupSignal<K, E>: sealed::Sealed {
    /// Whether there is anything to wait for.
    #[doc(hidden)]
    const PRESENT: bool;

    /// The future for one group.
    #[doc(hidden)]
    type Fired: Future<Output = Result<(), E>>;

    /// The future for the group of `key`, if there is anything to wait for.
    #[doc(hidden)]
    fn watch(&mut self, key: &K) -> Option<Self::Fired>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::NoSignal {}
    impl<G> Sealed for super::When<G> {}
    impl<A, B> Sealed for (A, B) {}
}

impl<K, E> GroupSignal<K, E> for NoSignal {
    const PRESENT: bool = false;
    type Fired = Pending<Result<(), E>>;

    fn watch(&mut self, _key: &K) -> Option<Self::Fired> {
        None
    }
}

impl<K, E, G, D> GroupSignal<K, E> for When<G>
where
    G: FnMut(&K) -> D,
    D: TryStream<Error = E>,
{
    const PRESENT: bool = true;
    type Fired = FirstOrEnd<D>;

    fn watch(&mut self, key: &K) -> Option<Self::Fired> {
        Some(FirstOrEnd((self.0)(key)))
    }
}

impl<K, E, A, B> GroupSignal<K, E> for (A, B)
where
    A: GroupSignal<K, E>,
    B: GroupSignal<K, E>,
{
    const PRESENT: bool = A::PRESENT || B::PRESENT;
    type Fired = Either<A::Fired, B::Fired>;

    fn watch(&mut self, key: &K) -> Option<Self::Fired> {
        match (self.0.watch(key), self.1.watch(key)) {
            (None, None) => None,
            (a, b) => Some(Either { a, b }),
        }
    }
}

/// Ready with a stream's first item or end.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct FirstOrEnd<D>(#[pin] D);

impl<D: TryStream> Future for FirstOrEnd<D> {
    type Output = Result<(), D::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().0.poll_next(cx).map(|item| item.transpose().map(drop))
    }
}

/// Ready when either of two is.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct Either<A, B> {
    #[pin]
    a: Option<A>,
    #[pin]
    b: Option<B>,
}

impl<A: Future, B: Future<Output = A::Output>> Future for Either<A, B> {
    type Output = A::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(a) = this.a.as_pin_mut()
            && let Poll::Ready(output) = a.poll(cx)
        {
            return Poll::Ready(output);
        }
        match this.b.as_pin_mut() {
            Some(b) => b.poll(cx),
            None => Poll::Pending,
        }
    }
}
