//! `take_while_inclusive`: the items up to the first that fails a test, with that one.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, check, probe, virtual_time};
use proptest::prelude::*;

use super::timed::{agrees, scripts};

#[test]
fn ends_with_the_first_item_that_fails() {
    check("1-2-3-1-|", |flow| flow.take_while_inclusive(|item| *item < '3'), "1-2-(3|)");
    check("3-1-|", |flow| flow.take_while_inclusive(|item| *item < '3'), "(3|)");
    check("(131)|", |flow| flow.take_while_inclusive(|item| *item < '3'), "(13|)");
}

#[test]
fn ends_with_upstream() {
    check("1-2-|", |flow| flow.take_while_inclusive(|_| true), "1-2-|");
    check("|", |flow| flow.take_while_inclusive(|_| true), "|");
    check("1-2-", |flow| flow.take_while_inclusive(|_| true), "1-2-");
}

#[test]
fn does_not_test_failures() {
    check("1-#", |flow| flow.take_while_inclusive(|item| *item < '3'), "1-#");
}

#[test]
fn is_dropped_midway() {
    check("1-2-3|", |flow| flow.take_while_inclusive(|_| true), "1-!");
}

#[test]
fn reads_no_further_than_it_gives() {
    let (source, seen) = probe(from_iter(0..));
    assert_eq!(virtual_time(source.take_while_inclusive(|n| *n < 4).count()), Ok(5));
    assert_eq!((seen.items(), seen.polls()), (5, 5));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), limit: u8) {
        let fails = |event: &Event<u8, _>| matches!(event, Event::Item(item) if *item >= limit);
        let mut expected = script.clone();
        if let Some(at) = script.iter().position(|(_, event)| fails(event)) {
            expected.truncate(at + 1);
            expected.push((script[at].0, Event::End));
        }
        agrees(&script, |flow| flow.take_while_inclusive(|item| *item < limit), &expected)?;
    }
}
