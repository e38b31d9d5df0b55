//! `exhaust_all`: one of the flows that a flow gives, and none that come while it runs.

use anabranch_operators::Flow;
use anabranch_operators::testing::{Failed, Script, check, probe};
use proptest::prelude::*;

use crate::exhaust_map::{runs, script_and_runs, taking};

fn inner(item: char) -> Flow<Script<char, Failed>> {
    Script::marbles(match item {
        'a' => "1---2|",
        'x' => "x-#",
        _ => "3-4|",
    })
}

#[test]
fn reads_one_and_drops_those_that_come_meanwhile() {
    check("a-b---b---|", |flow| flow.map(inner).exhaust_all(), "1---2-3-4-|");
    check("ab|", |flow| flow.map(inner).exhaust_all(), "1---2|");
    check("|", |flow| flow.map(inner).exhaust_all(), "|");
}

#[test]
fn never_polls_what_it_drops() {
    let (late, seen) = probe(inner('b'));
    let late = std::cell::Cell::new(Some(late.boxed()));
    let flow = Script::marbles("ab---|")
        .map(|item| if item == 'b' { late.take().unwrap_or_else(|| inner(item).boxed()) } else { inner(item).boxed() });
    anabranch_operators::testing::assert_marbles(flow.exhaust_all(), "1---2|");
    assert!(seen.dropped() && seen.polls() == 0);
}

#[test]
fn fails_at_once_with_upstream_or_the_one_that_is_read() {
    check("a--#", |flow| flow.map(inner).exhaust_all(), "1--#");
    check("xa----|", |flow| flow.map(inner).exhaust_all(), "x-#");
}

proptest! {
    #[test]
    fn reads_the_first_flow_after_each_end(items in prop::collection::vec((1..8_u64, 0..6_u64), 0..16)) {
        let (flow, expected) = script_and_runs(items);
        prop_assert_eq!(runs(flow.map(taking).exhaust_all()), expected);
    }
}
