//! `group_by`: a sub-stream for each key, until the source ends.
#![allow(clippy::unwrap_used)]

use anabranch_operators::testing::{Event, Failed, Script, check, observe_nested, probe, virtual_time};
use anabranch_operators::{OperatorError, from_iter};
use futures::{StreamExt, stream};
use proptest::prelude::*;

use crate::support::Reader;

#[test]
fn gives_a_group_for_each_key_until_the_source_ends() {
    let nested = virtual_time(observe_nested(Script::marbles("a-b-a--|").group_by(|c| *c), 100, |group| *group.key()));
    assert_eq!(nested.outer, [(0, Event::Item(0)), (2, Event::Item(1)), (7, Event::End)]);
    assert_eq!(nested.marbles(), ["a: a---a--|", "b: --b----|"]);
}

#[test]
fn gives_no_group_when_nothing_comes() {
    for (input, end) in [("--|", vec![(2, Event::End)]), ("", vec![(50, Event::Dropped)])] {
        let nested = virtual_time(observe_nested(Script::marbles(input).group_by(|c| *c), 50, |_| 'k'));
        assert_eq!((nested.outer, nested.sub_streams.len()), (end, 0));
    }
}

#[test]
fn fails_with_all_groups() {
    let nested = virtual_time(observe_nested(Script::marbles("ab-#").group_by(|c| *c), 100, |group| *group.key()));
    assert_eq!(nested.outer.last(), Some(&(3, Event::Failure(Failed::Scripted))));
    assert_eq!(nested.marbles(), ["a: a--#", "b: -b-#"]);
}

#[test]
fn read_together_groups_give_what_their_source_gives() {
    for input in ["a-b-a|", "(ab)-#", "|", "-", "aaa-bb-c---|"] {
        check(input, |flow| flow.group_by(|c| *c).merge_map(usize::MAX, |group| group), input);
    }
}

#[test]
fn gives_one_result_for_each_key() {
    check("a-b-a|", |flow| flow.group_by(|c| *c).count_each(), "-----([a2][b1]|)");
}

#[test]
fn needs_no_clock_and_no_runtime() {
    let groups = from_iter("reed rush sedge".split(' ')).fails_with::<OperatorError>().group_by(|word| word.len());
    let counts = groups.merge_map(usize::MAX, |group| {
        let key = *group.key();
        stream::once(group.count()).map(move |n| n.map(|n| (key, n)))
    });
    let mut counts = futures::executor::block_on(counts.collect::<Vec<_>>()).unwrap();
    counts.sort_unstable();
    assert_eq!(counts, [(4, 2), (5, 1)]);
}

#[test]
fn the_source_is_dropped_when_it_has_ended() {
    let (flow, seen) = probe(from_iter([1, 2, 1]).fails_with::<OperatorError>());
    let mut outer = Reader::new(flow.group_by(|n| *n));
    let mut one = Reader::new(outer.item());
    assert_eq!((one.item(), one.item()), (1, 1));
    one.has_ended();
    assert!(seen.ended() && seen.dropped());
    assert_eq!(seen.polls_after_end(), 0);
    let mut two = Reader::new(outer.item());
    assert_eq!(two.item(), 2);
    two.has_ended();
    outer.has_ended();
}

proptest! {
    #[test]
    fn groups_are_what_filters_would_be(items in prop::collection::vec(0..6_u8, 0..60)) {
        let flow = from_iter(items.clone()).fails_with::<OperatorError>().group_by(|n| *n);
        let lists = flow.merge_map(usize::MAX, |group| stream::once(group.enumerate().collect::<Vec<_>>()));
        let mut lists = futures::executor::block_on(lists.collect::<Vec<_>>()).unwrap();
        lists.sort_unstable_by_key(|list| list[0].1);
        let mut keys = items.clone();
        keys.sort_unstable();
        keys.dedup();
        let filtered = keys.iter().map(|key| items.iter().copied().filter(|n| n == key).enumerate().collect::<Vec<_>>());
        prop_assert_eq!(lists, filtered.collect::<Vec<_>>());
    }
}
