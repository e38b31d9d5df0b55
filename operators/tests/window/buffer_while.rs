//! `buffer_while`: lists of items that follow each other and pass a test.

use std::iter::repeat;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, probe, virtual_time};
use futures::Stream;

#[track_caller]
fn check_small(input: &str, expected: &str) {
    check(input, |flow| flow.buffer_while(char::is_ascii_lowercase), expected);
}

#[test]
fn gives_a_list_at_an_item_that_does_not_pass_and_leaves_that_out() {
    check_small("a-b-X-c-Y", "----[ab]---[c]");
}

#[test]
fn gives_no_empty_list() {
    check_small("X-Y-a-X-Y-|", "------[a]---|");
    check_small("|", "|");
    check_small("X", "");
}

#[test]
fn gives_the_held_items_when_upstream_ends() {
    check_small("X-a-b-|", "------([ab]|)");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check_small("aXb-#", "-[a]--#");
}

#[test]
fn drops_the_held_items_with_it() {
    let (upstream, seen) = probe(Script::marbles("aXc---|"));
    assert_marbles(upstream.buffer_while(char::is_ascii_lowercase), "-[a]--!");
    assert!(seen.items() == 3 && seen.dropped());
}

#[test]
fn lets_others_run_while_nothing_passes() {
    let mut flow = from_iter(repeat('X')).buffer_while(char::is_ascii_lowercase);
    let others_ran = virtual_time(async {
        tokio::select! {
            biased;
            _ = flow.next() => false,
            () = tokio::task::yield_now() => true,
        }
    });
    assert!(others_ran);
}

#[test]
fn size_hint_is_no_more_than_one_list_an_item() {
    assert_eq!(from_iter([1; 5]).buffer_while(|_| true).size_hint(), (0, Some(5)));
}

#[test]
fn a_list_without_an_end_is_given_with_max_count_items() {
    check("abcX|", |flow| flow.buffer_while(|item: &char| item.is_lowercase()).max_count(2), "-[ab]-[c]|");
}
