//! `enumerate`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, virtual_time};
use proptest::prelude::*;

#[test]
fn numbers_the_items_from_zero() {
    check("a   -b   -c   -|", |flow| flow.enumerate(), "[0a]-[1b]-[2c]-|");
    check("a|", |flow| flow.enumerate(), "[0a]|");
    check("|", |flow| flow.enumerate(), "|");
    check("a--", |flow| flow.enumerate(), "[0a]--");
}

#[test]
fn gives_failures_no_number() {
    check("a-#", |flow| flow.enumerate(), "[0a]-#");
}

#[test]
fn is_dropped_midway() {
    check("a-b|", |flow| flow.enumerate(), "[0a]-!");
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let expected: Vec<_> = items.iter().copied().enumerate().collect();
        prop_assert_eq!(virtual_time(from_iter(items).enumerate().collect::<Vec<_>>()), Ok(expected));
    }
}
