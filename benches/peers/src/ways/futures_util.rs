//! futures and tokio, which have no groups: what one writes with them for want of one.
//!
//! Backpressure comes from bounded channels. A key is never closed before the end, and nothing is bounded in all.

use std::future::ready;

use futures::channel::mpsc as one_thread;
use futures::stream::{self, FuturesUnordered, StreamExt};
use futures::{FutureExt, SinkExt};
use hashbrown::{DefaultHashBuilder, HashMap};
use tokio::sync::mpsc;

use crate::input::{Event, Key, Tally, events};
use crate::jobs::Input;

/// How many items a channel holds.
const CAPACITY: usize = 256;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread").block_on(future)
}

/// Each key has a task, which reads a channel and sends its count to the one who adds up.
pub(crate) fn task_and_channel(input: Input) -> Tally {
    block_on(async move {
        let (counted, mut counts) = mpsc::channel::<(Key, u64)>(CAPACITY);
        let reader = tokio::spawn(async move {
            let mut groups = HashMap::<Key, mpsc::Sender<Event>, DefaultHashBuilder>::default();
            let mut events = stream::iter(events(input.text));
            while let Some(event) = events.next().await {
                let group = groups.entry(event.key).or_insert_with(|| {
                    let (group, mut items) = mpsc::channel(CAPACITY);
                    let counted = counted.clone();
                    tokio::spawn(async move {
                        let mut count = 0;
                        while items.recv().await.is_some() {
                            count += 1;
                        }
                        counted.send((event.key, count)).await
                    });
                    group
                });
                group.send(event).await.expect("the group's task reads to the end");
            }
        });
        let mut tally = Tally::default();
        while let Some((key, count)) = counts.recv().await {
            tally.count(key, count);
        }
        reader.await.expect("the reader does not panic");
        tally
    })
}

/// All keys in one task: their counts are futures of a `FuturesUnordered`, which gets a turn when a channel is full.
pub(crate) fn futures_unordered(input: Input) -> Tally {
    block_on(async move {
        let mut groups = HashMap::<Key, one_thread::Sender<Event>, DefaultHashBuilder>::default();
        let mut counts = FuturesUnordered::new();
        let mut events = stream::iter(events(input.text));
        while let Some(event) = events.next().await {
            let group = groups.entry(event.key).or_insert_with(|| {
                let (group, items) = one_thread::channel(CAPACITY);
                counts.push(items.fold(0, |count, _| ready(count + 1)).map(move |count| (event.key, count)));
                group
            });
            let mut sent = group.send(event);
            while (&mut sent).now_or_never().is_none() {
                // No group ends before its sender is dropped: this only has them read.
                assert!(counts.next().now_or_never().is_none(), "a group has ended early");
            }
        }
        drop(groups);
        let mut tally = Tally::default();
        while let Some((key, count)) = counts.next().await {
            tally.count(key, count);
        }
        tally
    })
}

pub(crate) fn keyed_fold(input: Input) -> Tally {
    let sums = stream::iter(input.pairs()).fold(
        HashMap::<u64, u64, DefaultHashBuilder>::default(),
        |mut sums, (key, number)| {
            *sums.entry(key).or_default() += number;
            ready(sums)
        },
    );
    let mut tally = Tally::default();
    block_on(sums).into_iter().for_each(|(key, sum)| tally.add(key, sum));
    tally
}

pub(crate) fn select_all(input: Input) -> Tally {
    let all = stream::select_all((0..8).map(|part| stream::iter(input.part(part))));
    block_on(all.fold(Tally::default(), |mut tally, number| {
        tally.add(number, 1);
        ready(tally)
    }))
}
