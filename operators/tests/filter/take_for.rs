//! `take_for`: the items that come within a span of time.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use super::ticks;
use super::timed::{agrees, scripts};

#[test]
fn ends_when_the_span_has_passed() {
    check("a-b-c-d-|", |flow| flow.take_for(ticks(5)), "a-b-c|");
    check("a", |flow| flow.take_for(ticks(5)), "a----|");
    check("", |flow| flow.take_for(ticks(5)), "-----|");
}

#[test]
fn what_comes_just_then_is_left_out() {
    check("a-b-|", |flow| flow.take_for(ticks(2)), "a-|");
    check("a-#", |flow| flow.take_for(ticks(2)), "a-|");
}

#[test]
fn ends_and_fails_with_upstream_if_that_is_sooner() {
    check("a-|", |flow| flow.take_for(ticks(5)), "a-|");
    check("|", |flow| flow.take_for(ticks(5)), "|");
    check("a-#", |flow| flow.take_for(ticks(5)), "a-#");
}

#[test]
fn a_span_of_zero_ends_at_once_without_polling_upstream() {
    let (source, seen) = probe(Script::marbles("a-b-|"));
    assert_marbles(source.take_for(Duration::ZERO), "|");
    assert_eq!(seen.polls(), 0);
}

#[test]
fn a_span_beyond_the_clocks_reach_never_ends() {
    check("a-b-", |flow| flow.take_for(Duration::MAX), "a-b-");
}

#[test]
fn is_dropped_midway() {
    check("a-b-c-d-|", |flow| flow.take_for(ticks(5)), "a-b!");
}

#[test]
fn a_flow_that_never_pauses_is_ended_by_the_clock() {
    virtual_time(async {
        let mut flow = from_iter(0..).take_for(ticks(5));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
        tokio::time::advance(ticks(5)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(None)));
    });
}

#[test]
fn a_late_consumer_gets_nothing_that_waits() {
    virtual_time(async {
        let mut flow = Script::marbles("a-b-c-d-|").take_for(ticks(5));
        tokio::time::sleep(ticks(10)).await;
        assert_eq!(flow.next().await, Ok(Some('a')), "time zero is the first poll");
        tokio::time::sleep(ticks(10)).await;
        assert_eq!(flow.next().await, Ok(None));
    });
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), span in 0..40_u64) {
        let mut expected = script.clone();
        expected.retain(|(tick, _)| *tick < span);
        if expected.last().is_none_or(|(_, event)| matches!(event, Event::Item(_))) {
            expected.push((span, Event::End));
        }
        agrees(&script, |flow| flow.take_for(ticks(span)), &expected)?;
    }
}
