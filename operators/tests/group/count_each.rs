//! `count_each`: the number of each group's items.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::testing::{Script, assert_marbles, check, probe};
use anabranch_operators::{Flow, from_iter};
use proptest::prelude::*;

#[test]
fn gives_the_number_of_each_groups_items_when_it_ends() {
    let count = |flow: Flow<_>| flow.group_by(|c| *c).count_each();
    check("a-b-aa|", count, "------([a3][b1]|)");
    check("a|", count, "-([a1]|)");
    check("|", count, "|");
    check("a-b", count, "");
    check("a-b#", count, "---#");
    let until = || Until::after(Duration::from_millis(3));
    check("ab-a-a|", |flow| flow.group_until(|c| *c, until()).count_each(), "---[a1][b1]-([a2]|)");
    check("a-b", |flow| flow.group_until(|c| *c, Until::count(1)).count_each(), "[a1]-[b1]");
}

#[test]
fn lets_its_source_go_when_dropped() {
    let (source, seen) = probe(Script::marbles("ab-c|"));
    assert_marbles(source.group_by(|c| *c).count_each(), "--!");
    assert!(seen.items() == 2 && seen.dropped() && !seen.ended());
}

proptest! {
    #[test]
    fn counts_sum_up_to_all(items in prop::collection::vec(0..50_u32, 0..600), n in 1..9_usize) {
        let counts = from_iter(items.clone()).group_until(|n| n % 5, Until::count(n)).count_each();
        let Ok(counts) = futures::executor::block_on(counts.collect::<Vec<_>>());
        for key in 0..5 {
            let mut of_key = counts.iter().filter(|(of, _)| *of == key).map(|(_, count)| *count);
            prop_assert!(counts.iter().all(|(_, count)| (1..=n).contains(count)));
            let all = items.iter().filter(|item| *item % 5 == key).count();
            prop_assert_eq!(of_key.clone().filter(|count| *count == n).count(), all / n);
            prop_assert_eq!(of_key.by_ref().sum::<usize>(), all);
        }
    }
}
