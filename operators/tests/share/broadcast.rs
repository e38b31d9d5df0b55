//! `broadcast`: a number of readers, all of which get every item.
#![allow(clippy::unwrap_used)]

use anabranch_operators::testing::{Failed, Script, check, probe, virtual_time};
use anabranch_operators::{Counter, FlowExt, from_iter};
use futures::future::join_all;
use futures::{FutureExt, StreamExt, stream};
use proptest::prelude::*;
use tokio::task::yield_now;

#[test]
fn for_one_reader_it_changes_nothing() {
    for text in ["a-b-c-|", "|", "(abc|)", "--#", "(ab#)", "a-", "-"] {
        check(text, |flow| flow.broadcast(1).remove(0), text);
    }
}

#[test]
fn every_reader_gets_every_item_and_the_failure() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("a-b-#"));
        let readers = upstream.broadcast(5).into_iter().map(|mut reader| async move {
            let mut got = String::new();
            loop {
                match reader.next().await {
                    Ok(Some(letter)) => got.push(letter),
                    end => return (got, end),
                }
            }
        });
        assert_eq!(join_all(readers).await, vec![("ab".to_owned(), Err(Failed::Scripted)); 5]);
        assert_eq!(seen.items(), 2);
    });
}

#[test]
fn what_is_said_of_one_reader_goes_for_all() {
    let lost = Counter::new();
    let mut readers = from_iter(0..10).broadcast(3);
    let last = readers.pop().unwrap().drop_oldest(2).lost(&lost);
    assert_eq!(readers.remove(0).count().now_or_never(), Some(Ok(10)));
    assert_eq!(last.collect::<Vec<_>>().now_or_never(), Some(Ok(vec![8, 9])));
    assert_eq!(lost.get(), 16);
}

#[test]
#[should_panic(expected = "without a reader")]
fn no_readers_are_refused() {
    _ = from_iter([1]).broadcast(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_on_many_threads_miss_and_repeat_nothing() {
    const ITEMS: usize = 5_000;
    for bound in [1, 7, 256] {
        let source = stream::iter(0..ITEMS).then(|n| async move {
            if n % 5 == 0 {
                yield_now().await;
            }
            n
        });
        let mut readers = Box::pin(source).into_flow().broadcast(8);
        let last = readers.pop().unwrap().hold_back(bound);
        readers.push(last);
        let tasks = readers.into_iter().enumerate().map(|(number, mut reader)| {
            tokio::spawn(async move {
                // Some leave early, and hold nobody back from then on.
                let until = if number % 3 == 0 { ITEMS } else { ITEMS / (number + 1) };
                for expected in 0..until {
                    assert_eq!(reader.next().await, Ok(Some(expected)));
                }
                if until == ITEMS {
                    assert_eq!(reader.next().await, Ok(None));
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    }
}

proptest! {
    #[test]
    fn is_the_list_for_every_reader(list: Vec<u8>, readers in 1..5_usize, bound in 1..9_usize) {
        let mut readers = from_iter(list.clone()).broadcast(readers);
        let last = readers.pop().unwrap().hold_back(bound);
        readers.push(last);
        let lists = virtual_time(join_all(readers.into_iter().map(|reader| reader.collect::<Vec<_>>())));
        prop_assert!(lists.iter().all(|one| one.as_ref() == Ok(&list)));
    }
}
