//! Traps that libraries of streams have fallen into: a test each, with its story.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::iter::repeat;
use std::rc::Rc;
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::recover::Breaker;
use anabranch_operators::testing::{Failed, Script, observe_nested, probe, virtual_time};
use anabranch_operators::window::tumbling;
use anabranch_operators::{BoxFlow, Flow, FlowExt, OperatorError, combine_latest, from_iter};
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt, stream};

const SECOND: Duration = Duration::from_secs(1);

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
    let many = || from_iter(0..1_000_000_u32);
    let never = || stream::pending::<Result<u32, Infallible>>().try_into_flow();
    let ends = [
        turns_beside(many().filter(|_| false).next()),
        turns_beside(many().skip(1_000_000).next()),
        turns_beside(many().buffer_count(usize::MAX).next()),
        turns_beside(many().concat_map(|_| from_iter([0; 0])).next()),
        turns_beside(many().merge_map(8, |_| from_iter([0; 0])).next()),
        turns_beside(many().take_last(1).next()),
        turns_beside(many().skip_last(1_000_000).next()),
        turns_beside(many().skip_while(|_| true).next()),
        turns_beside(many().skip_until(pending::<()>()).next()),
        turns_beside(many().ignore_elements().next()),
        turns_beside(many().distinct(|_| 0).skip(1).next()),
        turns_beside(
            many().fails_with::<OperatorError>().expand(1, |_| from_iter([0; 0]).fails_with()).filter(|_| false).next(),
        ),
        turns_beside(combine_latest((many(), many())).filter(|_| false).next()),
        turns_beside(many().with_latest_from(never()).next()),
        turns_beside(many().map(Err::<u8, u32>).dead_letters(futures::sink::drain()).next()),
    ];
    assert!(ends.iter().all(|turns| *turns >= 1_000_000 / 256 / 2), "others had so few turns: {ends:?}");
    // These look at the clock, which stands still here, and read on while little time has passed.
    let looks = [
        turns_beside(many().count()),
        turns_beside(many().fails_with::<OperatorError>().group_by(|n| n % 7).merge_map(8, |group| group).count()),
        turns_beside(many().for_each(drop)),
        turns_beside(many().group_by(|n| n % 7).count_each().next()),
        turns_beside(many().fails_with::<OperatorError>().event_windows(tumbling(SECOND), |_| 0).count_each().next()),
    ];
    assert!(looks.iter().all(|turns| *turns >= 1_000_000 / 65_536), "others had so few turns: {looks:?}");
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

/// As above, with operators of all families, whose types are larger.
#[test]
fn a_chain_of_forty_different_operators_compiles_and_runs_unboxed() {
    const MS: Duration = Duration::from_millis(1);
    fn items<I: IntoIterator<Item = u64>>(items: I) -> Flow<impl Stream<Item = Result<u64, OperatorError>>> {
        from_iter(items).fails_with()
    }
    let flow = items(1..=10)
        .map(|n| n + 1)
        .delay(MS)
        .concat_map(|n| items([n]))
        .inspect(|_| ())
        .group_by(|n| n % 2)
        .merge_map(4, |group| group)
        .timeout(SECOND)
        .buffer_count(2)
        .concat_map(items)
        .pace(MS)
        .merge_with(items([0]))
        .filter(|n| *n > 0)
        .with_latest_from(items([0]))
        .map(|(n, _)| n)
        .share()
        .delay_each(|_| MS)
        .window_count(3)
        .merge_map(4, |window| window)
        .distinct(|n| *n)
        .enumerate()
        .filter_map(|(_, n)| Some(n))
        .zip(items(0..))
        .map(|(n, _)| n)
        .buffer_time(MS)
        .concat_map(items)
        .rate_limit(1, MS)
        .map_async(2, ready)
        .window_time(MS)
        .merge_map(4, |window| window)
        .take_until(pending::<()>())
        .skip_until(ready(()))
        .materialize()
        .dematerialize()
        .default_if_empty(0)
        .group_until(|n| n % 3, Until::after(MS))
        .merge_map(8, |group| group)
        .prefetch(4)
        .try_map(Ok)
        .scan(0, |_, n| n)
        .timestamp()
        .map(|(n, _)| n);
    let mut items = virtual_time(flow.collect::<Vec<_>>()).unwrap();
    items.sort_unstable();
    assert_eq!(items, (2..=11).collect::<Vec<_>>());
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
    fires("buffer_time_every", |flow| flow.buffer_time_every(span, span));
    fires("buffer_time_or_count", |flow| flow.buffer_time_or_count(span, usize::MAX));
    let breaker = Breaker::new(1, span);
    fires("circuit_breaker", |flow| {
        flow.circuit_breaker(1, &breaker, |_| ready(Err::<(), _>(()))).wait_while_open().skip(1)
    });
    fires("delay", |flow| flow.delay(span));
    fires("delay_each", |flow| flow.delay_each(move |_| span));
    fires("distinct", |flow| flow.distinct(|n| *n).forget_after(span).skip(1));
    fires("group_until", |flow| flow.group_until(|n| *n, Until::after(span)).count_each());
    fires("pace", |flow| flow.pace(span).skip(1));
    fires("rate_limit", |flow| flow.rate_limit(1, span).skip(1));
    fires("sample", |flow| flow.sample(span));
    fires("skip_for", |flow| flow.skip_for(span));
    fires("take_for", |flow| flow.take_for(span).ignore_elements());
    fires("take_until", |flow| flow.take_until(tokio::time::sleep(span)).ignore_elements());
    fires("throttle_first", |flow| flow.throttle_first(span).skip(1));
    fires("throttle_latest", |flow| flow.throttle_latest(span).skip(1));
    fires("window_time", |flow| flow.window_time(span).skip(1));
    fires("window_time_every", |flow| flow.window_time_every(span, span).skip(1));
    fires("window_time_or_count", |flow| flow.window_time_or_count(span, usize::MAX).skip(1));
}

/// A flow gives way in a poll with which the runtime is left, as part of a future that is polled on afterwards.
#[test]
fn a_runtime_that_is_left_forgets_no_flow() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let numbers = || from_iter(0..1_000_000).fails_with::<OperatorError>();
    let counts: [LocalBoxFuture<'_, Result<usize, OperatorError>>; 3] = [
        Box::pin(numbers().count()),
        Box::pin(numbers().group_by(|n| n % 10).count_each().fold(0, |sum, (_, n)| sum + n)),
        Box::pin(numbers().group_by(|n| n % 10).merge_map(16, |group| group).count()),
    ];
    for count in counts {
        let both = [count, Box::pin(ready(Ok(0)))];
        let mut both = FuturesUnordered::from_iter(both);
        let mut next = || {
            let next = async { tokio::time::timeout(SECOND, both.next()).await };
            runtime.block_on(next).expect("it waits for ever")
        };
        assert_eq!([next(), next()], [Some(Ok(0)), Some(Ok(1_000_000))]);
    }
}
