//! What runs upstream on tasks of its own: `spawn`, `parallel` and those that read ahead.

use anabranch_operators::{BoxFlow, Counter, Flow, FlowExt, OperatorError, Overflow};
use futures::Stream;
use shuttle::future::{block_on, yield_now};
use shuttle::thread;

use crate::tasks::{Feeder, Signal, exhaust, explore, fed, feed, feeding, leaving, reading};

type Numbers = BoxFlow<'static, u32, OperatorError>;

/// Those that change nothing.
const TRANSPORTS: [fn(Numbers) -> Numbers; 5] = [
    |flow| flow.spawn().boxed(),
    |flow| flow.prefetch(1).boxed(),
    |flow| flow.on_overflow(Overflow::error(9)).boxed(),
    |flow| flow.batch_while_busy(1).map(|list| list[0]).boxed(),
    |flow| flow.parallel(2, |_| (), slowly).boxed(),
];

/// A flow that lets others run before it gives an item.
fn slowly<S: Stream<Item = Signal>>(flow: Flow<S>) -> Flow<impl Stream<Item = Signal>> {
    flow.map_async(1, |n| async move {
        yield_now().await;
        n
    })
}

/// Waits until the task that was aborted has let go of the source.
fn until_dropped(feeder: &Feeder) {
    while !feeder.source_is_dropped() {
        thread::yield_now();
    }
}

#[test]
fn everything_is_given_in_order() {
    for transport in TRANSPORTS {
        explore(move || {
            let (feeder, flow) = feed();
            let reader = reading(slowly(transport(flow.boxed())));
            let feeding = feeding(feeder, 0..6);
            assert_eq!(reader.join().unwrap(), Ok((0..6).collect()));
            feeding.join().unwrap();
        });
    }
}

#[test]
fn a_failure_comes_behind_all_items_and_when_the_source_is_gone() {
    for transport in TRANSPORTS {
        explore(move || {
            let (feeder, flow) = feed();
            let feeding = thread::spawn(move || {
                (0..3).for_each(|n| feeder.send(n));
                feeder.fail();
                feeder
            });
            let mut flow = transport(flow.boxed());
            for expected in 0..3 {
                assert_eq!(block_on(flow.next()), Ok(Some(expected)));
            }
            block_on(flow.next()).unwrap_err();
            assert!(feeding.join().unwrap().source_is_dropped());
            assert_eq!(block_on(flow.next()), Ok(None));
        });
    }
}

#[test]
fn a_consumer_that_leaves_takes_the_source_with_it() {
    for transport in TRANSPORTS {
        explore(move || {
            let (feeder, flow) = feed();
            let reader = leaving(transport(flow.boxed()), 2);
            (0..4).for_each(|n| feeder.send(n));
            assert_eq!(reader.join().unwrap(), Ok(vec![0, 1]));
            until_dropped(&feeder);
        });
    }
}

#[test]
fn a_consumer_that_waits_while_an_item_comes_has_it() {
    exhaust(|| {
        let mut flow = fed([7]).try_into_flow().prefetch(1);
        assert_eq!(block_on(flow.next()), Ok(Some(7)));
    });
}

#[test]
fn what_is_lost_and_what_is_given_is_everything() {
    for oldest in [false, true] {
        explore(move || {
            let (feeder, flow) = feed();
            let lost = Counter::new();
            let policy = if oldest { Overflow::drop_oldest(1) } else { Overflow::drop_newest(1) };
            let reader = reading(slowly(flow.on_overflow(policy.lost(&lost))));
            feeding(feeder, 0..6);
            let given = reader.join().unwrap().unwrap();
            assert!(given.is_sorted() && given.len() as u64 + lost.get() == 6, "{given:?}");
            assert!(if oldest { given.last() == Some(&5) } else { given[0] == 0 }, "{given:?}");
        });
    }
}

#[test]
fn merged_items_make_up_everything() {
    explore(|| {
        let (feeder, flow) = feed();
        let lists = flow.map(|n| vec![n]).conflate(|older, newer| [older, newer].concat());
        feeding(feeder, 0..6);
        assert_eq!(block_on(lists.collect::<Vec<_>>()).unwrap().concat(), [0, 1, 2, 3, 4, 5]);
    });
    explore(|| {
        let (feeder, flow) = feed();
        let lists = flow.batch_while_busy(2);
        feeding(feeder, 0..6);
        let lists = block_on(lists.collect::<Vec<_>>()).unwrap();
        assert!(lists.iter().all(|list| !list.is_empty() && list.len() <= 2), "{lists:?}");
        assert_eq!(lists.concat(), [0, 1, 2, 3, 4, 5]);
    });
}

/// Channels and chunks hold two here, so that upstream, the parts and the consumer wait for each other all the time.
#[test]
fn parts_that_are_fast_and_slow_all_come_to_their_end() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut parts = 0;
        let flow = flow.parallel(
            3,
            |n| *n,
            |part| {
                parts += 1;
                if parts == 1 { slowly(part).boxed() } else { part.boxed() }
            },
        );
        feeding(feeder, 0..24);
        let mut given = block_on(slowly(flow).collect::<Vec<_>>()).unwrap();
        given.sort_unstable();
        assert_eq!(given, (0..24).collect::<Vec<_>>());
    });
}

#[test]
fn parts_that_end_early_hold_nobody_up() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut parts = 0;
        let flow = flow.parallel(
            2,
            |n| *n,
            |part| {
                parts += 1;
                part.take(if parts == 1 { 1 } else { usize::MAX })
            },
        );
        feeding(feeder, 0..16);
        let given = block_on(flow.collect::<Vec<_>>()).unwrap();
        assert!((5..16).contains(&given.len()), "{given:?}");
    });
    // When all have ended, upstream is not waited for.
    explore(|| {
        let (feeder, flow) = feed();
        let reader = reading(flow.parallel(2, |n| *n, |part| part.take(1)));
        (0..16).for_each(|n| feeder.send(n));
        assert_eq!(reader.join().unwrap().unwrap().len(), 2);
        until_dropped(&feeder);
    });
}

#[test]
fn the_failure_of_a_part_or_of_upstream_is_given_once() {
    explore(|| {
        let (feeder, flow) = feed();
        let failure = OperatorError::TooManyGroups { max_groups: 7 };
        let refuse = move |n| if n == 2 { Err(failure.clone()) } else { Ok(n) };
        let mut flow = flow.parallel(2, |n| *n, |part| part.try_map(refuse.clone()));
        let feeding = thread::spawn(move || {
            (0..4).for_each(|n| feeder.send(n));
            feeder.fail();
            feeder
        });
        while let Ok(item) = block_on(flow.next()) {
            assert!(item.is_some(), "it failed");
        }
        assert_eq!(block_on(flow.next()), Ok(None));
        until_dropped(&feeding.join().unwrap());
    });
}
