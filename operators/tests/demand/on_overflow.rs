//! `on_overflow`.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, probe_stuttering, virtual_time};
use anabranch_operators::{Counter, OperatorError, Overflow, from_iter};
use futures::StreamExt;
use proptest::prelude::*;

async fn ticks(n: u64) {
    tokio::time::sleep(Duration::from_millis(n)).await;
}

/// What a consumer gets that takes the first item and comes back when all is over.
macro_rules! after_a_break {
    ($text:literal, $policy:expr) => {
        virtual_time(async {
            let mut flow = Script::marbles($text).on_overflow($policy);
            let first = flow.next().await.unwrap();
            ticks(50).await;
            let mut given: String = first.into_iter().collect();
            loop {
                match flow.next().await {
                    Ok(Some(item)) => given.push(item),
                    Ok(None) => break (given, None),
                    Err(error) => break (given, Some(error)),
                }
            }
        })
    };
}

#[test]
fn a_consumer_that_is_fast_enough_gets_everything() {
    for text in ["a-b-c-|", "|", "--#", "a-b#", "a-"] {
        assert_marbles(Script::marbles(text).on_overflow(Overflow::buffer(1)), text);
        assert_marbles(Script::marbles(text).on_overflow(Overflow::drop_newest(1)), text);
        assert_marbles(Script::marbles(text).on_overflow(Overflow::latest()), text);
        assert_marbles(Script::marbles(text).on_overflow(Overflow::error(1)), text);
    }
    check("a-b-c-|", |flow| flow.on_overflow(Overflow::drop_oldest(2)), "a-b-c-|");
    check("ab-#", |flow| flow.on_overflow(Overflow::error(2)), "ab-#");
}

#[test]
fn each_policy_does_what_it_is_named_after() {
    let lost = Counter::new();
    assert_eq!(after_a_break!("abcdef|", Overflow::buffer(2)), ("abcdef".to_owned(), None));
    assert_eq!(after_a_break!("abcdef|", Overflow::drop_newest(2).lost(&lost)), ("abc".to_owned(), None));
    assert_eq!(lost.get(), 3);
    assert_eq!(after_a_break!("abcdef|", Overflow::drop_oldest(2).lost(&lost)), ("aef".to_owned(), None));
    assert_eq!(lost.get(), 6);
    assert_eq!(after_a_break!("abcdef|", Overflow::latest().lost(&lost)), ("af".to_owned(), None));
    assert_eq!(lost.get(), 10);
    let overflow = Failed::Operator(OperatorError::Overflow { waiting: 2 });
    assert_eq!(after_a_break!("abcdef|", Overflow::error(2)), ("abc".to_owned(), Some(overflow)));
}

#[test]
fn nothing_is_lost_while_there_is_room() {
    let lost = Counter::new();
    assert_eq!(after_a_break!("abc|", Overflow::drop_newest(2).lost(&lost)), ("abc".to_owned(), None));
    assert_eq!(after_a_break!("abc|", Overflow::drop_oldest(2).lost(&lost)), ("abc".to_owned(), None));
    assert_eq!(after_a_break!("abc|", Overflow::error(2)), ("abc".to_owned(), None));
    assert_eq!(lost.get(), 0);
}

#[test]
fn a_failure_comes_behind_what_waits() {
    let failed = Some(Failed::Scripted);
    assert_eq!(after_a_break!("abcdef#", Overflow::buffer(2)), ("abcdef".to_owned(), failed.clone()));
    assert_eq!(after_a_break!("abcdef#", Overflow::drop_newest(2)), ("abc".to_owned(), failed.clone()));
    assert_eq!(after_a_break!("abcdef#", Overflow::drop_oldest(2)), ("aef".to_owned(), failed));
}

#[test]
fn an_overflow_that_fails_drops_upstream_at_once() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("abcdef-"));
        let mut flow = upstream.on_overflow(Overflow::error(2));
        assert_eq!(flow.next().await, Ok(Some('a')));
        ticks(10).await;
        assert!(seen.dropped() && seen.items() == 4);
        assert_eq!(flow.by_ref().take(2).collect::<String>().await, Ok("bc".to_owned()));
        let error = flow.next().await.unwrap_err();
        assert_eq!(error, Failed::Operator(OperatorError::Overflow { waiting: 2 }));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn only_a_policy_that_fails_asks_for_an_error_type() {
    virtual_time(async {
        let Ok(all) = from_iter([1, 2]).on_overflow(Overflow::buffer(1)).collect::<Vec<_>>().await;
        assert_eq!(all, [1, 2]);
        let flow = from_iter([1, 2]).fails_with::<OperatorError>().on_overflow(Overflow::error(1));
        assert_eq!(flow.collect::<Vec<_>>().await, Err(OperatorError::Overflow { waiting: 1 }));
    });
}

#[test]
fn says_what_to_do_about_an_overflow() {
    let message = OperatorError::Overflow { waiting: 7 }.to_string();
    assert!(message.starts_with("7 items wait for the consumer") && message.contains("Overflow"), "{message}");
}

#[test]
fn an_upstream_that_is_always_ready_lets_others_run() {
    virtual_time(async {
        let lost = Counter::new();
        let (upstream, seen) = probe(from_iter(0_u64..));
        let mut flow = upstream.on_overflow(Overflow::latest().lost(&lost));
        let mut former = None;
        for _ in 0..10 {
            let item = flow.next().await.unwrap();
            assert!(item > former);
            former = item;
        }
        drop(flow);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(seen.dropped(), "the task can be aborted");
        assert!(lost.get() > 0);
    });
}

#[test]
#[should_panic(expected = "at least one item must be able to wait")]
fn refuses_a_buffer_for_nothing() {
    drop(Overflow::drop_newest(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_not_given_on_many_threads_is_counted() {
    const ITEMS: u64 = 50_000;
    for round in 0..6 {
        let lost = Counter::new();
        let (n, oldest) = (1 + round, round % 2 == 0);
        let policy = if oldest { Overflow::drop_oldest(n) } else { Overflow::drop_newest(n) };
        let mut flow = from_iter(0..ITEMS).on_overflow(policy.lost(&lost));
        let (mut given, mut former) = (0, None);
        while let Ok(Some(item)) = flow.next().await {
            assert!(Some(item) > former, "{item} follows {former:?}");
            former = Some(item);
            given += 1;
        }
        assert_eq!(given + lost.get(), ITEMS);
        assert!(!oldest || former == Some(ITEMS - 1), "the latest item of all is not lost");
    }
}

/// A consumer comes at some ticks, and takes one item each time: a queue filled and emptied by hand.
fn model(times: &[u64], reads: &[u64], n: usize, oldest: bool) -> Vec<usize> {
    let mut queue = std::collections::VecDeque::new();
    let (mut given, mut next) = (Vec::new(), 0);
    for read in reads {
        while next < times.len() && times[next] < *read {
            if queue.len() < n {
                queue.push_back(next);
            } else if oldest {
                queue.pop_front();
                queue.push_back(next);
            }
            next += 1;
        }
        given.extend(queue.pop_front());
    }
    given
}

proptest! {
    #[test]
    fn is_a_queue_that_overflows(gaps in prop::collection::vec(1_u64..4, 0..30), pauses in prop::collection::vec(1_u64..9, 0..12), n in 1..5_usize, oldest: bool) {
        // Items come in even ticks, and the consumer comes in odd ones; its first visit only starts the task.
        let times: Vec<_> = gaps.iter().scan(0, |tick, gap| { *tick += 2 * gap; Some(*tick) }).collect();
        let reads: Vec<_> = pauses.iter().scan(1, |tick, pause| { *tick += 2 * pause; Some(*tick) }).collect();
        let events = times.iter().enumerate().map(|(n, tick)| (*tick, anabranch_operators::testing::Event::Item(n)));
        let (upstream, _) = probe_stuttering(Script::<usize, Failed>::new(events));
        let given = virtual_time(async {
            let policy = if oldest { Overflow::drop_oldest(n) } else { Overflow::drop_newest(n) };
            let mut flow = upstream.on_overflow(policy);
            let start = tokio::time::Instant::now();
            assert!(futures::poll!(StreamExt::next(&mut flow)).is_pending());
            let mut given = Vec::new();
            for read in &reads {
                tokio::time::sleep_until(start + Duration::from_millis(*read)).await;
                if let std::task::Poll::Ready(Some(item)) = futures::poll!(StreamExt::next(&mut flow)) {
                    given.push(item.unwrap());
                }
            }
            given
        });
        prop_assert_eq!(given, model(&times, &reads, n, oldest));
    }
}
