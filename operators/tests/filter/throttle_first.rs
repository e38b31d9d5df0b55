//! `throttle_first`: an item, and then nothing for a while.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use super::ticks;
use super::timed::{agrees, scripts};

#[test]
fn drops_what_comes_too_soon_after_an_item() {
    check("ab-c-d----e-|", |flow| flow.throttle_first(ticks(4)), "a----d----e-|");
    check("(abc)(de)|", |flow| flow.throttle_first(ticks(4)), "a-|");
    check("a---b---c|", |flow| flow.throttle_first(ticks(4)), "a---b---c|");
}

#[test]
fn the_span_begins_with_an_item_and_not_with_a_tick() {
    check("---a--bc--d|", |flow| flow.throttle_first(ticks(4)), "---a---c---|");
}

#[test]
fn ends_with_upstream() {
    check("|", |flow| flow.throttle_first(ticks(4)), "|");
    check("ab|", |flow| flow.throttle_first(ticks(4)), "a-|");
    check("-", |flow| flow.throttle_first(ticks(4)), "");
}

#[test]
fn drops_no_failures() {
    check("ab#", |flow| flow.throttle_first(ticks(4)), "a-#");
}

#[test]
fn is_dropped_midway() {
    check("ab---c|", |flow| flow.throttle_first(ticks(4)), "a--!");
}

#[test]
fn a_flow_that_never_pauses_is_throttled_by_the_clock() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.throttle_first(ticks(4));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
        assert_eq!(flow.next().now_or_never(), None, "it lets others run");
        assert_eq!(seen.items(), 1 + 256);
        tokio::time::advance(ticks(4)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(257))));
    });
}

#[test]
fn a_late_consumer_gets_the_first_that_waits() {
    virtual_time(async {
        let mut flow = Script::marbles("a-b-----c").throttle_first(ticks(4));
        assert_eq!(flow.next().await, Ok(Some('a')));
        tokio::time::sleep(ticks(20)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('b'))));
        assert_eq!(flow.next().now_or_never(), None);
    });
}

#[test]
fn nothing_follows_within_a_span_beyond_the_clocks_reach() {
    check("ab--c|", |flow| flow.throttle_first(Duration::MAX), "a----|");
}

#[test]
#[should_panic(expected = "must not be zero")]
fn a_span_of_zero_is_refused() {
    drop(Script::marbles("a").throttle_first(Duration::ZERO));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), span in 1..12_u64) {
        let mut open = 0;
        let mut expected = script.clone();
        expected.retain(|(tick, event)| {
            let passes = !matches!(event, Event::Item(_)) || *tick >= open;
            if passes {
                open = tick + span;
            }
            passes
        });
        agrees(&script, |flow| flow.throttle_first(ticks(span)), &expected)?;
    }
}
