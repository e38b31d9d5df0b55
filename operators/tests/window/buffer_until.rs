//! `buffer_until`: lists that each end with an item that passes a test.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, probe};
use futures::Stream;

#[track_caller]
fn check_capitals(input: &str, expected: &str) {
    check(input, |flow| flow.buffer_until(char::is_ascii_uppercase), expected);
}

#[test]
fn gives_a_list_with_the_item_that_passes() {
    check_capitals("a-B-c-D-", "--[aB]---[cD]");
    check_capitals("A-B|", "[A]-[B]|");
}

#[test]
fn gives_the_held_items_when_upstream_ends_and_no_empty_list() {
    check_capitals("a-B-c|", "--[aB]--([c]|)");
    check_capitals("a-B-|", "--[aB]-|");
    check_capitals("|", "|");
    check_capitals("a", "");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check_capitals("aBc-#", "-[aB]--#");
}

#[test]
fn drops_the_held_items_with_it() {
    let (upstream, seen) = probe(Script::marbles("aBc---|"));
    assert_marbles(upstream.buffer_until(char::is_ascii_uppercase), "-[aB]--!");
    assert!(seen.items() == 3 && seen.dropped());
}

#[test]
fn size_hint_is_no_more_than_one_list_an_item() {
    assert_eq!(from_iter([1; 5]).buffer_until(|_| true).size_hint(), (0, Some(5)));
}

#[test]
fn a_list_without_an_end_is_given_with_max_count_items() {
    check("abcD|", |flow| flow.buffer_until(|item: &char| item.is_uppercase()).max_count(2), "-[ab]-[cD]|");
    check("abC-D|", |flow| flow.buffer_until(|item: &char| item.is_uppercase()).max_count(2), "-[ab][C]-[D]|");
}
