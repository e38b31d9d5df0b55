//! Groups that are read in a merge, where they give way to each other.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::testing::{probe, virtual_time};
use anabranch_operators::{FlowExt, OperatorError, from_iter};
use futures::{Stream, StreamExt, stream};

use crate::races::{Random, now_and_then};

/// Items with random keys from another task, groups dealt out to tasks that merge what they get: groups of one merge give
/// way to each other. Everything arrives.
async fn read_in_merges_on_many_tasks(seed: u64) {
    const ITEMS: u64 = 600;
    let mut random = Random(seed);
    let (keys, per_group) = (1 + random.below(12), 1 + random.below(20) as usize);
    let (each, all) = (1 + random.below(6) as usize, 1 + random.below(40) as usize);
    let (sender, receiver) = tokio::sync::mpsc::channel(1 + random.below(30) as usize);
    let seed = random.below(u64::MAX);
    let sends = tokio::spawn(async move {
        let mut random = Random(seed);
        for n in 0..ITEMS {
            sender.send((random.below(keys), n)).await.unwrap();
            now_and_then(&mut random).await;
        }
    });
    let source = tokio_stream::wrappers::ReceiverStream::new(receiver).into_flow().fails_with::<OperatorError>();
    let groups = source.group_until(|(key, _)| *key, Until::count(per_group)).buffers(each, all);
    let mut groups = groups.stall_after(Duration::from_secs(100_000));
    let mut readers = tokio::task::JoinSet::new();
    let mut hands = Vec::new();
    for reader in 0..=random.below(3) {
        let (hand, dealt) = futures::channel::mpsc::unbounded();
        hands.push(hand);
        let mut own = Random(seed ^ reader);
        readers.spawn(async move {
            let mut merged = dealt.into_flow().fails_with::<OperatorError>().merge_map(usize::MAX, |group| group);
            let mut items = Vec::new();
            while let Some((_, n)) = merged.next().await.unwrap() {
                items.push(n);
                now_and_then(&mut own).await;
            }
            items
        });
    }
    while let Some(group) = groups.next().await.unwrap() {
        hands[random.below(hands.len() as u64) as usize].unbounded_send(group).unwrap();
        now_and_then(&mut random).await;
    }
    drop(hands);
    let mut items = readers.join_all().await.concat();
    sends.await.unwrap();
    items.sort_unstable();
    assert!(items.iter().copied().eq(0..ITEMS), "{} of {ITEMS} arrived", items.len());
}

#[test]
fn no_wake_is_lost_when_groups_are_merged_on_many_tasks() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    for seed in 0..200 {
        let read = runtime.spawn(read_in_merges_on_many_tasks(seed));
        let watched = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), read).await });
        watched.unwrap_or_else(|_| panic!("seed {seed}: a wake was lost")).unwrap();
    }
}

/// Groups that are merged in the task that reads their outer stream: some there, some with pauses, some on tasks of their own; and
/// the outer stream may be gone, or held by the limit, before they end. Everything that they hold arrives.
async fn read_beside_their_outer_stream(seed: u64) {
    const ITEMS: u64 = 600;
    let mut random = Random(seed);
    let (keys, per_group) = (1 + random.below(12), 1 + random.below(20) as usize);
    let (each, all) = (1 + random.below(6) as usize, 1 + random.below(40) as usize);
    let limit = if random.below(2) == 0 { usize::MAX } else { keys as usize };
    let groups_taken = if random.below(3) == 0 { 1 + random.below(30) as usize } else { usize::MAX };
    let (sender, receiver) = tokio::sync::mpsc::channel(1 + random.below(30) as usize);
    let seed = random.below(u64::MAX);
    let sends = tokio::spawn(async move {
        let mut random = Random(seed);
        let mut sent = Vec::new();
        for n in 0..ITEMS {
            let key = random.below(keys);
            if sender.send((key, n)).await.is_err() {
                break;
            }
            sent.push((key, n));
            now_and_then(&mut random).await;
        }
        sent
    });
    let source = tokio_stream::wrappers::ReceiverStream::new(receiver).into_flow().fails_with::<OperatorError>();
    let groups = source.group_until(|(key, _)| *key, Until::count(per_group)).buffers(each, all);
    let groups = groups.stall_after(Duration::from_secs(100_000)).take(groups_taken);
    let mut merged = groups.merge_map(limit, |group| {
        let mut own = Random(seed ^ group.key());
        match own.below(3) {
            0 => group.boxed(),
            1 => group.spawn().boxed(),
            _ => group
                .concat_map(move |item| {
                    let mut own = Random(own.below(u64::MAX));
                    stream::once(async move {
                        now_and_then(&mut own).await;
                        Ok(item)
                    })
                })
                .boxed(),
        }
    });
    let mut items = Vec::new();
    while let Some(item) = merged.next().await.unwrap() {
        items.push(item);
        now_and_then(&mut random).await;
    }
    let sent = sends.await.unwrap();
    for key in 0..keys {
        let of_key = |items: &[(u64, u64)]| items.iter().filter(|item| item.0 == key).copied().collect::<Vec<_>>();
        let (mut got, sent) = (of_key(&items), of_key(&sent));
        got.sort_unstable();
        assert!(sent.starts_with(&got), "{key}: {got:?} is not the beginning of {sent:?}");
        assert!(groups_taken < usize::MAX || got.len() == sent.len(), "{key}: only {got:?} of {sent:?} arrived");
        assert!(got.len() == sent.len() || got.len() % per_group == 0, "{key}: a group was cut: {got:?} of {sent:?}");
    }
}

#[test]
fn no_wake_is_lost_when_groups_are_merged_beside_their_outer_stream() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    for seed in 0..200 {
        let read = runtime.spawn(read_beside_their_outer_stream(seed));
        let watched = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), read).await });
        watched.unwrap_or_else(|_| panic!("seed {seed}: a wake was lost")).unwrap_or_else(|_| panic!("seed {seed}"));
    }
}

#[test]
fn behind_a_merge_the_source_is_read_on_when_what_was_read_has_been_taken() {
    const KEYS: usize = 100;
    let (source, seen) = probe(from_iter(0..200_000).fails_with::<OperatorError>());
    let mut merged = source.group_by(|n| n % KEYS).merge_map(usize::MAX, |group| group);
    let (mut given, mut most) = (0, 0);
    virtual_time(async {
        while merged.next().await.unwrap().is_some() {
            given += 1;
            most = most.max(seen.items() - given);
        }
    });
    assert_eq!(given, 200_000);
    // What gathers for all of them is seen when they are read next.
    let gathered = 64 * KEYS;
    assert!((gathered - KEYS..=gathered + 256).contains(&most), "{most} were read and not given");
}

/// Of items that take long, few gather: others have their turn, and readers what there is, after 256.
#[test]
fn behind_a_merge_slow_items_are_handed_over_after_a_turn() {
    const KEYS: usize = 100;
    virtual_time(async {
        let (mut waited, mut read) = (0, 0);
        let slow = stream::poll_fn(|cx| {
            // The first poll sets the clock; the rest would let others run.
            _ = std::pin::pin!(tokio::time::advance(Duration::from_millis(2))).poll(cx);
            read += 1;
            Poll::Ready((read <= 20_000).then_some(read))
        });
        let seen = Cell::new(0);
        let slow = slow.inspect(|n| seen.set(*n)).into_flow().fails_with::<OperatorError>();
        let mut merged = slow.group_by(|n| n % KEYS).merge_map(usize::MAX, |group| group);
        while let Some(n) = merged.next().await.unwrap() {
            waited = waited.max(seen.get() - n);
        }
        assert!((200..=512).contains(&waited), "an item waited for {waited} others");
    });
}

#[test]
fn behind_a_merge_groups_of_a_few_items_are_read_in_one_visit() {
    const GROUPS: usize = 2_000;
    const EACH: usize = 10;
    let (visits, read) = (Cell::new(0), Cell::new(0));
    let source = from_iter((0..GROUPS * EACH).map(|n| n % GROUPS)).fails_with::<OperatorError>();
    let groups = source.group_until(|key| *key, Until::count(EACH));
    let merged = groups.merge_map(usize::MAX, |mut group| {
        let (visits, read) = (&visits, &read);
        stream::poll_fn(move |cx| {
            visits.set(visits.get() + 1);
            while ready!(Pin::new(&mut group).poll_next(cx)).transpose()?.is_some() {
                read.set(read.get() + 1);
            }
            Poll::Ready(None::<Result<(), OperatorError>>)
        })
    });
    assert_eq!(virtual_time(merged.count()), Ok(0));
    assert_eq!(read.get(), GROUPS * EACH);
    assert!(visits.get() <= GROUPS * 11 / 10, "{} visits to {GROUPS} groups", visits.get());
}

/// Far more groups have gathered items than are handed over at a time, and time goes on between. Some groups last until the source
/// ends, and others do not.
#[tokio::test(start_paused = true)]
async fn groups_that_are_handed_over_a_few_at_a_time_lose_nothing() {
    const KEYS: usize = 2_000;
    const ITEMS: usize = 40 * KEYS;
    let source = from_iter(0..ITEMS).fails_with::<OperatorError>();
    let groups = source.group_until(|n| n % KEYS, Until::after(Duration::from_secs(1))).buffers(1_024, 4_096);
    let mut merged = groups.merge_map(usize::MAX, |group| stream::once(group.collect::<Vec<_>>()));
    let mut given = vec![Vec::new(); KEYS];
    let mut polls = 0;
    loop {
        match futures::poll!(std::pin::pin!(merged.next())) {
            Poll::Ready(Ok(Some(group))) => given[group[0] % KEYS].push(group),
            Poll::Ready(end) => break assert_eq!(end, Ok(None)),
            Poll::Pending => {
                polls += 1;
                tokio::time::advance(Duration::from_millis(15)).await;
            }
        }
    }
    let groups = given.iter().map(Vec::len).sum::<usize>();
    assert!((2 * KEYS..4 * KEYS).contains(&groups), "{groups} groups in {polls} polls");
    for (key, mut groups) in given.into_iter().enumerate() {
        groups.sort();
        assert_eq!(groups.concat(), (key..ITEMS).step_by(KEYS).collect::<Vec<_>>());
    }
}
