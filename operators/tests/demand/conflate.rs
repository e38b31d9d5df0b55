//! `conflate`.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, probe_stuttering, virtual_time};
use anabranch_operators::{from_iter, from_results};
use futures::stream;
use proptest::prelude::*;

async fn ticks(n: u64) {
    tokio::time::sleep(Duration::from_millis(n)).await;
}

fn joined(older: String, newer: String) -> String {
    older + &newer
}

#[test]
fn a_consumer_that_is_fast_enough_gets_each_item() {
    for text in ["a-b-c-|", "|", "--#", "a-b#", "a-"] {
        assert_marbles(Script::marbles(text).conflate(char::max), text);
    }
    check("a-b-c-|", |flow| flow.conflate(char::max), "a-b-c-|");
    check("a-(bc)-#", |flow| flow.map(String::from).conflate(joined), "a-[bc]-#");
}

#[test]
fn merges_what_comes_meanwhile_in_order() {
    virtual_time(async {
        let mut flow = Script::marbles("abcd----e-fg|").map(String::from).conflate(joined);
        assert_eq!(flow.next().await, Ok(Some("a".to_owned())));
        ticks(5).await;
        assert_eq!(flow.next().await, Ok(Some("bcd".to_owned())));
        assert_eq!(flow.next().await, Ok(Some("e".to_owned())));
        ticks(5).await;
        assert_eq!(flow.next().await, Ok(Some("fg".to_owned())));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn a_failure_comes_behind_what_waits() {
    virtual_time(async {
        let mut flow = Script::marbles("abc#").map(String::from).conflate(joined);
        assert_eq!(flow.next().await, Ok(Some("a".to_owned())));
        ticks(5).await;
        assert_eq!(flow.next().await, Ok(Some("bc".to_owned())));
        assert_eq!(flow.next().await, Err(Failed::Scripted));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn never_holds_upstream_back_and_lets_others_run() {
    virtual_time(async {
        let (upstream, seen) = probe(from_iter(std::iter::repeat(1_u64)));
        let mut flow = upstream.conflate(|sum, n| sum + n);
        let first = flow.next().await.unwrap().unwrap();
        assert!(first == 256 && seen.items() as u64 == first, "{first} before the consumer");
        let second = flow.next().await.unwrap().unwrap();
        assert!(second == 256 && seen.items() as u64 == first + second, "{second} more before the consumer");
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(seen.items() as u64 > first + second);
        drop(flow);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(seen.dropped());
    });
}

#[test]
fn a_panic_of_the_function_goes_on_in_the_consumer() {
    let panic = catch_unwind(AssertUnwindSafe(|| {
        virtual_time(async {
            let mut flow = Script::marbles("abcd-").conflate(|_, newer| panic!("{newer} goes with nothing"));
            assert_eq!(flow.next().await, Ok(Some('a')));
            ticks(10).await;
            let _ = flow.next().await;
        });
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<String>().unwrap(), "c goes with nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_taken_twice_on_many_threads() {
    for _ in 0..10 {
        let mut flow = from_iter(0..50_000_u64).map(|n| (n, n)).conflate(|(from, _), (_, to)| (from, to));
        let mut next = 0;
        while let Ok(Some((from, to))) = flow.next().await {
            assert!(from == next && to >= from, "{from}..={to} follows {next}");
            next = to + 1;
        }
        assert_eq!(next, 50_000);
    }
}

proptest! {
    #[test]
    fn what_is_given_makes_up_the_list(list: Vec<u8>, failure: Option<u8>, busy in prop::collection::vec(0_u64..3, 1..9)) {
        let signals = list.clone().into_iter().map(|n| Ok(vec![n])).chain(failure.map(Err));
        let (upstream, _) = probe_stuttering(from_results(stream::iter(signals.collect::<Vec<_>>())));
        let slow = upstream.map_async(1, |item| async { ticks(1).await; item });
        let (given, end) = virtual_time(async {
            let mut flow = slow.conflate(|older, newer| [older, newer].concat());
            let mut given = Vec::new();
            for pause in busy.iter().cycle() {
                match flow.next().await {
                    Ok(Some(items)) => given.push(items),
                    Ok(None) => return (given, None),
                    Err(error) => return (given, Some(error)),
                }
                ticks(*pause).await;
            }
            unreachable!()
        });
        prop_assert!(given.iter().all(|items| !items.is_empty()));
        prop_assert_eq!((given.concat(), end), (list, failure));
    }
}
