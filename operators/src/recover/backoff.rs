//! [`Backoff`], how long to wait before trying again.

use std::fmt;
use std::time::Duration;

/// How long to wait before each new attempt: a random time, up to a span that doubles from one to the next.
///
/// The time is random from zero up to the span ("full jitter"), so that many that failed together do not come back
/// together. The span is never longer than a cap, 1 minute if not said.
///
/// ```
/// use std::time::Duration;
/// use anabranch_operators::recover::Backoff;
///
/// // Up to 100 ms, then up to 200 ms, 400 ms, ... 10 s, 10 s, ...
/// let backoff = Backoff::exponential(Duration::from_millis(100)).cap(Duration::from_secs(10));
/// ```
#[derive(Clone)]
pub struct Backoff<R = fn() -> f64> {
    first: Duration,
    cap: Duration,
    random: R,
}

impl Backoff {
    /// Waits up to `first` before the second attempt, and up to twice as long before each next one.
    ///
    /// # Panics
    ///
    /// If `first` is zero.
    #[track_caller]
    pub fn exponential(first: Duration) -> Self {
        assert!(!first.is_zero(), "a backoff that begins with zero never waits: use retry");
        Self { first, cap: Duration::from_secs(60), random: fastrand::f64 }
    }
}

impl<R> Backoff<R> {
    /// The longest span.
    pub fn cap(mut self, span: Duration) -> Self {
        self.cap = span;
        self
    }

    /// Where randomness comes from: `random` gives a number from 0 to 1 for each wait, of which the wait is that part of
    /// its span. `|| 1.0` waits for all of it, always, so that a test knows how long.
    pub fn random<Q>(self, random: Q) -> Backoff<Q>
    where
        Q: FnMut() -> f64,
    {
        Backoff { first: self.first, cap: self.cap, random }
    }
}

impl<R: FnMut() -> f64> Backoff<R> {
    /// How long to wait after so many waits before.
    pub(super) fn wait(&mut self, before: usize) -> Duration {
        let doubled = u32::try_from(before).ok().and_then(|before| 1_u32.checked_shl(before)).unwrap_or(u32::MAX);
        let span = self.first.saturating_mul(doubled).min(self.cap);
        let part = (self.random)();
        if part >= 1.0 {
            return span;
        }
        // What is no number in the range, and so no span either, is no wait.
        Duration::try_from_secs_f64(span.as_secs_f64() * part).unwrap_or_default()
    }
}

impl<R> fmt::Debug for Backoff<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff").field("first", &self.first).field("cap", &self.cap).finish_non_exhaustive()
    }
}
