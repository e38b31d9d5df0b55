//! `window_count`: a sub-stream for every `n` items.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use anabranch_operators::testing::{Event, Failed, Script, Timed, check, observe_nested, probe, virtual_time};
use anabranch_operators::{OperatorError, from_iter};
use futures::{StreamExt, stream};
use proptest::prelude::*;

use crate::support::{Reader, channel, send};

#[track_caller]
fn check_windows(input: &str, n: usize, opened: &[u64], end: Timed<usize, Failed>, windows: &[&str]) {
    let nested = virtual_time(observe_nested(Script::marbles(input).window_count(n), 50, |window| *window.key()));
    let opens = opened.iter().enumerate().map(|(number, tick)| (*tick, Event::Item(number)));
    assert_eq!(nested.outer, opens.chain([end]).collect::<Vec<_>>());
    assert_eq!(nested.marbles(), windows);
}

#[test]
fn opens_the_next_window_with_the_last_item_of_the_one_before() {
    check_windows("a-b-c-|", 2, &[0, 2], (6, Event::End), &["0: a-(b|)", "1: ----c-|"]);
    check_windows("a-b-|", 1, &[0, 0, 2], (4, Event::End), &["0: (a|)", "1: --(b|)", "2: ----|"]);
}

#[test]
fn opens_the_first_window_at_once() {
    check_windows("--|", 3, &[0], (2, Event::End), &["0: --|"]);
    check_windows("", 3, &[0], (50, Event::Dropped), &["0: "]);
    check_windows("-a", 3, &[0], (50, Event::Dropped), &["0: -a"]);
}

#[test]
fn fails_with_the_open_window() {
    check_windows("ab-c-#", 2, &[0, 1], (5, Event::Failure(Failed::Scripted)), &["0: a(b|)", "1: ---c-#"]);
}

#[test]
fn read_one_after_another_windows_give_what_their_source_gives() {
    for input in ["a-b-c-d--e|", "(ab)c#", "|", "ab"] {
        check(input, |flow| flow.window_count(2).concat_map(|window| window), input);
        check(input, |flow| flow.window_count(2).merge_map(9, |window| window), input);
    }
}

#[test]
fn a_dropped_window_discards_its_items() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.window_count(2));
    let first = outer.item();
    assert_eq!(*first.key(), 0);
    outer.waits();
    drop(first);
    send(&source, 1..=3);
    let mut second = Reader::new(outer.item());
    assert_eq!(second.item(), 3);
    drop(outer);
    send(&source, 4..=6);
    assert_eq!(second.item(), 4);
    second.has_ended();
}

#[test]
fn the_source_goes_with_the_last_reader() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let mut outer = Reader::new(flow.window_count(2));
    let mut first = Reader::new(outer.item());
    drop(outer);
    send(&source, [1]);
    assert_eq!(first.item(), 1);
    assert!(!seen.dropped());
    drop(first);
    assert!(seen.dropped());
}

#[test]
fn windows_that_nobody_reads_hold_the_source_back_and_then_stall() {
    virtual_time(async {
        let (flow, seen) = probe(from_iter(0..1_000_000).fails_with::<OperatorError>());
        let mut windows = flow.window_count(100_000);
        let _first = windows.next().await.unwrap().unwrap();
        let error = windows.next().await.map(drop).unwrap_err();
        assert_eq!(seen.items(), 1_024);
        let OperatorError::Stalled { key, buffered: 1_024, .. } = error else { panic!("{error}") };
        assert_eq!(key, "window 0");
    });
}

#[test]
fn a_window_of_no_items_is_refused() {
    let payload =
        catch_unwind(AssertUnwindSafe(|| Script::marbles("|").window_count(0))).map(drop).expect_err("refused");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"a window must hold at least one item"));
}

proptest! {
    #[test]
    fn windows_are_chunks(items in prop::collection::vec(0..100_u8, 0..60), n in 1..9_usize) {
        let flow = from_iter(items.clone()).fails_with::<OperatorError>().window_count(n);
        let lists = flow.concat_map(|window| stream::once(window.collect::<Vec<_>>()).boxed());
        let lists = futures::executor::block_on(lists.collect::<Vec<_>>()).unwrap();
        let mut chunks = items.chunks(n).map(<[u8]>::to_vec).collect::<Vec<_>>();
        if items.len().is_multiple_of(n) {
            chunks.push(Vec::new());
        }
        prop_assert_eq!(lists, chunks);
    }
}
