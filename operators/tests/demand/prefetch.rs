//! `prefetch`, and with it what all operators of `demand` have in common: the task, its end, its panics.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use anabranch_operators::testing::{Script, assert_marbles, check, probe, probe_stuttering, virtual_time};
use anabranch_operators::{FlowExt, from_iter, from_results, merge};
use futures::{FutureExt, StreamExt, stream};
use proptest::prelude::*;
use tokio::task::yield_now;

/// Lets time pass, in which every task runs as far as it can.
async fn ticks(n: u64) {
    tokio::time::sleep(Duration::from_millis(n)).await;
}

#[test]
fn changes_nothing() {
    for text in ["a-b-c-|", "|", "(abc|)", "--#", "(ab#)", "a-", "-"] {
        assert_marbles(Script::marbles(text).prefetch(1), text);
        assert_marbles(Script::marbles(text).prefetch(8), text);
    }
    check("a-b-c-|", |flow| flow.prefetch(2), "a-b-c-|");
    check("ab-#", |flow| flow.prefetch(2), "ab-#");
}

#[test]
fn reads_ahead_exactly_as_far_as_it_may() {
    virtual_time(async {
        let (upstream, seen) = probe(from_iter(0..100));
        let mut flow = upstream.prefetch(3);
        for given in 0..100 {
            assert_eq!(flow.next().await, Ok(Some(given)));
            ticks(1).await;
            assert_eq!(seen.items(), (given + 1 + 3).min(100));
        }
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn a_slow_consumer_and_upstream_run_side_by_side() {
    // Upstream takes 3 ticks an item and the consumer 3 more: 30 ticks together if they take turns.
    virtual_time(async {
        let slow = from_iter(0..5).map_async(1, |n| ticks(3).map(move |()| n));
        let start = tokio::time::Instant::now();
        let mut flow = slow.prefetch(1);
        while let Ok(Some(_)) = flow.next().await {
            ticks(3).await;
        }
        assert_eq!(start.elapsed(), Duration::from_millis(18));
    });
}

#[test]
fn nothing_runs_before_the_first_poll() {
    virtual_time(async {
        let (upstream, seen) = probe(from_iter(0..10));
        let flow = upstream.prefetch(2);
        ticks(1).await;
        assert_eq!(seen.polls(), 0);
        drop(flow);
        assert!(seen.dropped() && seen.polls() == 0);
    });
}

#[test]
fn a_failure_keeps_its_place() {
    virtual_time(async {
        let mut flow = from_results(stream::iter([Ok(1), Ok(2), Err("broken"), Ok(3)])).prefetch(8);
        assert_eq!(flow.next().await, Ok(Some(1)));
        ticks(1).await;
        assert_eq!(flow.next().await, Ok(Some(2)));
        assert_eq!(flow.next().await, Err("broken"));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn dropping_the_consumer_ends_the_task() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("a----b-"));
        let mut flow = upstream.prefetch(2);
        assert_eq!(flow.next().await, Ok(Some('a')));
        drop(flow);
        ticks(10).await;
        assert!(seen.dropped() && seen.items() == 1);
        // Also while the task waits for room, and what waits for the consumer goes with it.
        let item = Arc::new(());
        let (upstream, seen) = probe(from_iter(std::iter::repeat(Arc::clone(&item))));
        let mut flow = upstream.prefetch(4);
        flow.next().await.unwrap();
        ticks(1).await;
        drop(flow);
        ticks(1).await;
        assert!(seen.dropped());
        assert_eq!(Arc::strong_count(&item), 1);
    });
}

#[test]
fn upstream_is_gone_before_the_end_is_given() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("ab|"));
        let mut flow = upstream.prefetch(2);
        while let Ok(Some(_)) = flow.next().await {}
        assert!(seen.dropped() && seen.polls_after_end() == 0);
    });
}

#[test]
fn a_panic_goes_on_in_the_consumer_behind_the_items_before() {
    let upstream = from_iter(0..10).map(|n| if n == 6 { panic!("item {n} is a bad one") } else { n });
    let mut given = Vec::new();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        virtual_time(async {
            let mut flow = upstream.prefetch(4);
            while let Ok(Some(n)) = flow.next().await {
                given.push(n);
            }
        });
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<String>().unwrap(), "item 6 is a bad one");
    assert_eq!(given, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_runtime_that_shuts_down_is_not_taken_for_an_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut flow = from_iter([1]).chain(stream::pending()).prefetch(2);
    assert_eq!(runtime.block_on(flow.next()), Ok(Some(1)));
    drop(runtime);
    assert!(catch_unwind(AssertUnwindSafe(|| flow.next().now_or_never())).is_err());
}

#[test]
#[should_panic(expected = "at least one item must be able to wait")]
fn refuses_to_read_nothing_ahead() {
    drop(from_iter([1]).prefetch(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_on_many_threads_lose_and_repeat_nothing() {
    const FLOWS: u64 = 8;
    const ITEMS: u64 = 5_000;
    let flows = (0..FLOWS).map(|flow| {
        let items = stream::unfold(0, move |n| async move {
            // Waits at places that differ from flow to flow.
            if n % (flow + 2) == 0 {
                yield_now().await;
            }
            (n < ITEMS).then_some((flow * ITEMS + n, n + 1))
        });
        items.into_flow().prefetch(1 + flow as usize).map(|n| n + 1).prefetch(3)
    });
    let mut last = [0; FLOWS as usize];
    let mut flow = merge(flows.collect::<Vec<_>>()).prefetch(2);
    while let Ok(Some(n)) = flow.next().await {
        let place = usize::try_from((n - 1) / ITEMS).unwrap();
        assert!(last[place] == 0 || last[place] + 1 == n, "{n} follows {}", last[place]);
        last[place] = n;
    }
    assert_eq!(last, std::array::from_fn(|flow| (flow as u64 + 1) * ITEMS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn consumers_that_go_away_at_any_time_leave_no_task_behind() {
    struct CountDrop(Arc<AtomicUsize>);
    impl Drop for CountDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    for round in 0..300 {
        let here = CountDrop(Arc::clone(&dropped));
        let upstream = stream::iter(0..).inspect(move |_| _ = &here);
        let mut flow = upstream.into_flow().prefetch(1 + round % 5);
        for expected in 0..round % 50 {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        drop(flow);
    }
    // Those of the rounds without an item were never started.
    while dropped.load(SeqCst) < 300 {
        yield_now().await;
    }
}

proptest! {
    #[test]
    fn is_the_list_up_to_its_failure(list: Vec<u8>, failure: Option<u8>, n in 1..9_usize, busy in 1..5_usize) {
        let signals: Vec<_> = list.into_iter().map(Ok).chain(failure.map(Err)).collect();
        let (upstream, _) = probe_stuttering(from_results(stream::iter(signals.clone())));
        let given = virtual_time(async {
            let mut flow = upstream.prefetch(n);
            let mut given = Vec::new();
            while let Some(signal) = StreamExt::next(&mut flow).await {
                given.push(signal);
                if given.len() % busy == 0 {
                    ticks(1).await;
                }
            }
            given
        });
        prop_assert_eq!(given, signals);
    }
}
