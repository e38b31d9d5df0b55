//! `top_each`: the items of each group that rank highest.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anabranch_operators::group::Until;
use anabranch_operators::testing::{Script, assert_marbles, check, probe};
use anabranch_operators::{Flow, from_iter};
use proptest::prelude::*;

/// `u` or `l`, for upper and lower case.
const fn case(c: &char) -> char {
    if c.is_ascii_uppercase() { 'u' } else { 'l' }
}

#[test]
fn gives_the_highest_of_each_group_when_it_ends() {
    let top = |flow: Flow<_>| flow.group_by(case).top_each(2, |c| *c);
    check("b-a-cB|", top, "------([l[cb]][u[B]]|)");
    check("a|", top, "-([l[a]]|)");
    check("|", top, "|");
    check("a-b", top, "");
    check("a-b#", top, "---#");
    check("abcd|", |flow| flow.group_until(|_| 'k', Until::count(2)).top_each(1, |c| *c), "-[k[b]]-[k[d]]|");
}

#[test]
fn of_equal_ones_the_first_are_kept_and_stand_first() {
    let top = |flow: Flow<_>| flow.group_by(|_| 'k').top_each(3, char::to_ascii_lowercase);
    check("bAaBa|", top, "-----([k[bBA]]|)");
}

#[test]
fn any_order_can_be_asked_for() {
    check("badc|", |flow| flow.group_by(|_| 'k').top_each(2, |c| Reverse(*c)), "----([k[ab]]|)");
}

#[test]
fn holds_no_more_than_it_gives() {
    use std::rc::Rc;
    let alive = Rc::new(());
    let items = (0..100).map(|n| (n, Rc::clone(&alive)));
    let most = std::cell::Cell::new(0);
    let top = from_iter(items).inspect(|_| most.set(most.get().max(Rc::strong_count(&alive))));
    let Ok(top) = futures::executor::block_on(top.group_by(|_| 'k').top_each(5, |(n, _)| *n).collect::<Vec<_>>());
    assert_eq!(top[0].1.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [99, 98, 97, 96, 95]);
    assert!(most.get() <= 5 + 3, "{}", most.get());
}

#[test]
fn the_top_of_none_is_refused() {
    let refused = catch_unwind(AssertUnwindSafe(|| Script::marbles("|").group_by(|c| *c).top_each(0, |c| *c)));
    let payload = refused.map(drop).expect_err("it is not refused");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"the top 0 of a group is nothing"));
}

#[test]
fn lets_its_source_go_when_dropped() {
    let (source, seen) = probe(Script::marbles("ab-c|"));
    assert_marbles(source.group_by(|c| *c).top_each(2, |c| *c), "--!");
    assert!(seen.items() == 2 && seen.dropped() && !seen.ended());
}

proptest! {
    #[test]
    fn is_the_front_of_the_sorted_list(items in prop::collection::vec((0..20_u8, 0..3_u8), 0..100), n in 1..8_usize) {
        let numbered = items.iter().copied().enumerate().map(|(index, (rank, key))| (index, rank, key));
        let top = from_iter(numbered.clone()).group_by(|(_, _, key)| *key).top_each(n, |(_, rank, _)| *rank);
        let Ok(mut top) = futures::executor::block_on(top.collect::<Vec<_>>());
        top.sort_unstable();
        let expected = (0..3).filter_map(|key| {
            let mut sorted = numbered.clone().filter(|item| item.2 == key).collect::<Vec<_>>();
            sorted.sort_by_key(|(_, rank, _)| Reverse(*rank));
            sorted.truncate(n);
            (!sorted.is_empty()).then_some((key, sorted))
        });
        prop_assert_eq!(top, expected.collect::<Vec<_>>());
    }
}
