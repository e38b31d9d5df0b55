//! `publish`: readers are taken first, and then it begins.
#![allow(clippy::unwrap_used)]

use anabranch_operators::testing::{Script, check, probe, virtual_time};
use anabranch_operators::{Counter, from_iter};
use proptest::prelude::*;

use crate::support::{Reader, channel, send};

#[test]
fn for_one_reader_it_changes_nothing() {
    for text in ["a-b-c-|", "|", "(abc|)", "--#", "(ab#)", "a-", "-"] {
        check(text, |flow| flow.publish().reader(), text);
    }
}

#[test]
fn nothing_is_read_before_it_is_connected() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let flow = flow.publish();
    let (mut a, mut b) = (Reader::new(flow.reader()), Reader::new(flow.reader()));
    send(&source, "x".chars());
    a.waits();
    b.waits();
    assert_eq!(seen.polls(), 0);
    flow.connect();
    assert_eq!((a.wakes(), b.wakes(), seen.polls()), (1, 0, 0), "one of those who wait is woken, and polls");
    assert_eq!(a.item(), 'x');
    assert_eq!((b.wakes(), b.item()), (1, 'x'));
}

#[test]
fn a_reader_that_is_woken_by_the_connection_and_dropped_leaves_it_to_another() {
    let flow = from_iter([1]).publish();
    let (mut a, mut b) = (Reader::new(flow.reader()), Reader::new(flow.reader()));
    a.waits();
    b.waits();
    flow.connect();
    drop(a);
    assert_eq!((b.wakes(), b.item()), (1, 1));
}

#[test]
fn dropping_it_connects_so_that_nobody_waits_for_ever() {
    let flow = from_iter([1]).publish();
    let mut reader = Reader::new(flow.reader());
    reader.waits();
    drop(flow);
    assert_eq!((reader.wakes(), reader.item()), (1, 1));
}

#[test]
fn connecting_without_readers_drops_the_source() {
    let (upstream, seen) = probe(Script::marbles("a-b|"));
    upstream.publish().connect();
    assert!(seen.dropped() && seen.polls() == 0);
}

#[test]
fn later_readers_are_clones_and_bounds_are_said_of_a_reader() {
    let lost = Counter::new();
    let flow = from_iter(0..5).publish();
    let mut reader = Reader::new(flow.reader().drop_oldest(2).lost(&lost));
    flow.connect();
    assert_eq!(reader.item(), 0);
    let late = reader.stream().clone();
    (1..5).for_each(|expected| assert_eq!(reader.item(), expected));
    assert_eq!(virtual_time(late.collect::<Vec<_>>()), Ok(vec![3, 4]));
    assert_eq!(lost.get(), 2);
}

proptest! {
    #[test]
    fn is_the_list_for_readers_that_begin_at_different_times(list: Vec<u8>, readers in 1..5_usize) {
        virtual_time(async {
            let flow = from_iter(list.clone()).publish();
            let mut tasks = Vec::new();
            for _ in 0..readers {
                tasks.push(tokio::spawn(flow.reader().collect::<Vec<_>>()));
                tokio::task::yield_now().await;
            }
            flow.connect();
            for task in tasks {
                prop_assert_eq!(task.await.unwrap(), Ok(list.clone()));
            }
            Ok(())
        })?;
    }
}
