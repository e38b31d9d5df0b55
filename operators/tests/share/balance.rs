//! `balance`: a number of readers, and each item goes to the one that asks first.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anabranch_operators::testing::{Failed, Script, check, probe, virtual_time};
use anabranch_operators::{FlowExt, from_iter, merge};
use futures::future::join_all;
use futures::{Stream, StreamExt, stream};
use proptest::prelude::*;
use tokio::task::yield_now;

use crate::support::{Reader, channel, results, send};

#[test]
fn for_one_reader_it_changes_nothing() {
    for text in ["a-b-c-|", "|", "(abc|)", "--#", "(ab#)", "a-", "-"] {
        check(text, |flow| flow.balance(1).remove(0), text);
    }
}

#[test]
fn whoever_has_waited_for_longest_is_served_first() {
    let (source, flow) = channel();
    let mut readers: Vec<_> = flow.balance(3).into_iter().map(Reader::new).collect();
    for reader in [2, 0, 1] {
        readers[reader].waits();
    }
    for turn in [2, 0, 1, 2, 0, 1] {
        send(&source, "x".chars());
        // Who was woken in vain, to go on polling, does not lose its place.
        let woken: Vec<_> = (0..3).filter(|reader| readers[*reader].wakes() > 0).collect();
        assert_eq!(woken, [turn]);
        assert_eq!(readers[turn].waits_after_item(), 'x');
        for reader in readers.iter_mut().filter(|reader| reader.wakes() > 0) {
            reader.waits();
        }
    }
}

#[test]
fn an_item_whose_reader_is_dropped_goes_to_another() {
    let (source, flow) = channel();
    let mut readers: Vec<_> = flow.balance(2).into_iter().map(Reader::new).collect();
    readers.iter_mut().for_each(Reader::waits);
    send(&source, "x".chars());
    assert_eq!((readers[0].wakes(), readers[1].wakes()), (1, 0));
    readers.remove(0);
    assert_eq!((readers[0].wakes(), readers[0].item()), (1, 'x'));
}

#[test]
fn a_slow_reader_holds_nobody_back_and_loses_nothing() {
    virtual_time(async {
        let work = from_iter(1..=10).balance(2).into_iter().zip([1, 4]).map(|(reader, ticks)| {
            reader.map_async(1, move |n| async move {
                tokio::time::sleep(Duration::from_millis(ticks)).await;
                (n, ticks)
            })
        });
        let done = merge(work.collect::<Vec<_>>()).collect::<Vec<_>>().await.unwrap();
        assert_eq!(done.iter().map(|(n, _)| n).sum::<i32>(), 55);
        assert_eq!(done.iter().filter(|(_, ticks)| *ticks == 1).count(), 8, "the fast one does four fifths: {done:?}");
    });
}

#[test]
fn the_end_and_a_failure_reach_all_readers() {
    virtual_time(async {
        let readers = Script::marbles("a-#").balance(3).into_iter().map(|reader| reader.count());
        assert_eq!(join_all(readers).await, vec![Err(Failed::Scripted); 3]);
    });
    let (source, flow) = results::<char>();
    let mut readers: Vec<_> = flow.balance(3).into_iter().map(Reader::new).collect();
    readers.iter_mut().for_each(Reader::waits);
    drop(source);
    readers[0].has_ended();
    assert_eq!((readers[1].wakes(), readers[2].wakes()), (1, 1));
    readers[1].has_ended();
    assert_eq!(readers[2].stream().size_hint(), (0, Some(0)));
    readers[2].has_ended();
}

#[test]
fn it_holds_nothing_and_with_the_last_reader_goes_the_source() {
    let (upstream, seen) = probe(from_iter(0..10));
    let mut readers: Vec<_> = upstream.balance(2).into_iter().map(Reader::new).collect();
    assert_eq!((readers[1].item(), readers[0].item(), seen.items()), (0, 1, 2));
    readers.pop();
    assert!(!seen.dropped());
    readers.pop();
    assert!(seen.dropped());
}

#[test]
fn items_need_not_be_cloned() {
    struct Job;
    let mut readers = from_iter([Job, Job]).balance(2);
    let (mut a, mut b) = (Reader::new(readers.remove(0)), Reader::new(readers.remove(0)));
    let _: (Job, Job) = (a.item(), b.item());
}

#[test]
#[should_panic(expected = "without a reader")]
fn no_readers_are_refused() {
    _ = from_iter([1]).balance(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_on_many_threads_share_everything_out() {
    const ITEMS: usize = 20_000;
    let source = stream::iter(0..ITEMS).then(|n| async move {
        if n % 5 == 0 {
            yield_now().await;
        }
        n
    });
    let readers = Box::pin(source).into_flow().balance(8);
    let tasks: Vec<_> = readers.into_iter().map(|reader| tokio::spawn(reader.collect::<Vec<_>>())).collect();
    let mut all = Vec::new();
    for task in tasks {
        let part = task.await.unwrap().unwrap();
        assert!(part.is_sorted());
        all.extend(part);
    }
    all.sort_unstable();
    assert_eq!(all, (0..ITEMS).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn the_parts_are_the_list(list: Vec<u8>, readers in 1..5_usize, waits in 1..5_usize) {
        let upstream = from_iter(list.clone().into_iter().enumerate()).map_async(1, move |(at, item)| async move {
            if at % waits == 0 {
                yield_now().await;
            }
            (at, item)
        });
        let parts = virtual_time(join_all(upstream.balance(readers).into_iter().map(|part| part.collect::<Vec<_>>())));
        let mut all = parts.into_iter().flat_map(Result::unwrap).collect::<Vec<_>>();
        all.sort_unstable();
        prop_assert_eq!(all.into_iter().map(|(_, item)| item).collect::<Vec<_>>(), list);
    }
}
