//! `reduce_each`: the items of each group, put together two by two.
#![allow(clippy::unwrap_used)]

use anabranch_operators::group::Until;
use anabranch_operators::testing::{Script, assert_marbles, check, probe};
use anabranch_operators::{Flow, from_iter};
use proptest::prelude::*;

/// `u` or `l`, for upper and lower case.
const fn case(c: &char) -> char {
    if c.is_ascii_uppercase() { 'u' } else { 'l' }
}

#[test]
fn gives_each_group_put_together_when_it_ends() {
    let greatest = |flow: Flow<_>| flow.group_by(case).reduce_each(|a: char, b| a.max(b));
    check("a-D-cB|", greatest, "------([lc][uD]|)");
    check("a|", greatest, "-([la]|)");
    check("|", greatest, "|");
    check("a-b", greatest, "");
    check("a-b#", greatest, "---#");
    check("ba-cd-|", |flow| flow.group_until(|_| 'k', Until::count(2)).reduce_each(|a, _| a), "-[kb]--[kc]-|");
}

#[test]
fn a_group_of_one_item_is_that_item() {
    let never = |_, _| panic!("there is nothing to put together");
    check("ab|", |flow| flow.group_by(|c| *c).reduce_each(never), "--([aa][bb]|)");
}

#[test]
fn lets_its_source_go_when_dropped() {
    let (source, seen) = probe(Script::marbles("ab-c|"));
    assert_marbles(source.group_by(|c| *c).reduce_each(|a, _| a), "--!");
    assert!(seen.items() == 2 && seen.dropped() && !seen.ended());
}

proptest! {
    #[test]
    fn is_a_reduce_of_each_keys_items(items in prop::collection::vec(0..50_u32, 0..600)) {
        let apart = |a: u32, b: u32| a.wrapping_mul(31).wrapping_sub(b);
        let reduced = from_iter(items.clone()).group_by(|n| n % 5).reduce_each(apart);
        let Ok(mut reduced) = futures::executor::block_on(reduced.collect::<Vec<_>>());
        reduced.sort_unstable();
        let expected = (0..5).filter_map(|key| Some((key, items.iter().copied().filter(|n| n % 5 == key).reduce(apart)?)));
        prop_assert_eq!(reduced, expected.collect::<Vec<_>>());
    }
}
