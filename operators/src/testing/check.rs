//! [`check`], what every operator must pass.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::{Stream, TryStream};

use super::marbles::{Event, Marble, parse_or_panic};
use super::run::horizon_of;
use super::{Failed, Probe, Probed, Script, assert_marbles, probe, probe_stuttering, virtual_time};
use crate::Flow;
use crate::time::clock::{self, Timer};

/// Checks that `operator`, put behind the flow that `input` shows, gives what `expected` shows, and that it behaves:
///
/// - it does nothing before its first poll;
/// - it gives the same when its upstream says "not yet" before everything it gives;
/// - it wakes its reader after every `Pending` (a reader that was not woken does not poll);
/// - it does not poll upstream after the end, as long as its own reader stops there;
/// - it gives `None` again and again after its end or failure;
/// - its `size_hint` is true before each signal;
/// - it drops upstream with itself.
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
    for (how, watch) in [("", probe as fn(_) -> _), (" although upstream only stuttered", probe_stuttering)] {
        let (source, seen): (_, Probe) = watch(Script::marbles(input));
        let flow = virtual_time(async { operator(source) });
        assert_eq!(seen.polls(), 0, "the operator polls upstream before it is polled itself{how}");
        assert_marbles(flow, expected);
        assert_eq!(seen.polls_after_end(), 0, "the operator polls upstream after its end{how}");
        assert!(seen.dropped(), "the operator is gone, but not its upstream{how}");
    }
    read_on(operator(probe(Script::marbles(input)).0), expected);
}

/// Reads as a careless consumer does: asks for hints all the time, and goes on after the end.
#[track_caller]
fn read_on<S: TryStream>(flow: Flow<S>, expected: &str) {
    let events = parse_or_panic(expected);
    let horizon = Duration::from_millis(horizon_of(&events));
    let over = matches!(events.last(), Some((_, Event::End | Event::Failure(()))));
    let (hints, after_end) = virtual_time(async {
        let mut flow = pin!(flow.into_inner());
        let mut horizon_timer = Timer::new();
        let horizon = clock::now() + horizon;
        let mut hints = Vec::new();
        loop {
            hints.push(flow.size_hint());
            let signal = poll_fn(|cx| match horizon_timer.poll_at(cx, horizon) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => flow.as_mut().try_poll_next(cx).map(Some),
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
        if over {
            for _ in 0..3 {
                let polled = poll_fn(|cx| Poll::Ready(flow.as_mut().try_poll_next(cx))).await;
                after_end.push(matches!(polled, Poll::Ready(None)));
                hints.push(flow.size_hint());
            }
        }
        (hints, after_end)
    });
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
