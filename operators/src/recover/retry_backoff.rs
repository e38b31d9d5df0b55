//! `retry_backoff`: after a failure, a wait, and then once more from the beginning.
//!
//! ```text
//! 3 attempts in all, waits of 1 and 2
//! in:   a-#
//! out:  a--a---a-#
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use super::rerun::{Failure, Policy, Rerun};
use crate::create::{Restart, sealed};
use crate::recover::{Attempts, Backoff};
use crate::time::clock;
use crate::{Flow, TryStream};

/// The stream of [`Flow::retry_backoff`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct RetryBackoff<S: TryStream, R = fn() -> f64, P = fn(&<S as TryStream>::Error) -> bool> {
    #[pin]
    rerun: Rerun<S, Budgeted<R, P>>,
}

struct Budgeted<R, P> {
    attempts: Attempts,
    backoff: Backoff<R>,
    within: Option<Duration>,
    resets: bool,
    retry_if: P,
    /// How many runs have failed, and when the first of them did.
    failed: usize,
    since: Option<Instant>,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow again when it fails, from the beginning, each time after a longer random wait.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/retry_backoff.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the current run gives an item; what failed runs gave has been given, and comes again |
    /// | Ends | with the first run that ends |
    /// | Errors | are answered by another run; the one that is the last, or is [not worth it](Flow::retry_if), ends it at once |
    /// | Holds | nothing; a run is dropped as soon as it fails |
    /// | Dropped | nothing is lost |
    /// | Time | clock; the next run begins when the [`Backoff`] has passed since the failure. A consumer that polls late begins it late |
    ///
    /// A Rust flow is read once, so this one has to come with the function that makes it: [`defer`](crate::defer()).
    /// The result can itself be run again, and then has its whole budget.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::recover::{Attempts, Backoff};
    /// use anabranch_operators::{defer, from_results};
    ///
    /// let mut runs = 0;
    /// let flaky = defer(|| {
    ///     runs += 1;
    ///     from_results(futures::stream::iter([if runs < 3 { Err("busy") } else { Ok("reed") }]))
    /// });
    /// let backoff = Backoff::exponential(Duration::from_millis(50)).cap(Duration::from_secs(5));
    /// let patient = flaky.retry_backoff(Attempts::in_all(10), backoff).retry_if(|error| *error == "busy");
    /// assert_eq!(patient.collect::<Vec<_>>().await, Ok(vec!["reed"]));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`retry`](Self::retry) without waiting, [`supervise`](Self::supervise) for flows that are to run for ever.
    /// ReactiveX: `retryWhen`, `retry` with a `delay`.
    #[doc(alias = "retryWhen")]
    #[doc(alias = "retry_when")]
    #[doc(alias = "RestartSource")]
    #[doc(alias = "RetryFlow")]
    pub fn retry_backoff<R>(self, attempts: Attempts, backoff: Backoff<R>) -> Flow<RetryBackoff<S, R>>
    where
        S: Restart,
        R: FnMut() -> f64,
    {
        let retry_if: fn(&S::Error) -> bool = |_| true;
        let policy = Budgeted { attempts, backoff, within: None, resets: false, retry_if, failed: 0, since: None };
        Flow::new(RetryBackoff { rerun: Rerun::new(self.into_inner(), policy) })
    }
}

/// When to have enough. To be set before the first poll.
impl<S: Restart, R, P> Flow<RetryBackoff<S, R, P>> {
    /// Gives up when the next run would begin more than `span` after the first failure; no limit if not said.
    pub fn within(mut self, span: Duration) -> Self {
        self.inner_mut().rerun.policy_mut().within = Some(span);
        self
    }

    /// Has attempts, waits and time anew after each item, so that only failures without an item between them add up.
    pub fn reset_on_item(mut self) -> Self {
        self.inner_mut().rerun.policy_mut().resets = true;
        self
    }

    /// Runs again only after errors for which `f` is true; any other ends the flow. All errors if not said.
    pub fn retry_if<Q>(self, f: Q) -> Flow<RetryBackoff<S, R, Q>>
    where
        Q: FnMut(&S::Error) -> bool,
    {
        let rerun = self.into_inner().rerun.map_policy(|policy| {
            let Budgeted { attempts, backoff, within, resets, retry_if: _, failed, since } = policy;
            Budgeted { attempts, backoff, within, resets, retry_if: f, failed, since }
        });
        Flow::new(RetryBackoff { rerun })
    }
}

impl<E, R, P> Policy<E> for Budgeted<R, P>
where
    R: FnMut() -> f64,
    P: FnMut(&E) -> bool,
{
    fn answer(&mut self, failure: &Failure<E>) -> Option<Duration> {
        if let Failure::Error(error) = failure
            && !(self.retry_if)(error)
        {
            return None;
        }
        let waits = self.failed;
        self.failed = self.failed.saturating_add(1);
        if !self.attempts.allow_another_after(self.failed) {
            return None;
        }
        let wait = self.backoff.wait(waits);
        let now = clock::now();
        let spent = now.saturating_duration_since(*self.since.get_or_insert(now)).saturating_add(wait);
        self.within.is_none_or(|span| spent <= span).then_some(wait)
    }

    fn gave_item(&mut self) {
        if self.resets {
            (self.failed, self.since) = (0, None);
        }
    }

    fn reset(&mut self) {
        (self.failed, self.since) = (0, None);
    }
}

impl<R, P> fmt::Debug for Budgeted<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgeted")
            .field("attempts", &self.attempts)
            .field("backoff", &self.backoff)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl<S: TryStream + fmt::Debug, R, P> fmt::Debug for RetryBackoff<S, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBackoff").field("rerun", &self.rerun).finish()
    }
}

impl<S, R, P> Stream for RetryBackoff<S, R, P>
where
    S: Restart,
    R: FnMut() -> f64,
    P: FnMut(&S::Error) -> bool,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().rerun.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rerun.size_hint()
    }
}

impl<S: TryStream, R, P> sealed::Sealed for RetryBackoff<S, R, P> {}

impl<S, R, P> Restart for RetryBackoff<S, R, P>
where
    S: Restart,
    R: FnMut() -> f64,
    P: FnMut(&S::Error) -> bool,
{
    fn restart(self: Pin<&mut Self>) {
        self.project().rerun.restart();
    }
}
