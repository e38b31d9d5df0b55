//! `group_until`: how many groups there are at most, how much they hold, and what happens when nobody reads them.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::time::Duration;

use anabranch_operators::group::{GroupSignal, Until};
use anabranch_operators::testing::{Event, Failed, Script, observe_nested, probe, virtual_time};
use anabranch_operators::{Counter, OperatorError, from_iter};
use futures::stream;

use crate::support::{Reader, channel, send};

const fn ms(ticks: u64) -> Duration {
    Duration::from_millis(ticks)
}

/// The outer stream's events, `0-1-|` with the groups numbered, and each group as `key: marbles`.
#[test]
fn at_the_limit_the_oldest_group_is_closed_early_and_counted() {
    let closed = Counter::new();
    let flow = Script::marbles("a-b-a-c-a-|").group_until(|c| *c, Until::end()).max_groups(2).closed_early(&closed);
    let nested = virtual_time(observe_nested(flow, 100, |group| *group.key()));
    assert_eq!(nested.marbles(), ["a: a---a-|", "b: --b-----|", "c: ------c---|", "a: --------a-|"]);
    assert_eq!(closed.get(), 2);
}

#[test]
fn beyond_the_limit_the_flow_fails_if_told_to() {
    let closed = Counter::new();
    let flow = Script::marbles("a-b-a-c-a-|").group_until(|c| *c, Until::end()).max_groups(2);
    let nested = virtual_time(observe_nested(flow.closed_early(&closed).fail_beyond(), 100, |group| *group.key()));
    assert_eq!(nested.marbles(), ["a: a---a-#", "b: --b---#"]);
    let failure = Failed::Operator(OperatorError::TooManyGroups { max_groups: 2 });
    assert_eq!(nested.outer.last(), Some(&(6, Event::Failure(failure))));
    assert_eq!(closed.get(), 0);
}

#[test]
fn one_item_can_close_the_oldest_group_and_its_own() {
    let (source, flow) = channel();
    let closed = Counter::new();
    let flow = flow.group_until(|c: &char| *c, when_b_count_one());
    let mut outer = Reader::new(flow.max_groups(1).closed_early(&closed));
    send(&source, "ab".chars());
    let mut a = Reader::new(outer.item());
    assert_eq!(a.item(), 'a');
    let mut b = Reader::new(outer.item());
    a.has_ended();
    assert_eq!(b.item(), 'b');
    b.has_ended();
    assert_eq!(closed.get(), 1);
}

/// Ends groups of `b` with their first item.
fn when_b_count_one() -> Until<impl GroupSignal<char, OperatorError>> {
    Until::when(|key: &char| {
        let fires = *key == 'b';
        stream::poll_fn(
            move |_| if fires { std::task::Poll::Ready(None::<Result<(), _>>) } else { std::task::Poll::Pending },
        )
    })
}

#[test]
fn a_dropped_group_discards_its_items_until_it_ends() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_until(|c: &char| *c, Until::count(5)).buffers(2, 4));
    send(&source, "ab".chars());
    let (a, mut b) = (outer.item(), Reader::new(outer.item()));
    assert_eq!(b.item(), 'b');
    drop(a);
    send(&source, "aaabb".chars()); // No room would be left for them.
    assert_eq!((b.item(), b.item()), ('b', 'b'));
    outer.waits();
    send(&source, "aa".chars()); // The fifth, and the one that opens the next.
    let mut next = Reader::new(outer.item());
    assert_eq!(next.item(), 'a');
    next.waits();
}

#[test]
fn a_full_buffer_holds_the_source_back() {
    virtual_time(async {
        let (flow, seen) = probe(from_iter((0..100).map(|n| n % 2)).fails_with::<OperatorError>());
        let mut outer = Reader::new(flow.group_by(|n| *n).buffers(3, 100));
        assert_eq!(seen.polls(), 0);
        let (mut even, mut odd) = (Reader::new(outer.item()), Reader::new(outer.item()));
        outer.waits();
        assert_eq!(seen.items(), 5, "three even ones, two odd ones");
        assert_eq!((odd.item(), odd.item()), (1, 1));
        odd.waits();
        outer.waits();
        assert_eq!(seen.items(), 5);
        outer.wakes();
        assert_eq!(even.item(), 0);
        assert_eq!(outer.wakes() + odd.wakes(), 1, "room was made: somebody polls the source");
        assert_eq!(odd.item(), 1);
        odd.waits();
        assert_eq!(seen.items(), 7, "an odd one, and an even one, which took the room");
    });
}

#[test]
fn all_buffers_together_hold_the_source_back() {
    virtual_time(async {
        let (flow, seen) = probe(from_iter(0..100).fails_with::<OperatorError>());
        let mut outer = Reader::new(flow.group_until(|n: &i32| n % 10, Until::count(2)).buffers(2, 6));
        let mut zero = Reader::new(outer.item());
        assert_eq!(zero.item(), 0);
        zero.waits(); // Groups 1, 2 and 3, not taken, and their items.
        assert_eq!(seen.items(), 4);
        let groups = (0..3).map(|_| outer.item()).collect::<Vec<_>>();
        zero.waits();
        assert_eq!(seen.items(), 6, "three items, and an item and its group twice, of which the last is one too many");
        drop(groups);
        zero.waits();
        assert_eq!(seen.items(), 7);
    });
}

#[test]
fn a_group_that_is_not_read_while_others_wait_fails_the_flow() {
    virtual_time(async {
        let source = from_iter("aabbbbbbbbb".chars()).fails_with::<OperatorError>();
        let mut outer = source.group_by(|c| *c).buffers(4, 100).stall_after(ms(700));
        let mut a = outer.next().await.unwrap().unwrap();
        assert_eq!(a.next().await, Ok(Some('a')));
        let mut b = outer.next().await.unwrap().unwrap();
        let begin = tokio::time::Instant::now();
        assert_eq!(a.next().await, Ok(Some('a')));
        let error = a.next().await.unwrap_err();
        assert_eq!(begin.elapsed(), ms(700));
        assert_eq!(error, OperatorError::Stalled { key: "'b'".to_owned(), buffered: 4, after: ms(700) });
        let said = error.to_string();
        assert!(said.contains("'b'") && said.contains("merge_map") && said.contains("buffers"), "{said}");
        assert_eq!(outer.next().await.map(drop), Err(error.clone()));
        assert_eq!(b.next().await, Err(error), "what it held is lost");
        assert_eq!((a.next().await, b.next().await), (Ok(None), Ok(None)));
        assert!(outer.next().await.unwrap().is_none());
    });
}

#[test]
fn groups_that_nobody_takes_stall_too() {
    virtual_time(async {
        let mut outer = from_iter(0..100).fails_with::<OperatorError>().group_by(|n| *n).buffers(4, 10);
        let mut first = outer.next().await.unwrap().unwrap();
        assert_eq!(first.next().await, Ok(Some(0)));
        let error = first.next().await.unwrap_err();
        let after = Duration::from_secs(5);
        assert_eq!(error, OperatorError::Stalled { key: "1".to_owned(), buffered: 1, after });
    });
}

#[test]
fn groups_that_have_ended_stall_if_they_are_not_read() {
    virtual_time(async {
        let source = from_iter(0..100).fails_with::<OperatorError>();
        let mut outer = source.group_until(|_| 'k', Until::count(2)).buffers(4, 6);
        let _first = outer.next().await.unwrap().unwrap();
        let _second = outer.next().await.unwrap().unwrap();
        let _third = outer.next().await.unwrap().unwrap();
        let error = outer.next().await.map(drop).unwrap_err();
        let OperatorError::Stalled { key, buffered, .. } = error else { panic!("{error:?}") };
        assert!(key.contains("ended") && buffered == 6, "{key} {buffered}");
    });
}

#[test]
fn it_is_no_stall_when_the_consumer_was_busy() {
    // One task reads all, the outer stream first, and then does something else for longer than the patience.
    virtual_time(async {
        let source = from_iter((0..60).map(|n| n % 3)).fails_with::<OperatorError>();
        let mut outer = Reader::new(source.group_by(|n| *n).buffers(2, 100).stall_after(ms(100)));
        let mut groups = Vec::new();
        let mut seen = 0;
        for _ in 0..100 {
            if let std::task::Poll::Ready(Some(group)) = outer.poll() {
                groups.push(outer.beside(group.unwrap()));
                continue;
            }
            for group in &mut groups {
                if let std::task::Poll::Ready(Some(item)) = group.poll() {
                    item.unwrap();
                    seen += 1;
                }
            }
            tokio::time::advance(ms(150)).await;
        }
        assert_eq!(seen, 60);
    });
}

#[test]
fn it_is_no_stall_when_a_merge_is_read_slowly() {
    virtual_time(async {
        let source = from_iter((0..300).map(|n| n % 7)).fails_with::<OperatorError>();
        let groups = source.group_by(|n| *n).buffers(2, 9).stall_after(ms(100));
        let mut merged = groups.merge_map(usize::MAX, |group| group);
        let mut seen = 0;
        while merged.next().await.unwrap().is_some() {
            seen += 1;
            tokio::time::sleep(ms(250)).await;
        }
        assert_eq!(seen, 300);
    });
}

#[test]
fn it_is_no_stall_when_a_slow_reader_makes_room_in_time() {
    virtual_time(async {
        let source = from_iter("aabbbbbbbba".chars()).fails_with::<OperatorError>();
        let mut outer = source.group_by(|c| *c).buffers(1, 100).stall_after(ms(100));
        let mut a = outer.next().await.unwrap().unwrap();
        assert_eq!((a.next().await, a.next().await), (Ok(Some('a')), Ok(Some('a'))));
        let mut b = outer.next().await.unwrap().unwrap();
        let slow = async {
            let mut items = 0;
            while b.next().await.unwrap().is_some() {
                items += 1;
                tokio::time::sleep(ms(99)).await;
            }
            items
        };
        let (last, items) = futures::join!(async { (a.next().await, a.next().await) }, slow);
        assert_eq!((last, items), ((Ok(Some('a')), Ok(None)), 8));
    });
}

#[test]
fn deadlines_are_kept_while_the_buffers_are_full() {
    virtual_time(async {
        let source = from_iter("abbbb".chars()).fails_with::<OperatorError>();
        let mut outer = source.group_until(|c| *c, Until::after(ms(50))).buffers(2, 100).stall_after(ms(100));
        let mut a = outer.next().await.unwrap().unwrap();
        let begin = tokio::time::Instant::now();
        assert_eq!((a.next().await, a.next().await), (Ok(Some('a')), Ok(None)));
        assert_eq!(begin.elapsed(), ms(50));
        let b = outer.next().await.unwrap().unwrap();
        let rest = outer.next().await.unwrap().unwrap();
        assert_eq!((b.count().await, rest.count().await), (Ok(2), Ok(2)));
    });
}

#[test]
fn what_a_reader_was_given_makes_room_though_it_has_more_in_hand() {
    virtual_time(async {
        let (source, flow) = channel();
        let mut outer = Reader::new(flow.group_by(|c: &char| *c).buffers(4, 100));
        send(&source, "ab".chars());
        let (mut a, mut b) = (Reader::new(outer.item()), Reader::new(outer.item()));
        assert_eq!((a.item(), b.item()), ('a', 'b'));
        send(&source, "aaaa".chars());
        assert_eq!((a.item(), a.item(), a.item()), ('a', 'a', 'a'));
        send(&source, "aab".chars());
        assert_eq!(b.item(), 'b', "three of another are unread, of the four that may be");
    });
}

/// A group may give way to others after these have polled the source: then it is to be polled again.
#[test]
fn windows_within_groups_that_hold_the_source_back_go_on() {
    for keys in [2, 3, 10] {
        for all in [1, 3, 10, 100] {
            let groups = from_iter(0..1_000).fails_with::<OperatorError>().group_by(|n| n % keys).buffers(1_024, all);
            let windows = groups.merge_map(usize::MAX, |group| {
                group.window_count(5).merge_map(usize::MAX, |window| window.filter(|_| false))
            });
            assert_eq!(virtual_time(windows.count()), Ok(0), "{keys} keys, {all} items");
        }
    }
}
