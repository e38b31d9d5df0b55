//! [`AggregateWindows`], the stream behind [`event_windows`](crate::Flow::event_windows), and how it is set up.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use super::event_machine::Machine;
use super::event_time::{EventTime, EventWindow, Windowed, clamp};
use super::late_items::{CountLate, GiveLate, LateItems};
use crate::budget::Slice;
use crate::group::Aggregator;
use crate::time::clock::{self, Timer};
use crate::{Counter, Flow, OperatorError, TryStream};

/// The stream of [`event_windows`](Flow::event_windows) with an aggregator.
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct AggregateWindows<S, F, G, K, A, L = CountLate>
where
    S: TryStream,
    A: Aggregator<K, S::Ok>,
{
    #[pin]
    source: S,
    time: F,
    key: G,
    machine: Machine<K, S::Ok, A, S::Error>,
    /// What moved the watermark, while the windows before it are given.
    item: Option<(K, i64, S::Ok)>,
    late: Counter,
    idle_after: Option<Duration>,
    /// When the source had nothing for the first time since the last item.
    quiet: Option<Instant>,
    timer: Timer,
    slice: Slice,
    state: State,
    give_late: PhantomData<fn() -> L>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotPolled,
    Reading,
    /// The source has ended; the windows that are still open are given.
    Draining,
    Done,
}

impl<S, F, G, K, A> AggregateWindows<S, F, G, K, A>
where
    S: TryStream,
    K: Hash + Eq + Clone,
    A: Aggregator<K, S::Ok>,
{
    pub(super) fn new<W: EventWindow<K, S::Ok, A>>(source: S, windows: W, time: F, key: G, aggregator: A) -> Self {
        Self {
            source,
            time,
            key,
            machine: Machine::new(windows.shape(), aggregator),
            item: None,
            late: Counter::new(),
            idle_after: None,
            quiet: None,
            timer: Timer::new(),
            slice: Slice::new(),
            state: State::NotPolled,
            give_late: PhantomData,
        }
    }
}

/// How event-time windows are closed and kept. To be set before the first poll.
impl<S, F, G, K, A, L> Flow<AggregateWindows<S, F, G, K, A, L>>
where
    S: TryStream,
    K: Hash + Eq + Clone,
    A: Aggregator<K, S::Ok>,
{
    /// Lets the watermark be `lag` behind the latest event time, so that items may come out of order by as much. None if
    /// not said: then the first item that happened after a window closes it.
    ///
    /// A longer lag gives results later and has fewer late items. One item that claims to be of the far future moves the
    /// watermark there, and all that follow are late: [`filter`](Self::filter) such items before. Parts of a millisecond are cut off.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[doc(alias = "bounded_out_of_orderness")]
    #[doc(alias = "grace")]
    #[track_caller]
    pub fn watermark_lag(mut self, lag: Duration) -> Self {
        self.settings().machine.rules.watermark.lag = clamp(lag.as_millis());
        self
    }

    /// Lets a window take items until the watermark is `lateness` past its end; not said, until it reaches the end.
    ///
    /// The window is given when the watermark reaches its end all the same, and once more with each item that comes to
    /// it after that: such a result is [`Timing::Late`](super::Timing::Late), and takes the place of the one before.
    /// That is the difference to a longer [`watermark_lag`](Self::watermark_lag), with which there is one result, but
    /// later. Each result is made of a copy of the state. Parts of a millisecond are cut off.
    ///
    /// A session that a late item joins with another, or makes longer than the watermark is far, is not over any more:
    /// it is given again when the watermark reaches its new end, and takes the place of all results within its bounds.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[doc(alias = "allowedLateness")]
    #[track_caller]
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self
    where
        A::State: Clone,
    {
        self.settings().machine.rules.set_lateness(clamp(lateness.as_millis()));
        self
    }

    /// Counts late items in `counter`, given or not.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[track_caller]
    pub fn count_late(mut self, counter: &Counter) -> Self {
        self.settings().late = counter.clone();
        self
    }

    /// Gives late items beside the results: the flow's items are `Ok(windowed)` and `Err(late item)` then, as
    /// [`dead_letters`](Flow::dead_letters) wants them, which puts the late ones into a sink.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[doc(alias = "sideOutputLateData")]
    #[track_caller]
    pub fn give_late(mut self) -> Flow<AggregateWindows<S, F, G, K, A, GiveLate>> {
        self.settings();
        let AggregateWindows { source, time, key, machine, item, late, idle_after, quiet, timer, slice, state, .. } =
            self.into_inner();
        let give_late = PhantomData;
        Flow::new(AggregateWindows {
            source,
            time,
            key,
            machine,
            item,
            late,
            idle_after,
            quiet,
            timer,
            slice,
            state,
            give_late,
        })
    }

    /// Gives the open windows when nothing has come for `span` of tokio's clock, instead of waiting for the watermark.
    ///
    /// The watermark moves to the end of the last of them then: an item that comes for one of them after that is late, unless
    /// lateness is allowed.
    /// Only a source that has nothing to give is idle, not one that nobody reads; `span` counts from when it was first seen, after the
    /// last item, that there is nothing to read. A consumer that polls late sees that late.
    ///
    /// # Panics
    ///
    /// If `span` is zero, or if the flow has been polled.
    #[doc(alias = "withIdleness")]
    #[track_caller]
    pub fn idle_after(mut self, span: Duration) -> Self {
        assert!(!span.is_zero(), "a source is idle after some time, not at once");
        self.settings().idle_after = Some(span);
        self
    }

    /// Lets at most `n` windows be open at once, those that are kept for late items among them; 1,048,576 if not said,
    /// and 4,294,967,295 at most.
    ///
    /// Beyond, the one that ends first is closed early and [counted](Self::closed_early). If its result has not been given
    /// yet, it is now, marked [`Early`](super::Timing::Early); an item that comes for it later opens it anew, so its
    /// results are parts that are still to be put together. If its result has been given, and it was kept for late items,
    /// those that come for windows that end no later are late from now on.
    ///
    /// # Panics
    ///
    /// If `n` is zero, or if the flow has been polled.
    #[track_caller]
    pub fn max_windows(mut self, n: usize) -> Self {
        assert!(n > 0, "at least one window must be allowed to be open");
        self.settings().machine.rules.set_max_windows(n);
        self
    }

    /// Lets the flow fail, instead of closing a window early, when more than [`max_windows`](Self::max_windows) would be
    /// open.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[track_caller]
    pub fn fail_beyond(mut self) -> Self
    where
        S::Error: From<OperatorError>,
    {
        self.settings().machine.rules.fail = Some(S::Error::from);
        self
    }

    /// Counts in `counter` the windows that were closed early because too many were open.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[track_caller]
    pub fn closed_early(mut self, counter: &Counter) -> Self {
        self.settings().machine.rules.closed_early = counter.clone();
        self
    }

    #[track_caller]
    fn settings(&mut self) -> &mut AggregateWindows<S, F, G, K, A, L> {
        let windows = self.inner_mut();
        assert!(
            windows.state == State::NotPolled,
            "windows of this flow have been read already: set it up before that"
        );
        windows
    }
}

impl<S, F, G, K, A, L, M> Stream for AggregateWindows<S, F, G, K, A, L>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> M,
    M: EventTime,
    G: FnMut(&S::Ok) -> K,
    K: Hash + Eq + Clone,
    A: Aggregator<K, S::Ok>,
    L: LateItems<Windowed<K, A::Output>, S::Ok>,
{
    type Item = Result<L::Item, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let (machine, state) = (this.machine, this.state);
        let mut source = this.source;
        if *state == State::NotPolled {
            *state = State::Reading;
        }
        let slice = this.slice;
        loop {
            if slice.is_to_look() {
                *slice = ready!(std::mem::replace(slice, Slice::new()).look(cx));
            }
            match *state {
                State::Done => return Poll::Ready(None),
                State::Draining => {
                    let result = machine.next_at_end();
                    if result.is_none() {
                        machine.clear();
                        *state = State::Done;
                    }
                    return Poll::Ready(result.map(|result| Ok(L::result(result))));
                }
                State::NotPolled | State::Reading => {}
            }
            if !machine.is_quiet() {
                if let Some(result) = machine.next() {
                    return Poll::Ready(Some(Ok(L::result(result))));
                }
                if machine.forget_one() {
                    slice.count(1);
                    continue;
                }
            }
            // As long as nothing is due.
            while !slice.is_to_look() {
                slice.count(1);
                let (key, time, item) = match this.item.take() {
                    Some(held) => held,
                    None => match source.as_mut().poll_next(cx) {
                        Poll::Ready(Some(Ok(item))) => {
                            *this.quiet = None;
                            let (key, time) = ((this.key)(&item), (this.time)(&item).millis());
                            machine.advance(time);
                            if !machine.is_quiet() {
                                *this.item = Some((key, time, item));
                                break;
                            }
                            (key, time, item)
                        }
                        Poll::Ready(Some(Err(error))) => {
                            machine.clear();
                            *state = State::Done;
                            return Poll::Ready(Some(Err(error)));
                        }
                        Poll::Ready(None) => {
                            *state = State::Draining;
                            break;
                        }
                        Poll::Pending => {
                            *slice = Slice::new();
                            // Only now is it known that nothing has come: a source with items was not read, not idle.
                            let deadline = this
                                .idle_after
                                .and_then(|span| this.quiet.get_or_insert_with(clock::now).checked_add(span));
                            let Some(deadline) = deadline.filter(|_| machine.has_due()) else { return Poll::Pending };
                            ready!(this.timer.poll_at(cx, deadline));
                            machine.advance_to_last();
                            break;
                        }
                    },
                };
                match machine.put(key, time, item) {
                    Ok(None) => {}
                    Ok(Some(late)) => {
                        this.late.add(1);
                        if let Some(late) = L::late(late) {
                            return Poll::Ready(Some(Ok(late)));
                        }
                    }
                    Err(error) => {
                        machine.clear();
                        *state = State::Done;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                if !machine.is_quiet() {
                    break;
                }
            }
        }
    }
}

impl<S, F, G, K, A, L> fmt::Debug for AggregateWindows<S, F, G, K, A, L>
where
    S: TryStream + fmt::Debug,
    A: Aggregator<K, S::Ok>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregateWindows")
            .field("source", &self.source)
            .field("idle_after", &self.idle_after)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
