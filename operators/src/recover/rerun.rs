//! [`Rerun`], which runs a flow again after a failure: what `retry`, `retry_backoff` and `supervise` have in common.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project::pin_project;
use tokio::time::Instant;

use crate::budget::Budget;
use crate::create::Restart;
use crate::time::clock::{self, Timer};

/// Why a run is over.
pub(super) enum Failure<E> {
    Error(E),
    Panic(Box<dyn Any + Send>),
}

/// Decides whether a flow is run again.
pub(super) trait Policy<E> {
    /// Whether a run that panics is answered like one that fails.
    const CATCHES_PANICS: bool = false;

    /// How long to wait before the next run, or `None` if there is to be none.
    fn answer(&mut self, failure: &Failure<E>) -> Option<Duration>;

    /// The run gave an item.
    fn gave_item(&mut self) {}

    /// A run begins.
    fn begins(&mut self) {}

    /// The last run has ended without a failure.
    fn ended(&mut self) {}

    /// Forgets all runs so far.
    fn reset(&mut self);
}

/// Runs a flow until it ends, or its policy has enough.
#[derive(Debug)]
#[pin_project]
pub(super) struct Rerun<S, P> {
    #[pin]
    stream: S,
    policy: P,
    state: State,
    timer: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    ToBegin,
    Running,
    /// The next run begins then; `None` is beyond the clock's reach.
    Waiting(Option<Instant>),
    Over,
}

impl<S, P> Rerun<S, P> {
    pub(super) const fn new(stream: S, policy: P) -> Self {
        Self { stream, policy, state: State::ToBegin, timer: Timer::new() }
    }

    pub(super) const fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    pub(super) fn map_policy<Q>(self, f: impl FnOnce(P) -> Q) -> Rerun<S, Q> {
        Rerun { stream: self.stream, policy: f(self.policy), state: self.state, timer: self.timer }
    }

    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        if self.state == State::Over { (0, Some(0)) } else { (0, None) }
    }
}

impl<S: Restart, P: Policy<S::Error>> Rerun<S, P> {
    pub(super) fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match *this.state {
                State::Running => {}
                State::Waiting(None) => return Poll::Pending,
                State::Over => return Poll::Ready(None),
                State::Waiting(Some(then)) => {
                    ready!(this.timer.poll_at(cx, then));
                    *this.state = State::ToBegin;
                    continue;
                }
                State::ToBegin => {
                    *this.state = State::Running;
                    this.policy.begins();
                }
            }
            let stream = this.stream.as_mut();
            // After a panic nobody looks at what it left of the run: the next one is made from nothing. What outlives the
            // run is the maker's, and it has to be in order, as the page of `supervise` says.
            let polled = if P::CATCHES_PANICS {
                catch_unwind(AssertUnwindSafe(|| stream.poll_next(cx)))
            } else {
                Ok(stream.poll_next(cx))
            };
            let failure = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(Some(Ok(item)))) => {
                    this.policy.gave_item();
                    return Poll::Ready(Some(Ok(item)));
                }
                Ok(Poll::Ready(None)) => {
                    *this.state = State::Over;
                    this.policy.ended();
                    return Poll::Ready(None);
                }
                Ok(Poll::Ready(Some(Err(error)))) => Failure::Error(error),
                Err(panic) => Failure::Panic(panic),
            };
            *this.state = State::Over;
            // Whatever comes next, the failed run holds nothing any longer.
            this.stream.as_mut().restart();
            match (this.policy.answer(&failure), failure) {
                (None, Failure::Error(error)) => return Poll::Ready(Some(Err(error))),
                (None, Failure::Panic(panic)) => resume_unwind(panic),
                (Some(Duration::ZERO), _) => *this.state = State::ToBegin,
                (Some(wait), _) => *this.state = State::Waiting(clock::now().checked_add(wait)),
            }
            ready!(budget.swallow(cx));
        }
    }

    /// Begins anew, with a policy that has seen no failure.
    pub(super) fn restart(self: Pin<&mut Self>) {
        let this = self.project();
        this.stream.restart();
        this.policy.reset();
        *this.state = State::ToBegin;
    }
}
