//! `map`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, virtual_time};
use proptest::prelude::*;

#[test]
fn gives_each_changed_item() {
    check("a-b-c-|", |flow| flow.map(|item| item.to_ascii_uppercase()), "A-B-C-|");
    check("(ab)c|", |flow| flow.map(|item| item.to_ascii_uppercase()), "(AB)C|");
    check("--|", |flow| flow.map(|item| item), "--|");
    check("a--", |flow| flow.map(|item| item), "a--");
}

#[test]
fn fails_with_upstream() {
    check("a-#", |flow| flow.map(|item| vec![item]), "[a]-#");
}

#[test]
fn is_dropped_midway() {
    check("a-b-c-|", |flow| flow.map(|item| item), "a-!");
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let expected: Vec<_> = items.iter().map(|n| u32::from(*n) + 1).collect();
        let collected = virtual_time(from_iter(items).map(|n| u32::from(n) + 1).collect::<Vec<_>>());
        prop_assert_eq!(collected, Ok(expected));
    }
}
