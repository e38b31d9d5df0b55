//! `share`: a flow with several readers, which runs once.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use anabranch_operators::testing::{Failed, Script, check, probe, probe_stuttering, virtual_time};
use anabranch_operators::{Counter, OperatorError, from_iter, from_results};
use futures::{FutureExt, Stream, stream};
use proptest::prelude::*;

use crate::support::{Reader, channel, results, send};

#[test]
fn for_one_reader_it_changes_nothing() {
    for text in ["a-b-c-|", "|", "(abc|)", "--#", "(ab#)", "a-", "-"] {
        check(text, |flow| flow.share(), text);
        check(text, |flow| flow.share().drop_oldest(1), text);
    }
}

#[test]
fn readers_on_one_task_get_everything() {
    virtual_time(async {
        let flow = Script::marbles("a-b-c-|").share();
        let (one, other) = (flow.clone().collect::<String>(), flow.collect::<String>());
        assert_eq!(futures::join!(one, other), (Ok("abc".to_owned()), Ok("abc".to_owned())));
    });
}

#[test]
fn upstream_runs_once() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("a-b-c-|"));
        let flow = upstream.share();
        assert_eq!(seen.polls(), 0);
        assert_eq!(futures::join!(flow.clone().count(), flow.clone().count(), flow.count()), (Ok(3), Ok(3), Ok(3)));
        assert_eq!((seen.items(), seen.polls_after_end()), (3, 0));
    });
}

#[test]
fn a_clone_goes_on_from_where_the_original_is() {
    let (source, flow) = channel();
    let mut a = Reader::new(flow.share());
    send(&source, "xyz".chars());
    assert_eq!(a.item(), 'x');
    let mut b = Reader::new(a.stream().clone());
    assert_eq!(a.item(), 'y');
    let mut c = Reader::new(a.stream().clone());
    assert_eq!([b.item(), b.item()], ['y', 'z']);
    assert_eq!((a.item(), c.item()), ('z', 'z'));
}

#[test]
fn a_failure_keeps_its_place_and_reaches_every_reader() {
    let flow = from_results(stream::iter([Ok('a'), Ok('b'), Err(Failed::Scripted)])).share();
    let (mut a, mut b) = (Reader::new(flow.clone()), Reader::new(flow));
    assert_eq!([a.item(), a.item()], ['a', 'b']);
    assert_eq!(a.failure(), Failed::Scripted);
    a.has_ended();
    assert_eq!([b.item(), b.item()], ['a', 'b']);
    assert_eq!(b.failure(), Failed::Scripted);
    b.has_ended();
}

#[test]
fn a_clone_of_a_reader_that_failed_fails_too_and_is_not_taken_for_an_empty_flow() {
    let mut flow = Script::marbles("a#").share();
    virtual_time(async {
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Err(Failed::Scripted));
        assert_eq!(flow.next().await, Ok(None));
        assert_eq!(flow.clone().next().await, Err(Failed::Scripted));
    });
}

#[test]
fn whoever_waits_is_told_of_the_end_and_of_a_failure() {
    let (source, flow) = channel::<char>();
    let flow = flow.share();
    let (mut a, mut b) = (Reader::new(flow.clone()), Reader::new(flow));
    a.waits();
    b.waits();
    drop(source);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    a.has_ended();
    assert_eq!(b.wakes(), 1);
    b.has_ended();

    let (source, flow) = results::<char>();
    let flow = flow.share();
    let (mut a, mut b) = (Reader::new(flow.clone()), Reader::new(flow));
    a.waits();
    b.waits();
    send(&source, [Err(OperatorError::TooManyGroups { max_groups: 1 })]);
    a.failure();
    assert_eq!(b.wakes(), 1);
    b.failure();
}

#[test]
fn the_slowest_reader_holds_the_others_back() {
    let (upstream, seen) = probe(from_iter(0..1_000));
    let flow = upstream.share();
    let (mut fast, mut slow) = (Reader::new(flow.clone()), Reader::new(flow));
    for expected in 0..256 {
        assert_eq!(fast.item(), expected);
    }
    fast.waits();
    assert_eq!((seen.items(), fast.wakes()), (256, 0));
    assert_eq!(slow.item(), 0);
    assert_eq!(fast.wakes(), 1, "there is room again");
    assert_eq!(fast.item(), 256);
    fast.waits();
}

#[test]
fn the_bound_can_be_changed_while_somebody_waits_for_it() {
    let flow = from_iter(0..10).share().hold_back(1);
    let (mut fast, slow) = (Reader::new(flow.clone()), flow);
    assert_eq!(fast.item(), 0);
    fast.waits();
    let slow = slow.hold_back(2);
    assert_eq!(fast.wakes(), 1);
    assert_eq!(fast.item(), 1);
    fast.waits();
    let lost = Counter::new();
    let mut slow = Reader::new(slow.drop_oldest(1).lost(&lost));
    assert_eq!(fast.wakes(), 1);
    assert_eq!((fast.item(), slow.item(), lost.get()), (2, 2, 2));
}

#[test]
fn slow_readers_lose_the_oldest_items_if_so_configured_and_each_loss_is_counted() {
    let lost = Counter::new();
    let flow = from_iter(0..10).share().drop_oldest(3).lost(&lost);
    let (mut fast, slow, slower) = (Reader::new(flow.clone()), flow.clone(), flow);
    (0..10).for_each(|expected| assert_eq!(fast.item(), expected));
    fast.has_ended();
    assert_eq!(lost.get(), 14);
    assert_eq!(slow.collect::<Vec<_>>().now_or_never(), Some(Ok(vec![7, 8, 9])));
    drop(slower);
    assert_eq!(lost.get(), 14, "what a reader does not want, it does not lose");
}

#[test]
fn with_the_last_reader_goes_the_source() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let flow = flow.share();
    let (mut a, b) = (Reader::new(flow.clone()), flow);
    send(&source, "x".chars());
    assert_eq!(a.item(), 'x');
    drop(a);
    assert!(!seen.dropped());
    let mut c = Reader::new(b.clone());
    drop(b);
    assert_eq!(c.waits_after_item(), 'x');
    drop(c);
    assert!(seen.dropped());
}

#[test]
fn the_source_is_dropped_when_it_has_ended_and_items_when_all_have_them() {
    let item = Arc::new(());
    let (upstream, seen) = probe(from_iter([Arc::clone(&item)]));
    let flow = upstream.share();
    let (mut a, mut b) = (Reader::new(flow.clone()), Reader::new(flow));
    drop(a.item());
    a.has_ended();
    assert!(seen.dropped());
    assert_eq!(Arc::strong_count(&item), 2, "it is kept for the other");
    drop(b.item());
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn hints_are_about_what_is_left_for_the_reader() {
    let flow = from_iter(0..3).share();
    let (mut a, b) = (Reader::new(flow.clone()), flow);
    assert_eq!(a.stream().size_hint(), (0, None));
    (0..3).for_each(|_| _ = a.item());
    assert_eq!(b.size_hint(), (3, None));
    a.has_ended();
    assert_eq!((a.stream().size_hint(), b.size_hint()), ((0, Some(0)), (3, Some(3))));
}

#[test]
#[should_panic(expected = "0 items apart")]
fn no_room_at_all_is_refused() {
    _ = from_iter([1]).share().hold_back(0);
}

#[test]
#[should_panic(expected = "at least the latest item")]
fn losing_everything_is_refused() {
    _ = from_iter([1]).share().drop_oldest(0);
}

/// A plain model: the items that were read, and where each reader is.
struct Model {
    sent: usize,
    read: usize,
    bound: usize,
    lossy: bool,
    lost: u64,
    at: VecDeque<usize>,
}

impl Model {
    fn poll(&mut self, reader: usize) -> Option<usize> {
        let behind = self.read - self.at.iter().min().unwrap();
        if self.at[reader] == self.read {
            if self.read == self.sent || (!self.lossy && behind >= self.bound) {
                return None;
            }
            self.read += 1;
        }
        for at in &mut self.at {
            if self.lossy && *at + self.bound < self.read {
                *at += 1;
                self.lost += 1;
            }
        }
        self.at[reader] += 1;
        Some(self.at[reader] - 1)
    }
}

proptest! {
    #[test]
    fn readers_are_as_places_in_a_list(
        steps in prop::collection::vec((0..8_u8, 0..5_usize), 0..80),
        bound in 1..5_usize,
        lossy: bool,
    ) {
        let (source, flow) = channel();
        let (flow, lost) = (probe_stuttering(flow).0.share(), Counter::new());
        let flow = if lossy { flow.drop_oldest(bound) } else { flow.hold_back(bound) }.lost(&lost);
        let mut model = Model { sent: 0, read: 0, bound, lossy, lost: 0, at: VecDeque::from([0]) };
        let mut readers = vec![Reader::new(flow)];
        for (step, reader) in steps {
            let reader = reader % readers.len();
            match step {
                0..3 => {
                    send(&source, [model.sent]);
                    model.sent += 1;
                }
                3 => {
                    readers.push(Reader::new(readers[reader].stream().clone()));
                    model.at.push_back(model.at[reader]);
                }
                4 if readers.len() > 1 => {
                    readers.remove(reader);
                    model.at.remove(reader);
                }
                _ => {
                    let expected = model.poll(reader);
                    let mut got = readers[reader].poll();
                    if got.is_pending() {
                        got = readers[reader].poll(); // The source may have stuttered, and woken another one.
                    }
                    let got = got.map(|item| item.unwrap().unwrap());
                    prop_assert_eq!(got, expected.map_or(Poll::Pending, Poll::Ready));
                }
            }
            prop_assert_eq!(lost.get(), model.lost);
        }
    }
}
