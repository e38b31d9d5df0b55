//! `map_async_by_key`: each item, changed by a future; one by one for each key.

use std::cell::RefCell;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Script, assert_marbles, check, observe, probe, virtual_time};
use anabranch_operators::{Flow, TryStream, from_iter};
use futures::FutureExt;
use proptest::prelude::*;

/// Takes 3 ticks. Letters are of one key whatever their case.
fn calls<S: TryStream<Ok = char>>(
    flow: Flow<S>,
    n: usize,
) -> Flow<impl futures::Stream<Item = Result<char, S::Error>>> {
    flow.map_async_by_key(n, char::to_ascii_lowercase, |item| async move {
        tokio::time::sleep(Duration::from_millis(3)).await;
        item
    })
}

#[test]
fn runs_one_at_a_time_for_each_key() {
    check("aAb----|", |flow| calls(flow, 3), "---a-bA|");
    check("(aAa)------|", |flow| calls(flow, 3), "---a--A--(a|)");
    check("abc------|", |flow| calls(flow, 3), "---abc---|");
}

#[test]
fn a_key_that_has_been_idle_runs_again() {
    check("a-----A----|", |flow| calls(flow, 3), "---a-----A-|");
}

#[test]
fn holds_no_more_than_allowed() {
    // `A` takes one of the two places while it waits, so `b` is read in tick 3.
    check("aAb--|", |flow| calls(flow, 2), "---a--(Ab|)");
    let (upstream, seen) = probe(Script::marbles("(aaaab)"));
    assert_marbles(calls(upstream, 3), "---a--!");
    assert_eq!(seen.items(), 4);
}

#[test]
fn ends_when_all_results_are_given() {
    check("|", |flow| calls(flow, 3), "|");
    check("a|", |flow| calls(flow, 3), "---(a|)");
    check("a-----|", |flow| calls(flow, 3), "---a--|");
    check("a-", |flow| calls(flow, 3), "---a");
}

#[test]
fn fails_at_once_with_an_upstream_that_it_reads() {
    check("aA#", |flow| calls(flow, 3), "--#");
    check("#", |flow| calls(flow, 3), "#");
    check("aA#", |flow| calls(flow, 2), "---(a#)");
}

#[test]
fn calls_its_function_when_the_turn_of_the_item_has_come() {
    let called = RefCell::new(Vec::new());
    virtual_time(async {
        let zero = tokio::time::Instant::now();
        let flow = Script::marbles("(aAb)|").map_async_by_key(8, char::to_ascii_lowercase, |item| {
            called.borrow_mut().push((item, zero.elapsed().as_millis()));
            tokio::time::sleep(Duration::from_millis(3))
        });
        assert_eq!(flow.count().await, Ok(3));
    });
    assert_eq!(*called.borrow(), [('a', 0), ('b', 0), ('A', 3)]);
}

#[test]
fn a_function_that_panics_takes_no_room_for_ever() {
    virtual_time(async {
        let zero = tokio::time::Instant::now();
        let mut flow = Script::marbles("(aAAbc)|").map_async_by_key(3, char::to_ascii_lowercase, |item| {
            assert!(item != 'A', "as told");
            tokio::time::sleep(Duration::from_millis(3)).map(move |()| item)
        });
        let panicked = AssertUnwindSafe(flow.next()).catch_unwind().await;
        assert!(panicked.is_err());
        // What waited behind `A` is gone with it, and both others run at once.
        for expected in ['b', 'c'] {
            assert_eq!(flow.next().await, Ok(Some(expected)));
            assert_eq!(zero.elapsed(), Duration::from_millis(6));
        }
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn an_upstream_that_is_always_ready_does_not_starve_the_futures() {
    virtual_time(async {
        let mut flow = from_iter(0..).map_async_by_key(usize::MAX, |n| n % 3, ready);
        for _ in 0..1_000 {
            assert!(matches!(flow.next().await, Ok(Some(_))));
        }
        let mut waiting = from_iter(0..).map_async_by_key(usize::MAX, |_| (), |_| std::future::pending::<()>());
        assert!(waiting.next().now_or_never().is_none());
    });
}

#[test]
fn an_n_of_0_is_refused() {
    assert!(catch_unwind(AssertUnwindSafe(|| drop(calls(Script::marbles("a"), 0)))).is_err());
}

proptest! {
    /// What a plain list says of when each item begins and ends, if `n` is no limit.
    #[test]
    fn each_key_is_a_queue_of_its_own(items in prop::collection::vec((0..4_u64, 0..3_usize, 1..6_u64), 0..16)) {
        let mut script = Vec::new();
        let mut expected = Vec::new();
        let mut free_at = [0; 3];
        let mut now = 0;
        for (at, (pause, key, takes)) in items.iter().enumerate() {
            now += pause;
            script.push((now, Event::Item((at, *key, *takes))));
            free_at[*key] = now.max(free_at[*key]) + takes;
            expected.push((free_at[*key], at));
        }
        script.push((now + 1, Event::End));
        let flow = Script::<_, Failed>::new(script).map_async_by_key(64, |item| item.1, |(at, _, takes)| async move {
            tokio::time::sleep(Duration::from_millis(takes)).await;
            at
        });
        let observed = virtual_time(observe(flow, 10_000));
        let mut given: Vec<_> = observed
            .events()
            .iter()
            .filter_map(|(tick, event)| if let Event::Item(at) = event { Some((*tick, *at)) } else { None })
            .collect();
        // Within an instant, keys have no order.
        given.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(given, expected);
    }

    #[test]
    fn keeps_the_order_of_each_key_whatever_the_limit(list: Vec<u8>, n in 1..6_usize) {
        let slow = |item: (usize, u8)| async move {
            for _ in 0..item.1 % 5 {
                tokio::task::yield_now().await;
            }
            item
        };
        let numbered = from_iter(list.clone()).enumerate();
        let flow = numbered.map_async_by_key(n, |item| item.1 % 3, slow);
        let mut given = virtual_time(flow.collect::<Vec<_>>()).unwrap_or_else(|never| match never {});
        // A stable sort by key alone: within a key the order must be right already.
        given.sort_by_key(|item| item.1 % 3);
        let mut expected: Vec<_> = list.into_iter().enumerate().collect();
        expected.sort_by_key(|item| item.1 % 3);
        prop_assert_eq!(given, expected);
    }
}
