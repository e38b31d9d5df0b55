//! `delay_each`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use crate::scripts::{Events, ms, parts, run, script};

/// As many ticks as the digit says.
fn own(item: &char) -> Duration {
    ms(item.to_digit(10).map_or(0, u64::from))
}

#[test]
fn gives_each_item_after_its_own_delay() {
    check("4-1-1-|", |flow| flow.delay_each(own), "---141|");
    check("(321)-----|", |flow| flow.delay_each(own), "-123--|");
}

#[test]
fn gives_what_is_due_at_once_in_upstream_order() {
    let flow = Script::new([(0, Event::<_, ()>::Item(3)), (1, Event::Item(2)), (2, Event::Item(1)), (2, Event::End)]);
    let numbered = flow.enumerate().delay_each(|(_, ticks)| ms(*ticks)).map(|(number, _)| number);
    assert_marbles(numbered, "---(012|)");
}

#[test]
fn a_delay_of_zero_is_none() {
    check("0-3-0|", |flow| flow.delay_each(own), "0---0(3|)");
    virtual_time(async {
        let mut flow = from_iter([0, 1]).delay_each(|_| Duration::ZERO);
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(1))));
        assert_eq!(flow.next().now_or_never(), Some(Ok(None)));
    });
}

#[test]
fn ends_with_upstream_or_with_the_last_item() {
    check("|", |flow| flow.delay_each(own), "|");
    check("1---|", |flow| flow.delay_each(own), "-1--|");
    check("5|", |flow| flow.delay_each(own), "-----(5|)");
    check("5", |flow| flow.delay_each(own), "-----5");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("15-#", |flow| flow.delay_each(own), "-1-#");
}

#[test]
fn does_not_read_upstream_while_it_holds_as_much_as_it_may() {
    check("(321)|", |flow| flow.delay_each(own).max_held(1), "---3-2(1|)");
    let (upstream, seen) = probe(from_iter(0..));
    virtual_time(async {
        let mut flow = upstream.delay_each(|_| ms(3)).max_held(2);
        assert!(flow.next().now_or_never().is_none());
        assert_eq!(seen.items(), 2);
        assert_eq!(flow.next().await, Ok(Some(0)));
    });
    assert!(seen.dropped());
}

#[test]
fn an_upstream_that_is_always_ready_does_not_hold_back_what_is_due() {
    virtual_time(async {
        let mut flow = from_iter(0..).delay_each(|_| ms(3));
        assert!(flow.next().now_or_never().is_none());
        tokio::time::advance(ms(3)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
    });
}

#[test]
fn time_is_counted_from_when_an_item_is_read() {
    virtual_time(async {
        let mut flow = Script::marbles("4-1|").delay_each(own);
        assert!(flow.next().now_or_never().is_none());
        tokio::time::sleep(ms(10)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('4'))));
        let late = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some('1')));
        assert_eq!(late.elapsed(), ms(1));
    });
}

#[test]
fn a_delay_beyond_the_clock_holds_back_its_item_alone() {
    let never = |item: &char| if *item == 'a' { Duration::MAX } else { ms(1) };
    check("ab-c|", |flow| flow.delay_each(never), "--b-c");
}

#[test]
fn refuses_to_hold_nothing() {
    let build = || drop(Script::marbles("a").delay_each(own).max_held(0));
    assert!(catch_unwind(AssertUnwindSafe(build)).is_err());
}

proptest! {
    #[test]
    fn is_the_list_in_the_order_of_its_moved_times(events in script(), stutters: bool) {
        let delay = |item: &u8| ms(u64::from(item % 8));
        let (items, end) = parts(&events);
        let mut moved: Vec<_> = items.into_iter().map(|(tick, item)| (tick + u64::from(item % 8), item)).collect();
        moved.sort_by_key(|(due, _)| *due);
        let last = moved.last().map_or(0, |(due, _)| *due);
        let moved = moved.into_iter().map(|(due, item)| (due, Event::Item(item)));
        let expected: Events = match end {
            Some((at, Event::Failure(error))) => {
                moved.filter(|(due, _)| *due <= at).chain([(at, Event::Failure(error))]).collect()
            }
            end => moved.chain(end.map(|(at, end)| (at.max(last), end))).collect(),
        };
        prop_assert_eq!(run(&events, stutters, 1_000, |flow| flow.delay_each(delay)), expected);
    }
}
