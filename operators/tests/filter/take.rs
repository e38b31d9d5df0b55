//! `take`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, probe, virtual_time};
use futures::Stream;
use proptest::prelude::*;

#[test]
fn ends_together_with_the_last_item() {
    check("a-b-c-d-|", |flow| flow.take(2), "a-(b|)");
    check("a-b-c", |flow| flow.take(1), "(a|)");
    check("(abc)|", |flow| flow.take(2), "(ab|)");
}

#[test]
fn ends_with_upstream_if_that_is_sooner() {
    check("a-b-|", |flow| flow.take(3), "a-b-|");
    check("--|", |flow| flow.take(3), "--|");
    check("a--", |flow| flow.take(3), "a--");
    check("a-b-|", |flow| flow.take(usize::MAX), "a-b-|");
}

#[test]
fn of_nothing_ends_at_once_without_polling_upstream() {
    check("a-b-|", |flow| flow.take(0), "|");
    let (source, seen) = probe(Script::marbles("a-b-|"));
    assert_marbles(source.take(0), "|");
    assert_eq!(seen.polls(), 0);
}

#[test]
fn counts_no_failures() {
    check("a-#", |flow| flow.take(2), "a-#");
    check("a-b#", |flow| flow.take(2), "a-(b|)");
}

#[test]
fn is_dropped_midway() {
    check("a-b-c|", |flow| flow.take(2), "a-!");
}

#[test]
fn reads_no_further_than_it_gives() {
    let (source, seen) = probe(from_iter(0..));
    assert_eq!(virtual_time(source.take(5).count()), Ok(5));
    assert_eq!((seen.items(), seen.polls()), (5, 5));
}

#[test]
fn knows_how_many_are_left() {
    assert_eq!(from_iter(0..3).take(5).size_hint(), (3, Some(3)));
    assert_eq!(from_iter(0_u64..).take(5).size_hint(), (5, Some(5)));
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>, n in 0_usize..8) {
        let expected: Vec<_> = items.iter().copied().take(n).collect();
        prop_assert_eq!(virtual_time(from_iter(items).take(n).collect::<Vec<_>>()), Ok(expected));
    }
}
