//! `circuit_breaker`: calls a service for each item, but not while the service fails.
//!
//! ```text
//! open after 1 failure, for 4; the call for x fails
//! in:   a-x-b-c-|
//! out:  A-[failed]-[open]-C-|
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt, TryFuture};
use pin_project::pin_project;

use super::breaker::{Denied, Permit};
use crate::budget::Budget;
use crate::recover::{Breaker, BreakerError};
use crate::time::clock::Timer;
use crate::{Flow, TryStream};

/// The stream of [`Flow::circuit_breaker`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct CircuitBreaker<S: TryStream, F, Fut: TryFuture> {
    /// Dropped when it has ended or failed.
    #[pin]
    upstream: Option<S>,
    calls: FuturesOrdered<Call<S::Ok, Fut>>,
    limit: usize,
    breaker: Breaker,
    f: F,
    /// Whether items wait while the breaker is open, and the one that does.
    waits: bool,
    held: Option<S::Ok>,
    /// Upstream's failure, until the results before it have been given.
    failure: Option<S::Error>,
    timer: Timer,
}

/// A call, or the answer of one that was not made.
#[pin_project(project = CallOf)]
enum Call<T, Fut> {
    Made(#[pin] Fut, Option<Permit>),
    Refused(Option<T>),
}

impl<S: TryStream> Flow<S> {
    /// Runs the call `f(item)` of each item, at most `n` at once, as long as `breaker` lets them through, and gives their
    /// results in upstream's order.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/circuit_breaker.svg"))]
    ///
    /// A service that is down is not asked again for every item: when several calls in a row have failed, the
    /// [`Breaker`] opens, and items come back untried, at once, as [`BreakerError::Open`]. After some time one call is
    /// tried, and decides whether the breaker is closed again. Nothing of that ends the flow: a call that fails is an
    /// item, an `Err`, for [`dead_letters`](Self::dead_letters) or a `filter_map` to deal with. With
    /// [`wait_while_open`](Flow::wait_while_open), items wait for the service instead, and upstream with them.
    ///
    /// Each `Err` of `f` counts as a failure of the service. One that is the item's fault is better given as `Ok(Err(..))`.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the oldest call is ready |
    /// | Ends | when upstream has ended and all results have been given |
    /// | Errors | of upstream keep their place: they end it once the results before them have been given. Those of calls are items |
    /// | Holds | at most `n` calls and results together, and 1 item that waits |
    /// | Ahead | upstream is read while there are fewer than `n` of them |
    /// | Dropped | the calls that run, the results that wait; a breaker that waits for the answer of a dropped call lets another through |
    /// | Time | clock, for how long the breaker is open; calls run only while this flow is polled, and have all the time they take: give each a timeout of its own |
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::from_iter;
    /// use anabranch_operators::recover::{Breaker, BreakerError, BreakerState};
    ///
    /// let breaker = Breaker::new(2, Duration::from_secs(30));
    /// let calls = from_iter(["a", "b", "c"]).circuit_breaker(1, &breaker, |_| async { Err::<(), _>("service down") });
    /// let Ok(results) = calls.collect::<Vec<_>>().await;
    /// assert_eq!(results[1..], [Err(BreakerError::Failed("service down")), Err(BreakerError::Open("c"))]);
    /// assert_eq!((breaker.state(), breaker.refused()), (BreakerState::Open, 1));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`map_async`](Self::map_async) without a breaker, [`rate_limit`](Self::rate_limit) before it,
    /// [`dead_letters`](Self::dead_letters) behind it; [`supervise`](Self::supervise) for flows that fail as a whole.
    #[doc(alias = "breaker")]
    #[track_caller]
    pub fn circuit_breaker<F, Fut>(self, n: usize, breaker: &Breaker, f: F) -> Flow<CircuitBreaker<S, F, Fut>>
    where
        F: FnMut(S::Ok) -> Fut,
        Fut: TryFuture,
    {
        assert!(n > 0, "circuit_breaker needs an n of at least 1: with 0 it could never make a call");
        Flow::new(CircuitBreaker {
            upstream: Some(self.into_inner()),
            calls: FuturesOrdered::new(),
            limit: n,
            breaker: breaker.clone(),
            f,
            waits: false,
            held: None,
            failure: None,
            timer: Timer::new(),
        })
    }
}

impl<S: TryStream, F, Fut: TryFuture> Flow<CircuitBreaker<S, F, Fut>> {
    /// Lets items wait while the breaker is open: no more is read from upstream, and nothing is refused. Without this,
    /// they come back as [`BreakerError::Open`].
    pub fn wait_while_open(mut self) -> Self {
        self.inner_mut().waits = true;
        self
    }
}

impl<S: TryStream + fmt::Debug, F, Fut: TryFuture> fmt::Debug for CircuitBreaker<S, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("upstream", &self.upstream)
            .field("calls", &self.calls.len())
            .field("limit", &self.limit)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl<S, F, Fut> Stream for CircuitBreaker<S, F, Fut>
where
    S: TryStream,
    F: FnMut(S::Ok) -> Fut,
    Fut: TryFuture,
{
    type Item = Result<Result<Fut::Ok, BreakerError<S::Ok, Fut::Error>>, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while this.calls.len() < *this.limit {
            if this.held.is_none()
                && let Some(upstream) = this.upstream.as_mut().as_pin_mut()
            {
                match upstream.poll_next(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Some(Ok(item))) => *this.held = Some(item),
                    Poll::Ready(end) => {
                        *this.failure = end.and_then(Result::err);
                        this.upstream.set(None);
                    }
                }
            }
            let Some(item) = this.held.take() else { break };
            match this.breaker.admit(this.waits.then(|| cx.waker())) {
                Ok(permit) => this.calls.push_back(Call::Made((this.f)(item), Some(permit))),
                Err(_) if !*this.waits => this.calls.push_back(Call::Refused(Some(item))),
                Err(Denied(then)) => {
                    *this.held = Some(item);
                    if then.is_none_or(|then| this.timer.poll_at(cx, then).is_pending()) {
                        break;
                    }
                }
            }
            // The calls have their turn also while upstream is always ready.
            if budget.swallow(cx).is_pending() {
                break;
            }
        }
        match this.calls.poll_next_unpin(cx) {
            Poll::Ready(Some(result)) => Poll::Ready(Some(Ok(result))),
            Poll::Ready(None) if this.upstream.is_none() && this.held.is_none() => {
                Poll::Ready(this.failure.take().map(Err))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.upstream.as_ref().map_or((0, Some(0)), S::size_hint);
        let here = self.calls.len() + usize::from(self.held.is_some()) + usize::from(self.failure.is_some());
        (least.saturating_add(here), most.and_then(|most| most.checked_add(here)))
    }
}

impl<T, Fut: TryFuture> Future for Call<T, Fut> {
    type Output = Result<Fut::Ok, BreakerError<T, Fut::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            CallOf::Made(call, permit) => call.try_poll(cx).map(|result| {
                if let Some(permit) = permit.take() {
                    permit.tell(result.is_ok());
                }
                result.map_err(BreakerError::Failed)
            }),
            CallOf::Refused(item) => match item.take() {
                Some(item) => Poll::Ready(Err(BreakerError::Open(item))),
                None => Poll::Pending, // It has been ready before, and is not polled again.
            },
        }
    }
}
