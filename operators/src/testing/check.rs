//! [`check`] and [`check_inputs`], what every operator must pass.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::Stream;

use super::marbles::{Event, Marble, parse_or_panic};
use super::run::horizon_of;
use super::{Failed, Probe, Probed, Script, observe, probe, probe_stuttering, virtual_time};
use crate::time::clock::{self, Timer};
use crate::{Flow, TryStream};

/// How often every task runs before it must have let go of upstream.
const TURNS_OF_TASKS: usize = 8;

/// Checks that `operator`, put behind the flow that `input` shows, gives what `expected` shows, and that it behaves:
///
/// - it does nothing before its first poll;
/// - it gives the same when its upstream says "not yet" before everything it gives;
/// - it wakes its reader after every `Pending` (a reader that was not woken does not poll);
/// - it does not poll upstream after the end, as long as its own reader stops there;
/// - it gives `None` again and again after its end or failure, and polls no upstream for it but a single one that has
///   ended too, which it may ask in its turn;
/// - its `size_hint` is true before each signal;
/// - it drops upstream with itself, in whatever tick it is dropped; if a task has it, in that task's next turn.
///
/// # Panics
///
/// If one of these fails, saying which; or inside a tokio runtime.
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::check;
///
/// check("a-b-c-d|", |flow| flow.skip(1).take(2), "--b-(c|)");
/// ```
#[track_caller]
pub fn check<S, F>(input: &str, operator: F, expected: &str)
where
    F: Fn(Flow<Probed<Script<char, Failed>>>) -> Flow<S>,
    S: TryStream,
    S::Ok: Marble,
{
    check_inputs([input], |[flow]| operator(flow), expected);
}

/// As [`check`], for an operator that reads several flows.
///
/// # Panics
///
/// As [`check`].
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::check_inputs;
///
/// check_inputs(["a-----b|", "--1-2|"], |[flow, other]| flow.merge_with(other), "a-1-2-b|");
/// ```
#[track_caller]
pub fn check_inputs<const N: usize, S, F>(inputs: [&str; N], operator: F, expected: &str)
where
    F: Fn([Flow<Probed<Script<char, Failed>>>; N]) -> Flow<S>,
    S: TryStream,
    S::Ok: Marble,
{
    for (how, watch) in [("", probe as fn(_) -> _), (" although upstream only stuttered", probe_stuttering)] {
        let (sources, seen) = probed(inputs, watch);
        let flow = virtual_time(async { operator(sources) });
        assert!(
            seen.iter().all(|seen| seen.polls() == 0),
            "the operator polls upstream before it is polled itself{how}"
        );
        let (observed, gone) = virtual_time(async {
            let observed = observe(flow, horizon_of(&parse_or_panic(expected))).await;
            (observed, let_go(&seen).await)
        });
        observed.assert_marbles(expected);
        let polled_on = seen.iter().any(|seen| seen.polls_after_end() > 0);
        assert!(!polled_on, "the operator polls upstream after its end{how}");
        assert!(gone, "the operator is gone, but not its upstream{how}");
    }
    let (sources, seen) = probed(inputs, probe);
    read_on(operator(sources), expected, &seen);
    let last = parse_or_panic(expected).last().map_or(0, |(tick, _)| *tick);
    for tick in 0..=last {
        let (sources, seen) = probed(inputs, probe);
        let gone = virtual_time(async {
            drop(observe(operator(sources), tick).await);
            let_go(&seen).await
        });
        assert!(gone, "the operator is dropped in tick {tick}, but not its upstream");
    }
}

/// Whether all are dropped as soon as every task has had its turn: the runtime is still there, and drops nothing itself.
async fn let_go(seen: &[Probe]) -> bool {
    for _ in 0..TURNS_OF_TASKS {
        tokio::task::yield_now().await;
    }
    seen.iter().all(Probe::dropped)
}

/// A script for each input, each of them watched.
#[allow(clippy::type_complexity)]
fn probed<const N: usize>(
    inputs: [&str; N],
    watch: fn(Flow<Script<char, Failed>>) -> (Flow<Probed<Script<char, Failed>>>, Probe),
) -> ([Flow<Probed<Script<char, Failed>>>; N], Vec<Probe>) {
    let mut seen = Vec::with_capacity(N);
    let sources = inputs.map(|text| {
        let (source, probe) = watch(Script::marbles(text));
        seen.push(probe);
        source
    });
    (sources, seen)
}

/// Reads as a careless consumer does: asks for hints all the time, and goes on after the end.
#[track_caller]
fn read_on<S: TryStream>(flow: Flow<S>, expected: &str, seen: &[Probe]) {
    let events = parse_or_panic(expected);
    let horizon = Duration::from_millis(horizon_of(&events));
    let over = matches!(events.last(), Some((_, Event::End | Event::Failure(()))));
    let (hints, after_end, polled_on) = virtual_time(async {
        let mut flow = pin!(flow.into_inner());
        let mut horizon_timer = Timer::new();
        let horizon = clock::now() + horizon;
        let mut hints = Vec::new();
        loop {
            hints.push(flow.size_hint());
            let signal = poll_fn(|cx| match horizon_timer.poll_at(cx, horizon) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => flow.as_mut().poll_next(cx).map(Some),
            });
            match signal.await {
                Some(Some(Ok(_))) => {}
                Some(Some(Err(_))) => {
                    hints.push(flow.size_hint());
                    break;
                }
                Some(None) | None => break,
            }
        }
        let mut after_end = Vec::new();
        let at_end: Vec<_> = seen.iter().map(|seen| (seen.ended() || seen.failed(), seen.polls())).collect();
        if over {
            for _ in 0..3 {
                let polled = poll_fn(|cx| Poll::Ready(flow.as_mut().poll_next(cx))).await;
                after_end.push(matches!(polled, Poll::Ready(None)));
                hints.push(flow.size_hint());
            }
        }
        let polled_on: Vec<_> =
            at_end.into_iter().zip(seen).map(|((over, polls), seen)| (over, seen.polls() - polls)).collect();
        (hints, after_end, polled_on)
    });
    for (over, polls) in polled_on {
        assert!(over || polls == 0, "asked for more after its end, the operator polls an upstream that has more");
        let may_ask = if seen.len() == 1 { after_end.len() } else { 0 };
        assert!(
            polls <= may_ask,
            "asked for more after its end, the operator polls upstream {polls} times after its end"
        );
    }
    assert!(after_end.iter().all(|none| *none), "after its end the flow gives something else than None");
    let signals = events.iter().filter(|(_, event)| matches!(event, Event::Item(_) | Event::Failure(()))).count();
    for (given, (low, high)) in hints.into_iter().enumerate() {
        let left = signals.saturating_sub(given);
        assert!(
            (low <= left || !over) && high.is_none_or(|high| left <= high),
            "size_hint is ({low}, {high:?}) after {given} signals, but {left} follow"
        );
    }
}
