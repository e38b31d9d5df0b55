//! `batch_while_busy`.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, probe_stuttering, virtual_time};
use anabranch_operators::{from_iter, from_results};
use futures::stream;
use proptest::prelude::*;

async fn ticks(n: u64) {
    tokio::time::sleep(Duration::from_millis(n)).await;
}

#[test]
fn a_consumer_that_is_fast_enough_gets_lists_of_what_comes_together() {
    for (text, lists) in [("a-b-|", "[a]-[b]-|"), ("|", "|"), ("--#", "--#"), ("(ab)-c#", "[ab]-[c]#"), ("a-", "[a]-")]
    {
        assert_marbles(Script::marbles(text).batch_while_busy(2), lists);
    }
    check("a-b-c-|", |flow| flow.batch_while_busy(3), "[a]-[b]-[c]-|");
    check("(abc)-d-#", |flow| flow.batch_while_busy(2), "([ab][c])-[d]-#");
}

#[test]
fn gives_what_came_meanwhile_and_no_more_than_it_may() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("abc-----d-efghi|"));
        let mut flow = upstream.map(|letter| letter).batch_while_busy(3);
        let mut next = async |pause| {
            let list = flow.next().await.unwrap().map(|list| list.into_iter().collect::<String>());
            ticks(pause).await;
            (list, seen.items())
        };
        assert_eq!(next(5).await, (Some("a".to_owned()), 3));
        assert_eq!(next(0).await, (Some("bc".to_owned()), 3));
        assert_eq!(next(9).await, (Some("d".to_owned()), 7));
        assert_eq!(next(1).await, (Some("efg".to_owned()), 9));
        assert_eq!(next(1).await, (Some("hi".to_owned()), 9));
        assert_eq!(next(0).await.0, None);
    });
}

#[test]
fn a_failure_comes_behind_what_waits() {
    virtual_time(async {
        let mut flow = Script::marbles("abcde#").batch_while_busy(3);
        assert_eq!(flow.next().await, Ok(Some(vec!['a'])));
        ticks(10).await;
        assert_eq!(flow.next().await, Ok(Some(vec!['b', 'c', 'd'])));
        assert_eq!(flow.next().await, Ok(Some(vec!['e'])));
        assert_eq!(flow.next().await, Err(Failed::Scripted));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
#[should_panic(expected = "a list must have room for at least one item")]
fn refuses_lists_of_nothing() {
    drop(from_iter([1]).batch_while_busy(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_given_twice_on_many_threads() {
    for max in 1..8 {
        let mut flow = from_iter(0..20_000_u64).batch_while_busy(max);
        let mut next = 0;
        while let Ok(Some(list)) = flow.next().await {
            assert!(!list.is_empty() && list.len() <= max);
            for item in list {
                assert_eq!(item, next);
                next += 1;
            }
        }
        assert_eq!(next, 20_000);
    }
}

proptest! {
    #[test]
    fn the_lists_make_up_the_list(list: Vec<u8>, failure: Option<u8>, max in 1..6_usize, busy in prop::collection::vec(0_u64..5, 1..9)) {
        let signals = list.clone().into_iter().map(Ok).chain(failure.map(Err));
        let (upstream, _) = probe_stuttering(from_results(stream::iter(signals.collect::<Vec<_>>())));
        let slow = upstream.map_async(1, |item| async move { ticks(1).await; item });
        let (given, end) = virtual_time(async {
            let mut flow = slow.batch_while_busy(max);
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
        prop_assert!(given.iter().all(|items| (1..=max).contains(&items.len())));
        prop_assert_eq!((given.concat(), end), (list, failure));
    }
}
