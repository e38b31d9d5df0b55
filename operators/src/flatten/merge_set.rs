//! Many streams of one type, read as they become ready.

use std::collections::VecDeque;
use std::fmt;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::task::{ArcWake, waker_ref};
use pin_project::pin_project;
use slab::Slab;
use tokio::task::coop::has_budget_remaining;

use crate::TryStream;
use crate::budget::Slice;
use crate::group::{Host, Others, Visiting};
use crate::rota::{Called, Member, Rota};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// How many items of one stream are taken before another's turn comes.
pub(crate) const RUN: usize = 64;

/// How many turns may have nothing once the task has used up its share of tokio's channels and timers, which give nothing more before
/// it has let others run. A stream that calls itself then is not polled again before. Outside of tokio there is no such share.
const IN_VAIN: u32 = 32;

/// How many streams are looked at together before their turns come.
const AT_ONCE: usize = 16;

/// The streams of a merge. A wake-up costs the same however many there are, since only those that were woken are polled,
/// each with a waker of its own: it is lent to the stream that has its turn, which owns it from when it has kept a clone of it.
pub(crate) struct MergeSet<S: TryStream> {
    /// `None` in the place of the current one.
    streams: Slab<Option<Pin<Box<Running<S>>>>>,
    /// Those that were woken, or wait for their turn; looked at when `turns` is empty.
    woken: Arc<Rota>,
    /// Whose turn comes, in this order.
    turns: VecDeque<Member>,
    /// Those that have had their run and may have more, for when `turns` is empty. Only this task knows of them, so that a stream which is
    /// always ready takes no lock.
    parked: Vec<Member>,
    /// The one that gave the last item. It is polled on, because a stream that gave one often has more, until it has not
    /// or has had its run.
    current: Option<(Member, Pin<Box<Running<S>>>)>,
    /// The waker of a stream that has none of its own, during its turn. Nobody else has it before that begins.
    lent: Arc<Call>,
    /// How many items are left of its run.
    left: usize,
    /// How long streams are polled before others than this merge have their turn, whoever polls it, and whatever they give meanwhile.
    slice: Slice,
    /// Whether they were left off in the last poll as it had lasted long enough. Then the task is woken once others have run.
    over: bool,
    /// Whether a sub-stream among them has given way to others, so that this is to be settled.
    owes: bool,
    /// What knows of the outer stream which gives these streams. It is kept when they wait for themselves, since the outer stream has to
    /// step back each time that the limit is reached; another takes its place only when the outer stream is gone.
    host: Option<Arc<Host>>,
    /// Whether that outer stream waits on behalf of them.
    hosted: bool,
}

/// What there is upstream of the streams of a merge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// It is polled next when none of these streams is ready.
    Next,
    /// It was polled in this turn, and waits: an outer stream in it does so on behalf of its sub-streams.
    Waits,
    /// It is not polled now, or is gone.
    Closed,
}

impl Upstream {
    /// Whoever is polled now gives way, if others are polled after it.
    #[inline]
    fn others(upstream: Option<Self>, turns: &VecDeque<Member>) -> Option<Others> {
        upstream.filter(|upstream| *upstream == Self::Next || !turns.is_empty()).map(|_| Others::wait())
    }
}

/// What a poll of the streams gives.
type Polled<S> = Poll<Option<Result<<S as TryStream>::Ok, <S as TryStream>::Error>>>;

#[pin_project]
struct Running<S> {
    /// Its waker, once it has kept it: a sub-stream waits without.
    call: Option<Arc<Call>>,
    #[pin]
    stream: S,
}

/// What wakes one stream.
struct Call {
    /// The [`Member`] that is called.
    at: AtomicUsize,
    /// Whether its stream is among the woken or the parked: it is put there once at most.
    made: AtomicBool,
    woken: Arc<Rota>,
}

impl Call {
    fn new(woken: &Arc<Rota>) -> Arc<Self> {
        Arc::new(Self { at: AtomicUsize::new(0), made: AtomicBool::new(false), woken: Arc::clone(woken) })
    }

    /// Notes that it is made; whether it was not before.
    fn mark(&self) -> bool {
        !self.made.swap(true, Ordering::AcqRel)
    }

    fn make(&self) {
        if self.mark() {
            self.woken.call([Member::new(self.at.load(Ordering::Acquire))]);
        }
    }

    /// Whether nobody has kept the waker that was lent, and so nobody will.
    fn is_back(lent: &Arc<Self>) -> bool {
        let back = Arc::strong_count(lent) == 1;
        fence(Ordering::Acquire); // What others did with it comes before what is done with it next.
        back
    }
}

impl ArcWake for Call {
    fn wake_by_ref(call: &Arc<Self>) {
        call.make();
    }
}

impl<S: TryStream> Running<S> {
    /// Begins its turn: what calls from now on is not covered by that. It is lent a waker if it has none of its own.
    #[inline]
    fn begin(&self, member: Member, lent: &Arc<Call>) {
        match &self.call {
            Some(call) if call.made.load(Ordering::Acquire) => _ = call.made.swap(false, Ordering::AcqRel),
            Some(_) => {}
            None => {
                lent.at.store(member.at(), Ordering::Release);
                lent.made.store(false, Ordering::Release);
            }
        }
    }

    /// Its turn is over: if it has kept the waker that it was lent, it owns that from now on.
    #[inline]
    fn keep(self: Pin<&mut Self>, lent: &mut Arc<Call>) {
        if self.call.is_none() && !Call::is_back(lent) {
            let next = Call::new(&lent.woken);
            *self.project().call = Some(std::mem::replace(lent, next));
        }
    }

    /// Whether it was called in its turn, which is over.
    #[inline]
    fn was_called(&self, lent: &Call) -> bool {
        self.call.as_deref().unwrap_or(lent).made.load(Ordering::Relaxed)
    }

    /// Polls it, beside others of `merge` if that is given.
    #[inline]
    fn poll_next(
        self: Pin<&mut Self>,
        member: Member,
        lent: &Arc<Call>,
        merge: Option<&Arc<Rota>>,
    ) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let this = self.project();
        let waker = waker_ref(this.call.as_ref().unwrap_or(lent));
        let _visiting = merge.map(|merge| Visiting::member(merge, member, &waker));
        this.stream.poll_next(&mut Context::from_waker(&waker))
    }
}

impl<S: TryStream> MergeSet<S> {
    pub(crate) fn new() -> Self {
        let woken = Arc::default();
        Self {
            streams: Slab::new(),
            lent: Call::new(&woken),
            woken,
            turns: VecDeque::new(),
            parked: Vec::new(),
            current: None,
            left: 0,
            slice: Slice::new(),
            over: false,
            owes: false,
            host: None,
            hosted: false,
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
        let running = Box::pin(Running { call: None, stream });
        running.begin(member, &self.lent);
        self.current = Some((member, running));
        self.left = RUN;
    }

    /// Notes whether others were given way, so that this is to be [settled](Self::settle), and says so.
    #[inline]
    pub(crate) fn owe(&mut self, others: Option<Others>) -> bool {
        let gave_way = others.is_some_and(Others::were_given_way);
        self.owes |= gave_way;
        gave_way
    }

    /// Calls for the source of sub-streams that have given way to others, unless these have polled it.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.owes) {
            Others::settle();
        }
    }

    /// Polls upstream with a waker of this merge, which is to [wait](Self::wait) then. An outer stream in it comes to know the merge.
    pub(crate) fn visit<T>(&mut self, poll: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let meets = !self.hosted && self.host.as_ref().is_none_or(|host| host.outer_is_gone());
        self.woken.begin_upstream();
        let visiting = Visiting::upstream(&self.woken, meets);
        let polled = poll(&mut Context::from_waker(&waker_ref(&self.woken)));
        drop(visiting);
        if let Some(host) = meets.then(|| Host::meet(&self.woken)).flatten() {
            (self.host, self.hosted) = (Some(host), true);
        }
        polled
    }

    /// Whether they were left off as the poll had lasted long enough. Then the task is woken once others have run.
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    /// To be called when everything is pending and upstream was not polled: an outer stream in it cannot come when it is called.
    pub(crate) fn step_back(&self) {
        if let Some(host) = &self.host {
            host.outer_steps_back();
        }
    }

    /// To be called when everything is pending. If an outer stream upstream does not wait any more on behalf of these streams, says so, and
    /// they are polled once more, so that each waits for itself.
    pub(crate) fn recall(&mut self) -> bool {
        let alone = self.hosted && self.host.as_ref().is_some_and(|host| !host.outer_waits());
        if alone {
            self.hosted = false;
            self.turn_all();
        }
        alone
    }

    /// To be called when everything is pending, since what is polled here does not wake the task. It waits if nobody has called meanwhile.
    pub(crate) fn wait(&mut self, cx: &Context<'_>) -> Called {
        if self.is_empty() {
            self.turns.clear(); // Whoever is called has ended.
            self.woken.take(&mut self.turns);
            self.turns.clear();
        }
        let called = if self.over { Called::Nobody } else { self.woken.wait(cx.waker()) };
        if matches!(called, Called::Nobody) {
            self.slice = Slice::new();
        }
        called
    }

    /// All streams have a turn.
    pub(crate) fn turn_all(&mut self) {
        self.turns.extend(self.streams.iter().map(|(at, _)| Member::new(at)));
    }

    /// The next item of any stream; `None` when there are no streams left.
    ///
    /// If there can be something `upstream`, then sub-streams among them give way to that, and to each other: to be
    /// [settled](Self::settle) after that.
    ///
    /// Pending is not the end of it: the task [waits](Self::wait) then.
    ///
    /// All that does not come with each item is out of line, so that this can become part of the loop that calls it.
    #[inline]
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>, upstream: Option<Upstream>) -> Polled<S> {
        if self.current.is_some() {
            match self.poll_current(upstream) {
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
        self.poll_others(cx, upstream)
    }

    #[inline]
    fn poll_current(&mut self, upstream: Option<Upstream>) -> Polled<S> {
        let (hosts, others) = (self.hosts(upstream), Upstream::others(upstream, &self.turns));
        let polled = match &mut self.current {
            Some((member, current)) => current.as_mut().poll_next(*member, &self.lent, hosts.then_some(&self.woken)),
            None => Poll::Ready(None),
        };
        self.owe(others);
        polled
    }

    /// Whether an outer stream waits on behalf of these streams, or will.
    #[inline]
    fn hosts(&self, upstream: Option<Upstream>) -> bool {
        self.hosted && matches!(upstream, Some(Upstream::Next | Upstream::Waits))
    }

    /// The next item of any stream but the current one, of which there is none. The stream that gives it is the current one then.
    #[cold]
    #[inline(never)]
    fn poll_others(&mut self, cx: &Context<'_>, upstream: Option<Upstream>) -> Polled<S> {
        let (hosts, mut in_vain) = (self.hosts(upstream), 0);
        self.over = false;
        while let Some(member) = ready!(self.poll_turn()) {
            // One that has ended may have been woken once more.
            let Some(Some(running)) = self.streams.get_mut(member.at()) else { continue };
            let others = Upstream::others(upstream, &self.turns);
            running.begin(member, &self.lent);
            let polled = running.as_mut().poll_next(member, &self.lent, hosts.then_some(&self.woken));
            self.owes |= others.is_some_and(Others::were_given_way); // As `owe`, while the stream is borrowed.
            match polled {
                Poll::Ready(Some(item)) => {
                    self.current = std::mem::take(&mut self.streams[member.at()]).map(|running| (member, running));
                    self.left = RUN - 1;
                    return Poll::Ready(Some(item));
                }
                Poll::Ready(None) => self.remove(member),
                Poll::Pending => {
                    let called = running.was_called(&self.lent);
                    running.as_mut().keep(&mut self.lent);
                    if called {
                        self.slice.count(Slice::RUN); // After as many items a stream calls itself, if it gives none of them.
                    }
                    in_vain += u32::from(!has_budget_remaining());
                    if in_vain > 0 && called || in_vain == IN_VAIN {
                        self.over = true;
                        self.slice = Slice::new();
                        Slice::give_way(cx);
                        return Poll::Pending;
                    }
                }
            }
            self.slice.count(1);
            if self.slice.is_to_look() {
                self.over = true;
                self.slice = ready!(std::mem::replace(&mut self.slice, Slice::new()).look(cx));
                self.over = false;
            }
        }
        Poll::Ready(None)
    }

    /// Whose turn it is, if there are any streams left.
    #[inline]
    fn poll_turn(&mut self) -> Poll<Option<Member>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        if self.turns.is_empty() && !self.begin_round() {
            return Poll::Pending;
        }
        if self.turns.len().is_multiple_of(AT_ONCE) {
            self.look_ahead();
        }
        Poll::Ready(self.turns.pop_front())
    }

    /// Takes up those that were woken, and behind them those that have had their run, if there are any.
    fn begin_round(&mut self) -> bool {
        self.woken.take(&mut self.turns);
        self.turns.extend(self.parked.drain(..));
        !self.turns.is_empty()
    }

    /// Looks at those whose turn comes next before anything is done with the first, so that the waits for their memory overlap.
    fn look_ahead(&self) {
        for member in self.turns.iter().take(AT_ONCE) {
            black_box(matches!(self.streams.get(member.at()), Some(Some(running)) if running.call.is_some()));
        }
    }

    /// Sends the current stream back to wait for its turn.
    #[cold]
    #[inline(never)]
    fn park(&mut self) {
        // One that was woken in its turn is among the woken already.
        let Some((member, running)) = self.rest() else { return };
        if running.call.as_ref().is_none_or(|call| call.mark()) {
            self.parked.push(member);
        }
    }

    /// Puts the current stream back among the others.
    #[cold]
    #[inline(never)]
    fn rest(&mut self) -> Option<(Member, &Running<S>)> {
        let (member, mut running) = self.current.take()?;
        running.as_mut().keep(&mut self.lent);
        let place = self.streams.get_mut(member.at())?;
        Some((member, &**place.insert(running)))
    }

    /// Drops the current stream.
    #[cold]
    #[inline(never)]
    fn end(&mut self) {
        if let Some((member, ended)) = self.current.take() {
            drop(ended);
            self.remove(member);
        }
    }

    /// Drops a stream that has ended.
    fn remove(&mut self, member: Member) {
        drop(self.streams.try_remove(member.at()));
        if !Call::is_back(&self.lent) {
            self.lent = Call::new(&self.woken); // It has left it with somebody.
        }
    }
}

impl<S: TryStream> FromIterator<S> for MergeSet<S> {
    fn from_iter<I: IntoIterator<Item = S>>(streams: I) -> Self {
        let mut set = Self::new();
        for stream in streams {
            let at = set.streams.insert(Some(Box::pin(Running { call: None, stream })));
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
