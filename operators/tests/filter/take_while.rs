//! `take_while`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, virtual_time};
use proptest::prelude::*;

#[test]
fn ends_at_the_first_item_that_fails() {
    check("1-2-3-1-|", |flow| flow.take_while(|item| *item < '3'), "1-2-|");
    check("3-1-|", |flow| flow.take_while(|item| *item < '3'), "|");
    check("(131)|", |flow| flow.take_while(|item| *item < '3'), "(1|)");
}

#[test]
fn ends_with_upstream() {
    check("1-2-|", |flow| flow.take_while(|_| true), "1-2-|");
    check("|", |flow| flow.take_while(|_| true), "|");
    check("1-2-", |flow| flow.take_while(|_| true), "1-2-");
}

#[test]
fn does_not_test_failures() {
    check("1-#", |flow| flow.take_while(|_| true), "1-#");
}

#[test]
fn is_dropped_midway() {
    check("1-2-3|", |flow| flow.take_while(|_| true), "1-!");
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>, limit: u8) {
        let expected: Vec<_> = items.iter().copied().take_while(|item| *item < limit).collect();
        let flow = from_iter(items).take_while(|item| *item < limit);
        prop_assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(expected));
    }
}
