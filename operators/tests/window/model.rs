//! What windows must hold, computed from lists of ticks; and random scripts for it.
//!
//! Items, ends and failures are at odd ticks, and everything that cuts is at even ones, so nothing coincides that has no
//! order.
#![allow(clippy::expect_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::testing::{
    Event, Failed, Marble, Script, Timed, marbles, observe, observe_nested, probe_stuttering, virtual_time,
};
use anabranch_operators::{Flow, TryStream};
use futures::Stream;
use proptest::prelude::*;

/// A script whose items are their ticks.
pub(crate) type Ticks = Vec<Timed<u64, Failed>>;

/// From when to when a window is open.
pub(crate) type Span = (u64, u64);

/// When everything that still runs is dropped.
const HORIZON: u64 = 400;

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Items at odd ticks, several in one sometimes; then an end, a failure, or neither.
pub(crate) fn scripts() -> impl Strategy<Value = Ticks> {
    (prop::collection::vec(0..5_u64, 0..25), 0..3).prop_map(|(gaps, ending)| {
        let mut tick = 1;
        let mut events = Vec::new();
        for gap in gaps {
            tick += 2 * gap;
            events.push((tick, Event::Item(tick)));
        }
        match ending {
            0 => {}
            1 => events.push((tick + 2, Event::End)),
            _ => events.push((tick + 2, Event::Failure(Failed::Scripted))),
        }
        events
    })
}

/// Even ticks, each but once.
pub(crate) fn even_ticks() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(1..9_u64, 0..15).prop_map(|gaps| {
        let ticks = gaps.iter().scan(0, |tick, gap| {
            *tick += 2 * gap;
            Some(*tick)
        });
        ticks.collect()
    })
}

pub(crate) fn items_at(ticks: &[u64]) -> Flow<Script<u64, Failed>> {
    Script::new(ticks.iter().map(|tick| (*tick, Event::Item(*tick))))
}

/// The script as a flow that says "not yet" before everything.
pub(crate) fn stuttering(script: &Ticks) -> Flow<impl Stream<Item = Result<u64, Failed>> + use<>> {
    probe_stuttering(Script::new(script.clone())).0
}

fn over(script: &Ticks) -> (u64, Event<(), Failed>) {
    match script.last() {
        Some((tick, Event::End)) => (*tick, Event::End),
        Some((tick, Event::Failure(failed))) => (*tick, Event::Failure(failed.clone())),
        _ => (HORIZON, Event::Dropped),
    }
}

fn items_in(script: &Ticks, (opens, closes): Span) -> Vec<u64> {
    let items = script.iter().filter_map(|(_, event)| if let Event::Item(item) = event { Some(*item) } else { None });
    items.filter(|tick| (opens..closes).contains(tick)).collect()
}

/// Lists that are given at the end of their span, and with the end those that are still open, oldest first.
pub(crate) fn assert_lists<S>(flow: Flow<S>, script: &Ticks, spans: &[Span])
where
    S: Stream<Item = Result<Vec<u64>, Failed>>,
{
    let (end, ending) = over(script);
    let mut given = virtual_time(observe(flow, HORIZON)).into_events();
    let mut expected = Vec::new();
    for span in spans.iter().filter(|(_, closes)| *closes < end) {
        expected.push((span.1, Event::Item(items_in(script, *span))));
    }
    if ending == Event::End {
        let open = spans.iter().filter(|(opens, closes)| *opens < end && end < *closes);
        expected.extend(open.map(|span| (end, Event::Item(items_in(script, *span)))));
    }
    expected.push((
        end,
        match ending {
            Event::Failure(failed) => Event::Failure(failed),
            Event::End => Event::End,
            _ => Event::Dropped,
        },
    ));
    // Of lists that close in the same tick, none is first; those that the end closes have an order.
    for events in [&mut given, &mut expected] {
        events.sort_by_key(|(tick, event)| match event {
            Event::Item(list) if *tick < end => (*tick, list.clone()),
            _ => (*tick, Vec::new()),
        });
    }
    assert_eq!(given, expected);
}

/// Sub-streams that are open in their spans.
pub(crate) fn assert_windows<S, G>(flow: Flow<S>, script: &Ticks, spans: &[Span])
where
    S: Stream<Item = Result<G, Failed>>,
    G: TryStream<Ok = u64, Error = Failed>,
{
    let (end, ending) = over(script);
    let nested = virtual_time(observe_nested(flow, HORIZON, |_| ()));
    let given = nested.sub_streams.into_iter().map(|window| (window.opened, window.events));
    let expected = spans.iter().filter(|(opens, _)| *opens < end).map(|(opens, closes)| {
        // A failure drops what is not yet read, but all is read at once here.
        let mut events: Vec<_> = items_in(script, (*opens, *closes)).into_iter().map(|n| (n, Event::Item(n))).collect();
        events.push(match &ending {
            _ if *closes < end => (*closes, Event::End),
            Event::Failure(failed) => (end, Event::Failure(failed.clone())),
            Event::End => (end, Event::End),
            _ => (end, Event::Dropped),
        });
        (*opens, events)
    });
    assert_eq!(given.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert_eq!(nested.outer.last().map(|(tick, _)| *tick), Some(end));
}

/// The outer stream as marbles, then each window.
#[track_caller]
pub(crate) fn assert_marbles_of_windows<S, G>(flow: Flow<S>, expected: &[&str])
where
    S: Stream<Item = Result<G, Failed>>,
    G: TryStream<Ok: Marble, Error = Failed>,
{
    let nested = virtual_time(observe_nested(flow, 50, |_| ""));
    let windows = nested.marbles();
    let mut outer = nested.outer;
    outer.retain(|(_, event)| !matches!(event, Event::Dropped));
    let mut given = vec![marbles::print(&outer)];
    given.extend(windows.iter().map(|window| window.trim_start_matches(": ").to_owned()));
    assert_eq!(given, expected);
}

/// What a bad argument is refused with.
#[track_caller]
pub(crate) fn refusal<T>(make: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| drop(make()))).expect_err("it is not refused");
    (*payload.downcast_ref::<&str>().expect("the message is text")).to_owned()
}

/// Time passes, one tick each time that the flow under test lets others run, until it has given `lists` lists.
pub(crate) async fn read_while_time_passes<S>(flow: &mut Flow<S>, lists: usize) -> Vec<S::Ok>
where
    S: Stream<Item = Result<<S as TryStream>::Ok, <S as TryStream>::Error>> + TryStream + Unpin,
    S::Error: std::fmt::Debug,
{
    let read = async {
        let mut given = Vec::new();
        for _ in 0..lists {
            given.extend(flow.next().await.expect("it does not fail"));
        }
        given
    };
    let time_passes = async {
        loop {
            tokio::time::advance(ms(1)).await;
        }
    };
    tokio::select! {
        biased;
        given = read => given,
        () = time_passes => unreachable!("time passes for ever"),
    }
}
