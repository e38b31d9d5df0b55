//! `audit`: the newest item of each span of time that begins with an item.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use super::ticks;
use super::timed::{agrees, drops_what_it_holds_with_a_failure, scripts, throttled};

#[test]
fn gives_the_newest_a_span_after_an_item() {
    check("ab-c-d-----------e----|", |flow| flow.audit(ticks(4)), "----c----d-----------e|");
    check("a---b-----|", |flow| flow.audit(ticks(4)), "----a---b-|");
}

#[test]
fn gives_the_item_that_is_held_when_upstream_ends() {
    check("abc|", |flow| flow.audit(ticks(4)), "---(c|)");
    check("a----|", |flow| flow.audit(ticks(4)), "----a|");
    check("|", |flow| flow.audit(ticks(4)), "|");
    check("a", |flow| flow.audit(ticks(4)), "----a");
    check("-", |flow| flow.audit(ticks(4)), "");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_item_with_it() {
    check("ab#", |flow| flow.audit(ticks(4)), "--#");
    drops_what_it_holds_with_a_failure(|flow| flow.audit(ticks(4)));
}

#[test]
fn is_dropped_with_what_it_holds() {
    check("ab----|", |flow| flow.audit(ticks(4)), "---!");
}

#[test]
fn a_flow_that_never_pauses_is_audited_by_the_clock() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.audit(ticks(4));
        assert_eq!(flow.next().now_or_never(), None, "it lets others run");
        assert_eq!(seen.items(), 256);
        tokio::time::advance(ticks(4)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(255))));
    });
}

#[test]
fn a_late_consumer_gets_what_was_held_and_a_span_later_what_came_meanwhile() {
    virtual_time(async {
        let mut flow = Script::marbles("ab-c").audit(ticks(4));
        assert_eq!(flow.next().now_or_never(), None);
        tokio::time::sleep(ticks(20)).await;
        let start = tokio::time::Instant::now();
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('a')), ticks(0)));
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('c')), ticks(4)));
    });
}

#[test]
#[should_panic(expected = "must not be zero")]
fn a_span_of_zero_is_refused() {
    drop(Script::marbles("a").audit(Duration::ZERO));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), span in 1..12_u64) {
        agrees(&script, |flow| flow.audit(ticks(span)), &throttled(&script, span, false))?;
    }
}
