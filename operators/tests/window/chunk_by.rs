//! `chunk_by`: lists of items that follow each other and have the same key.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, probe};
use futures::Stream;

#[track_caller]
fn check_letters(input: &str, expected: &str) {
    check(input, |flow| flow.chunk_by(char::to_ascii_lowercase), expected);
}

#[test]
fn gives_a_list_when_the_key_changes() {
    check_letters("a-A-b-B-a-", "----[aA]---[bB]");
    check_letters("abc|", "-[a][b]([c]|)");
}

#[test]
fn gives_the_held_items_when_upstream_ends_and_no_empty_list() {
    check_letters("a-A-|", "----([aA]|)");
    check_letters("|", "|");
    check_letters("a", "");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check_letters("aab-#", "--[aa]-#");
}

#[test]
fn drops_the_held_items_with_it() {
    let (upstream, seen) = probe(Script::marbles("aab---|"));
    assert_marbles(upstream.chunk_by(|letter| *letter), "--[aa]-!");
    assert!(seen.items() == 3 && seen.dropped());
}

#[test]
fn size_hint_counts_the_list_that_is_held() {
    let mut flow = from_iter([1, 2, 3]).chunk_by(|n| *n);
    assert_eq!(flow.size_hint(), (0, Some(3)));
    assert_eq!(futures::executor::block_on(flow.next()), Ok(Some(vec![1])));
    assert_eq!(flow.size_hint(), (1, Some(2)));
}

#[test]
fn a_long_run_is_given_in_lists_of_max_count_items() {
    check("aaaaab|", |flow| flow.chunk_by(|key| *key).max_count(2), "-[aa]-[aa]-[a]([b]|)");
    check("ab|", |flow| flow.chunk_by(|key| *key).max_count(1), "[a][b]|");
}

#[test]
fn a_slow_run_is_given_when_its_first_item_has_waited_for_max_time() {
    check("a-a---a|", |flow| flow.chunk_by(|key| *key).max_time(Duration::from_millis(3)), "---[aa]---([a]|)");
}
