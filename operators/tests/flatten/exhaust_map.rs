//! `exhaust_map`: a flow for an item, and none for those that come while it runs.

use std::iter::repeat;
use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Script, assert_marbles, check, observe, probe, virtual_time};
use anabranch_operators::{Counter, Flow, from_iter};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

fn inner(item: char) -> Flow<Script<char, Failed>> {
    Script::marbles(match item {
        'a' => "1---2---3|",
        'b' => "4-5|",
        'e' => "|",
        'n' => "-",
        _ => "x-#",
    })
}

#[test]
fn drops_items_while_a_flow_runs() {
    check("bab-b----|", |flow| flow.exhaust_map(inner), "4-5-4-5--|");
    check("b-bbbbb|", |flow| flow.exhaust_map(inner), "4-54-54-5|");
    check("nb-b-|", |flow| flow.exhaust_map(inner), "---");
}

#[test]
fn ends_when_upstream_and_the_last_flow_have_ended() {
    check("|", |flow| flow.exhaust_map(inner), "|");
    check("b|", |flow| flow.exhaust_map(inner), "4-5|");
    check("b------|", |flow| flow.exhaust_map(inner), "4-5----|");
    check("eeb-|", |flow| flow.exhaust_map(inner), "--4-5|");
    check("b----", |flow| flow.exhaust_map(inner), "4-5");
}

#[test]
fn fails_at_once_with_upstream_while_a_flow_runs() {
    check("a-#", |flow| flow.exhaust_map(inner), "1-#");
    check("b----#", |flow| flow.exhaust_map(inner), "4-5--#");
    check("#", |flow| flow.exhaust_map(inner), "#");
}

#[test]
fn an_item_that_is_ready_goes_before_upstreams_failure() {
    check("a---#", |flow| flow.exhaust_map(inner), "1---(2#)");
    check("(b#)", |flow| flow.exhaust_map(inner), "(4#)");
}

#[test]
fn fails_with_the_flow_that_runs_and_drops_upstream() {
    check("xb--|", |flow| flow.exhaust_map(inner), "x-#");
    let (upstream, seen) = probe(Script::marbles("x------|"));
    virtual_time(async {
        let mut flow = upstream.exhaust_map(inner);
        assert_eq!(flow.next().await, Ok(Some('x')));
        assert!(flow.next().await.is_err());
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn items_that_came_while_a_flow_ran_are_stale_to_a_late_reader_too() {
    virtual_time(async {
        let mut flow = Script::marbles("bb------a").exhaust_map(inner);
        assert_eq!(flow.next().await, Ok(Some('4')));
        tokio::time::sleep(Duration::from_millis(3)).await;
        assert_eq!(flow.next().await, Ok(Some('5')));
        // By now the flow has ended, and only then came `a`.
        tokio::time::sleep(Duration::from_millis(7)).await;
        assert_eq!(flow.next().await, Ok(Some('1')));
    });
}

#[test]
fn an_upstream_that_is_always_ready_does_not_starve_the_flow() {
    let mut flow = from_iter(repeat('a')).exhaust_map(|_| from_iter(0..1_000));
    virtual_time(async {
        for expected in 0..1_000 {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        assert_eq!(flow.next().await, Ok(Some(0)));
    });
}

#[test]
fn lets_others_run_while_it_drops_items_and_goes_through_empty_flows() {
    virtual_time(async {
        let mut waiting = from_iter(repeat('a')).exhaust_map(|_| from_iter([(); 0]).chain(from_iter([(); 0])));
        assert!(waiting.next().now_or_never().is_none(), "empty flows without end in one poll");
    });
    let (upstream, seen) = probe(from_iter(repeat('n')).fails_with::<Failed>());
    virtual_time(async {
        let mut flow = upstream.exhaust_map(inner);
        assert!(flow.next().now_or_never().is_none());
        assert!(seen.items() <= 257, "{} items were dropped in one poll", seen.items());
    });
}

#[test]
fn drops_everything_when_dropped_midway() {
    let (upstream, seen) = probe(Script::marbles("ab---|"));
    assert_marbles(upstream.exhaust_map(inner), "1--!");
    assert!(seen.dropped());
}

#[test]
fn counts_what_it_drops() {
    let lost = Counter::new();
    check("bab-b----|", |flow| flow.exhaust_map(inner).lost(&Counter::new()), "4-5-4-5--|");
    assert_marbles(Script::marbles("bab-b----|").exhaust_map(inner).lost(&lost), "4-5-4-5--|");
    assert_eq!(lost.get(), 2);
}

/// Items that say how long their flow takes, and at which ticks a flow begins and ends. Items are at even ticks, and ends
/// at odd ones, so that no two things fall together.
#[allow(clippy::type_complexity)]
pub(crate) fn script_and_runs(items: Vec<(u64, u64)>) -> (Flow<Script<u64, Failed>>, Vec<(u64, u64)>) {
    let mut script = Vec::new();
    let mut expected = Vec::new();
    let (mut now, mut busy_until) = (1, 0);
    for (gap, takes) in items {
        now += 2 * gap;
        script.push((now, Event::Item(2 * takes + 1)));
        if now > busy_until {
            busy_until = now + 2 * takes + 1;
            expected.push((now, busy_until));
        }
    }
    script.push((now + 2, Event::End));
    (Script::new(script), expected)
}

/// A flow that says how long it takes, and takes so long.
pub(crate) fn taking(takes: u64) -> Flow<Script<u64, Failed>> {
    Script::new([(0, Event::Item(takes)), (takes, Event::End)])
}

/// When flows began, and when they said that they would end.
pub(crate) fn runs<S>(flow: Flow<S>) -> Vec<(u64, u64)>
where
    S: Stream<Item = Result<u64, Failed>>,
{
    let observed = virtual_time(observe(flow, 10_000));
    let items = observed.events().iter().filter_map(|(tick, event)| match event {
        Event::Item(takes) => Some((*tick, tick + takes)),
        _ => None,
    });
    items.collect()
}

proptest! {
    #[test]
    fn takes_the_first_item_after_each_end(items in prop::collection::vec((1..8_u64, 0..6_u64), 0..16)) {
        let (flow, expected) = script_and_runs(items);
        let lost = Counter::new();
        let all = flow.size_hint().0 as u64;
        prop_assert_eq!(runs(flow.exhaust_map(taking).lost(&lost)), &expected[..]);
        prop_assert_eq!(lost.get(), all - expected.len() as u64);
    }
}
