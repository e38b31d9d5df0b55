//! Traps that libraries of streams have fallen into: a test each, with its story.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cell::Cell;
use std::future::Future;
use std::iter::repeat;
use std::rc::Rc;
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::testing::{Failed, Script, observe_nested, probe, virtual_time};
use anabranch_operators::{BoxFlow, Flow, OperatorError, from_iter};
use futures::{Stream, stream};

/// Sub-streams beyond the limit of the merge behind them were never read, the source waited for room in their buffers,
/// and the whole stood still for ever. Here the flow fails, and says which group was not read, and what to do.
#[test]
fn groups_beyond_the_limit_of_a_merge_do_not_hang() {
    virtual_time(async {
        let items = from_iter((0..10_000).map(|n| n % 3)).fails_with::<OperatorError>();
        let merged = items.group_by(|n| *n).buffers(16, 1_000).merge_map(2, |group| group);
        let Err(OperatorError::Stalled { key, .. }) = merged.count().await else {
            panic!("two groups of three were read, and nobody said so");
        };
        assert_eq!(key, "2");
    });
}

/// An item that came at the instant at which its group ended went into the group that was gone. Here it opens the next.
#[test]
fn an_item_that_races_with_the_end_of_its_group_opens_the_next() {
    let nested = virtual_time(async {
        let groups = Script::marbles("a---a-|").group_until(|key| *key, Until::after(Duration::from_millis(4)));
        observe_nested(groups, 100, |group| *group.key()).await
    });
    assert_eq!(nested.marbles(), ["a: a---|", "a: ----a-|"]);
}

/// A key whose group had been given up never opened again (RxJS), or opened at every item (RxJava). Here it opens again
/// once the group's time is over.
#[test]
fn the_key_of_a_group_that_was_dropped_opens_again() {
    virtual_time(async {
        let items = Script::marbles("aa----a-|");
        let mut groups = items.group_until(|key| *key, Until::after(Duration::from_millis(4)));
        drop(groups.next().await.unwrap().expect("the first group"));
        let again = groups.next().await.unwrap().expect("the second group");
        assert_eq!(again.collect::<String>().await.unwrap(), "a");
    });
}

/// A loop that found its source always ready never let go of the thread: timers and other tasks stood still.
#[test]
fn draining_a_million_ready_items_lets_other_tasks_run() {
    fn turns_beside(drain: impl Future) -> usize {
        let turns = Cell::new(0);
        let other = async {
            loop {
                turns.set(turns.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        virtual_time(async {
            tokio::select! {
                biased;
                _ = drain => {}
                () = other => {}
            }
        });
        turns.get()
    }
    let ready = || from_iter(0..1_000_000_u32);
    let ends = [
        turns_beside(ready().count()),
        turns_beside(ready().filter(|_| false).next()),
        turns_beside(ready().skip(1_000_000).next()),
        turns_beside(ready().for_each(drop)),
        turns_beside(ready().buffer_count(usize::MAX).next()),
        turns_beside(ready().group_by(|n| n % 7).count_each().next()),
        turns_beside(ready().fails_with::<OperatorError>().group_by(|n| n % 7).merge_map(8, |group| group).count()),
        turns_beside(ready().concat_map(|_| from_iter([0; 0])).next()),
        turns_beside(ready().merge_map(8, |_| from_iter([0; 0])).next()),
    ];
    assert!(ends.iter().all(|turns| *turns >= 1_000_000 / 256 / 2), "others had so few turns: {ends:?}");
}

/// Each item woke every reader of every group, so that wakes grew with the square of the groups.
#[test]
fn wakes_grow_with_the_items_and_not_with_the_square_of_the_groups() {
    const GROUPS: usize = 100_000;
    let (items, seen) = probe(from_iter(0..GROUPS).fails_with::<OperatorError>());
    let polls = Rc::new(Cell::new(0));
    let groups = items.group_by(|n| *n).max_groups(GROUPS).buffers(16, 2 * GROUPS);
    let counted = groups.merge_map(usize::MAX, |group| {
        let polls = Rc::clone(&polls);
        let mut group = Box::pin(group);
        stream::poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            group.as_mut().poll_next(cx)
        })
    });
    assert_eq!(virtual_time(counted.count()), Ok(GROUPS));
    assert_eq!(seen.items(), GROUPS);
    assert!(polls.get() <= 8 * GROUPS, "{GROUPS} groups of one item were polled {} times", polls.get());
}

/// Chains of a few dozen operators did not compile within the recursion limit, or overflowed the stack in debug builds.
#[test]
fn a_chain_of_forty_operators_compiles_and_runs_unboxed() {
    macro_rules! chain {
        ($flow:expr;) => { $flow };
        ($flow:expr; $first:tt $($rest:tt)*) => { chain!($flow.map(|n: u64| n + 1).filter(|_| true); $($rest)*) };
    }
    let flow = chain!(from_iter(0..10_u64); 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
    let items = virtual_time(flow.collect::<Vec<_>>());
    assert_eq!(items, Ok((20..30).collect::<Vec<_>>()));
}

/// As above, for chains that are built in a loop.
#[test]
fn a_chain_of_256_boxes_runs_and_is_dropped() {
    let mut flow: BoxFlow<'static, u64, Failed> = from_iter(0..10_u64).fails_with::<Failed>().boxed();
    for _ in 0..256 {
        flow = flow.map(|n| n + 1).boxed();
    }
    let items = virtual_time(flow.collect::<Vec<_>>());
    assert_eq!(items, Ok((256..266).collect::<Vec<_>>()));
}

/// A timer was only looked at when the source was pending, so behind a source that is always ready it never fired.
#[test]
fn timers_fire_behind_a_source_that_is_always_ready() {
    fn fires<S, T, E>(name: &str, operator: impl FnOnce(BoxFlow<'static, u8, OperatorError>) -> Flow<S>)
    where
        S: Stream<Item = Result<T, E>>,
    {
        virtual_time(async {
            let mut flow = Box::pin(operator(from_iter(repeat(1_u8)).fails_with().boxed()));
            let first = futures::future::poll_fn(|cx| flow.as_mut().poll_next(cx));
            // One tick each time that the flow lets others run.
            let time_passes = async {
                for _ in 0..1_000 {
                    tokio::time::advance(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                biased;
                _ = first => {}
                () = time_passes => panic!("{name} gives nothing in 1,000 ticks of 3"),
            }
        });
    }
    let span = Duration::from_millis(3);
    fires("audit", |flow| flow.audit(span));
    fires("buffer_time", |flow| flow.buffer_time(span));
    fires("distinct", |flow| flow.distinct(|n| *n).forget_after(span).skip(1));
    fires("group_until", |flow| flow.group_until(|n| *n, Until::after(span)).count_each());
    fires("sample", |flow| flow.sample(span));
    fires("skip_for", |flow| flow.skip_for(span));
    fires("take_for", |flow| flow.take_for(span).ignore_elements());
    fires("throttle_first", |flow| flow.throttle_first(span).skip(1));
    fires("throttle_latest", |flow| flow.throttle_latest(span).skip(1));
    fires("window_time", |flow| flow.window_time(span).skip(1));
}
