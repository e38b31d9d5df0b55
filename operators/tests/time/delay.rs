//! `delay`.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, probe, virtual_time};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

use crate::scripts::{Events, ms, parts, run, script};

#[test]
fn gives_items_and_end_later() {
    check("a-b--c|", |flow| flow.delay(ms(2)), "--a-b--c|");
    check("(ab)|", |flow| flow.delay(ms(3)), "---(ab)|");
    check("a", |flow| flow.delay(ms(3)), "---a");
    check("|", |flow| flow.delay(ms(3)), "---|");
    check("-", |flow| flow.delay(ms(3)), "-");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("a-b-#", |flow| flow.delay(ms(3)), "---a#");
    check("ab#", |flow| flow.delay(ms(9)), "--#");
    check("#", |flow| flow.delay(ms(9)), "#");
}

#[test]
fn does_not_read_upstream_while_it_holds_as_much_as_it_may() {
    check("abc|", |flow| flow.delay(ms(3)).max_held(1), "---a--b--c--|");
    check("abc#", |flow| flow.delay(ms(3)).max_held(2), "---a(b#)");
    let (upstream, seen) = probe(from_iter(0_u8..));
    assert_marbles(upstream.delay(ms(3)).max_held(2), "--!");
    assert_eq!(seen.items(), 2);
    assert!(seen.dropped());
}

#[test]
fn an_upstream_that_is_always_ready_does_not_hold_back_what_is_due() {
    virtual_time(async {
        let mut flow = from_iter(0..).delay(ms(3));
        assert!(flow.next().now_or_never().is_none());
        tokio::time::advance(ms(3)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(1))));
    });
}

#[test]
fn lets_others_run_while_upstream_always_has_more() {
    virtual_time(async {
        let (upstream, seen) = probe(from_iter(0..));
        let mut flow = upstream.delay(ms(3));
        assert!(flow.next().now_or_never().is_none());
        assert!(seen.items() < 1_000, "{} items in one poll", seen.items());
        assert_eq!(flow.next().await, Ok(Some(0)), "it woke its reader");
    });
}

#[test]
fn time_is_counted_from_when_an_item_is_read() {
    virtual_time(async {
        let mut flow = Script::marbles("ab-----c|").delay(ms(2));
        tokio::time::sleep(ms(10)).await;
        let start = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(start.elapsed(), ms(2));
        tokio::time::sleep(ms(8)).await;
        assert_eq!(flow.next().await, Ok(Some('b')), "it was read with `a`, one tick later");
        assert_eq!(start.elapsed(), ms(10));
        assert_eq!(flow.next().await, Ok(Some('c')), "it was read late");
        assert_eq!(start.elapsed(), ms(12));
        assert_eq!(flow.next().await, Ok(None));
        assert_eq!(start.elapsed(), ms(12));
    });
}

#[test]
fn a_span_beyond_the_clock_is_never_over() {
    check("ab|", |flow| flow.delay(Duration::MAX), "-");
    check("ab#", |flow| flow.delay(Duration::MAX), "--#");
}

#[test]
fn hints_count_what_is_held() {
    let mut flow = from_iter(0..3).delay(ms(2));
    assert_eq!(flow.size_hint(), (1, Some(3)));
    virtual_time(async {
        assert_eq!(flow.next().await, Ok(Some(0)));
        assert_eq!(flow.size_hint(), (2, Some(2)));
    });
}

#[test]
#[should_panic(expected = "the span of delay must not be zero")]
fn refuses_a_span_of_zero() {
    drop(Script::marbles("a").delay(Duration::ZERO));
}

#[test]
#[should_panic(expected = "delay must be allowed to hold at least 1 item")]
fn refuses_to_hold_nothing() {
    drop(Script::marbles("a").delay(ms(1)).max_held(0));
}

proptest! {
    #[test]
    fn is_the_list_with_its_times_moved(events in script(), span in 1..9_u64, stutters: bool) {
        let (items, end) = parts(&events);
        let moved = items.into_iter().map(|(tick, item)| (tick + span, Event::Item(item)));
        let expected: Events = match end {
            Some((at, Event::Failure(error))) => {
                moved.filter(|(tick, _)| *tick <= at).chain([(at, Event::Failure(error))]).collect()
            }
            end => moved.chain(end.map(|(at, end)| (at + span, end))).collect(),
        };
        prop_assert_eq!(run(&events, stutters, 1_000, |flow| flow.delay(ms(span))), expected);
    }

    #[test]
    fn loses_nothing_when_it_may_hold_little(events in script(), span in 1..9_u64, most in 1..4_usize) {
        let (items, end) = parts(&events);
        let given = parts(&run(&events, false, 1_000, |flow| flow.delay(ms(span)).max_held(most))).0;
        let failed = matches!(end, Some((_, Event::Failure(_))));
        prop_assert!(failed || given.len() == items.len());
        prop_assert!(given.iter().zip(&items).all(|(given, item)| given.1 == item.1 && given.0 >= item.0 + span));
    }
}
