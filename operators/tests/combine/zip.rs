//! `zip`: pairs of items.

use anabranch_operators::testing::{Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{FlowExt, from_iter};
use futures::Stream;
use proptest::prelude::*;

#[test]
fn gives_a_pair_when_both_have_given_an_item() {
    check("a---b--c-|", |flow| flow.zip(Script::marbles("--1---2|")), "--[a1]---[b2]|");
    check("--1---2|", |flow| Script::marbles("a---b--c-|").zip(flow), "--[a1]---[b2]|");
}

#[test]
fn keeps_what_came_early_at_its_source() {
    check("(abc)-----|", |flow| flow.zip(Script::marbles("-1-2-3-|")), "-[a1]-[b2]-[c3]|");
}

#[test]
fn ends_as_soon_as_an_ended_side_has_no_item() {
    check("a--|", |flow| flow.zip(Script::marbles("-1---2|")), "-[a1]-|");
    check("a|", |flow| flow.zip(Script::marbles("---1---2|")), "---([a1]|)");
    check("-1---2|", |flow| Script::marbles("a--|").zip(flow), "-[a1]-|");
    check("---1---2|", |flow| Script::marbles("a|").zip(flow), "---([a1]|)");
}

#[test]
fn ends_at_once_beside_an_empty_flow() {
    check("|", |flow| flow.zip(Script::marbles("--1-|")), "|");
    check("--1-|", |flow| flow.zip(Script::marbles("|")), "|");
}

#[test]
fn gives_nothing_beside_a_flow_that_never_gives() {
    check("a-b-|", |flow| flow.zip(Script::<char, _>::marbles("-")), "-");
}

#[test]
fn fails_with_either_and_drops_what_is_held() {
    check("a--#", |flow| flow.zip(Script::marbles("-1------2|")), "-[a1]-#");
    check("-1------2|", |flow| Script::marbles("a--#").zip(flow), "-[a1]-#");
    check("#", |flow| flow.zip(Script::marbles("1|")), "#");
}

#[test]
fn holds_one_item_a_side() {
    let (fast, seen) = probe(Script::marbles("(abcdef|)"));
    assert_marbles(fast.zip(Script::marbles("--1--2-")), "--[a1]--[b2]-!");
    assert_eq!(seen.items(), 3);
    assert!(seen.dropped());
}

#[test]
fn drops_both_at_its_end_and_gives_none_again() {
    let (other, seen) = probe(Script::marbles("1-----2|"));
    virtual_time(async {
        let mut flow = Script::marbles("a|").zip(other);
        assert_eq!(flow.next().await, Ok(Some(('a', '1'))));
        assert_eq!(flow.next().await, Ok(None));
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn size_hint_is_that_of_the_shorter() {
    let endless = || futures::stream::repeat(1).into_flow();
    assert_eq!(endless().zip(endless()).size_hint(), (usize::MAX, None));
    assert_eq!(endless().zip(from_iter([1, 2])).size_hint(), (2, Some(3)));
    assert_eq!(from_iter([1, 2]).zip(from_iter([1, 2])).size_hint(), (2, Some(2)));
}

proptest! {
    #[test]
    fn is_the_zip_of_the_lists(a: Vec<u8>, b: Vec<u16>) {
        let pairs = virtual_time(from_iter(a.clone()).zip(from_iter(b.clone())).collect::<Vec<_>>());
        prop_assert_eq!(pairs, Ok(a.into_iter().zip(b).collect::<Vec<_>>()));
    }
}
