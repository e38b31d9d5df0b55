//! `switch_map`: a flow for each item, until the next item comes.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Probe, Script, assert_marbles, check, observe, probe, virtual_time};
use anabranch_operators::{Flow, from_iter};
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
fn runs_the_flow_of_the_newest_item_alone() {
    check("a-----b----|", |flow| flow.switch_map(inner), "1---2-4-5--|");
    check("ab---a--b|", |flow| flow.switch_map(inner), "14-5-1--4-5|");
}

#[test]
fn ends_when_upstream_and_the_last_flow_have_ended() {
    check("|", |flow| flow.switch_map(inner), "|");
    check("--|", |flow| flow.switch_map(inner), "--|");
    check("b|", |flow| flow.switch_map(inner), "4-5|");
    check("b------|", |flow| flow.switch_map(inner), "4-5----|");
    check("e-e|", |flow| flow.switch_map(inner), "---|");
    check("n--b|", |flow| flow.switch_map(inner), "---4-5|");
    check("b--n|", |flow| flow.switch_map(inner), "4-5");
    check("b----", |flow| flow.switch_map(inner), "4-5");
}

#[test]
fn fails_at_once_with_upstream_while_a_flow_runs() {
    check("a-#", |flow| flow.switch_map(inner), "1-#");
    check("#", |flow| flow.switch_map(inner), "#");
    check("b----#", |flow| flow.switch_map(inner), "4-5--#");
}

#[test]
fn fails_with_the_flow_that_runs_and_not_with_one_that_was_replaced() {
    check("x---|", |flow| flow.switch_map(inner), "x-#");
    check("xb---|", |flow| flow.switch_map(inner), "x4-5-|");
    let (upstream, seen) = probe(Script::marbles("x------|"));
    virtual_time(async {
        let mut flow = upstream.switch_map(inner);
        assert_eq!(flow.next().await, Ok(Some('x')));
        assert!(flow.next().await.is_err());
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn drops_the_flow_before_it_asks_for_the_next() {
    let seen = RefCell::new(Vec::<Probe>::new());
    let watched = |item| {
        assert!(seen.borrow().iter().all(Probe::dropped), "two flows at once");
        let (flow, probe) = probe(inner(item));
        seen.borrow_mut().push(probe);
        flow
    };
    assert_marbles(Script::marbles("a-a-b|").switch_map(watched), "1-1-4-!");
    assert_eq!(seen.borrow().len(), 3);
    assert!(seen.borrow().iter().all(Probe::dropped));
}

#[test]
fn a_late_reader_gets_the_newest_alone() {
    virtual_time(async {
        let mut flow = Script::marbles("a-b--------c").switch_map(inner);
        assert_eq!(flow.next().await, Ok(Some('1')));
        tokio::time::sleep(Duration::from_millis(6)).await;
        assert_eq!(flow.next().await, Ok(Some('4')));
    });
}

#[test]
fn of_items_that_are_ready_at_once_only_the_last_ones_flow_is_polled() {
    let polled = Cell::new(0);
    let flow = from_iter(0..1_000).switch_map(|n| from_iter([n]).inspect(|_| polled.set(polled.get() + 1)));
    assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(vec![999]));
    assert_eq!(polled.get(), 1);
}

#[test]
fn lets_others_run_while_upstream_is_always_ready() {
    virtual_time(async {
        let mut flow = from_iter(0..1_000).switch_map(|n| from_iter([n]));
        assert!(flow.next().now_or_never().is_none(), "a thousand switches in one poll");
    });
}

/// Items with the number of items of their flow, which come 2 ticks apart; and which of them comes when, if each flow is
/// cut where the next begins. Items come after an even time, and flows begin after an odd one: no two fall together.
#[allow(clippy::type_complexity)]
pub(crate) fn script_and_cuts(flows: &[(u64, u64)]) -> (Flow<Script<(usize, u64), Failed>>, Vec<(u64, usize)>) {
    let mut outer = Vec::new();
    let mut expected = Vec::new();
    let mut begins = 0;
    for (at, (gap, items)) in flows.iter().enumerate() {
        let next = begins + 2 * gap + 1;
        outer.push((begins, Event::Item((at, *items))));
        let last = at + 1 == flows.len();
        let given = (0..*items).map(|n| begins + 2 * n).take_while(|tick| last || *tick < next);
        expected.extend(given.map(|tick| (tick, at)));
        begins = next;
    }
    outer.push((begins, Event::End));
    (Script::new(outer), expected)
}

/// The flow of such an item.
pub(crate) fn apart((at, items): (usize, u64)) -> Flow<Script<usize, Failed>> {
    Script::new((0..items).map(|n| (2 * n, Event::Item(at))).chain([(2 * items, Event::End)]))
}

/// What came when, of a flow that ends.
pub(crate) fn cuts<S>(flow: Flow<S>) -> Vec<(u64, usize)>
where
    S: Stream<Item = Result<usize, Failed>>,
{
    let mut events = virtual_time(observe(flow, 10_000)).into_events();
    assert!(matches!(events.pop(), Some((_, Event::End))));
    let items = events.into_iter().filter_map(|(tick, event)| match event {
        Event::Item(at) => Some((tick, at)),
        _ => None,
    });
    items.collect()
}

proptest! {
    #[test]
    fn cuts_each_flow_where_the_next_begins(flows in prop::collection::vec((1..12_u64, 0..6_u64), 0..8)) {
        let (flow, expected) = script_and_cuts(&flows);
        prop_assert_eq!(cuts(flow.switch_map(apart)), expected);
    }
}
