//! [`Retry`]: which failures are tried again, when, and for how long.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::Error;

/// For how long an endpoint that has never answered is tried.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// For how long an endpoint that has answered before is tried, unless said otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How long a service may be busy before that is worth a warning.
const MOMENT: Duration = Duration::from_secs(10);

/// What sort of trouble a failed call is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The service is there and asks for patience: throttling, 5xx. It gets all of it.
    Busy,
    /// Nothing answered, or nothing sensible.
    Unreachable,
    /// There were no credentials to sign with. At the start that is a mistake; later on, a hiccup of their provider.
    Unsigned,
    /// What the call referred to is too old, a shard iterator or a page token: get another one.
    Stale,
    /// It would fail the same way again.
    Fatal,
}

/// A failed call.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) class: Class,
    pub(crate) error: Error,
}

impl Trouble {
    /// Tells that a call is tried again after it has failed for so long. That a service is busy for a moment is everyday business.
    pub(crate) fn log(&self, wait: Duration, failing: Duration) {
        let cause = self.error.source().map(ToString::to_string).unwrap_or_default();
        match self.warns(failing) {
            true => tracing::warn!(error = %self.error, cause, ?wait, "a call failed and is tried again"),
            false => tracing::debug!(error = %self.error, cause, ?wait, "a call failed and is tried again"),
        }
    }

    fn warns(&self, failing: Duration) -> bool {
        self.class != Class::Busy || failing >= MOMENT
    }
}

/// Exponential waiting with full jitter: any time up to a bound that doubles.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LAST: Duration = Duration::from_secs(10);

    /// How long to wait after this many failures in a row.
    pub(crate) fn after(tries: u32, random: &mut impl Rng) -> Duration {
        let bound = Self::FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(Self::LAST);
        bound.mul_f64(random.random())
    }

    /// How long to wait now.
    pub(crate) fn next(&mut self, random: &mut impl Rng) -> Duration {
        self.tries = self.tries.saturating_add(1);
        Self::after(self.tries, random)
    }
}

/// Tries calls to one endpoint again, as long as that makes sense.
#[derive(Debug)]
pub(crate) struct Retry {
    patience: Duration,
    /// Whether patience is all there is, whatever the trouble.
    brief: bool,
    reached: AtomicBool,
    random: Mutex<StdRng>,
}

impl Retry {
    /// For an endpoint that may be silent for `patience` once it has answered.
    pub(crate) fn new(patience: Duration, random: StdRng) -> Self {
        Self { patience, brief: false, reached: AtomicBool::new(false), random: Mutex::new(random) }
    }

    /// For callers who ask again themselves: `patience` counts from the first call, also with a service that is busy.
    pub(crate) fn brief(patience: Duration, random: StdRng) -> Self {
        Self { brief: true, ..Self::new(patience, random) }
    }

    /// Calls until there is an answer or a failure that patience does not help against.
    pub(crate) async fn call<'a, T>(
        &self,
        mut call: impl FnMut() -> BoxFuture<'a, Result<T, Trouble>> + Send,
    ) -> Result<T, Trouble> {
        let mut backoff = Backoff::default();
        let began = Instant::now();
        let mut silent_since = began;
        loop {
            let trouble = match call().await {
                Ok(answer) => {
                    self.reached.store(true, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(trouble) => trouble,
            };
            if trouble.class == Class::Busy && !self.brief && self.reached.load(Ordering::Relaxed) {
                silent_since = Instant::now();
            }
            let left = self.patience(trouble.class).saturating_sub(silent_since.elapsed());
            if left.is_zero() {
                return Err(trouble);
            }
            // The last try is made when patience ends, not long after.
            let wait = self.wait(&mut backoff).min(left);
            trouble.log(wait, began.elapsed());
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait after one more failure.
    pub(crate) fn wait(&self, backoff: &mut Backoff) -> Duration {
        backoff.next(&mut *self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long to go on, from when something sensible was last heard.
    fn patience(&self, class: Class) -> Duration {
        let reached = self.reached.load(Ordering::Relaxed);
        match class {
            Class::Fatal | Class::Stale => Duration::ZERO,
            Class::Unsigned if !reached => Duration::ZERO,
            Class::Busy | Class::Unreachable | Class::Unsigned if reached || self.brief => self.patience,
            Class::Busy | Class::Unreachable | Class::Unsigned => FIRST_PATIENCE,
        }
    }
}

/// Numbers that differ from process to process, for jitter.
pub(crate) fn jitter() -> StdRng {
    StdRng::from_rng(&mut rand::rng())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn trouble(class: Class) -> Trouble {
        Trouble { class, error: Error::new(ErrorKind::Unavailable, "no") }
    }

    /// Gives the classes one by one, then an answer, and counts the calls.
    async fn run(retry: &Retry, mut script: Vec<Class>) -> (usize, Result<(), Class>) {
        let mut calls = 0;
        script.reverse();
        let answer = retry
            .call(|| {
                calls += 1;
                let answer = script.pop().map_or(Ok(()), |class| Err(trouble(class)));
                Box::pin(async move { answer })
            })
            .await;
        (calls, answer.map_err(|trouble| trouble.class))
    }

    #[test]
    fn waits_are_within_a_bound_that_doubles_up_to_ten_seconds() {
        let mut random = StdRng::seed_from_u64(1);
        for (tries, bound) in [(1, 100), (2, 200), (5, 1_600), (7, 6_400), (8, 10_000), (40, 10_000)] {
            let waits: Vec<_> = (0..200).map(|_| Backoff::after(tries, &mut random).as_millis()).collect();
            assert!(waits.iter().all(|wait| *wait <= bound), "{tries}");
            assert!(waits.iter().any(|wait| *wait > bound * 3 / 4), "{tries}");
            assert!(waits.iter().any(|wait| *wait < bound / 4), "{tries}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_fail_again_is_not_tried_again() {
        let retry = Retry::new(PATIENCE, StdRng::seed_from_u64(1));
        assert_eq!(run(&retry, vec![Class::Fatal]).await, (1, Err(Class::Fatal)));
        assert_eq!(run(&retry, vec![Class::Stale]).await, (1, Err(Class::Stale)));
        assert_eq!(run(&retry, vec![Class::Unsigned]).await, (1, Err(Class::Unsigned)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_never_answers_is_given_up_soon() {
        let retry = Retry::new(PATIENCE, StdRng::seed_from_u64(1));
        let started = Instant::now();
        assert_eq!(run(&retry, vec![Class::Unreachable; 1_000]).await.1, Err(Class::Unreachable));
        assert_eq!(started.elapsed().as_secs(), FIRST_PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_falls_silent_is_given_up_late() {
        let retry = Retry::new(Duration::from_secs(60), StdRng::seed_from_u64(1));
        assert_eq!(run(&retry, vec![]).await, (1, Ok(())));
        let started = Instant::now();
        assert_eq!(run(&retry, vec![Class::Unreachable; 1_000]).await.1, Err(Class::Unreachable));
        assert_eq!(started.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn brief_patience_ends_for_a_busy_service_too() {
        let retry = Retry::brief(Duration::from_secs(4), StdRng::seed_from_u64(1));
        for class in [Class::Busy, Class::Unreachable, Class::Busy] {
            let started = Instant::now();
            assert_eq!(run(&retry, vec![class; 1_000]).await.1, Err(class));
            assert_eq!(started.elapsed().as_secs(), 4);
            assert_eq!(run(&retry, vec![class]).await, (2, Ok(())));
        }
        assert_eq!(run(&retry, vec![Class::Fatal]).await, (1, Err(Class::Fatal)));
    }

    #[test]
    fn that_a_service_is_busy_is_worth_a_warning_once_it_lasts() {
        let warns = |class, seconds| trouble(class).warns(Duration::from_secs(seconds));
        assert_eq!([0, 9, 10, 300].map(|seconds| warns(Class::Busy, seconds)), [false, false, true, true]);
        assert!(warns(Class::Unreachable, 0) && warns(Class::Unsigned, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_service_that_answered_before_is_never_given_up() {
        let retry = Retry::new(Duration::from_secs(60), StdRng::seed_from_u64(1));
        assert_eq!(run(&retry, vec![]).await, (1, Ok(())));
        let started = Instant::now();
        assert_eq!(run(&retry, vec![Class::Busy; 200]).await, (201, Ok(())));
        assert!(started.elapsed() > Duration::from_secs(600));
    }
}
