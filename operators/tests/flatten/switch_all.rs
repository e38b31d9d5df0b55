//! `switch_all`: the newest of the flows that a flow gives.

use anabranch_operators::Flow;
use anabranch_operators::testing::{Failed, Script, check};
use proptest::prelude::*;

use crate::switch_map::{apart, cuts, script_and_cuts};

fn inner(item: char) -> Flow<Script<char, Failed>> {
    Script::marbles(match item {
        'a' => "1---2|",
        'x' => "x-#",
        _ => "3-4|",
    })
}

#[test]
fn reads_the_newest_alone() {
    check("a--b----|", |flow| flow.map(inner).switch_all(), "1--3-4--|");
    check("a--b|", |flow| flow.map(inner).switch_all(), "1--3-4|");
    check("|", |flow| flow.map(inner).switch_all(), "|");
}

#[test]
fn fails_at_once_with_upstream_or_the_newest() {
    check("a--#", |flow| flow.map(inner).switch_all(), "1--#");
    check("ax---|", |flow| flow.map(inner).switch_all(), "1x-#");
    check("xa----|", |flow| flow.map(inner).switch_all(), "x1---2|");
}

proptest! {
    #[test]
    fn cuts_each_flow_where_the_next_begins(flows in prop::collection::vec((1..12_u64, 0..6_u64), 0..8)) {
        let (flow, expected) = script_and_cuts(&flows);
        prop_assert_eq!(cuts(flow.map(apart).switch_all()), expected);
    }
}
