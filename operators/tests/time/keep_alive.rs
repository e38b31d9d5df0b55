//! `keep_alive`.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use crate::scripts::{Events, ms, parts, run, script};

#[test]
fn fills_the_silence() {
    check("a-b-------c|", |flow| flow.keep_alive(ms(3), || 'x'), "a-b--x--x-c|");
    check("----a|", |flow| flow.keep_alive(ms(3), || 'x'), "---xa|");
    assert_marbles(Script::marbles("-").keep_alive(ms(3), || 'x'), "---x--x--x-!");
}

#[test]
fn what_upstream_gives_in_time_needs_no_filling() {
    check("a--b--|", |flow| flow.keep_alive(ms(3), || 'x'), "a--b--|");
    check("|", |flow| flow.keep_alive(ms(3), || 'x'), "|");
    check("a-#", |flow| flow.keep_alive(ms(3), || 'x'), "a-#");
}

#[test]
fn an_upstream_that_is_busy_without_an_item_is_silent() {
    virtual_time(async {
        let mut flow = from_iter(0..).filter(|n| *n < 0).keep_alive(ms(3), || 7);
        assert!(flow.next().now_or_never().is_none());
        tokio::time::advance(ms(3)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(7))));
        assert!(flow.next().now_or_never().is_none());
    });
}

#[test]
fn a_late_consumer_gets_what_is_ready_or_one_filling() {
    virtual_time(async {
        let mut flow = Script::marbles("--a-------").keep_alive(ms(3), || 'x');
        assert!(flow.next().now_or_never().is_none());
        tokio::time::sleep(ms(20)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('a'))));
        tokio::time::sleep(ms(20)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('x'))));
        let filled = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some('x')));
        assert_eq!(filled.elapsed(), ms(3));
    });
}

#[test]
fn drops_upstream_with_itself() {
    let (upstream, seen) = probe(Script::marbles("a-"));
    assert_marbles(upstream.keep_alive(ms(3), || 'x'), "a--x-!");
    assert!(seen.dropped());
}

#[test]
fn a_span_beyond_the_clock_is_never_over() {
    check("---a", |flow| flow.keep_alive(Duration::MAX, || 'x'), "---a");
}

#[test]
#[should_panic(expected = "the span of keep_alive must not be zero")]
fn refuses_a_span_of_zero() {
    drop(Script::marbles("a").keep_alive(Duration::ZERO, || 'x'));
}

proptest! {
    #[test]
    fn is_the_list_with_its_gaps_filled(events in script(), span in 1..7_u64, stutters: bool) {
        let horizon = 500;
        let mut expected: Events = Vec::new();
        let mut last = 0;
        let fill_until = |expected: &mut Events, last: &mut u64, tick| {
            while *last + span < tick {
                *last += span;
                expected.push((*last, Event::Item(0)));
            }
        };
        for (tick, event) in &events {
            fill_until(&mut expected, &mut last, *tick);
            last = *tick;
            expected.push((*tick, event.clone()));
        }
        if parts(&expected).1.is_none() {
            fill_until(&mut expected, &mut last, horizon);
        }
        prop_assert_eq!(run(&events, stutters, horizon, |flow| flow.keep_alive(ms(span), || 0)), expected);
    }
}
