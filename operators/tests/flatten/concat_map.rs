//! `concat_map`: a flow for each item, one after another.

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, from_iter};
use futures::FutureExt;
use proptest::prelude::*;

fn inner(item: char) -> Flow<Script<char, Failed>> {
    Script::marbles(match item {
        'a' => "1---2|",
        'b' => "3-4|",
        'e' => "|",
        'n' => "-",
        _ => "x-#",
    })
}

#[test]
fn runs_one_flow_after_another() {
    check("a-b------|", |flow| flow.concat_map(inner), "1---23-4-|");
    check("a-b-|", |flow| flow.concat_map(inner), "1---23-4|");
}

#[test]
fn begins_a_flow_at_the_instant_its_item_comes() {
    check("-b---b---|", |flow| flow.concat_map(inner), "-3-4-3-4-|");
}

#[test]
fn ends_with_upstream_or_the_last_flow() {
    check("|", |flow| flow.concat_map(inner), "|");
    check("ee-|", |flow| flow.concat_map(inner), "---|");
    check("b|", |flow| flow.concat_map(inner), "3-4|");
    check("b---n|", |flow| flow.concat_map(inner), "3-4");
    check("b----", |flow| flow.concat_map(inner), "3-4");
}

#[test]
fn fails_with_upstream_when_it_is_next_read() {
    check("b----#", |flow| flow.concat_map(inner), "3-4--#");
    check("b#", |flow| flow.concat_map(inner), "3-4#");
}

#[test]
fn fails_with_an_inner_flow_and_drops_upstream() {
    check("-xb|", |flow| flow.concat_map(inner), "-x-#");
    let (upstream, seen) = probe(Script::marbles("x------|"));
    virtual_time(async {
        let mut flow = upstream.concat_map(inner);
        assert_eq!(flow.next().await, Ok(Some('x')));
        assert!(flow.next().await.is_err());
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn does_not_read_upstream_while_a_flow_runs() {
    let (upstream, seen) = probe(Script::marbles("(abb)|"));
    assert_marbles(upstream.concat_map(inner), "1---23!");
    assert_eq!(seen.items(), 2);
}

#[test]
fn lets_others_run_while_it_goes_through_empty_flows() {
    virtual_time(async {
        let mut flow = from_iter(0..1_000).concat_map(|_| from_iter([0; 0]));
        assert!(flow.next().now_or_never().is_none(), "a thousand empty flows in one poll");
        assert_eq!(flow.next().await, Ok(None));
    });
}

proptest! {
    #[test]
    fn is_the_flat_map_of_the_list(list: Vec<u8>) {
        let flat = virtual_time(from_iter(list.clone()).concat_map(|n| from_iter(0..n % 4)).collect::<Vec<_>>());
        prop_assert_eq!(flat, Ok(list.into_iter().flat_map(|n| 0..n % 4).collect::<Vec<_>>()));
    }
}
