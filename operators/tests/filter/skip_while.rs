//! `skip_while`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn gives_everything_from_the_first_item_that_fails() {
    check("1-2-3-1-|", |flow| flow.skip_while(|item| *item < '3'), "----3-1-|");
    check("(131)|", |flow| flow.skip_while(|item| *item < '3'), "(31)|");
    check("3-|", |flow| flow.skip_while(|item| *item < '3'), "3-|");
}

#[test]
fn ends_with_upstream() {
    check("1-2-|", |flow| flow.skip_while(|_| true), "----|");
    check("|", |flow| flow.skip_while(|_| true), "|");
    check("1-2-", |flow| flow.skip_while(|_| true), "");
}

#[test]
fn does_not_test_failures() {
    check("1-#", |flow| flow.skip_while(|_| true), "--#");
    check("3-#", |flow| flow.skip_while(|item| *item < '3'), "3-#");
}

#[test]
fn is_dropped_midway() {
    check("1-3-|", |flow| flow.skip_while(|item| *item < '3'), "-!");
    check("1-3-4-|", |flow| flow.skip_while(|item| *item < '3'), "--3-!");
}

#[test]
fn lets_others_run_while_it_skips() {
    let (source, seen) = probe(from_iter(0..));
    assert_eq!(source.skip_while(|_| true).next().now_or_never(), None);
    assert_eq!(seen.items(), 256);
    let mut flow = from_iter(0..).skip_while(|n| *n < 1_000);
    assert_eq!(virtual_time(flow.next()), Ok(Some(1_000)));
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>, limit: u8) {
        let expected: Vec<_> = items.iter().copied().skip_while(|item| *item < limit).collect();
        let flow = from_iter(items).skip_while(|item| *item < limit);
        prop_assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(expected));
    }
}
