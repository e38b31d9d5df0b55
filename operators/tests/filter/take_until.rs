//! `take_until`.

use std::future::{pending, ready};
use std::time::Duration;

use anabranch_operators::testing::{Event, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, FlowExt, Signal, TryStream, from_iter, interval};
use futures::channel::oneshot;
use futures::{FutureExt, Stream, stream};
use proptest::prelude::*;

use crate::timed::{agrees, scripts};

#[test]
fn ends_when_a_flow_gives_its_first_item() {
    check("a-b-c-d-|", |flow| flow.take_until(Script::marbles("-----x")), "a-b-c|");
    check("a-b-c-d-|", |flow| flow.take_until(Script::marbles("---xy|")), "a-b|");
}

#[test]
fn ends_when_a_future_is_ready() {
    let after = |ms| tokio::time::sleep(Duration::from_millis(ms));
    virtual_time(async {
        let observed = anabranch_operators::testing::observe(Script::marbles("a-b-c-d-|").take_until(after(5)), 100);
        observed.await.assert_marbles("a-b-c|");
    });
    check("a-b-c-d-|", |flow| flow.take_until(pending::<()>()), "a-b-c-d-|");
}

#[test]
fn the_signal_wins_when_both_are_ready() {
    check("a-b-|", |flow| flow.take_until(Script::marbles("--x")), "a-|");
    check("a-b-|", |flow| flow.take_until(ready(())), "|");
    check("a-#", |flow| flow.take_until(Script::marbles("--x")), "a-|");
    let (source, seen) = probe(from_iter(0..));
    assert_marbles(source.take_until(ready(())), "|");
    assert_eq!(seen.polls(), 0);
}

#[test]
fn a_signal_that_ends_without_an_item_stops_nothing() {
    check("a-b-c-|", |flow| flow.take_until(Script::marbles("-|")), "a-b-c-|");
}

#[test]
fn a_signal_that_ended_is_not_polled_again() {
    let (signal, seen) = probe(Script::marbles("-|"));
    assert_marbles(Script::marbles("a-b-c-|").take_until(signal), "a-b-c-|");
    assert_eq!(seen.polls_after_end(), 0);
}

#[test]
fn a_signal_that_fails_is_a_failure() {
    check("a-b-c-|", |flow| flow.take_until(Script::marbles("---#")), "a-b#");
    check("|", |flow| flow.take_until(Script::marbles("#")), "#");
}

#[test]
fn ends_and_fails_with_upstream() {
    check("a-|", |flow| flow.take_until(Script::marbles("-----x")), "a-|");
    check("|", |flow| flow.take_until(Script::marbles("-----x")), "|");
    check("a-#", |flow| flow.take_until(Script::marbles("-----x")), "a-#");
    check("a---", |flow| flow.take_until(Script::marbles("")), "a---");
}

#[test]
fn drops_both_with_itself() {
    let (source, of_source) = probe(Script::marbles("a-b-"));
    let (signal, of_signal) = probe(Script::marbles("-----x"));
    let flow = source.take_until(signal);
    assert_eq!((of_source.polls(), of_signal.polls()), (0, 0));
    assert_marbles(flow, "a-!");
    assert!(of_source.dropped() && of_signal.dropped());
}

#[test]
fn is_woken_by_the_signal() {
    let (sender, receiver) = oneshot::channel::<()>();
    virtual_time(async {
        let mut flow = Script::marbles("a").take_until(receiver);
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().now_or_never(), None);
        drop(sender);
        assert_eq!(flow.next().await, Ok(None), "a future that fails is ready, too");
    });
}

#[test]
fn an_infallible_signal_gets_the_error_type() {
    let ticks = || interval(Duration::from_millis(3)).fails_with();
    assert_marbles(Script::marbles("a-b-c-|").take_until(ticks()), "a-b|");
    assert_marbles(from_iter("ab".chars()).take_until(stream::pending::<()>().into_flow()), "(ab|)");
}

#[test]
fn generic_code_passes_signals_on() {
    fn until<S: TryStream, Kind>(
        flow: Flow<S>,
        signal: impl Signal<S::Error, Kind>,
    ) -> Flow<impl Stream<Item = Result<S::Ok, S::Error>>> {
        flow.take_until(signal)
    }
    assert_marbles(until(Script::marbles("ab-"), ready(())), "|");
    assert_marbles(until(Script::marbles("ab-"), Script::marbles("-x")), "a|");
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), stops in 0..60_u64) {
        let mut expected = script.clone();
        let over = matches!(script.last(), Some((tick, Event::End | Event::Failure(_))) if *tick < stops);
        if !over {
            expected.retain(|(tick, _)| *tick < stops);
            expected.push((stops, Event::End));
        }
        agrees(&script, |flow| flow.take_until(Script::new([(stops, Event::Item(()))])), &expected)?;
    }
}
