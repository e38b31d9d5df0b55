//! What is counted: the flagship and five operators, each as a loop by hand and as a flow.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anabranch::codec::{Event, EventDecoder};
use anabranch::group::Until;
use anabranch::window::tumbling;
use anabranch::{Flow, Layout, OperatorError, Origin, Partition, Position, Record, RecordParts, from_iter, merge};
use futures::{Stream, stream};
use tokio::runtime::Runtime;

use crate::by_hand;

/// One of what is counted. Each way makes its input, and gives what it comes to.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) items: u64,
    pub(crate) by_hand: fn() -> u64,
    pub(crate) flow: fn() -> u64,
}

pub(crate) const CASES: [Case; 6] = [
    Case { name: "lines decoded, group_until, count_each", items: ITEMS, by_hand: flagship_by_hand, flow: flagship },
    Case { name: "map, filter, fold", items: ITEMS, by_hand: chain_by_hand, flow: chain },
    Case { name: "merge of 8", items: ITEMS, by_hand: sum_by_hand, flow: merged },
    Case { name: "sub-streams through merge_map", items: ITEMS, by_hand: groups_by_hand, flow: sub_streams },
    Case { name: "spawn", items: ITEMS, by_hand: sum_by_hand, flow: spawned },
    Case { name: "event_windows, count_each", items: ITEMS, by_hand: windows_by_hand, flow: event_windows },
];

const ITEMS: u64 = 100_000;
/// How many types or keys there are.
const KINDS: u64 = 50;
/// The groups of the flagship are closed by this, which no run lasts for.
const IDLE: Duration = Duration::from_secs(600);
/// The items after which a sub-stream ends.
const A_GROUP: u64 = 1_000;
/// Windows of event time, in milliseconds, and how far out of order an item may be.
const SPAN: i64 = 60_000;
const LAG: i64 = 2_000;

/// The name of the function whose instructions are counted, with all that it calls.
pub(crate) const MEASURED: &str = "all_that_is_counted";

#[inline(never)]
fn all_that_is_counted(run: &mut dyn FnMut() -> u64) -> u64 {
    black_box(run())
}

/// Counts a loop.
fn counted(mut run: impl FnMut() -> u64) -> u64 {
    all_that_is_counted(&mut run)
}

/// Counts a flow, on one thread, that gives numbers to be added up.
fn counted_flow<E: std::fmt::Debug>(flow: Flow<impl Stream<Item = Result<u64, E>>>) -> u64 {
    let runtime = runtime();
    let mut flow = Some(flow);
    counted(|| {
        let Some(flow) = flow.take() else { return 0 };
        let sum = runtime.block_on(flow.fold(0, u64::wrapping_add));
        sum.unwrap_or_else(|error| panic!("the flow failed: {error:?}"))
    })
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap_or_else(|error| panic!("a runtime of one thread: {error}"))
}

/// Numbers without a pattern.
fn scattered() -> impl Iterator<Item = u64> {
    let mut state = 7_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    })
    .take(ITEMS as usize)
}

fn numbers() -> Vec<u64> {
    (0..ITEMS).collect()
}

fn keys() -> Vec<u64> {
    scattered().map(|n| n % KINDS).collect()
}

/// Event times that grow by 30 ms an item, a little out of order, and keys.
fn events() -> Vec<(i64, u64)> {
    scattered().zip(0..).map(|(n, index)| (30 * index + (n >> 8) as i64 % LAG, n % KINDS)).collect()
}

/// Lines of a time, a type, a user and an amount: a minute is a thousand lines.
fn lines() -> String {
    let line = |(n, index): (u64, u64)| {
        let (hour, minute, second) = (index / 60_000, index / 1_000 % 60, n % 60);
        format!(
            "2013-01-01T{hour:02}:{minute:02}:{second:02}Z\tk{}\tu{:06}\t{}.25\n",
            n % KINDS,
            n % 1_000_000,
            n % 100
        )
    };
    scattered().zip(0..).map(line).collect()
}

fn flagship_by_hand() -> u64 {
    let text = lines();
    counted(|| by_hand::count_until_idle(by_hand::kinds_and_minutes(&text), IDLE))
}

fn flagship() -> u64 {
    let columns = ["time", "kind", "user", "amount"].map(String::from).into();
    let layout = Layout::Delimited { delimiter: b'\t', columns };
    let origin = Arc::new(Origin { partition: Partition::new("memory"), layout });
    let record = |(line, index): (&str, u64)| RecordParts {
        data: line.to_owned().into(),
        origin: Arc::clone(&origin),
        position: Position::new(index, 0),
        arrived: Default::default(),
        key: Default::default(),
    };
    let records: Vec<Record> = lines().lines().zip(0..).map(record).map(Record::from).collect();
    let counts = from_iter(records)
        .map(EventDecoder::new("time", "kind").to_fn())
        .filter_map(Result::ok)
        .group_until(|event: &Event| (event.kind.clone(), event.minute()), Until::idle(IDLE))
        .count_each();
    counted_flow(counts.map(|(_, count)| by_hand::row(count as u64)))
}

fn chain_by_hand() -> u64 {
    let numbers = numbers();
    counted(|| by_hand::map_filter_fold(&numbers))
}

fn chain() -> u64 {
    let numbers = numbers();
    counted_flow(from_iter(&numbers).map(|n| by_hand::triple(*n)).filter(by_hand::is_wanted))
}

fn sum_by_hand() -> u64 {
    counted(|| by_hand::sum(0..ITEMS))
}

fn merged() -> u64 {
    const EACH: u64 = ITEMS / 8;
    let part = |part| from_iter((part * EACH..(part + 1) * EACH).map(black_box));
    counted_flow(merge((part(0), part(1), part(2), part(3), part(4), part(5), part(6), part(7))))
}

fn spawned() -> u64 {
    counted_flow(from_iter((0..ITEMS).map(black_box)).spawn())
}

fn groups_by_hand() -> u64 {
    let keys = keys();
    counted(|| by_hand::count_until(&keys, A_GROUP))
}

fn sub_streams() -> u64 {
    let groups =
        from_iter(keys()).fails_with::<OperatorError>().group_until(|key| *key, Until::count(A_GROUP as usize));
    let counts = groups.merge_map(usize::MAX, |group| stream::once(group.count()));
    counted_flow(counts.map(|count| by_hand::row(count as u64)))
}

fn windows_by_hand() -> u64 {
    let events = events();
    counted(|| by_hand::count_by_event_time(&events, SPAN, LAG))
}

fn event_windows() -> u64 {
    let windows = from_iter(events())
        .event_windows(tumbling(Duration::from_millis(SPAN as u64)), |(time, _)| *time)
        .by_key(|(_, key)| *key)
        .count_each()
        .watermark_lag(Duration::from_millis(LAG as u64));
    counted_flow(windows.map(|counted| by_hand::row(counted.value as u64)))
}
