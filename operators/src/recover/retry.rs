//! `retry`: after a failure, once more from the beginning.
//!
//! ```text
//! 3 attempts in all
//! in:   a-b#
//! out:  a-ba-ba-b#
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;

use super::rerun::{Failure, Policy, Rerun};
use crate::create::{Restart, sealed};
use crate::recover::Attempts;
use crate::{Flow, TryStream};

/// The stream of [`Flow::retry`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Retry<S> {
    #[pin]
    rerun: Rerun<S, AtOnce>,
}

#[derive(Debug)]
struct AtOnce {
    attempts: Attempts,
    failed: usize,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow again when it fails, at once and from the beginning, until it ends or there were enough attempts.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/retry.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the current run gives an item; what failed runs gave has been given, and comes again |
    /// | Ends | with the first run that ends |
    /// | Errors | are answered by another run; that of the last attempt ends it |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none; a run begins at the instant at which the one before fails. Runs that fail without an item make way for other tasks after every 256 |
    ///
    /// A Rust flow is read once, so this one has to come with the function that makes it: [`defer`](crate::defer()).
    /// What stands between the two is made anew for each run. The result can itself be run again, and then has all its
    /// attempts.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::recover::Attempts;
    /// use anabranch_operators::{defer, from_results};
    ///
    /// let mut runs = 0;
    /// let flaky = defer(|| {
    ///     runs += 1;
    ///     from_results(futures::stream::iter(if runs < 3 { vec![Err("busy")] } else { vec![Ok("reed")] }))
    /// });
    /// assert_eq!(flaky.retry(Attempts::in_all(3)).collect::<Vec<_>>().await, Ok(vec!["reed"]));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`retry_backoff`](Self::retry_backoff) to wait before, and for some errors only; [`supervise`](Self::supervise)
    /// for flows that are to run for ever; [`catch_error`](Self::catch_error) for another flow instead. ReactiveX: `retry`,
    /// whose number is that of attempts in RxPY, and of further attempts elsewhere.
    #[doc(alias = "recoverWithRetries")]
    #[doc(alias = "retryUntil")]
    pub fn retry(self, attempts: Attempts) -> Flow<Retry<S>>
    where
        S: Restart,
    {
        Flow::new(Retry { rerun: Rerun::new(self.into_inner(), AtOnce { attempts, failed: 0 }) })
    }
}

impl<E> Policy<E> for AtOnce {
    fn answer(&mut self, _failure: &Failure<E>) -> Option<Duration> {
        self.failed = self.failed.saturating_add(1);
        self.attempts.allow_another_after(self.failed).then_some(Duration::ZERO)
    }

    fn reset(&mut self) {
        self.failed = 0;
    }
}

impl<S: Restart> Stream for Retry<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().rerun.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rerun.size_hint()
    }
}

impl<S> sealed::Sealed for Retry<S> {}

impl<S: Restart> Restart for Retry<S> {
    fn restart(self: Pin<&mut Self>) {
        self.project().rerun.restart();
    }
}
