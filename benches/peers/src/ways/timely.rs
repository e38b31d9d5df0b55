//! timely, with one worker, on this thread. It has no groups: an operator keeps a map for each time, and gives what is
//! in it when the frontier has passed. Sources are held back only as far as whoever feeds them looks at a probe.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::{DefaultHashBuilder, HashMap};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::vec::aggregation::Aggregate;
use timely::dataflow::operators::{Capability, Concatenate, Inspect, Operator, Probe, ToStream};
use timely::dataflow::{InputHandle, ProbeHandle, StreamVec};

use crate::input::{DISORDER, Event, Key, MINUTE, Tally, events};
use crate::jobs::Input;

/// How many events are given before the worker takes a step.
const A_STEP: usize = 8_192;

type Counts = HashMap<u64, u64, DefaultHashBuilder>;

type Shared = Arc<Mutex<Tally>>;

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Feeds events to a dataflow, each with the time that `time` makes of it and the latest event.
fn run(
    input: Input,
    dataflow: impl for<'scope> FnOnce(StreamVec<'scope, u32, Event>, Shared) -> ProbeHandle<u32> + Send + Sync + 'static,
    frontier: impl Fn(i64) -> u32 + Send + Sync + 'static,
) -> Tally {
    let tally = Shared::default();
    let into = Arc::clone(&tally);
    timely::execute_directly(move |worker| {
        let mut feed = InputHandle::<u32, CapacityContainerBuilder<Vec<Event>>>::new();
        let probe = worker.dataflow(|scope| dataflow(feed.to_stream(scope), into));
        let mut latest = i64::MIN;
        for (index, event) in events(input.text).enumerate() {
            latest = latest.max(event.millis);
            feed.send(event);
            if index % A_STEP == 0 {
                let reached = frontier(latest);
                if reached > *feed.time() {
                    feed.advance_to(reached);
                }
                worker.step();
            }
        }
        feed.close();
        while !probe.done() {
            worker.step();
        }
    });
    let tally = lock(&tally);
    *tally
}

/// Times are minutes, and a map is given when no event of its minute can come any more.
pub(crate) fn closed_by_event_time(input: Input) -> Tally {
    let dataflow = |events: StreamVec<'_, u32, Event>, tally: Shared| {
        let hasher = DefaultHashBuilder::default();
        let by_key = Exchange::new(move |event: &Event| hasher.hash_one(event.key));
        events
            .unary_frontier(by_key, "Count", |_, _| {
                let mut minutes = BTreeMap::<u32, (Capability<u32>, Counts)>::new();
                move |(input, frontier), output| {
                    input.for_each_time(|time, batches| {
                        let here = time.retain(output.output_index());
                        for event in batches.flat_map(|batch| batch.drain(..)) {
                            let minute = event.key.minute;
                            let (_, counts) = minutes
                                .entry(minute)
                                .or_insert_with(|| (here.delayed(&minute.max(*here.time())), Counts::default()));
                            *counts.entry(event.key.kind).or_default() += 1;
                        }
                    });
                    while let Some(first) = minutes.first_entry().filter(|first| !frontier.less_equal(first.key())) {
                        let (minute, (capability, counts)) = first.remove_entry();
                        let mut given = output.session(&capability);
                        counts.into_iter().for_each(|(kind, count)| given.give((Key { kind, minute }, count)));
                    }
                }
            })
            .container::<Vec<_>>()
            .inspect_batch(move |_, rows| add_all(&tally, rows))
            .probe()
            .0
    };
    run(input, dataflow, |latest| ((latest - DISORDER) / MINUTE) as u32)
}

/// One time for all, and one map.
pub(crate) fn counted_to_the_end(input: Input) -> Tally {
    let dataflow = |events: StreamVec<'_, u32, Event>, tally: Shared| {
        let hasher = DefaultHashBuilder::default();
        let by_key = Exchange::new(move |event: &Event| hasher.hash_one(event.key));
        events
            .unary_frontier(by_key, "Count", |capability, _| {
                let mut open = Some(capability);
                let mut counts = HashMap::<Key, u64, DefaultHashBuilder>::default();
                move |(input, frontier), output| {
                    input.for_each_time(|_, batches| {
                        for event in batches.flat_map(|batch| batch.drain(..)) {
                            *counts.entry(event.key).or_default() += 1;
                        }
                    });
                    if let Some(capability) = open.take_if(|open| !frontier.less_equal(open.time())) {
                        let mut given = output.session(&capability);
                        counts.drain().for_each(|row| given.give(row));
                    }
                }
            })
            .container::<Vec<_>>()
            .inspect_batch(move |_, rows| add_all(&tally, rows))
            .probe()
            .0
    };
    run(input, dataflow, |_| 0)
}

fn add_all(tally: &Mutex<Tally>, rows: &[(Key, u64)]) {
    let mut tally = lock(tally);
    rows.iter().for_each(|(key, count)| tally.count(*key, *count));
}

pub(crate) fn keyed_fold(input: Input) -> Tally {
    let tally = Shared::default();
    let into = Arc::clone(&tally);
    timely::execute_directly(move |worker| {
        let hasher = DefaultHashBuilder::default();
        worker.dataflow::<u32, _, _>(|scope| {
            input
                .pairs()
                .to_stream(scope)
                .container::<Vec<_>>()
                .aggregate(
                    |_, number, sum: &mut u64| *sum += number,
                    |key, sum| (key, sum),
                    move |key| hasher.hash_one(key),
                )
                .inspect_batch(move |_, sums| {
                    let mut tally = lock(&into);
                    sums.iter().for_each(|(key, sum)| tally.add(*key, *sum));
                });
        });
    });
    let tally = lock(&tally);
    *tally
}

pub(crate) fn merge(input: Input) -> Tally {
    let tally = Shared::default();
    let into = Arc::clone(&tally);
    timely::execute_directly(move |worker| {
        worker.dataflow::<u32, _, _>(|scope| {
            let parts: Vec<_> = (0..8).map(|part| input.part(part).to_stream(scope).container::<Vec<_>>()).collect();
            scope.concatenate(parts).inspect_batch(move |_, numbers| {
                let mut tally = lock(&into);
                numbers.iter().for_each(|number| tally.add(*number, 1));
            });
        });
    });
    let tally = lock(&tally);
    *tally
}
