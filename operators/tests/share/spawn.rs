//! `spawn`: moves what stands before it onto a task of its own.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{FlowExt, OperatorError, from_iter, from_results, interval, merge};
use futures::{FutureExt, StreamExt, stream};
use proptest::prelude::*;
use tokio::task::yield_now;

/// Long enough for every task to run as far as it can: virtual time moves on only when all wait.
async fn all_wait() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[test]
fn changes_nothing() {
    for text in ["a-b-c-|", "|", "(abc|)", "--#", "(ab#)", "a-", "-"] {
        assert_marbles(Script::marbles(text).spawn(), text);
    }
}

#[test]
fn treats_a_flow_as_an_operator_should() {
    check("a-b-c-|", |flow| flow.spawn(), "a-b-c-|");
    check("ab-#", |flow| flow.spawn(), "ab-#");
}

#[test]
fn hands_an_item_over_as_soon_as_upstream_waits() {
    virtual_time(async {
        let mut flow = from_iter([1, 2]).chain(stream::pending()).spawn();
        assert_eq!(flow.next().await, Ok(Some(1)));
        assert_eq!(flow.next().await, Ok(Some(2)));
        all_wait().await;
        assert!(flow.next().now_or_never().is_none());
    });
}

#[test]
fn a_failure_keeps_its_place() {
    virtual_time(async {
        let items = (0..1_000).map(Ok).chain([Err("broken"), Ok(7)]);
        let mut flow = from_results(stream::iter(items)).spawn();
        all_wait().await;
        for expected in 0..1_000 {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        assert_eq!(flow.next().await, Err("broken"));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn a_failed_flow_gives_none_again() {
    virtual_time(async {
        let mut flow = Script::marbles("#").spawn();
        assert_eq!(flow.next().await, Err(Failed::Scripted));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn nothing_runs_before_the_first_poll() {
    virtual_time(async {
        let (upstream, seen) = probe(from_iter(0..10));
        let flow = upstream.spawn();
        all_wait().await;
        assert_eq!(seen.polls(), 0);
        drop(flow);
        assert_eq!(seen.polls(), 0);
        assert!(seen.dropped());
    });
}

#[test]
fn runs_ahead_of_its_consumer_but_not_without_bound() {
    virtual_time(async {
        let (upstream, seen) = probe(from_iter(0..1_000_000));
        let mut flow = upstream.spawn();
        assert_eq!(flow.next().await, Ok(Some(0)));
        all_wait().await;
        assert!((256..=6 * 256).contains(&seen.items()), "{} items ahead", seen.items());
    });
}

#[test]
fn groups_that_are_read_one_after_the_other_get_their_items_while_others_open() {
    virtual_time(async {
        let items = interval(Duration::from_millis(1)).take(100).fails_with::<OperatorError>();
        let mut groups = items.group_by(|n| n % 20).spawn();
        let mut counts = Vec::new();
        while let Some(group) = groups.next().await.unwrap() {
            counts.push(group.count().await.unwrap());
        }
        assert_eq!(counts, [5; 20]);
    });
}

#[test]
fn dropping_the_consumer_ends_the_task() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("a----b-"));
        let mut flow = upstream.spawn();
        assert_eq!(flow.next().await, Ok(Some('a')));
        drop(flow);
        all_wait().await;
        assert!(seen.dropped() && seen.items() == 1);
        // Also while the task waits for room.
        let (upstream, seen) = probe(from_iter(0..));
        let mut flow = upstream.spawn();
        assert_eq!(flow.next().await, Ok(Some(0)));
        all_wait().await;
        drop(flow);
        all_wait().await;
        assert!(seen.dropped());
    });
}

#[test]
fn upstream_is_dropped_when_it_has_ended() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("ab|"));
        assert_eq!(upstream.spawn().collect::<String>().await, Ok("ab".to_owned()));
        assert!(seen.dropped() && seen.polls_after_end() == 0);
    });
}

#[test]
fn a_panic_goes_on_in_the_consumer() {
    let upstream = from_iter(0..1_000).map(|n| if n == 600 { panic!("item {n} is a bad one") } else { n });
    let mut given = 0;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        virtual_time(async {
            let mut flow = upstream.spawn();
            while let Ok(Some(n)) = flow.next().await {
                assert_eq!(n, given);
                given += 1;
            }
        });
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<String>().unwrap(), "item 600 is a bad one");
    assert_eq!(given, 512);
}

#[test]
fn a_runtime_that_shuts_down_is_not_taken_for_an_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut flow = from_iter([1]).chain(stream::pending()).spawn();
    assert_eq!(runtime.block_on(flow.next()), Ok(Some(1)));
    drop(runtime);
    assert!(catch_unwind(AssertUnwindSafe(|| flow.next().now_or_never())).is_err());
}

#[test]
fn a_slow_consumer_and_upstream_run_side_by_side() {
    // Upstream takes 3 ticks an item and the consumer 3 more: 30 ticks together if they take turns.
    virtual_time(async {
        let ticks = |n| tokio::time::sleep(Duration::from_millis(n));
        let slow = from_iter(0..5).map_async(1, move |n| async move {
            ticks(3).await;
            n
        });
        let start = tokio::time::Instant::now();
        let mut flow = slow.spawn();
        while let Ok(Some(_)) = flow.next().await {
            ticks(3).await;
        }
        assert_eq!(start.elapsed(), Duration::from_millis(18));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_on_many_threads_lose_and_repeat_nothing() {
    const FLOWS: u64 = 16;
    const ITEMS: u64 = 20_000;
    let running = Arc::new(AtomicUsize::new(0));
    let flows = (0..FLOWS).map(|flow| {
        let running = Arc::clone(&running);
        let items = stream::unfold(0, move |n| {
            let running = Arc::clone(&running);
            async move {
                if n == ITEMS {
                    return None;
                }
                running.fetch_add(1, Relaxed);
                // Waits at places that differ from flow to flow, so that chunks of all lengths are handed over.
                if n % (flow + 2) == 0 {
                    yield_now().await;
                }
                Some((flow * ITEMS + n, n + 1))
            }
        });
        items.into_flow().spawn().map(|n| n + 1).spawn()
    });
    let mut last = [0; FLOWS as usize];
    let mut flow = merge(flows.collect::<Vec<_>>()).spawn();
    while let Ok(Some(n)) = flow.next().await {
        let place = usize::try_from((n - 1) / ITEMS).unwrap();
        assert!(last[place] == 0 || last[place] + 1 == n, "{n} follows {}", last[place]);
        last[place] = n;
    }
    assert_eq!(last, std::array::from_fn(|flow| (flow as u64 + 1) * ITEMS));
    assert_eq!(running.load(Relaxed) as u64, FLOWS * ITEMS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn consumers_that_go_away_at_any_time_leave_no_task_behind() {
    let dropped = Arc::new(AtomicUsize::new(0));
    struct CountDrop(Arc<AtomicUsize>);
    impl Drop for CountDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    for round in 0..500 {
        let here = CountDrop(Arc::clone(&dropped));
        let upstream = stream::iter(0..).then(move |n| {
            let _here = &here;
            async move {
                if n % 7 == 0 {
                    yield_now().await;
                }
                n
            }
        });
        let mut flow = Box::pin(upstream).into_flow().spawn();
        for expected in 0..round {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
    }
    while dropped.load(Relaxed) < 500 {
        yield_now().await;
    }
}

proptest! {
    #[test]
    fn is_the_list(list: Vec<u8>, waits in 1..40_usize) {
        let upstream = from_iter(list.clone().into_iter().enumerate()).map_async(1, move |(at, item)| async move {
            if at % waits == 0 {
                yield_now().await;
            }
            item
        });
        prop_assert_eq!(virtual_time(upstream.spawn().collect::<Vec<_>>()), Ok(list));
    }
}
