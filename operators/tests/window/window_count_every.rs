//! `window_count_every`: a sub-stream of `n` items for every so many.
#![allow(clippy::unwrap_used)]

use anabranch_operators::testing::{Script, check, probe, virtual_time};
use anabranch_operators::{OperatorError, from_iter};

use crate::model::{assert_marbles_of_windows, refusal};
use crate::support::{Reader, channel, send};

#[track_caller]
fn check_windows(input: &str, n: usize, step: usize, expected: &[&str]) {
    assert_marbles_of_windows(Script::marbles(input).window_count_every(n, step), expected);
}

#[test]
fn windows_overlap_and_open_even_if_nothing_follows() {
    check_windows("a-b-c-d-|", 3, 2, &["0-1---2-|", "a-b-(c|)", "----c-d-|", "--------|"]);
    check_windows("a-b-|", 2, 1, &["(01)-2-|", "a-(b|)", "--b-|", "----|"]);
}

#[test]
fn items_between_windows_are_left_out() {
    check_windows("a-b-c-d-|", 1, 3, &["0---1---|", "(a|)", "------(d|)"]);
    check_windows("abc--|", 1, 2, &["01---|", "(a|)", "--(c|)"]);
}

#[test]
fn fails_with_the_open_windows() {
    check_windows("a-b-#", 3, 1, &["(01)-2-#", "a-b-#", "--b-#", "----#"]);
}

#[test]
fn read_together_they_give_what_upstream_gives_once_for_each_window() {
    for (input, expected) in [("a-b-c|", "a-(bb)-(cc)|"), ("a-b#", "a-(bb)#"), ("|", "|"), ("a", "a")] {
        check(input, |flow| flow.window_count_every(2, 1).merge_map(4, |window| window), expected);
    }
}

#[test]
fn windows_that_are_dropped_hold_nothing_back() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.window_count_every(3, 1));
    let first = outer.item();
    send(&source, 1..=5);
    let mut second = Reader::new(outer.item());
    drop(first);
    assert_eq!((second.item(), second.item(), second.item()), (2, 3, 4));
    second.has_ended();
    drop(outer);
}

#[test]
fn the_source_goes_with_the_last_reader() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let mut outer = Reader::new(flow.window_count_every(2, 1));
    let mut first = Reader::new(outer.item());
    send(&source, [1]);
    let mut second = Reader::new(outer.item());
    drop(outer);
    send(&source, [2]);
    assert_eq!((first.item(), first.item(), second.item()), (1, 2, 2));
    first.has_ended();
    drop(first);
    assert!(!seen.dropped());
    drop(second);
    assert!(seen.dropped());
}

#[test]
fn each_window_is_bounded_and_one_that_is_not_read_stalls_the_others() {
    virtual_time(async {
        let (flow, seen) = probe(from_iter(0..1_000_000).fails_with::<OperatorError>());
        let mut windows = flow.window_count_every(3_000, 2_000);
        let mut first = windows.next().await.unwrap().unwrap();
        for n in 0..3_000 {
            assert_eq!(first.next().await, Ok(Some(n)));
        }
        let _second = windows.next().await.unwrap().unwrap();
        let error = windows.next().await.map(drop).unwrap_err();
        assert!(matches!(&error, OperatorError::Stalled { buffered: 1_024, key, .. } if key == "window 1"), "{error}");
        assert_eq!(seen.items(), 2_000 + 1_024);
    });
}

#[test]
fn sizes_of_zero_are_refused() {
    assert!(refusal(|| Script::marbles("|").window_count_every(0, 1)).contains("at least one item"));
    assert!(refusal(|| Script::marbles("|").window_count_every(1, 0)).contains("the next window"));
}
