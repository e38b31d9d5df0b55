//! `sum_each`: the sum of a number of each group's items.
#![allow(clippy::unwrap_used)]

use anabranch_operators::group::Until;
use anabranch_operators::testing::{Script, assert_marbles, check, probe};
use anabranch_operators::{Flow, from_iter};
use proptest::prelude::*;

fn digit(c: char) -> u32 {
    c.to_digit(10).unwrap()
}

#[test]
fn gives_the_sum_of_each_group_when_it_ends() {
    let sum = |flow: Flow<_>| flow.group_by(|c| digit(*c) % 2).sum_each(digit);
    check("1-2-34|", sum, "------([14][06]|)");
    check("7|", sum, "-([17]|)");
    check("|", sum, "|");
    check("1-2", sum, "");
    check("1-2#", sum, "---#");
    check("12-34-|", |flow| flow.group_until(|_| 'k', Until::count(2)).sum_each(digit), "-[k3]--[k7]-|");
}

#[test]
fn adds_in_the_order_in_which_items_come() {
    struct Said(String);
    impl std::ops::AddAssign for Said {
        fn add_assign(&mut self, other: Self) {
            self.0.push_str(&other.0);
        }
    }
    let said = from_iter("river".chars()).group_by(|_| 'k').sum_each(|c| Said(c.to_string()));
    let Ok(said) = futures::executor::block_on(said.map(|(_, said)| said.0).collect::<Vec<_>>());
    assert_eq!(said, ["river"]);
}

#[test]
fn lets_its_source_go_when_dropped() {
    let (source, seen) = probe(Script::marbles("12-3|"));
    assert_marbles(source.group_by(|c| *c).sum_each(digit), "--!");
    assert!(seen.items() == 2 && seen.dropped() && !seen.ended());
}

proptest! {
    #[test]
    fn is_a_sum_of_each_keys_items(items in prop::collection::vec(0..50_u64, 0..600)) {
        let sums = from_iter(items.clone()).group_by(|n| n % 5).sum_each(|n| n * n);
        let Ok(mut sums) = futures::executor::block_on(sums.collect::<Vec<_>>());
        sums.sort_unstable();
        let expected = (0..5).filter(|key| items.iter().any(|n| n % 5 == *key));
        let expected = expected.map(|key| (key, items.iter().filter(|n| *n % 5 == key).map(|n| n * n).sum::<u64>()));
        prop_assert_eq!(sums, expected.collect::<Vec<_>>());
    }
}
