//! [`Lists`]: a source that is cut into lists by a plan.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use super::plan::{Copies, Plan, Turn};
use crate::TryStream;
use crate::budget::Budget;
use crate::time::clock::{self, Timer};

/// The stream of the operators that give lists, such as [`Flow::buffer_when`](crate::Flow::buffer_when).
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Lists<S: TryStream, P, C> {
    name: &'static str,
    #[pin]
    stream: S,
    pub(super) plan: P,
    open: OpenLists<S::Ok>,
    state: State,
    timer: Timer,
    copies: PhantomData<fn() -> C>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Running,
    /// Nothing is polled any more; lists that are open are still to be given.
    Ended,
}

impl<S: TryStream, P, C> Lists<S, P, C> {
    pub(super) const fn new(name: &'static str, stream: S, plan: P) -> Self {
        Self { name, stream, plan, open: OpenLists::new(), state: State::New, timer: Timer::new(), copies: PhantomData }
    }
}

impl<S, P, C> Stream for Lists<S, P, C>
where
    S: TryStream,
    P: Plan<S::Error>,
    C: Copies<S::Ok>,
{
    type Item = Result<Vec<S::Ok>, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.state == State::Ended {
            return Poll::Ready(this.open.close_next::<C>().map(Ok));
        }
        let mut now = clock::now();
        if *this.state == State::New {
            *this.state = State::Running;
            this.plan.start(now);
        }
        let mut budget = Budget::new();
        let failure = loop {
            match this.plan.poll_turn(cx, now) {
                Poll::Ready(Ok(Turn::Open)) => {
                    this.open.open();
                    ready!(budget.swallow(cx));
                    continue;
                }
                Poll::Ready(Ok(Turn::Close(number))) => {
                    let Some(list) = this.open.close::<C>(number) else { continue };
                    return Poll::Ready(Some(Ok(list)));
                }
                Poll::Ready(Err(error)) => break error,
                Poll::Pending => {}
            }
            match this.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    this.open.push(item);
                    this.plan.item();
                    ready!(budget.swallow(cx));
                }
                Poll::Ready(Some(Err(error))) => break error,
                Poll::Ready(None) => {
                    *this.state = State::Ended;
                    if !P::EMPTY_AT_END {
                        this.open.forget_empty();
                    }
                    return Poll::Ready(this.open.close_next::<C>().map(Ok));
                }
                Poll::Pending => {
                    let Some(deadline) = this.plan.deadline() else { return Poll::Pending };
                    ready!(this.timer.poll_at(cx, deadline));
                    now = clock::now();
                }
            }
        };
        *this.state = State::Ended;
        this.open.clear();
        Poll::Ready(Some(Err(failure)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.state == State::Ended { (self.open.count(), Some(self.open.count())) } else { (0, None) }
    }
}

impl<S: TryStream + fmt::Debug, P: fmt::Debug, C> fmt::Debug for Lists<S, P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name)
            .field("stream", &self.stream)
            .field("plan", &self.plan)
            .field("held", &self.open.items.len())
            .finish_non_exhaustive()
    }
}

/// Lists that are open at the same time. An item is held once, however many of them it is in.
struct OpenLists<T> {
    /// Number and first item of each list, in the order in which they were opened. Items are counted from the first that
    /// was ever held.
    lists: VecDeque<(u64, u64)>,
    opened: u64,
    /// What came since the oldest list was opened.
    items: VecDeque<T>,
    /// How many items are held no more.
    gone: u64,
}

impl<T> OpenLists<T> {
    const fn new() -> Self {
        Self { lists: VecDeque::new(), opened: 0, items: VecDeque::new(), gone: 0 }
    }

    fn count(&self) -> usize {
        self.lists.len()
    }

    fn end(&self) -> u64 {
        self.gone + self.items.len() as u64
    }

    fn open(&mut self) {
        self.lists.push_back((self.opened, self.end()));
        self.opened += 1;
    }

    /// Adds an item to all open lists, or drops it if there is none.
    fn push(&mut self, item: T) {
        if !self.lists.is_empty() {
            self.items.push_back(item);
        }
    }

    fn close<C: Copies<T>>(&mut self, number: u64) -> Option<Vec<T>> {
        let at = self.lists.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let (_, first) = self.lists.remove(at)?;
        let needed = self.lists.front().map_or(self.end(), |(_, first)| *first);
        let mut list = Vec::with_capacity((self.end() - first) as usize);
        while self.gone < needed {
            let item = self.items.pop_front();
            if self.gone >= first {
                list.extend(item);
            }
            self.gone += 1;
        }
        list.extend(self.items.iter().skip(first.saturating_sub(self.gone) as usize).filter_map(C::copy));
        Some(list)
    }

    /// Closes the list that was opened first.
    fn close_next<C: Copies<T>>(&mut self) -> Option<Vec<T>> {
        let (number, _) = *self.lists.front()?;
        self.close::<C>(number)
    }

    /// Lists without an item are as if they had not been opened.
    fn forget_empty(&mut self) {
        let end = self.end();
        self.lists.retain(|(_, first)| *first < end);
    }

    fn clear(&mut self) {
        self.lists.clear();
        self.items.clear();
    }
}
