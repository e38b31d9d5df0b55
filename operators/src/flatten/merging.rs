//! [`Merging`]: upstream, and several inner streams beside it.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use crate::TryStream;
use crate::budget::{Budget, Slice};
use crate::flatten::{MergeSet, RUN, Upstream};
use crate::group::Others;
use crate::rota::Called;

/// What `merge_map` and `expand` are made of.
#[pin_project]
pub(super) struct Merging<S, P: TryStream> {
    /// Dropped when it has ended, or when anything has failed.
    #[pin]
    upstream: Option<S>,
    inner: MergeSet<P>,
    /// Those that begin when others have ended, the oldest first. Upstream is not read while there are any.
    waiting: VecDeque<P>,
    limit: usize,
    /// How many items the inner streams have given since upstream had its turn.
    run: usize,
    /// How many turns upstream has had, while inner streams had more to give, since sub-streams in it did not give way.
    turns: usize,
}

/// Who gave an item.
pub(super) enum Given<T, U> {
    Upstream(T),
    Inner(U),
}

/// An item with its giver, or a failure.
type GivenOr<S, P> = Result<Given<<S as TryStream>::Ok, <P as TryStream>::Ok>, <S as TryStream>::Error>;

impl<S, P> Merging<S, P>
where
    S: TryStream,
    P: TryStream<Error = S::Error>,
{
    /// `limit` is the number of inner streams that run at once.
    pub(super) fn new(upstream: S, limit: usize) -> Self {
        Self { upstream: Some(upstream), inner: MergeSet::new(), waiting: VecDeque::new(), limit, run: 0, turns: 0 }
    }

    /// Starts the inner stream of an item that upstream has just given, so there is room for it.
    pub(super) fn start(self: Pin<&mut Self>, inner: P) {
        self.project().inner.start(inner);
    }

    /// Starts an inner stream once the others have nothing to give, and there are less of them than the limit.
    pub(super) fn start_later(self: Pin<&mut Self>, inner: P) {
        self.project().waiting.push_back(inner);
    }

    /// How many inner streams wait to be started.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Drops all streams.
    pub(super) fn stop(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.inner.clear();
        this.waiting.clear();
        this.upstream.set(None);
    }

    pub(super) fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        budget: &mut Budget,
    ) -> Poll<Option<GivenOr<S, P>>> {
        let polled = self.as_mut().poll_all(cx, budget);
        self.project().inner.settle();
        polled
    }

    fn poll_all(mut self: Pin<&mut Self>, cx: &mut Context<'_>, budget: &mut Budget) -> Poll<Option<GivenOr<S, P>>> {
        let mut this = self.as_mut().project();
        // Whether it was found pending in this call, and so will wake the task.
        let mut upstream_waits = false;
        loop {
            let inner_waits = *this.run < RUN;
            let state = match &*this.upstream {
                Some(_) if upstream_waits => Upstream::Waits,
                Some(_) if this.inner.len() < *this.limit => Upstream::Next,
                _ => Upstream::Closed,
            };
            let polled = if inner_waits { this.inner.poll_next(cx, Some(state)) } else { Poll::Pending };
            if let Poll::Ready(Some(given)) = polled {
                *this.run += 1;
                if given.is_err() {
                    self.stop();
                }
                return Poll::Ready(Some(given.map(Given::Inner)));
            }
            *this.run = 0;
            ready!(budget.swallow(cx));
            if this.inner.len() < *this.limit
                && let Some(next) = this.waiting.pop_front()
            {
                this.inner.start(next);
                continue;
            }
            let open = !upstream_waits && this.inner.len() < *this.limit;
            // As long as not every inner stream has had its run, they go on first.
            *this.turns = if inner_waits || *this.turns >= this.inner.len() { 0 } else { *this.turns + 1 };
            let others = (*this.turns > 0).then(Others::wait);
            let upstream = this.upstream.as_mut().as_pin_mut().filter(|_| open);
            let polled = upstream.map(|upstream| this.inner.visit(|cx| upstream.poll_next(cx)));
            let gave_way = this.inner.owe(others);
            match polled {
                Some(Poll::Ready(Some(Ok(item)))) => return Poll::Ready(Some(Ok(Given::Upstream(item)))),
                Some(Poll::Ready(Some(Err(error)))) => {
                    self.stop();
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Poll::Ready(None)) => this.upstream.set(None),
                Some(Poll::Pending) if gave_way => {}
                Some(Poll::Pending) if inner_waits && this.inner.is_over() => return Poll::Pending,
                Some(Poll::Pending) => {
                    // Inner streams come once more: it may have called them, or done nothing for those that gave way.
                    upstream_waits = true;
                    this.inner.settle();
                }
                None if !inner_waits => {}
                None if this.upstream.is_none() && this.inner.is_empty() => return Poll::Ready(None),
                None if this.inner.is_over() => return Poll::Pending,
                None => {
                    this.inner.settle();
                    if !upstream_waits {
                        this.inner.step_back();
                    }
                    if this.inner.recall() {
                        continue;
                    }
                    match this.inner.wait(cx) {
                        Called::Nobody => return Poll::Pending,
                        Called::Streams => {}
                        Called::Upstream if upstream_waits => {
                            Slice::give_way(cx);
                            // A call that is owed to a sub-stream upstream comes before others have run.
                            if matches!(this.inner.wait(cx), Called::Nobody) {
                                return Poll::Pending;
                            }
                        }
                        Called::Upstream => this.inner.turn_all(),
                    }
                }
            }
        }
    }

    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        let over = self.upstream.is_none() && self.inner.is_empty() && self.waiting.is_empty();
        (0, over.then_some(0))
    }
}

impl<S: fmt::Debug, P: TryStream> fmt::Debug for Merging<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merging")
            .field("upstream", &self.upstream)
            .field("inner", &self.inner)
            .field("waiting", &self.waiting.len())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
