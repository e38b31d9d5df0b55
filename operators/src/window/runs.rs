//! [`Runs`]: a source that its own items cut into lists.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use crate::budget::Budget;
use crate::time::clock::{self, Timer};
use crate::{Flow, TryStream};

/// Decides by an item where the list that is open is to be cut.
pub(crate) trait Rule<T> {
    /// Where the item goes. It is the first of its list if none is open.
    fn place(&mut self, item: &T, is_first: bool) -> Place;
}

/// Where an item goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Into the list that is open, or into the next one if that is to be given before it. The list with it is whole, or
    /// not.
    In { before: bool, after: bool },
    /// Into no list; the one that is open is whole.
    Out,
}

/// The stream of the operators that cut a flow where its items say, such as
/// [`Flow::buffer_until`](crate::Flow::buffer_until). No list is empty.
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Runs<S: TryStream, R> {
    name: &'static str,
    #[pin]
    stream: S,
    rule: R,
    list: Vec<S::Ok>,
    state: State,
    max_count: usize,
    max_time: Option<Duration>,
    due: Option<Instant>,
    timer: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// The list is to be given before anything else is read.
    Whole,
    Ended,
}

impl<S: TryStream, R> Runs<S, R> {
    pub(super) const fn new(name: &'static str, stream: S, rule: R) -> Self {
        Self {
            name,
            stream,
            rule,
            list: Vec::new(),
            state: State::Running,
            max_count: usize::MAX,
            max_time: None,
            due: None,
            timer: Timer::new(),
        }
    }
}

/// What else bounds a list that its items cut. To be set before the first poll.
impl<S: TryStream, R> Flow<Runs<S, R>> {
    /// Gives a list when it has `n` items, whatever follows, and begins the next: so no more than `n` are held.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn max_count(mut self, n: usize) -> Self {
        assert!(n > 0, "these lists need a max_count of at least 1: one of 0 items is never full");
        self.inner_mut().max_count = n;
        self
    }

    /// Gives a list when its first item has waited for `span`, however few have followed, and begins the next.
    ///
    /// # Panics
    ///
    /// If `span` is zero.
    #[track_caller]
    pub fn max_time(mut self, span: Duration) -> Self {
        assert!(!span.is_zero(), "the max_time of lists must not be zero");
        self.inner_mut().max_time = Some(span);
        self
    }
}

impl<S, R> Stream for Runs<S, R>
where
    S: TryStream,
    R: Rule<S::Ok>,
{
    type Item = Result<Vec<S::Ok>, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        match *this.state {
            State::Running => {}
            State::Whole => {
                *this.state = State::Running;
                return Poll::Ready(Some(Ok(mem::take(this.list))));
            }
            State::Ended => return Poll::Ready(None),
        }
        // One look at the clock is enough: the budget ends this call before long.
        let span = this.max_time.map(|span| (span, clock::now()));
        if let Some((_, now)) = span
            && !this.list.is_empty()
            && this.due.is_some_and(|due| due <= now)
        {
            return Poll::Ready(Some(Ok(mem::take(this.list))));
        }
        let mut budget = Budget::new();
        loop {
            match this.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => match this.rule.place(&item, this.list.is_empty()) {
                    Place::In { before, after } => {
                        let given = if before { mem::take(this.list) } else { Vec::new() };
                        if this.list.is_empty() {
                            *this.due = span.and_then(|(span, now)| now.checked_add(span));
                        }
                        this.list.push(item);
                        let after = after || this.list.len() >= *this.max_count;
                        if !given.is_empty() {
                            *this.state = if after { State::Whole } else { State::Running };
                            return Poll::Ready(Some(Ok(given)));
                        }
                        if after {
                            return Poll::Ready(Some(Ok(mem::take(this.list))));
                        }
                    }
                    Place::Out if this.list.is_empty() => {}
                    Place::Out => return Poll::Ready(Some(Ok(mem::take(this.list)))),
                },
                Poll::Ready(Some(Err(error))) => {
                    *this.state = State::Ended;
                    this.list.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {
                    *this.state = State::Ended;
                    let rest = mem::take(this.list);
                    return Poll::Ready(if rest.is_empty() { None } else { Some(Ok(rest)) });
                }
                Poll::Pending => break,
            }
            ready!(budget.swallow(cx));
        }
        match *this.due {
            Some(due) if !this.list.is_empty() => {
                ready!(this.timer.poll_at(cx, due));
                Poll::Ready(Some(Ok(mem::take(this.list))))
            }
            _ => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.state == State::Ended {
            return (0, Some(0));
        }
        // A list that is held is given, or gives way to a failure: one thing either way.
        let held = usize::from(!self.list.is_empty());
        (held, self.stream.size_hint().1.and_then(|most| most.checked_add(held)))
    }
}

impl<S: TryStream + fmt::Debug, R> fmt::Debug for Runs<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name)
            .field("stream", &self.stream)
            .field("held", &self.list.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
