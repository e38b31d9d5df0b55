//! Virtual time, and the consumers that record what a flow gives in it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{AcqRel, Release},
};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::TryStream;
use futures::task::AtomicWaker;
use tokio::time::Instant;

use super::marbles::{Event, Label, Marble, Timed, parse_or_panic, print};
use crate::Flow;
use crate::time::clock::{self, Timer};

/// How long a flow that should give nothing more is watched after its last event, in ticks.
const AFTER_THE_LAST: u64 = 1_000;

/// Signals in one tick after which a flow is taken for one that never pauses.
const TOO_MANY: usize = 1 << 20;

/// Runs a future on a runtime of its own whose clock stands still, and jumps to the next timer when nothing else can
/// run.
///
/// # Panics
///
/// If called inside a tokio runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anabranch_operators::testing::virtual_time;
///
/// let slept = virtual_time(async {
///     let start = tokio::time::Instant::now();
///     tokio::time::sleep(Duration::from_secs(3600)).await;
///     start.elapsed()
/// });
/// assert_eq!(slept, Duration::from_secs(3600));
/// ```
#[track_caller]
pub fn virtual_time<F: Future>(future: F) -> F::Output {
    match tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("the runtime for virtual time cannot be built: {error}"),
    }
}

/// What a flow gave, and when: see [`observe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed<T, E> {
    events: Vec<Timed<T, E>>,
}

impl<T, E> Observed<T, E> {
    /// Everything that happened, with its tick from the first poll. The last one is the end, the failure, or
    /// [`Event::Dropped`] at the horizon.
    pub fn events(&self) -> &[Timed<T, E>] {
        &self.events
    }

    /// The same, to keep.
    pub fn into_events(self) -> Vec<Timed<T, E>> {
        self.events
    }

    /// The items alone.
    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::Item(item) => Some(item),
            _ => None,
        })
    }

    /// The failure, if it failed.
    pub fn failure(&self) -> Option<&E> {
        match self.events.last() {
            Some((_, Event::Failure(error))) => Some(error),
            _ => None,
        }
    }
}

impl<T: Marble, E> Observed<T, E> {
    /// What happened as marble text; a drop at the horizon is left out.
    pub fn marbles(&self) -> String {
        let dropped = matches!(self.events.last(), Some((_, Event::Dropped)));
        print(&self.events[..self.events.len() - usize::from(dropped)])
    }

    /// Checks that this is what the marble text shows.
    ///
    /// Text that ends with `!` asks for a flow that was dropped in that tick; text without an end asks for one that
    /// gave nothing more until it was dropped.
    ///
    /// # Panics
    ///
    /// If it is not, with both lines one above the other.
    #[track_caller]
    pub fn assert_marbles(&self, expected: &str) {
        self.assert_events(&parse_or_panic(expected), expected);
    }

    #[track_caller]
    fn assert_events(&self, expected: &[Timed<Label, ()>], text: &str) {
        let asks_for_drop = matches!(expected.last(), Some((_, Event::Dropped)));
        let observed: Vec<_> = self
            .events
            .iter()
            .filter(|(_, event)| asks_for_drop || !matches!(event, Event::Dropped))
            .map(|(tick, event)| (*tick, labelled(event)))
            .collect();
        assert!(
            observed == expected,
            "the flow gives something else than its marbles\nexpected: {}\nobserved: {}\n(from the text: {text})",
            print(expected),
            print(&observed),
        );
    }
}

fn labelled<T: Marble, E>(event: &Event<T, E>) -> Event<Label, ()> {
    match event {
        Event::Item(item) => Event::Item(Label::of(item)),
        Event::Failure(_) => Event::Failure(()),
        Event::End => Event::End,
        Event::Dropped => Event::Dropped,
    }
}

/// A stream that is polled only when it was woken.
struct Watched<S> {
    stream: Pin<Box<S>>,
    woken: Arc<Woken>,
    waker: Waker,
}

/// Whether a stream was woken, and whom to tell.
struct Woken {
    woken: AtomicBool,
    reader: AtomicWaker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Release);
        self.reader.wake();
    }
}

impl<S: TryStream> Watched<S> {
    fn new(stream: S) -> Self {
        let woken = Arc::new(Woken { woken: AtomicBool::new(true), reader: AtomicWaker::new() });
        Self { stream: Box::pin(stream), waker: Waker::from(Arc::clone(&woken)), woken }
    }

    /// The next signal, if the stream was woken and has one. After a signal it counts as woken.
    fn poll_if_woken(&mut self, cx: &mut Context<'_>) -> Poll<Event<S::Ok, S::Error>> {
        self.woken.reader.register(cx.waker());
        if !self.woken.woken.swap(false, AcqRel) {
            return Poll::Pending;
        }
        let polled = self.stream.as_mut().try_poll_next(&mut Context::from_waker(&self.waker));
        polled.map(|signal| {
            self.woken.woken.store(true, Release);
            match signal {
                Some(Ok(item)) => Event::Item(item),
                Some(Err(error)) => Event::Failure(error),
                None => Event::End,
            }
        })
    }
}

/// Counts ticks, and stops what never pauses.
struct Ticks {
    zero: Instant,
    horizon: Instant,
    timer: Timer,
    tick: u64,
    signals: usize,
}

impl Ticks {
    fn new(horizon: u64) -> Self {
        let zero = clock::now();
        let horizon = zero + Duration::from_millis(horizon);
        Self { zero, horizon, timer: Timer::new(), tick: 0, signals: 0 }
    }

    fn poll_horizon(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_at(cx, self.horizon)
    }

    fn now(&mut self) -> u64 {
        let tick = u64::try_from((clock::now() - self.zero).as_millis()).unwrap_or(u64::MAX);
        self.signals = if tick == self.tick { self.signals + 1 } else { 0 };
        self.tick = tick;
        assert!(
            self.signals < TOO_MANY,
            "the flow gave {TOO_MANY} signals within tick {tick}, so virtual time stands still: end it with take(n)"
        );
        tick
    }
}

/// Reads a flow until it ends or fails, and drops it at the beginning of tick `horizon` if it still runs.
///
/// The flow is polled only after it gave something or woke its reader, so one that loses a wake shows as one that gives
/// nothing more. To be awaited inside [`virtual_time`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anabranch_operators::interval;
/// use anabranch_operators::testing::{observe, virtual_time};
///
/// virtual_time(async {
///     let observed = observe(interval(Duration::from_millis(3)), 11).await;
///     assert_eq!(observed.items().copied().collect::<Vec<_>>(), [0, 1, 2]);
///     observed.assert_marbles("---0--1--2-!");
/// });
/// ```
pub async fn observe<S: TryStream>(flow: Flow<S>, horizon: u64) -> Observed<S::Ok, S::Error> {
    let mut ticks = Ticks::new(horizon);
    let mut watched = Watched::new(flow.into_inner());
    let mut events = Vec::new();
    poll_fn(|cx| {
        if ticks.poll_horizon(cx).is_ready() {
            events.push((horizon, Event::Dropped));
            return Poll::Ready(());
        }
        while let Poll::Ready(event) = watched.poll_if_woken(cx) {
            let over = !matches!(event, Event::Item(_));
            events.push((ticks.now(), event));
            if over {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
    Observed { events }
}

/// Checks that a flow gives what the marble text shows, from its first poll on.
///
/// Text that ends with `!` drops the flow in that tick. A flow that should neither end nor fail is watched for 1,000
/// ticks after the last event.
///
/// # Panics
///
/// If it gives something else, with both lines one above the other; or inside a tokio runtime: there, use [`observe`]
/// and [`Observed::assert_marbles`].
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::{Script, assert_marbles};
///
/// assert_marbles(Script::marbles("a--b-#").map(|c| c.to_ascii_uppercase()), "A--B-#");
/// assert_marbles(Script::marbles("12-3--|").map(|c| vec![c, c]), "[11][22]-[33]--|");
/// ```
#[track_caller]
pub fn assert_marbles<S>(flow: Flow<S>, expected: &str)
where
    S: TryStream,
    S::Ok: Marble,
{
    let events = parse_or_panic(expected);
    virtual_time(observe(flow, horizon_of(&events))).assert_events(&events, expected);
}

/// How long to watch a flow of which the events are expected.
pub(super) fn horizon_of(expected: &[Timed<Label, ()>]) -> u64 {
    match expected.last() {
        Some((tick, Event::Dropped)) => *tick,
        Some((tick, _)) => tick + AFTER_THE_LAST,
        None => AFTER_THE_LAST,
    }
}

/// What a flow of sub-streams gave: see [`observe_nested`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nested<K, T, E, F = E> {
    /// What the outer flow gave. An item is the index of a sub-stream in [`sub_streams`](Self::sub_streams).
    pub outer: Vec<Timed<usize, E>>,
    /// The sub-streams, in the order in which they opened.
    pub sub_streams: Vec<SubStream<K, T, F>>,
}

/// What a sub-stream gave: see [`observe_nested`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubStream<K, T, E> {
    /// What the test's `key` function said about it.
    pub key: K,
    /// The tick in which the outer flow gave it.
    pub opened: u64,
    /// What it gave.
    pub events: Vec<Timed<T, E>>,
}

impl<K: fmt::Display, T: Marble, E> SubStream<K, T, E> {
    /// Its key, and what it gave as marble text: `UA: --a-b|`. A drop at the horizon is left out.
    pub fn marbles(&self) -> String {
        let dropped = matches!(self.events.last(), Some((_, Event::Dropped)));
        format!("{}: {}", self.key, print(&self.events[..self.events.len() - usize::from(dropped)]))
    }
}

impl<K: fmt::Display, T: Marble, E, F> Nested<K, T, E, F> {
    /// The sub-streams as marble text, one line each, in the order in which they opened.
    pub fn marbles(&self) -> Vec<String> {
        self.sub_streams.iter().map(SubStream::marbles).collect()
    }
}

/// Reads a flow of sub-streams, and every sub-stream from the instant it is given, until all are over; drops what still
/// runs at the beginning of tick `horizon`.
///
/// `key` names a sub-stream when it is given. Ticks are counted from the first poll of the outer flow. Each is polled
/// only after it gave something or was woken itself, so a wake that reaches the wrong reader shows. A sub-stream is
/// dropped when it is over, the outer flow when all are.
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::{Event, Script, observe_nested, virtual_time};
///
/// virtual_time(async {
///     let outer = Script::marbles("a--b|").map(|name| Script::marbles("1-2|").map(move |n| (name, n)));
///     let nested = observe_nested(outer, 100, |_| "sub").await;
///     assert_eq!(nested.outer, [(0, Event::Item(0)), (3, Event::Item(1)), (4, Event::End)]);
///     assert_eq!(nested.marbles(), ["sub: [a1]-[a2]|", "sub: ---[b1]-[b2]|"]);
/// });
/// ```
pub async fn observe_nested<S, K>(flow: Flow<S>, horizon: u64, mut key: impl FnMut(&S::Ok) -> K) -> NestedOf<S, K>
where
    S: TryStream,
    S::Ok: TryStream,
{
    let mut ticks = Ticks::new(horizon);
    let mut watched = Watched::new(flow.into_inner());
    let mut outer = Vec::new();
    let mut outer_over = false;
    let mut readers = Vec::new();
    let mut sub_streams: Vec<SubStream<K, _, _>> = Vec::new();
    poll_fn(|cx| {
        if ticks.poll_horizon(cx).is_ready() {
            if !outer_over {
                outer.push((horizon, Event::Dropped));
            }
            for (reader, sub_stream) in readers.iter().zip(&mut sub_streams) {
                if Option::is_some(reader) {
                    sub_stream.events.push((horizon, Event::Dropped));
                }
            }
            return Poll::Ready(());
        }
        loop {
            let mut quiet = true;
            if !outer_over && let Poll::Ready(event) = watched.poll_if_woken(cx) {
                quiet = false;
                let tick = ticks.now();
                outer_over = !matches!(event, Event::Item(_));
                outer.push((
                    tick,
                    match event {
                        Event::Item(sub_stream) => {
                            let opened = SubStream { key: key(&sub_stream), opened: tick, events: Vec::new() };
                            sub_streams.push(opened);
                            readers.push(Some(Watched::new(sub_stream)));
                            Event::Item(readers.len() - 1)
                        }
                        Event::Failure(error) => Event::Failure(error),
                        Event::End => Event::End,
                        Event::Dropped => Event::Dropped,
                    },
                ));
            }
            for (reader, sub_stream) in readers.iter_mut().zip(&mut sub_streams) {
                while let Some(Poll::Ready(event)) = reader.as_mut().map(|reader| reader.poll_if_woken(cx)) {
                    quiet = false;
                    if !matches!(event, Event::Item(_)) {
                        *reader = None;
                    }
                    sub_stream.events.push((ticks.now(), event));
                }
            }
            if quiet {
                let over = outer_over && readers.iter().all(Option::is_none);
                return if over { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    })
    .await;
    Nested { outer, sub_streams }
}

/// What [`observe_nested`] records of a flow `S` of sub-streams.
type NestedOf<S, K> = Nested<
    K,
    <<S as TryStream>::Ok as TryStream>::Ok,
    <S as TryStream>::Error,
    <<S as TryStream>::Ok as TryStream>::Error,
>;
