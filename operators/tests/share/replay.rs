//! `replay`: readers that come late get the last items first.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use anabranch_operators::testing::{Failed, Script, check, probe, virtual_time};
use anabranch_operators::{Counter, from_iter};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

use crate::support::{Reader, channel, send};

#[test]
fn for_one_reader_it_changes_nothing() {
    for text in ["a-b-c-|", "|", "(abc|)", "--#", "(ab#)", "a-", "-"] {
        check(text, |flow| flow.replay(2), text);
    }
}

#[test]
fn a_late_reader_gets_the_last_items_and_then_all_others() {
    let (source, flow) = channel();
    let flow = flow.replay(2);
    let mut early = Reader::new(flow.clone());
    send(&source, "uvxyz".chars());
    assert_eq!([early.item(), early.item(), early.item()], ['u', 'v', 'x']);
    let mut late = Reader::new(flow);
    assert_eq!([late.item(), late.item(), late.item(), late.item()], ['v', 'x', 'y', 'z']);
    assert_eq!([early.item(), early.item()], ['y', 'z']);
}

#[test]
fn what_counts_is_the_first_poll_and_not_when_a_reader_was_made() {
    let flow = from_iter(0..100).replay(1).hold_back(1);
    let made_early = flow.clone();
    assert_eq!(flow.count().now_or_never(), Some(Ok(100)), "it holds nobody back");
    assert_eq!(made_early.collect::<Vec<_>>().now_or_never(), Some(Ok(vec![99])));
}

#[test]
fn after_the_failure_a_reader_gets_the_last_items_and_the_failure() {
    virtual_time(async {
        let flow = Script::marbles("ab#").replay(1);
        assert_eq!(flow.clone().count().await, Err(Failed::Scripted));
        let mut late = flow;
        assert_eq!(late.next().await, Ok(Some('b')));
        assert_eq!(late.next().await, Err(Failed::Scripted));
        assert_eq!(late.next().await, Ok(None));
    });
}

#[test]
fn the_slowest_reader_that_has_begun_holds_the_others_back() {
    let flow = from_iter(0..10).replay(1).hold_back(3);
    let (mut fast, mut slow) = (Reader::new(flow.clone()), Reader::new(flow));
    assert_eq!((fast.item(), slow.item()), (0, 0));
    assert_eq!([fast.item(), fast.item(), fast.item()], [1, 2, 3]);
    fast.waits();
    drop(slow);
    assert_eq!((fast.wakes(), fast.item()), (1, 4));
}

#[test]
fn slow_readers_lose_items_if_so_configured_but_never_what_is_kept() {
    let lost = Counter::new();
    let flow = from_iter(0..10).replay(4).drop_oldest(1).lost(&lost);
    let (mut fast, mut slow) = (Reader::new(flow.clone()), Reader::new(flow));
    assert_eq!((fast.item(), slow.item()), (0, 0));
    (1..10).for_each(|expected| assert_eq!(fast.item(), expected));
    assert_eq!((slow.item(), lost.get()), (6, 5));
}

#[test]
fn it_keeps_the_last_items_and_no_others() {
    let items = [0; 5].map(Arc::new);
    let counts = || items.iter().map(|item| Arc::strong_count(item) - 1).collect::<Vec<_>>();
    let flow = from_iter(items.clone()).replay(2);
    let mut reader = Reader::new(flow.clone());
    (0..4).for_each(|_| drop(reader.item()));
    assert_eq!(counts(), [0, 0, 1, 1, 1], "two are kept, and the last one has not been read");
    drop(reader);
    assert_eq!(counts(), [0, 0, 1, 1, 1], "a reader that has not begun keeps all alive");
    drop(flow);
    assert_eq!(counts(), [0; 5]);
}

#[test]
fn with_the_last_reader_begun_or_not_goes_the_source() {
    let (upstream, seen) = probe(Script::marbles("a-b|"));
    let flow = upstream.replay(1);
    let other = flow.clone();
    drop(flow);
    assert!(!seen.dropped());
    drop(other);
    assert!(seen.dropped() && seen.polls() == 0);
}

#[test]
fn hints_are_true_of_readers_that_have_not_begun() {
    let flow = from_iter(0..5).replay(2);
    let late = flow.clone();
    assert_eq!(late.size_hint(), (0, None));
    assert_eq!(flow.count().now_or_never(), Some(Ok(5)));
    assert_eq!(late.size_hint(), (2, Some(2)));
}

#[test]
#[should_panic(expected = "a replay of no items")]
fn a_replay_of_nothing_is_refused() {
    _ = from_iter([1]).replay(0);
}

proptest! {
    #[test]
    fn is_the_end_of_the_list_for_a_late_reader(list: Vec<u8>, keep in 1..5_usize, at in 0..20_usize) {
        let flow = from_iter(list.clone()).replay(keep);
        let mut early = Reader::new(flow.clone());
        let read = at.min(list.len());
        for expected in &list[..read] {
            prop_assert_eq!(early.item(), *expected);
        }
        let expected = list[read.saturating_sub(keep)..].to_vec();
        drop(early);
        prop_assert_eq!(flow.collect::<Vec<_>>().now_or_never(), Some(Ok(expected)));
    }
}
