//! [`Windows`]: a source that is cut into sub-streams by a plan.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::Stream;
use tokio::time::Instant;

use super::plan::{Copies, Plan, Turn};
use crate::budget::Budget;
use crate::group::Group;
use crate::group::group_until::{BOUNDS, STALL_AFTER};
use crate::group::hub::Out;
use crate::group::lane::Lane;
use crate::group::lanes::Lanes;
use crate::group::route::{Filled, Route};
use crate::group::substream::SubStreams;
use crate::{Flow, OperatorError, TryStream};

/// The stream of the operators that give windows, such as [`Flow::window_count`].
#[must_use = "streams do nothing unless polled"]
pub struct Windows<S: TryStream, P, C> {
    name: &'static str,
    state: State<S, P, C>,
}

enum State<S: TryStream, P, C> {
    New(S, P),
    Running(Running<S, P, C>),
    /// Only while one becomes the other.
    Moving,
}

type Running<S, P, C> = SubStreams<S, ByPlan<P, C, <S as TryStream>::Ok, <S as TryStream>::Error>, u64>;

impl<S: TryStream, P, C> Windows<S, P, C> {
    pub(super) const fn new(name: &'static str, source: S, plan: P) -> Self {
        Self { name, state: State::New(source, plan) }
    }
}

impl<S: TryStream, P, C> Flow<Windows<S, P, C>> {
    /// The plan, as long as it can be set up.
    #[track_caller]
    pub(super) fn plan_mut(&mut self) -> &mut P {
        match &mut self.inner_mut().state {
            State::New(_, plan) => plan,
            State::Running(_) | State::Moving => {
                panic!("windows of this flow have been read already: set it up before")
            }
        }
    }
}

/// Nothing in it is pinned before it moves into a box of its own.
impl<S: TryStream, P, C> Unpin for Windows<S, P, C> {}

impl<S, P, C> Stream for Windows<S, P, C>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
    P: Plan<S::Error>,
    C: Copies<S::Ok>,
{
    type Item = Result<Flow<Group<S, ByPlan<P, C, S::Ok, S::Error>, u64>>, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::New(..) = self.state
            && let State::New(source, plan) = std::mem::replace(&mut self.state, State::Moving)
        {
            self.state = State::Running(SubStreams::start(source, ByPlan::new(plan), BOUNDS, STALL_AFTER));
        }
        match &self.state {
            State::Running(windows) => windows.poll_next(cx),
            State::New(..) | State::Moving => Poll::Ready(None),
        }
    }
}

impl<S: TryStream + fmt::Debug, P: fmt::Debug, C> fmt::Debug for Windows<S, P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct(self.name);
        if let State::New(source, plan) = &self.state {
            debug.field("source", source).field("plan", plan);
        }
        debug.finish_non_exhaustive()
    }
}

/// Sends items to the windows that are open. Part of the type of a window; bound on
/// [`Grouped`](crate::group::Grouped) rather than name it.
pub struct ByPlan<P, C, T, E> {
    plan: P,
    /// In the order in which they opened.
    open: VecDeque<Arc<Lane<u64, T, E>>>,
    opened: u64,
    /// A window is to open once there is room for it.
    owed: bool,
    copies: PhantomData<fn() -> C>,
}

impl<P, C, T, E> ByPlan<P, C, T, E> {
    const fn new(plan: P) -> Self {
        Self { plan, open: VecDeque::new(), opened: 0, owed: false, copies: PhantomData }
    }
}

impl<P: fmt::Debug, C, T, E> fmt::Debug for ByPlan<P, C, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByPlan").field("plan", &self.plan).field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl<P, C, T, E> Route<T, E> for ByPlan<P, C, T, E>
where
    P: Plan<E>,
    C: Copies<T>,
{
    type Key = u64;

    fn start(&mut self, now: Instant, _out: &Out<u64, T, E>) {
        self.plan.start(now);
    }

    fn tick(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        out: &Out<u64, T, E>,
        budget: &mut Budget,
    ) -> Poll<Result<(), E>> {
        loop {
            if self.owed {
                if !out.can_open() {
                    self.plan.stop_opening();
                } else if out.lanes.is_full(0) {
                    // Windows that nobody takes count as buffered: the plan waits until there is room for more.
                    return Poll::Ready(Ok(()));
                }
                self.owed = false;
                self.open.extend(out.open(self.opened));
                self.opened += 1;
            }
            if self.open.is_empty() && !out.can_open() {
                return Poll::Ready(Ok(()));
            }
            match self.plan.poll_turn(cx, now) {
                Poll::Ready(Ok(Turn::Open)) => self.owed = true,
                Poll::Ready(Ok(Turn::Close(number))) => {
                    let closed = self.open.binary_search_by_key(&number, |lane| lane.key);
                    if let Some(lane) = closed.ok().and_then(|at| self.open.remove(at)) {
                        lane.end(&out.lanes);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Ready(Ok(())),
            }
            ready!(budget.swallow(cx));
        }
    }

    fn deadline(&mut self) -> Option<Instant> {
        self.plan.deadline()
    }

    fn item(&mut self, item: T, out: &Out<u64, T, E>) -> Result<Filled<u64, T, E>, E> {
        let mut full = None;
        let mut open = self.open.iter();
        if let Some(last) = open.next_back() {
            for lane in open {
                let copy = C::copy(&item);
                full = copy.and_then(|copy| lane.push_or_drop(&out.lanes, copy)).or(full);
            }
            full = last.push_or_drop(&out.lanes, item).or(full);
        }
        self.plan.item();
        Ok(full)
    }

    fn take_open(&mut self) -> Option<Arc<Lane<u64, T, E>>> {
        self.open.pop_front()
    }

    fn fullest(&self) -> Option<&Arc<Lane<u64, T, E>>> {
        self.open.iter().max_by_key(|lane| lane.len())
    }

    fn another_full(&self, lanes: &Lanes) -> Filled<u64, T, E> {
        self.open.iter().find(|lane| lane.is_full(lanes)).cloned()
    }

    fn name(number: &u64) -> String {
        format!("window {number}")
    }
}
