//! Many streams of one type, read as they become ready.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::TryStream;
use futures::task::{ArcWake, waker_ref};
use slab::Slab;

use crate::budget::Budget;
use crate::group::{Host, Others, Visiting};
use crate::rota::{Member, Rota};
use crate::sync::atomic::{AtomicBool, Ordering};

/// How many items of one stream are taken before another's turn comes.
pub(crate) const RUN: usize = 64;

/// The streams of a merge. A wake-up costs the same however many there are, since only those that were woken are polled,
/// each with a waker of its own: it is lent to the stream that has its turn, which owns it from when it has kept a clone of it.
pub(crate) struct MergeSet<S: TryStream> {
    /// `None` in the place of the current one.
    streams: Slab<Option<Running<S>>>,
    /// Those that were woken, or wait for their turn; looked at when `turns` is empty.
    woken: Arc<Rota>,
    /// Whose turn comes, in this order.
    turns: VecDeque<Member>,
    /// The one that gave the last item. It is polled on, because a stream that gave one often has more, until it has not
    /// or has had its run.
    current: Option<(Member, Running<S>)>,
    /// The waker of a stream that has none of its own, while it is the current one. Nobody else has it before its turn begins.
    lent: Arc<Call>,
    /// How many items are left of its run.
    left: usize,
    /// Whether a sub-stream among them has given way to others, so that this is to be settled.
    owes: bool,
    /// What knows of the outer stream which gives these streams, as long as that waits for them.
    host: Option<Arc<Host>>,
}

/// What a poll of the streams gives.
type Polled<S> = Poll<Option<Result<<S as TryStream>::Ok, <S as TryStream>::Error>>>;

struct Running<S> {
    stream: Pin<Box<S>>,
    /// Its waker, once it has kept it: a sub-stream waits without.
    call: Option<Arc<Call>>,
}

/// What wakes one stream.
struct Call {
    member: Member,
    /// Whether it has put itself among the woken: it does once at most.
    made: AtomicBool,
    woken: Arc<Rota>,
}

impl Call {
    fn new(member: Member, woken: &Arc<Rota>) -> Arc<Self> {
        Arc::new(Self { member, made: AtomicBool::new(false), woken: Arc::clone(woken) })
    }

    fn make(&self) {
        if !self.made.swap(true, Ordering::AcqRel) {
            self.woken.call([self.member]);
        }
    }
}

impl ArcWake for Call {
    fn wake_by_ref(call: &Arc<Self>) {
        call.make();
    }
}

impl<S: TryStream> Running<S> {
    /// Polls it, with the waker that it is lent if it has none of its own, and beside others of `merge` if that is given.
    #[inline]
    fn poll_next(&mut self, lent: &Arc<Call>, merge: Option<&Arc<Rota>>) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let call = self.call.as_ref().unwrap_or(lent);
        let waker = waker_ref(call);
        let _visiting = merge.map(|merge| Visiting::member(merge, call.member, &waker));
        self.stream.as_mut().try_poll_next(&mut Context::from_waker(&waker))
    }
}

impl<S: TryStream> MergeSet<S> {
    pub(crate) fn new() -> Self {
        let woken = Arc::default();
        Self {
            streams: Slab::new(),
            lent: Call::new(Member::new(0), &woken),
            woken,
            turns: VecDeque::new(),
            current: None,
            left: 0,
            owes: false,
            host: None,
        }
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
        let member = Member::new(self.streams.insert(None));
        self.begin(member, Running { stream: Box::pin(stream), call: None });
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

    /// Polls upstream, so that an outer stream in it comes to know this merge.
    pub(crate) fn visit<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let meets = self.host.is_none();
        let visiting = Visiting::upstream(&self.woken, meets);
        let polled = poll();
        drop(visiting);
        if meets {
            self.host = Host::meet(&self.woken);
        }
        polled
    }

    /// To be called when everything is pending. If an outer stream does not wait any more on behalf of these streams, they are polled
    /// once more, so that each waits for itself.
    pub(crate) fn recall(&mut self, cx: &Context<'_>) {
        if self.host.take_if(|host| !host.outer_waits()).is_some() {
            self.turns.extend(self.streams.iter().map(|(at, _)| Member::new(at)));
            cx.waker().wake_by_ref();
        }
    }

    /// The next item of any stream; `None` when there are no streams left.
    ///
    /// If it is said whether `others` will be polled when none of these streams is ready, then sub-streams among them give way
    /// to those, and to each other: to be [settled](Self::settle) after that.
    ///
    /// All that does not come with each item is out of line, so that this can become part of the loop that calls it.
    #[inline]
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>, others: Option<bool>) -> Polled<S> {
        if self.current.is_some() {
            match self.poll_current(others) {
                Poll::Ready(Some(item)) => {
                    self.left -= 1;
                    if self.left == 0 {
                        self.park();
                    }
                    return Poll::Ready(Some(item));
                }
                Poll::Ready(None) => self.end(),
                Poll::Pending => _ = self.rest(),
            }
        }
        self.poll_others(cx, others)
    }

    #[inline]
    fn poll_current(&mut self, others: Option<bool>) -> Polled<S> {
        let others = others.filter(|others| *others || !self.turns.is_empty()).map(|_| Others::wait());
        let merge = self.host.as_ref().filter(|_| others.is_some()).map(|_| &self.woken);
        let polled = match &mut self.current {
            Some((_, current)) => current.poll_next(&self.lent, merge),
            None => Poll::Ready(None),
        };
        self.owe(others);
        polled
    }

    /// The next item of any stream but the current one, of which there is none.
    #[cold]
    #[inline(never)]
    fn poll_others(&mut self, cx: &Context<'_>, others: Option<bool>) -> Polled<S> {
        let mut budget = Budget::new();
        while ready!(self.poll_turn(cx)) {
            match self.poll_current(others) {
                Poll::Ready(Some(item)) => {
                    self.left -= 1;
                    return Poll::Ready(Some(item));
                }
                Poll::Ready(None) => self.end(),
                Poll::Pending => _ = self.rest(),
            }
            ready!(budget.swallow(cx));
        }
        Poll::Ready(None)
    }

    /// Makes the one whose turn it is the current one, if there are any streams left.
    #[cold]
    #[inline(never)]
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<bool> {
        if self.is_empty() {
            return Poll::Ready(false);
        }
        loop {
            if let Some(at) = self.turns.pop_front() {
                // One that has ended may have been woken once more.
                if let Some(running) = self.streams.get_mut(at.at()).and_then(Option::take) {
                    self.begin(at, running);
                    return Poll::Ready(true);
                }
                continue;
            }
            if !self.woken.take(&mut self.turns, cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    /// Begins the turn of a stream.
    fn begin(&mut self, member: Member, running: Running<S>) {
        // Before it is polled: what calls from now on is not covered by this turn.
        match (&running.call, Arc::get_mut(&mut self.lent)) {
            (Some(call), _) if call.made.load(Ordering::Acquire) => _ = call.made.swap(false, Ordering::AcqRel),
            (Some(_), _) => {}
            (None, Some(lent)) => {
                lent.member = member;
                lent.made = AtomicBool::new(false);
            }
            (None, None) => self.lent = Call::new(member, &self.woken), // One that is gone has left it with somebody.
        }
        self.current = Some((member, running));
        self.left = RUN;
    }

    /// Sends the current stream back to wait for its turn.
    #[cold]
    #[inline(never)]
    fn park(&mut self) {
        let woken = Arc::clone(&self.woken);
        match self.rest() {
            Some((_, Running { call: Some(call), .. })) => call.make(),
            Some((member, _)) => woken.call([member]),
            None => {}
        }
    }

    /// Puts the current stream back among the others.
    #[cold]
    #[inline(never)]
    fn rest(&mut self) -> Option<(Member, &Running<S>)> {
        let (member, mut running) = self.current.take()?;
        if running.call.is_none() && Arc::strong_count(&self.lent) > 1 {
            let lent = Call::new(member, &self.woken);
            running.call = Some(std::mem::replace(&mut self.lent, lent));
        }
        let place = self.streams.get_mut(member.at())?;
        Some((member, place.insert(running)))
    }

    /// Drops the current stream.
    #[cold]
    #[inline(never)]
    fn end(&mut self) {
        if let Some((member, _)) = self.current.take() {
            self.streams.try_remove(member.at());
        }
    }
}

impl<S: TryStream> FromIterator<S> for MergeSet<S> {
    fn from_iter<I: IntoIterator<Item = S>>(streams: I) -> Self {
        let mut set = Self::new();
        for stream in streams {
            let at = set.streams.insert(Some(Running { stream: Box::pin(stream), call: None }));
            set.turns.push_back(Member::new(at));
        }
        set
    }
}

impl<S: TryStream> fmt::Debug for MergeSet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
