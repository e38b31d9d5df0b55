//! Random scripts of several flows, and [`agrees`], which compares an operator with what it means for them.

use std::fmt::Debug;

use anabranch_operators::Flow;
use anabranch_operators::testing::{
    Event, Failed, Probed, Script, Timed, observe, probe, probe_stuttering, virtual_time,
};
use futures::Stream;
use proptest::prelude::*;

/// What stands before the operator.
pub(crate) type Source = Flow<Probed<Script<i64, Failed>>>;

/// What several flows do, one event at a time: when, which of them, and what.
pub(crate) type Events = [(u64, usize, Event<i64, Failed>)];

#[derive(Clone, Debug)]
pub(crate) struct Scripts {
    flows: usize,
    events: Vec<(u64, usize, Event<i64, Failed>)>,
    /// Whether the flows say "not yet" once before everything that they give.
    stutter: bool,
    dropped_at: u64,
}

/// Scripts of so many flows, which never do anything at the same instant.
pub(crate) fn scripts(flows: usize) -> impl Strategy<Value = Scripts> {
    let event = prop_oneof![12 => (0..3_i64).prop_map(Event::Item), 3 => Just(Event::End), 1 => Just(Event::Failure(Failed::Scripted))];
    let events = prop::collection::vec((1..4_u64, 0..flows, event), 0..30);
    (events, any::<bool>(), 0..60_u64).prop_map(move |(all, stutter, dropped_at)| {
        let mut now = 0;
        let mut over = vec![false; flows];
        let mut events = Vec::new();
        for (pause, flow, event) in all {
            now += pause;
            if !over[flow] {
                over[flow] = !matches!(event, Event::Item(_));
                events.push((now, flow, event));
            }
        }
        Scripts { flows, events, stutter, dropped_at }
    })
}

/// The events of one of the flows.
pub(crate) fn of_flow(events: &Events, flow: usize) -> Vec<Timed<i64, Failed>> {
    events.iter().filter(|event| event.1 == flow).map(|(tick, _, event)| (*tick, event.clone())).collect()
}

/// Compares what the operator gives, and when, with what the model says; and once more, up to a random instant at which
/// it is dropped, and all its flows with it.
pub(crate) fn agrees<S, T>(
    scripts: &Scripts,
    operator: impl Fn(Vec<Source>) -> Flow<S>,
    model: impl Fn(&Events) -> Vec<Timed<T, Failed>>,
) -> Result<(), TestCaseError>
where
    S: Stream<Item = Result<T, Failed>>,
    T: PartialEq + Debug,
{
    for horizon in [1_000, scripts.dropped_at] {
        let watch = if scripts.stutter { probe_stuttering } else { probe };
        let watched = (0..scripts.flows).map(|flow| watch(Script::new(of_flow(&scripts.events, flow))));
        let (sources, probes): (Vec<_>, Vec<_>) = watched.unzip();
        let mut given = virtual_time(observe(operator(sources), horizon)).into_events();
        given.retain(|(_, event)| !matches!(event, Event::Dropped));
        let mut expected = model(&scripts.events);
        expected.retain(|(tick, _)| *tick < horizon);
        prop_assert_eq!(given, expected);
        prop_assert!(probes.iter().all(|seen| seen.dropped() && seen.polls_after_end() == 0));
    }
    Ok(())
}

/// The flows, for an operator that takes so many.
pub(crate) fn some<const N: usize>(sources: Vec<Source>) -> [Source; N] {
    sources.try_into().unwrap_or_else(|_| panic!("not {N} sources"))
}
