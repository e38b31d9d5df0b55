//! `throttle_latest`: at most one item in a span of time, and always the newest in the end.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use super::ticks;
use super::timed::{agrees, drops_what_it_holds_with_a_failure, scripts, throttled};

#[test]
fn gives_one_at_once_and_then_the_newest_each_time_the_span_has_passed() {
    check("ab-c-d-----------e-|", |flow| flow.throttle_latest(ticks(4)), "a---c---d--------e-|");
    check("(abc)------|", |flow| flow.throttle_latest(ticks(4)), "a---c--|");
}

#[test]
fn after_a_span_without_items_one_comes_at_once() {
    check("a----b----c|", |flow| flow.throttle_latest(ticks(4)), "a----b----c|");
    check("a---b-----|", |flow| flow.throttle_latest(ticks(4)), "a---b-----|");
}

#[test]
fn gives_the_item_that_is_held_when_upstream_ends() {
    check("abc|", |flow| flow.throttle_latest(ticks(4)), "a--(c|)");
    check("a|", |flow| flow.throttle_latest(ticks(4)), "a|");
    check("|", |flow| flow.throttle_latest(ticks(4)), "|");
    check("ab", |flow| flow.throttle_latest(ticks(4)), "a---b");
    check("-", |flow| flow.throttle_latest(ticks(4)), "");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_item_with_it() {
    check("ab#", |flow| flow.throttle_latest(ticks(4)), "a-#");
    drops_what_it_holds_with_a_failure(|flow| flow.throttle_latest(ticks(4)));
}

#[test]
fn is_dropped_with_what_it_holds() {
    check("ab----|", |flow| flow.throttle_latest(ticks(4)), "a--!");
}

#[test]
fn a_flow_that_never_pauses_is_throttled_by_the_clock() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.throttle_latest(ticks(4));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
        assert_eq!(flow.next().now_or_never(), None, "it lets others run");
        assert_eq!(seen.items(), 1 + 256);
        tokio::time::advance(ticks(4)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(256))));
    });
}

#[test]
fn a_late_consumer_gets_what_was_held_and_a_span_later_what_came_meanwhile() {
    virtual_time(async {
        let mut flow = Script::marbles("(ab)c-d").throttle_latest(ticks(4));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('a'))));
        assert_eq!(flow.next().now_or_never(), None);
        tokio::time::sleep(ticks(20)).await;
        let start = tokio::time::Instant::now();
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('b')), ticks(0)));
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('d')), ticks(4)));
    });
}

#[test]
fn a_span_beyond_the_clocks_reach_is_over_at_the_end() {
    check("ab--c|", |flow| flow.throttle_latest(Duration::MAX), "a----(c|)");
}

#[test]
#[should_panic(expected = "must not be zero")]
fn a_span_of_zero_is_refused() {
    drop(Script::marbles("a").throttle_latest(Duration::ZERO));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), span in 1..12_u64) {
        agrees(&script, |flow| flow.throttle_latest(ticks(span)), &throttled(&script, span, true))?;
    }
}
