//! `distinct_until_changed`: the items whose key is another than that of the item before.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, check, probe};
use futures::FutureExt;
use proptest::prelude::*;

use super::timed::{agrees, scripts};

#[test]
fn gives_an_item_when_the_key_changes() {
    check("a-a-b-b-a-|", |flow| flow.distinct_until_changed(|item| *item), "a---b---a-|");
    check("(aab)(ba)|", |flow| flow.distinct_until_changed(|item| *item), "(ab)a|");
    check("a-b-|", |flow| flow.distinct_until_changed(|_| ()), "a---|");
}

#[test]
fn ends_and_fails_with_upstream() {
    check("|", |flow| flow.distinct_until_changed(|item| *item), "|");
    check("aa#", |flow| flow.distinct_until_changed(|item| *item), "a-#");
    check("aa", |flow| flow.distinct_until_changed(|item| *item), "a");
}

#[test]
fn is_dropped_midway() {
    check("a-a-b-|", |flow| flow.distinct_until_changed(|item| *item), "a--!");
}

#[test]
fn a_key_that_does_not_equal_itself_always_changes() {
    check("aa-a|", |flow| flow.distinct_until_changed(|_| f64::NAN), "aa-a|");
}

#[test]
fn lets_others_run_while_nothing_changes() {
    let (source, seen) = probe(from_iter(0..));
    let mut flow = source.distinct_until_changed(|_| 0);
    assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
    assert_eq!(flow.next().now_or_never(), None);
    assert_eq!(seen.items(), 1 + 256);
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), modulus in 1..4_u8) {
        let mut last = None;
        let mut expected = script.clone();
        expected.retain(|(_, event)| {
            let Event::Item(item) = event else { return true };
            last.replace(item % modulus) != Some(item % modulus)
        });
        agrees(&script, |flow| flow.distinct_until_changed(|item| *item % modulus), &expected)?;
    }
}
