//! [`RestartLimit`] and [`Restarts`], the rules of [`supervise`](crate::Flow::supervise) and what it tells.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many restarts are too many: more than so many within a span of time.
///
/// Below, failures are taken for bad luck; above, for something that another restart does not cure.
#[derive(Clone, Debug)]
pub struct RestartLimit {
    n: usize,
    span: Duration,
    /// When the last restarts were decided on, oldest first: those within the span.
    recent: VecDeque<Instant>,
}

impl RestartLimit {
    /// Allows `n` restarts within any `span`.
    ///
    /// # Panics
    ///
    /// If `n` is 0 or `span` is zero.
    #[track_caller]
    pub const fn at_most(n: usize, span: Duration) -> Self {
        assert!(n > 0, "a limit of 0 restarts never restarts anything: leave supervise out");
        assert!(!span.is_zero(), "the span of a restart limit must not be zero: nothing would ever be too many");
        Self { n, span, recent: VecDeque::new() }
    }

    /// Notes a restart, and gives the number of those before it within the span; `None` if it is one too many.
    pub(super) fn allow(&mut self, now: Instant) -> Option<usize> {
        while self.recent.front().is_some_and(|at| now.saturating_duration_since(*at) >= self.span) {
            self.recent.pop_front();
        }
        let before = self.recent.len();
        if before == self.n {
            return None;
        }
        self.recent.push_back(now);
        Some(before)
    }

    pub(super) fn forget(&mut self) {
        self.recent.clear();
    }
}

/// What [`supervise`](crate::Flow::supervise) has done so far, for others to read meanwhile.
///
/// Clones tell the same. Give one to the operator by [`restarts`](crate::Flow::restarts) and keep one.
#[derive(Clone, Debug, Default)]
pub struct Restarts {
    shared: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    count: u64,
    state: RestartState,
    last_failure: Option<String>,
}

/// How a supervised flow is. One that is dropped midway stays as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartState {
    /// It was not polled yet.
    #[default]
    NotBegun,
    /// It runs.
    Running,
    /// It has failed, and will be restarted when the backoff has passed.
    Waiting,
    /// It has ended.
    Ended,
    /// It has failed too often.
    GaveUp,
}

impl Restarts {
    /// Of a flow that was not polled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often it was restarted; one that is being waited for counts already.
    pub fn count(&self) -> u64 {
        self.told().count
    }

    /// How it is.
    pub fn state(&self) -> RestartState {
        self.told().state
    }

    /// The text of the error that it last failed with, or of the panic.
    pub fn last_failure(&self) -> Option<String> {
        self.told().last_failure.clone()
    }

    pub(super) fn set(&self, state: RestartState) {
        self.told().state = state;
    }

    pub(super) fn failed(&self, text: String, state: RestartState) {
        let mut told = self.told();
        told.count += u64::from(state == RestartState::Waiting);
        (told.state, told.last_failure) = (state, Some(text));
    }

    /// Nothing that is done under the lock can leave it half done, so a poisoned one is as good as any.
    fn told(&self) -> MutexGuard<'_, Told> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
