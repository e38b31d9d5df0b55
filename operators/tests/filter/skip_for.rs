//! `skip_for`: the items that come after a span of time.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use super::ticks;
use super::timed::{agrees, scripts};

#[test]
fn leaves_out_what_comes_too_soon() {
    check("a-b-c-d-|", |flow| flow.skip_for(ticks(3)), "----c-d-|");
    check("a-b-c-d-|", |flow| flow.skip_for(ticks(4)), "----c-d-|");
    check("a-b--", |flow| flow.skip_for(ticks(9)), "");
}

#[test]
fn ends_and_fails_with_upstream() {
    check("a-|", |flow| flow.skip_for(ticks(3)), "--|");
    check("|", |flow| flow.skip_for(ticks(3)), "|");
    check("a-#", |flow| flow.skip_for(ticks(3)), "--#");
    check("a--b-#", |flow| flow.skip_for(ticks(3)), "---b-#");
}

#[test]
fn a_span_of_zero_leaves_out_nothing() {
    check("a-b|", |flow| flow.skip_for(Duration::ZERO), "a-b|");
}

#[test]
fn nothing_comes_after_a_span_beyond_the_clocks_reach() {
    check("a-b|", |flow| flow.skip_for(Duration::MAX), "---|");
}

#[test]
fn is_dropped_midway() {
    check("a-b-c-d-|", |flow| flow.skip_for(ticks(3)), "----c!");
}

#[test]
fn a_flow_that_never_pauses_passes_by_the_clock() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.skip_for(ticks(3));
        assert_eq!(flow.next().now_or_never(), None, "it lets others run");
        assert_eq!(seen.items(), 256);
        tokio::time::advance(ticks(3)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(256))));
    });
}

#[test]
fn a_late_consumer_gets_what_waits() {
    virtual_time(async {
        let mut flow = Script::marbles("ab-c").skip_for(ticks(3));
        tokio::time::sleep(ticks(10)).await;
        assert_eq!(flow.next().now_or_never(), None, "time zero is the first poll");
        tokio::time::sleep(ticks(10)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('b'))));
    });
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), span in 0..40_u64) {
        let mut expected = script.clone();
        expected.retain(|(tick, event)| *tick >= span || !matches!(event, Event::Item(_)));
        agrees(&script, |flow| flow.skip_for(ticks(span)), &expected)?;
    }
}
