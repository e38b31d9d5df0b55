//! `parallel`: keys spread over tasks.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, probe_stuttering, virtual_time};
use anabranch_operators::{Flow, OperatorError, from_iter, from_results, interval};
use futures::{FutureExt, Stream, StreamExt, stream};
use proptest::prelude::*;

async fn ticks(n: u64) {
    tokio::time::sleep(Duration::from_millis(n)).await;
}

/// The same flow on several threads, for tests that are about them.
fn on_threads<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap().block_on(future)
}

#[test]
fn gives_what_the_parts_give() {
    for n in 1..4 {
        for text in ["a-b-a-c-|", "|", "a-", "--#", "a-b#", "(aaa)-(aa)|"] {
            assert_marbles(Script::marbles(text).parallel(n, |letter| *letter, |part| part.map(|letter| letter)), text);
        }
        check("a-b-#", |flow| flow.parallel(n, |letter| *letter, |part| part.enumerate().map(|(_, c)| c)), "a-b-#");
        check("a-b-|", |flow| flow.parallel(n, |letter| *letter, |part| part.filter(|c| *c == 'b')), "--b-|");
    }
}

/// A flow that treats each key by itself: the items of a key with their number, and with the latest of that key.
fn by_key<S>(flow: Flow<S>) -> Flow<impl Stream<Item = Result<(u64, u64, u64), S::Error>>>
where
    S: anabranch_operators::TryStream<Ok = u64>,
{
    let mut latest = BTreeMap::new();
    flow.map(move |item| {
        let (number, former) = latest.get(&(item % 37)).copied().unwrap_or_default();
        latest.insert(item % 37, (number + 1, item));
        (item, number, former)
    })
}

#[test]
fn answers_as_without_it_and_keeps_each_keys_order() {
    const ITEMS: u64 = 30_000;
    let expected = virtual_time(by_key(from_iter(0..ITEMS)).collect::<Vec<_>>()).unwrap();
    for n in [1, 2, 3, 8] {
        let given = || from_iter(0..ITEMS).parallel(n, |item| item % 37, by_key).collect::<Vec<_>>();
        for given in [virtual_time(given()).unwrap(), on_threads(given()).unwrap()] {
            let of = |key, items: &[(u64, u64, u64)]| {
                items.iter().copied().filter(|(item, ..)| item % 37 == key).collect::<Vec<_>>()
            };
            for key in 0..37 {
                assert_eq!(of(key, &given), of(key, &expected), "key {key} of {n} parts");
            }
            assert_eq!(given.len(), expected.len());
        }
    }
}

#[test]
fn a_key_is_in_one_part_and_parts_have_different_keys() {
    virtual_time(async {
        let next = AtomicUsize::new(0);
        let mut flow = from_iter(0..1_000_u32).parallel(
            4,
            |item| item % 100,
            |part| {
                let number = next.fetch_add(1, SeqCst);
                part.map(move |item| (item % 100, number))
            },
        );
        let mut part_of = BTreeMap::new();
        while let Ok(Some((key, part))) = flow.next().await {
            assert_eq!(*part_of.entry(key).or_insert(part), part);
        }
        assert_eq!(part_of.len(), 100);
        assert_eq!(part_of.into_values().collect::<HashSet<_>>().len(), 4, "a part has none of 100 keys");
    });
}

#[test]
fn few_keys_are_spread_over_the_parts() {
    // Of two keys, both are in one part only if they share a place in the table of 128.
    let apart = (0..40_u32).filter(|pair| {
        let sizes = from_iter([2 * pair, 2 * pair + 1]).parallel(
            2,
            |key| *key,
            |part| part.buffer_count(2).map(|keys| keys.len()),
        );
        virtual_time(sizes.collect::<Vec<_>>()) == Ok(vec![1, 1])
    });
    let apart = apart.count();
    assert!(apart > 32, "{apart}");
}

#[test]
fn parts_run_on_several_threads() {
    let threads = on_threads(async {
        let inside = Arc::new(AtomicUsize::new(0));
        let wait_for_another = |part: Flow<_>| {
            let inside = Arc::clone(&inside);
            let mut waited = false;
            part.map(move |_: u32| {
                // Two parts must be in here at once before either goes on.
                if !std::mem::replace(&mut waited, true) {
                    inside.fetch_add(1, SeqCst);
                    let start = std::time::Instant::now();
                    while inside.load(SeqCst) < 2 {
                        assert!(start.elapsed() < Duration::from_secs(20), "the other part does not run");
                        thread::yield_now();
                    }
                }
                thread::current().id()
            })
        };
        let upstream = stream::iter(0_u32..64).map(Ok::<_, Failed>);
        from_results(upstream).parallel(2, |item| *item, wait_for_another).collect::<HashSet<_>>().await.unwrap()
    });
    assert!(threads.len() >= 2);
}

#[test]
fn a_failure_of_upstream_comes_behind_everything_in_all_parts() {
    for _ in 0..20 {
        let items = (0..5_000).map(Ok).chain([Err("broken"), Ok(7)]);
        let flow = from_results(stream::iter(items)).parallel(4, |item| item % 50, |part| part.map(|item| item));
        let (given, end) = on_threads(async {
            let mut flow = flow;
            let mut given = HashSet::new();
            loop {
                match flow.next().await {
                    Ok(Some(item)) => assert!(given.insert(item)),
                    end => {
                        assert_eq!(flow.next().await, Ok(None));
                        break (given, end);
                    }
                }
            }
        });
        assert_eq!((given.len(), end), (5_000, Err("broken")));
    }
}

#[test]
fn half_a_result_is_not_taken_for_a_whole_one() {
    virtual_time(async {
        let flow = Script::marbles("a-b-a-#");
        let counts = flow.parallel(2, |letter| *letter, |part| part.group_by(|letter| *letter).count_each());
        assert_eq!(counts.collect::<Vec<_>>().await, Err(Failed::Scripted));
    });
}

#[test]
fn the_failure_of_a_part_ends_it_at_once() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("a-b-c------"));
        let refuse = |letter| if letter == 'b' { Err(Failed::Scripted) } else { Ok(letter) };
        let mut flow = upstream.parallel(3, |letter| *letter, |part| part.try_map(refuse));
        let start = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Err(Failed::Scripted));
        assert_eq!(start.elapsed(), Duration::from_millis(2));
        assert_eq!(flow.next().await, Ok(None));
        ticks(1).await;
        assert!(seen.dropped());
    });
}

#[test]
fn parts_that_end_before_upstream_end_it() {
    virtual_time(async {
        let (upstream, seen) = probe(Script::marbles("a-b-c------"));
        let flow = upstream.parallel(1, |letter| *letter, |part| part.take(2));
        assert_eq!(flow.collect::<String>().await, Ok("ab".to_owned()));
        ticks(1).await;
        assert!(seen.dropped());
        // While one has ended and others have not, its keys are dropped.
        let upstream = from_iter(0..1_000).parallel(4, |item| *item, |part| part.take_while(|item| *item != 9));
        let Ok(given) = upstream.collect::<HashSet<_>>().await;
        assert!((0..9).all(|item| given.contains(&item)) && !given.contains(&9));
        assert!(given.len() > 500, "only one part has ended, but {} items came", given.len());
    });
}

#[test]
fn items_that_nobody_takes_any_more_do_not_keep_others_from_running() {
    virtual_time(async {
        // The part of the only key ends, and the other gets nothing: upstream is read for ever, and others run.
        let (upstream, seen) = probe(from_iter(0_u64..));
        let mut flow = upstream.parallel(2, |_| (), |part| part.take(1));
        assert_eq!(flow.next().await, Ok(Some(0)));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let before = seen.items();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!((1..=2 * 256).contains(&(seen.items() - before)), "{} items in one go", seen.items() - before);
    });
}

#[test]
fn the_item_of_a_rare_key_gets_on_while_upstream_is_always_ready() {
    for n in 1..10 {
        virtual_time(async {
            let (upstream, seen) = probe(from_iter(0..1_000_000));
            let mut rare = upstream.parallel(n, |item| *item == 0, |part| part.filter(|item| *item == 0));
            assert_eq!(rare.next().await, Ok(Some(0)));
            // A chunk for each part, and those that go on until tokio looks at the consumer: after 61 polls of tasks.
            assert!(seen.items() <= (n + 61) * 256, "{n} parts: {} items before it", seen.items());
        });
    }
}

#[test]
fn nothing_runs_before_the_first_poll() {
    virtual_time(async {
        let (upstream, seen) = probe(from_iter(0..10));
        let flow = upstream.parallel(2, |item| *item, |part| part.map(|item| item));
        ticks(1).await;
        assert_eq!(seen.polls(), 0);
        drop(flow);
        assert!(seen.dropped() && seen.polls() == 0);
    });
}

#[test]
fn runs_ahead_of_its_consumer_but_not_without_bound() {
    virtual_time(async {
        let (upstream, seen) = probe(from_iter(0..1_000_000));
        let mut flow = upstream.parallel(2, |item| *item, |part| part.map(|item| item));
        assert!(flow.next().await.unwrap().is_some());
        ticks(1).await;
        assert!((512..=2 * 9 * 256).contains(&seen.items()), "{} items ahead", seen.items());
    });
}

#[test]
fn groups_that_a_part_reads_one_after_the_other_get_their_items_while_others_open() {
    virtual_time(async {
        let items = interval(Duration::from_millis(1)).take(100).fails_with::<OperatorError>();
        let groups = items.group_by(|n| n % 20);
        let counts = groups.parallel(1, |_| (), |part| part.concat_map(|group| stream::once(group.count())));
        assert_eq!(counts.collect::<Vec<_>>().await, Ok(vec![5; 20]));
    });
}

#[test]
fn dropping_the_consumer_drops_everything() {
    virtual_time(async {
        for text in ["a----b-", "abcdefgh"] {
            let item = Arc::new(());
            let held = Arc::clone(&item);
            let (upstream, seen) = probe(Script::marbles(text));
            let mut flow = upstream.map(move |letter| (letter, Arc::clone(&held))).parallel(
                3,
                |(letter, _)| *letter,
                |part| part.map(|item| item),
            );
            flow.next().await.unwrap();
            drop(flow);
            ticks(1).await;
            assert!(seen.dropped());
            assert_eq!(Arc::strong_count(&item), 1);
        }
    });
}

#[test]
fn panics_go_on_in_the_consumer() {
    fn panics<S: Stream<Item = Result<u32, Failed>> + Unpin>(make: impl FnOnce() -> Flow<S>) -> String {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            virtual_time(async {
                let mut flow = make();
                while let Ok(Some(_)) = flow.next().await {}
            });
        }));
        panic.unwrap_err().downcast_ref::<String>().unwrap().clone()
    }
    let source = || from_iter(0_u32..10_000).fails_with::<Failed>();
    let bad = |item| if item == 600 { panic!("item {item} is a bad one") } else { item };
    let expected = "item 600 is a bad one";
    assert_eq!(panics(|| source().map(bad).parallel(3, |item| *item, |part| part)), expected);
    assert_eq!(panics(|| source().parallel(3, move |item| bad(*item), |part| part)), expected);
    assert_eq!(panics(|| source().parallel(3, |item| *item, move |part| part.map(bad))), expected);
    // Also when upstream has nothing more, and when no other part ever ends.
    let waits = || source().chain(from_results(stream::pending()));
    assert_eq!(panics(|| waits().parallel(3, |item| *item, move |part| part.map(bad))), expected);
}

/// The channel of a part that panics closes a moment before its task has ended with the panic.
#[test]
fn a_panic_of_the_last_part_is_not_taken_for_an_end() {
    for _ in 0..300 {
        let flow = from_iter(0..3).parallel(
            1,
            |item| *item,
            |part| part.map(|_| -> u8 { resume_unwind(Box::new("quietly")) }),
        );
        let panic = catch_unwind(AssertUnwindSafe(|| on_threads(flow.collect::<Vec<u8>>())));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"quietly"));
    }
}

#[test]
fn a_runtime_that_shuts_down_is_not_taken_for_an_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut flow = Script::marbles("a").map(|letter| letter).parallel(2, |letter| *letter, |part| part);
    runtime.block_on(async { assert!(futures::poll!(StreamExt::next(&mut flow)).is_pending()) });
    drop(runtime);
    assert!(catch_unwind(AssertUnwindSafe(|| flow.next().now_or_never())).is_err());
}

#[test]
#[should_panic(expected = "there must be at least one part")]
fn refuses_to_have_no_parts() {
    drop(from_iter([1]).parallel(0, |item| *item, |part| part));
}

proptest! {
    #[test]
    fn has_the_same_items_in_the_same_order_for_each_key(
        list: Vec<u8>, failure: Option<u8>, n in 1..5_usize, busy in prop::collection::vec(0_u64..3, 1..9)
    ) {
        let signals = list.clone().into_iter().map(Ok).chain(failure.map(Err));
        let (upstream, _) = probe_stuttering(from_results(stream::iter(signals.collect::<Vec<_>>())));
        let slow = upstream.map_async(1, |item| async move { ticks(u64::from(item % 3)).await; item });
        let (given, end) = virtual_time(async {
            let mut flow = slow.parallel(n, |item| item % 5, |part| part.map(|item| item));
            let mut given = Vec::new();
            for pause in busy.iter().cycle() {
                match flow.next().await {
                    Ok(Some(item)) => given.push(item),
                    Ok(None) => return (given, None),
                    Err(error) => return (given, Some(error)),
                }
                ticks(*pause).await;
            }
            unreachable!()
        });
        prop_assert_eq!(end, failure);
        prop_assert_eq!(given.len(), list.len());
        for key in 0..5 {
            let of = |items: &[u8]| items.iter().copied().filter(|item| item % 5 == key).collect::<Vec<_>>();
            prop_assert_eq!(of(&given), of(&list));
        }
    }
}
