//! `window_when`: one sub-stream after another, cut where another flow says.

use std::iter::repeat;

use anabranch_operators::testing::{Event, Failed, Script, check_inputs, probe, virtual_time};
use anabranch_operators::{OperatorError, from_iter};
use proptest::prelude::*;

use crate::model::{
    assert_marbles_of_windows, assert_windows, even_ticks, items_at, read_while_time_passes, scripts, stuttering,
};
use crate::support::{Reader, channel, send};

#[track_caller]
fn check_windows(input: &str, signal: &str, expected: &[&str]) {
    assert_marbles_of_windows(Script::marbles(input).window_when(Script::marbles(signal)), expected);
}

#[test]
fn each_item_of_the_signal_closes_a_window_and_opens_the_next() {
    check_windows("a-b----c|", "---x-x", &["0--1-2--|", "a-b|", "-----|", "-------c|"]);
    check_windows("", "--x", &["0-1", "--|", ""]);
}

#[test]
fn the_first_window_opens_at_once() {
    check_windows("|", "", &["(0|)", "|"]);
}

#[test]
fn a_signal_that_has_ended_cuts_no_more() {
    check_windows("a-b-c-|", "-x|", &["01----|", "a|", "--b-c-|"]);
}

#[test]
fn the_cut_comes_first_when_both_are_ready() {
    check_windows("a-b|", "--x", &["0-1|", "a-|", "--b|"]);
}

#[test]
fn failures_of_both_come_at_once_and_fail_the_open_window() {
    check_windows("a-b-#", "-x", &["01--#", "a|", "--b-#"]);
    check_windows("a-b-----", "-x--#", &["01--#", "a|", "--b-#"]);
}

#[test]
fn read_one_after_another_windows_give_what_their_source_gives() {
    for input in ["a-b-c-d--e|", "(ab)c#", "|", "ab"] {
        check_inputs([input, "-x--x-x"], |[flow, signal]| flow.window_when(signal).concat_map(|window| window), input);
    }
}

#[test]
fn source_and_signal_go_with_the_last_reader() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let (signals, signal) = channel();
    let (signal, heard) = probe(signal);
    let mut outer = Reader::new(flow.window_when(signal));
    let mut first = Reader::new(outer.item());
    drop(outer);
    send(&source, [1]);
    assert_eq!(first.item(), 1);
    first.waits();
    send(&signals, [()]);
    assert_eq!(first.wakes(), 1, "the reader of a window drives the signal, too");
    first.has_ended();
    assert!(!seen.dropped() && !heard.dropped());
    drop(first);
    assert!(seen.dropped() && heard.dropped());
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_a_cut_back() {
    virtual_time(async {
        let cuts = Script::new([(5, Event::Item(())), (9, Event::Item(()))]);
        let source = from_iter(repeat(1)).fails_with::<Failed>();
        let mut windows = source.window_when(cuts).map(|window| *window.key());
        assert_eq!(read_while_time_passes(&mut windows, 3).await, [0, 1, 2]);
    });
}

#[test]
fn a_signal_that_is_always_ready_waits_for_readers() {
    let source = from_iter(repeat(1)).fails_with::<OperatorError>();
    let (signal, heard) = probe(from_iter(repeat(())).fails_with());
    let mut outer = Reader::new(source.window_when(signal));
    for number in 0..100_000 {
        assert_eq!(*outer.item().key(), number);
    }
    assert!(heard.items() < 100_000 + 70_000);
    let mut last = Reader::new(outer.item());
    drop(outer);
    last.has_ended();
}

#[test]
fn a_signal_that_is_always_ready_does_not_hold_upstream_back() {
    virtual_time(async {
        let source = from_iter([1, 2]).fails_with::<OperatorError>();
        let windows = source.window_when(from_iter(repeat(())).fails_with());
        let mut opened = 0;
        let items = windows.concat_map(move |window| {
            opened += 1;
            assert!(opened < 100_000, "upstream is not read");
            window
        });
        assert_eq!(items.collect::<Vec<_>>().await, Ok(vec![1, 2]));
    });
}

#[test]
fn one_poll_opens_so_many_windows_and_no_more() {
    let source = from_iter(repeat(1)).fails_with::<OperatorError>();
    let (signal, heard) = probe(from_iter(repeat(())).fails_with());
    let mut outer = Reader::new(source.window_when(signal));
    let _ = outer.item();
    assert!(heard.items() <= 256, "{} windows were opened in one poll", heard.items());
}

proptest! {
    #[test]
    fn windows_hold_what_came_between_cuts(script in scripts(), cuts in even_ticks()) {
        let opens = [0].into_iter().chain(cuts.iter().copied());
        let spans: Vec<_> = opens.zip(cuts.iter().copied().chain([u64::MAX])).collect();
        assert_windows(stuttering(&script).window_when(items_at(&cuts)), &script, &spans);
    }
}
