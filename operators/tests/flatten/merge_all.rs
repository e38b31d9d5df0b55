//! `merge_all`: the flows that a flow gives, several at once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anabranch_operators::group::Until;
use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe};

fn inner(item: char) -> anabranch_operators::Flow<Script<char, Failed>> {
    Script::marbles(match item {
        'a' => "1----2|",
        'x' => "x-#",
        _ => "3-4|",
    })
}

#[test]
fn reads_several_at_once() {
    check("ab--|", |flow| flow.map(inner).merge_all(2), "13-4-2|");
    check("ab--|", |flow| flow.map(inner).merge_all(usize::MAX), "13-4-2|");
}

#[test]
fn at_the_limit_flows_wait_upstream() {
    let (upstream, seen) = probe(Script::marbles("(abb)|"));
    assert_marbles(upstream.map(inner).merge_all(1), "1---!");
    assert_eq!(seen.items(), 1);
    check("(ab)|", |flow| flow.map(inner).merge_all(1), "1----23-4|");
}

#[test]
fn fails_at_once_with_any_of_them() {
    check("ax---|", |flow| flow.map(inner).merge_all(2), "1x-#");
    check("a-#", |flow| flow.map(inner).merge_all(2), "1-#");
}

#[test]
fn brings_groups_together_again() {
    let groups = |flow| anabranch_operators::Flow::group_until(flow, |item: &char| *item, Until::count(2));
    check("aba-b|", |flow| groups(flow).merge_all(65_536), "aba-b|");
}

#[test]
fn a_limit_of_0_is_refused() {
    let refused = catch_unwind(AssertUnwindSafe(|| drop(Script::marbles("a").map(inner).merge_all(0))));
    assert!(refused.is_err());
}
