//! Many streams of one type, read as they become ready.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::TryStream;
use futures::task::{ArcWake, waker_ref};
use slab::Slab;

use crate::budget::Budget;
use crate::group::Others;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, lock};

/// How many items of one stream are taken before another's turn comes.
pub(crate) const RUN: usize = 64;

/// The streams of a merge. A wake-up costs the same however many there are, since only those that were woken are polled,
/// each with a waker of its own that is made once.
pub(crate) struct MergeSet<S: TryStream> {
    streams: Slab<Member<S>>,
    /// Those that were woken, or wait for their turn; looked at when `turns` is empty.
    woken: Arc<Woken>,
    /// Whose turn comes, in this order.
    turns: VecDeque<u32>,
    /// The one that gave the last item. It is polled on, because a stream that gave one often has more, until it has not
    /// or has had its run.
    current: Option<usize>,
    run: usize,
    /// Whether a sub-stream among them has given way to others, so that this is to be settled.
    owes: bool,
}

struct Member<S> {
    stream: Pin<Box<S>>,
    /// Its waker too.
    call: Arc<Call>,
}

/// What wakes one stream.
struct Call {
    /// Four billion streams do not fit into memory.
    member: u32,
    /// Whether it is among the woken: it is there once at most.
    made: AtomicBool,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    members: VecDeque<u32>,
    /// Who reads the merge, if it waits.
    reader: Option<Waker>,
}

impl Call {
    fn make(&self) {
        if self.made.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut queue = lock(&self.woken.0);
        queue.members.push_back(self.member);
        let reader = queue.reader.take();
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl ArcWake for Call {
    fn wake_by_ref(call: &Arc<Self>) {
        call.make();
    }
}

impl<S: TryStream> MergeSet<S> {
    pub(crate) fn new() -> Self {
        Self { streams: Slab::new(), woken: Arc::default(), turns: VecDeque::new(), current: None, run: 0, owes: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Drops all streams.
    pub(crate) fn clear(&mut self) {
        *self = Self { owes: self.owes, ..Self::new() };
    }

    /// Makes `stream` the current one, which is the next to be polled; the one before goes back to the others.
    pub(crate) fn start(&mut self, stream: S) {
        self.park();
        self.current = Some(self.add(stream));
        self.run = 0;
    }

    /// Notes whether others were given way, so that this is to be [settled](Self::settle).
    #[inline]
    pub(crate) fn owe(&mut self, others: Option<Others>) {
        self.owes |= others.is_some_and(Others::were_given_way);
    }

    /// Calls for the source of sub-streams that have given way to others, unless these have polled it.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.owes) {
            Others::settle();
        }
    }

    /// The next item of any stream; `None` when there are no streams left. Sub-streams among them give way to each other,
    /// and to `others` that will be polled if none of these streams is ready. To be [settled](Self::settle) after that.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>, others: bool) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let mut budget = Budget::new();
        while !self.is_empty() {
            let at = match self.current {
                Some(at) => at,
                None => ready!(self.poll_turn(cx)),
            };
            // One that has ended may have been woken once more.
            let Some(member) = self.streams.get_mut(at) else { continue };
            self.current = Some(at);
            let others = (others || !self.turns.is_empty()).then(Others::wait);
            let polled = member.stream.as_mut().try_poll_next(&mut Context::from_waker(&waker_ref(&member.call)));
            self.owe(others);
            match polled {
                Poll::Ready(Some(item)) => {
                    self.run += 1;
                    if self.run >= RUN {
                        self.park();
                    }
                    return Poll::Ready(Some(item));
                }
                Poll::Ready(None) => drop(self.streams.remove(at)),
                Poll::Pending => {}
            }
            self.current = None;
            ready!(budget.swallow(cx));
        }
        Poll::Ready(None)
    }

    /// Whose turn it is.
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<usize> {
        loop {
            if let Some(at) = self.turns.pop_front() {
                let at = at as usize;
                self.run = 0;
                if let Some(member) = self.streams.get(at) {
                    // Before it is polled: what calls from now on is not covered by this turn.
                    member.call.made.swap(false, Ordering::AcqRel);
                }
                return Poll::Ready(at);
            }
            let mut queue = lock(&self.woken.0);
            if !queue.members.is_empty() {
                std::mem::swap(&mut queue.members, &mut self.turns);
                continue;
            }
            if queue.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            drop(queue);
            let reader = cx.waker().clone();
            let mut queue = lock(&self.woken.0);
            if queue.members.is_empty() {
                let old = queue.reader.replace(reader);
                drop(queue);
                drop(old);
                return Poll::Pending;
            }
            drop(queue);
        }
    }

    fn add(&mut self, stream: S) -> usize {
        let entry = self.streams.vacant_entry();
        let call =
            Arc::new(Call { member: entry.key() as u32, made: AtomicBool::new(false), woken: Arc::clone(&self.woken) });
        let at = entry.key();
        entry.insert(Member { stream: Box::pin(stream), call });
        at
    }

    /// Sends the current stream back to wait for its turn.
    fn park(&mut self) {
        if let Some(member) = self.current.take().and_then(|at| self.streams.get(at)) {
            member.call.make();
        }
    }
}

impl<S: TryStream> FromIterator<S> for MergeSet<S> {
    fn from_iter<I: IntoIterator<Item = S>>(streams: I) -> Self {
        let mut set = Self::new();
        for stream in streams {
            let at = set.add(stream);
            set.turns.push_back(at as u32);
        }
        set
    }
}

impl<S: TryStream> fmt::Debug for MergeSet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
