//! What an open group costs, by an allocator that counts: the number is the same on every machine.

use std::alloc::System;
use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use anabranch_operators::group::{GroupSignal, Until};
use anabranch_operators::testing::virtual_time;
use anabranch_operators::{FlowExt, OperatorError};
use async_stream::stream;
use cap::Cap;
use futures::stream::once;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// A quarter of a million, as tables and queues that grow by doubling are as full then as with a million.
const GROUPS: u64 = 250_000;

const SPAN: Duration = Duration::from_secs(10);

/// The bytes held for each of many open groups, and the most that were held so far, both without their keys
/// and counts. Each group has two items, so that it waits for its idle time again, if it has one.
fn bytes_a_group<W: GroupSignal<u64, Infallible>>(until: Until<W>) -> (usize, usize) {
    const OWN: usize = size_of::<(u64, usize)>();
    let before = ALLOCATOR.allocated();
    let held = Cell::new(0);
    let seen = &held;
    let items = stream! {
        for key in 0..GROUPS {
            yield key;
        }
        tokio::time::advance(SPAN * 2 / 3).await;
        for key in 0..GROUPS {
            yield key;
        }
        tokio::time::advance(SPAN * 2 / 3).await;
        yield 0;
        seen.set(ALLOCATOR.allocated() - before);
    };
    let Ok(groups) =
        virtual_time(async { Box::pin(items).into_flow().group_until(|key| *key, until).count_each().count().await });
    assert_eq!(groups, GROUPS as usize);
    let most = ALLOCATOR.max_allocated() - before;
    (held.get() / GROUPS as usize - OWN, most / GROUPS as usize - OWN)
}

/// The bytes held for each of some sub-streams that get few items at a time, while another one gets many.
fn bytes_a_sub_stream_beside_a_hot_one() -> usize {
    const COLD: u64 = 2_000;
    const TURNS: u64 = COLD;
    let before = ALLOCATOR.allocated();
    let held = Cell::new(0);
    let seen = &held;
    let items = stream! {
        for turn in 0..TURNS {
            for at in 0..800 {
                yield ((800 * turn + at) % COLD, [0_u64; 4]);
                if at == turn % 800 {
                    for _ in 0..200 {
                        yield (COLD, [0; 4]);
                    }
                }
            }
            // All of it is handed over, and read.
            tokio::task::yield_now().await;
        }
        seen.set(ALLOCATOR.allocated() - before);
    };
    let items = Box::pin(items).into_flow().fails_with::<OperatorError>();
    let counts =
        items.group_until(|item| item.0, Until::after(10 * SPAN)).merge_map(usize::MAX, |group| once(group.count()));
    let given = virtual_time(counts.fold(0, |sum, count| sum + count as u64));
    assert_eq!(given.ok(), Some(TURNS * 1_000));
    held.get() / COLD as usize
}

/// One test for all, since the allocator counts what every thread does.
#[test]
fn open_groups_take_at_most_a_hundred_bytes_each() {
    let rows = [
        ("after", 50, bytes_a_group(Until::after(10 * SPAN))),
        ("idle", 100, bytes_a_group(Until::idle(SPAN))),
        ("idle or after", 100, bytes_a_group(Until::idle(SPAN).or(Until::after(10 * SPAN)))),
    ];
    for (name, most_held, (held, most)) in rows {
        println!("{name}: {held} bytes a group, {most} the most so far, while growing");
        assert!(held <= most_held, "{name}: {held} bytes a group");
    }
    let held = bytes_a_sub_stream_beside_a_hot_one();
    println!("sub-streams beside one that gets many items: {held} bytes a group");
    assert!(held <= 1_000, "{held} bytes a group");
}
