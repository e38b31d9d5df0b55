//! `fold_each`: a fold of each group's items.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::testing::{Script, assert_marbles, check, probe};
use anabranch_operators::{Flow, from_iter};
use proptest::prelude::*;

/// `u` or `l`, for upper and lower case.
const fn case(c: &char) -> char {
    if c.is_ascii_uppercase() { 'u' } else { 'l' }
}

fn append(mut word: String, letter: char) -> String {
    word.push(letter);
    word
}

#[test]
fn gives_the_fold_of_each_group_when_it_ends() {
    let fold = |flow: Flow<_>| flow.group_by(case).fold_each(String::new, append);
    check("a-A-bB|", fold, "------([l[ab]][u[AB]]|)");
    check("a|", fold, "-([la]|)");
    check("|", fold, "|");
    check("a-b", fold, "");
    check("a-b#", fold, "---#");
    let until = || Until::idle(Duration::from_millis(3));
    check("ab---c-|", |flow| flow.group_until(|_| 'k', until()).fold_each(String::new, append), "----[k[ab]]--([kc]|)");
}

#[test]
fn begins_each_group_anew() {
    let mut begun = 0;
    let init = || {
        begun += 10;
        begun
    };
    let sums = from_iter([1, 2, 3, 4, 5]).group_until(|_| 'k', Until::count(2)).fold_each(init, |sum, n| sum + n);
    let Ok(sums) = futures::executor::block_on(sums.collect::<Vec<_>>());
    assert_eq!(sums, [('k', 13), ('k', 27), ('k', 35)]);
}

#[test]
fn lets_its_source_go_when_dropped() {
    let (source, seen) = probe(Script::marbles("ab-c|"));
    assert_marbles(source.group_by(|c| *c).fold_each(String::new, append), "--!");
    assert!(seen.items() == 2 && seen.dropped() && !seen.ended());
}

proptest! {
    #[test]
    fn is_a_fold_of_each_keys_items(items in prop::collection::vec(0..50_u32, 0..600)) {
        let lists = from_iter(items.clone()).group_by(|n| n % 5).fold_each(Vec::new, |mut list, n| { list.push(n); list });
        let Ok(mut lists) = futures::executor::block_on(lists.collect::<Vec<_>>());
        lists.sort_unstable();
        let expected = (0..5).map(|key| (key, items.iter().copied().filter(|n| n % 5 == key).collect::<Vec<_>>()));
        prop_assert_eq!(lists, expected.filter(|(_, list)| !list.is_empty()).collect::<Vec<_>>());
    }
}
