//! Virtual time, and [`observe`], which records what a flow gives in it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::marbles::{Event, Label, Marble, Timed, parse_or_panic, print};
use super::reader::{Ticks, Watched};
use crate::{Flow, TryStream};

/// Nothing waits as long as that, but what waits for nothing.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 100);

/// How long a flow that should give nothing more is watched after its last event, in ticks.
const AFTER_THE_LAST: u64 = 1_000;

/// Runs a future on a runtime of its own whose clock stands still, and jumps to the next timer when nothing else can
/// run.
///
/// The clock moves only when nothing else can run: beside a flow that is always ready, it stands still for ever.
///
/// # Panics
///
/// If called inside a tokio runtime, or if the future waits for what can never come.
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
        Ok(runtime) => runtime.block_on(async {
            let (mut for_ever, mut future) = (pin!(tokio::time::sleep(FOR_EVER)), pin!(future));
            poll_fn(|cx| {
                // Looked at first, as it wakes the task: what has lost a wake is not to be polled for that one.
                let waits = for_ever.as_mut().poll(cx).is_pending();
                assert!(
                    waits,
                    "nothing can run any more, and no timer is set: a wake was lost, or nobody is there to give one"
                );
                future.as_mut().poll(cx)
            })
            .await
        }),
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
            "the flow gives something else than its marbles, or lost a wake\nexpected: {}\nobserved: {}\n(from the text: {text})",
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
