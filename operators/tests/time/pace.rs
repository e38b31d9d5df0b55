//! `pace`.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use crate::scripts::{Events, ms, parts, run, script};

#[test]
fn puts_time_between_items_and_loses_none() {
    check("abc------d-|", |flow| flow.pace(ms(3)), "a--b--c--d--|");
    check("(abc|)", |flow| flow.pace(ms(2)), "a-b-c-|");
    check("a---b---|", |flow| flow.pace(ms(3)), "a---b---|");
    check("--a", |flow| flow.pace(ms(3)), "--a");
    check("|", |flow| flow.pace(ms(3)), "|");
    check("-", |flow| flow.pace(ms(3)), "-");
}

#[test]
fn a_failure_is_seen_when_it_is_read() {
    check("a#", |flow| flow.pace(ms(3)), "a--#");
    check("a-----#", |flow| flow.pace(ms(3)), "a-----#");
    check("#", |flow| flow.pace(ms(3)), "#");
}

#[test]
fn reads_nothing_ahead() {
    let (upstream, seen) = probe(Script::marbles("(abcd)"));
    assert_marbles(upstream.pace(ms(3)), "a--b-!");
    assert_eq!(seen.items(), 2);
    assert!(seen.dropped());
}

#[test]
fn an_upstream_that_is_always_ready_is_paced() {
    virtual_time(async {
        let mut flow = from_iter(0..).pace(ms(3));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
        assert!(flow.next().now_or_never().is_none());
        tokio::time::advance(ms(2)).await;
        assert!(flow.next().now_or_never().is_none());
        tokio::time::advance(ms(1)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(1))));
    });
}

#[test]
fn a_late_consumer_gets_no_burst() {
    virtual_time(async {
        let mut flow = from_iter(0..).pace(ms(3));
        assert_eq!(flow.next().await, Ok(Some(0)));
        tokio::time::sleep(ms(20)).await;
        let late = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some(1)));
        assert_eq!(late.elapsed(), ms(0));
        assert_eq!(flow.next().await, Ok(Some(2)));
        assert_eq!(late.elapsed(), ms(3));
    });
}

#[test]
fn a_consumer_that_takes_longer_than_a_short_span_does_not_wait_for_a_timer() {
    virtual_time(async {
        let mut flow = from_iter(0..).pace(Duration::from_micros(100));
        for n in 0..50 {
            assert_eq!(flow.next().now_or_never(), Some(Ok(Some(n))));
            tokio::time::advance(Duration::from_micros(150)).await;
        }
    });
}

#[test]
fn a_span_beyond_the_clock_is_never_over() {
    check("ab|", |flow| flow.pace(Duration::MAX), "a");
}

#[test]
#[should_panic(expected = "the span of pace must not be zero")]
fn refuses_a_span_of_zero() {
    drop(Script::marbles("a").pace(Duration::ZERO));
}

proptest! {
    #[test]
    fn is_the_list_with_time_between(events in script(), span in 1..7_u64, stutters: bool) {
        let (items, end) = parts(&events);
        let mut free = 0;
        let mut expected: Events = Vec::new();
        for (tick, item) in items {
            let at = free.max(tick);
            free = at + span;
            expected.push((at, Event::Item(item)));
        }
        expected.extend(end.map(|(at, end)| (free.max(at), end)));
        prop_assert_eq!(run(&events, stutters, 1_000, |flow| flow.pace(ms(span))), expected);
    }
}
