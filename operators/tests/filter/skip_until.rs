//! `skip_until`: the items after something else has happened.

use std::future::{pending, ready};

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, observe, probe, virtual_time};
use futures::FutureExt;
use futures::channel::oneshot;
use proptest::prelude::*;

use super::ticks;
use super::timed::{agrees, scripts};

#[test]
fn gives_what_comes_after_the_signal() {
    check("a-b-c-d-|", |flow| flow.skip_until(Script::marbles("---x")), "----c-d-|");
    check("a-b-c-d-|", |flow| flow.skip_until(Script::marbles("---xy#")), "----c-d-|");
}

#[test]
fn gives_what_comes_after_a_future() {
    virtual_time(async {
        let flow = Script::marbles("a-b-c-d-|").skip_until(tokio::time::sleep(ticks(3)));
        observe(flow, 100).await.assert_marbles("----c-d-|");
    });
    check("a-b|", |flow| flow.skip_until(pending::<()>()), "---|");
}

#[test]
fn the_signal_wins_when_both_are_ready() {
    check("a-b-|", |flow| flow.skip_until(Script::marbles("--x")), "--b-|");
    check("a-b-|", |flow| flow.skip_until(ready(())), "a-b-|");
}

#[test]
fn a_signal_that_ends_without_an_item_lets_nothing_pass() {
    check("a-b-c-|", |flow| flow.skip_until(Script::marbles("-|")), "------|");
}

#[test]
fn ends_and_fails_with_upstream_while_nothing_passes() {
    check("a-|", |flow| flow.skip_until(Script::marbles("-----x")), "--|");
    check("|", |flow| flow.skip_until(Script::marbles("")), "|");
    check("a-#", |flow| flow.skip_until(Script::marbles("-----x")), "--#");
    check("a-b-", |flow| flow.skip_until(Script::marbles("")), "");
}

#[test]
fn a_signal_that_fails_is_a_failure() {
    check("a-b-c-|", |flow| flow.skip_until(Script::marbles("---#")), "---#");
}

#[test]
fn a_signal_that_has_come_or_ended_is_dropped() {
    for signal in ["--x-y-", "--|", "--#"] {
        let (signal, seen) = probe(Script::marbles(signal));
        virtual_time(async {
            let mut flow = Script::marbles("a--b---").skip_until(signal);
            assert_eq!(flow.next().now_or_never(), None);
            assert!(!seen.dropped());
            tokio::time::sleep(ticks(3)).await;
            drop(flow.next().now_or_never());
            assert!(seen.dropped());
        });
    }
}

#[test]
fn is_dropped_midway_with_its_signal() {
    let (source, of_source) = probe(Script::marbles("a-b-"));
    let (signal, of_signal) = probe(Script::marbles("-----x"));
    let flow = source.skip_until(signal);
    assert_eq!((of_source.polls(), of_signal.polls()), (0, 0));
    assert_marbles(flow, "--!");
    assert!(of_source.dropped() && of_signal.dropped());
}

#[test]
fn a_flow_that_never_pauses_is_opened_by_the_signal() {
    virtual_time(async {
        let (sender, receiver) = oneshot::channel::<()>();
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.skip_until(receiver);
        assert_eq!(flow.next().now_or_never(), None, "it lets others run");
        assert_eq!(seen.items(), 256);
        sender.send(()).unwrap();
        assert_eq!(flow.next().await, Ok(Some(256)));
    });
}

#[test]
fn is_woken_by_the_signal_and_by_upstream() {
    let (source, of_source) = probe(Script::marbles("a--b"));
    let (signal, of_signal) = probe(Script::marbles("--x"));
    assert_marbles(source.skip_until(signal), "---b");
    assert!(of_source.wakes() > 0 && of_signal.wakes() > 0);
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), opens in 0..40_u64) {
        let mut expected = script.clone();
        expected.retain(|(tick, event)| *tick >= opens || !matches!(event, Event::Item(_)));
        agrees(&script, |flow| flow.skip_until(Script::new([(opens, Event::Item(()))])), &expected)?;
    }
}
