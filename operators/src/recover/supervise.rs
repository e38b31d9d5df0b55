//! `supervise`: keeps a flow running, whatever happens to it.
//!
//! ```text
//! at most 2 restarts in 20, after waits of 1 and 2
//! in:   a-#
//! out:  a--a---a-#
//! ```

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;

use super::rerun::{Failure, Policy, Rerun};
use crate::create::{Restart, sealed};
use crate::recover::{Backoff, RestartLimit, RestartState, Restarts};
use crate::time::clock;
use crate::{Flow, TryStream};

/// The stream of [`Flow::supervise`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Supervise<S, R = fn() -> f64> {
    #[pin]
    rerun: Rerun<S, Supervisor<R>>,
}

struct Supervisor<R> {
    limit: RestartLimit,
    backoff: Backoff<R>,
    restarts: Restarts,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow again when it fails or panics, from the beginning, unless that happens too often.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/supervise.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the current run gives an item; what failed runs gave has been given, and comes again if the run gives it again |
    /// | Ends | with the first run that ends |
    /// | Errors | and panics are answered by another run; the one that would need a restart beyond the limit ends it, and a panic goes on to its reader |
    /// | Holds | the times of the restarts within the span of the limit; a run is dropped as soon as it fails |
    /// | Dropped | nothing is lost |
    /// | Time | clock; the next run begins when the [`Backoff`] has passed since the failure. The longer the span of the limit has been free of restarts, the shorter the wait. A consumer that polls late begins the next run late |
    ///
    /// This is for flows that are to run for ever, such as one that reads a queue: the limit is one of *restarts within a
    /// span*, so failures that lie far apart are never too many. What was restarted, how often and why is seen by
    /// [`restarts`](Flow::restarts).
    ///
    /// A Rust flow is read once, so this one has to come with the function that makes it: [`defer`](crate::defer()).
    /// All that is to be thrown away with a failed run is made inside of the function. What must live through a restart,
    /// such as a position to read on from, stays outside, and has to be in order after a panic, too.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::recover::{Backoff, RestartLimit, RestartState, Restarts};
    /// use anabranch_operators::{defer, from_results};
    ///
    /// let mut runs = 0;
    /// let readings = defer(|| {
    ///     runs += 1;
    ///     from_results(futures::stream::iter([if runs == 1 { Err("connection lost") } else { Ok(4) }]))
    /// });
    /// let restarts = Restarts::new();
    /// let depths = readings
    ///     .supervise(
    ///         RestartLimit::at_most(5, Duration::from_secs(60)),
    ///         Backoff::exponential(Duration::from_millis(100)),
    ///     )
    ///     .restarts(&restarts);
    /// assert_eq!(depths.collect::<Vec<_>>().await, Ok(vec![4]));
    /// assert_eq!((restarts.count(), restarts.state()), (1, RestartState::Ended));
    /// assert_eq!(restarts.last_failure().as_deref(), Some("connection lost"));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`retry_backoff`](Self::retry_backoff) for a number of attempts in all; [`repeat_from`](crate::repeat_from())
    /// to run again after an end. ReactiveX: none; Pekko's `RestartSource`, Erlang's supervisors.
    #[doc(alias = "RestartSource")]
    #[doc(alias = "restart")]
    pub fn supervise<R>(self, limit: RestartLimit, backoff: Backoff<R>) -> Flow<Supervise<S, R>>
    where
        S: Restart,
        R: FnMut() -> f64,
        S::Error: fmt::Display,
    {
        let supervisor = Supervisor { limit, backoff, restarts: Restarts::new() };
        Flow::new(Supervise { rerun: Rerun::new(self.into_inner(), supervisor) })
    }
}

impl<S, R> Flow<Supervise<S, R>> {
    /// Tells `restarts` what happens.
    pub fn restarts(mut self, restarts: &Restarts) -> Self {
        self.inner_mut().rerun.policy_mut().restarts = restarts.clone();
        self
    }
}

impl<E: fmt::Display, R: FnMut() -> f64> Policy<E> for Supervisor<R> {
    const CATCHES_PANICS: bool = true;

    fn answer(&mut self, failure: &Failure<E>) -> Option<Duration> {
        let text = match failure {
            Failure::Error(error) => error.to_string(),
            Failure::Panic(panic) => text_of(&**panic),
        };
        let before = self.limit.allow(clock::now());
        self.restarts.failed(text, if before.is_some() { RestartState::Waiting } else { RestartState::GaveUp });
        before.map(|before| self.backoff.wait(before))
    }

    fn begins(&mut self) {
        self.restarts.set(RestartState::Running);
    }

    fn ended(&mut self) {
        self.restarts.set(RestartState::Ended);
    }

    fn reset(&mut self) {
        self.limit.forget();
    }
}

/// What a panic says, if it says it in words.
fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a text"))
}

impl<R> fmt::Debug for Supervisor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("limit", &self.limit)
            .field("backoff", &self.backoff)
            .field("restarts", &self.restarts)
            .finish()
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Supervise<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervise").field("rerun", &self.rerun).finish()
    }
}

impl<S, R> Stream for Supervise<S, R>
where
    S: Restart<Error: fmt::Display>,
    R: FnMut() -> f64,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().rerun.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rerun.size_hint()
    }
}

impl<S, R> sealed::Sealed for Supervise<S, R> {}

impl<S, R> Restart for Supervise<S, R>
where
    S: Restart<Error: fmt::Display>,
    R: FnMut() -> f64,
{
    fn restart(self: Pin<&mut Self>) {
        self.project().rerun.restart();
    }
}
