//! `chain`: one flow, and then another.
#![allow(clippy::expect_used)]

use std::task::Poll;

use anabranch_operators::testing::{Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{FlowExt, from_iter};
use proptest::prelude::*;

#[test]
fn gives_the_other_flow_when_the_first_has_ended() {
    check("a-b-|", |flow| flow.chain(Script::marbles("--c|")), "a-b---c|");
    check("a-b-|", |flow| Script::marbles("--c|").chain(flow), "--ca-b-|");
}

#[test]
fn begins_the_other_flow_at_the_instant_the_first_ends() {
    check("---|", |flow| flow.chain(Script::marbles("c|")), "---c|");
    check("(ab|)", |flow| flow.chain(Script::marbles("(cd|)")), "(abcd|)");
}

#[test]
fn either_may_be_empty() {
    check("|", |flow| flow.chain(Script::marbles("|")), "|");
    check("|", |flow| flow.chain(Script::marbles("-c|")), "-c|");
    check("-a|", |flow| flow.chain(Script::marbles("|")), "-a|");
}

#[test]
fn waits_for_ever_behind_a_flow_that_never_ends() {
    check("-a-", |flow| flow.chain(Script::marbles("b|")), "-a-");
    check("-a|", |flow| flow.chain(Script::marbles("-b-")), "-a-b-");
}

#[test]
fn fails_with_either() {
    check("-a-#", |flow| flow.chain(Script::marbles("b|")), "-a-#");
    check("-a|", |flow| flow.chain(Script::marbles("b#")), "-ab#");
}

#[test]
fn drops_the_other_unpolled_when_the_first_fails() {
    let (other, seen) = probe(Script::marbles("b|"));
    virtual_time(async {
        let mut flow = Script::marbles("#").chain(other);
        assert!(flow.next().await.is_err());
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
    assert_eq!(seen.polls(), 0);
}

#[test]
fn drops_the_first_when_it_has_ended() {
    let (first, seen) = probe(Script::marbles("a|"));
    let observed = virtual_time(async {
        let mut flow = first.chain(Script::marbles("-b|"));
        let items = [flow.next().await, flow.next().await];
        (items, seen.dropped())
    });
    assert_eq!(observed, ([Ok(Some('a')), Ok(Some('b'))], true));
}

#[test]
fn leaves_the_other_alone_when_dropped_midway() {
    let (other, seen) = probe(Script::marbles("b|"));
    assert_marbles(Script::marbles("a--|").chain(other), "a-!");
    assert!(seen.polls() == 0 && seen.dropped());
}

#[test]
fn takes_a_stream_that_is_no_flow_and_polls_it_no_more_after_its_end() {
    virtual_time(async {
        let mut given = [Some(Ok(0)), None].into_iter();
        let once = futures::stream::poll_fn(move |_| Poll::Ready(given.next().expect("polled again")));
        let mut flow = from_iter([7]).chain(once);
        assert_eq!(flow.next().await, Ok(Some(7)));
        assert_eq!(flow.next().await, Ok(Some(0)));
        assert_eq!(flow.next().await, Ok(None));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn size_hint_does_not_overflow() {
    use futures::Stream;
    let endless = || futures::stream::repeat(1).into_flow();
    assert_eq!(endless().chain(endless()).size_hint(), (usize::MAX, None));
    assert_eq!(from_iter([1]).chain(from_iter([1, 2])).size_hint(), (1, Some(3)));
}

proptest! {
    #[test]
    fn is_the_concatenation_of_the_lists(a: Vec<u8>, b: Vec<u8>) {
        let chained = virtual_time(from_iter(a.clone()).chain(from_iter(b.clone())).collect::<Vec<_>>());
        prop_assert_eq!(chained, Ok([a, b].concat()));
    }
}
