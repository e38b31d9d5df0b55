//! Random scripts for the models of this family, and the plain lists that they stand for.

use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Script, Timed, observe, probe, probe_stuttering, virtual_time};
use anabranch_operators::{Flow, TryStream};
use proptest::prelude::*;

/// What a flow gives, and when.
pub(crate) type Events = Vec<Timed<u8, Failed>>;

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Up to 20 items, several of them in one tick or some ticks apart, and then the end, a failure, or neither.
pub(crate) fn script() -> impl Strategy<Value = Events> {
    let end = prop_oneof![Just(Some(Event::End)), Just(Some(Event::Failure(Failed::Scripted))), Just(None)];
    (prop::collection::vec((0..6_u64, any::<u8>()), 0..20), 0..6_u64, end).prop_map(|(gaps, last, end)| {
        let mut tick = 0;
        let mut events: Events = Vec::new();
        for (gap, item) in gaps {
            tick += gap;
            events.push((tick, Event::Item(item)));
        }
        events.extend(end.map(|end| (tick + last, end)));
        events
    })
}

/// Items with their ticks.
type Items = Vec<(u64, u8)>;

/// The items of a script, and how it ends.
pub(crate) fn parts(events: &Events) -> (Items, Option<Timed<u8, Failed>>) {
    let items = events.iter().filter_map(|(tick, event)| match event {
        Event::Item(item) => Some((*tick, *item)),
        _ => None,
    });
    (items.collect(), events.last().filter(|(_, event)| !matches!(event, Event::Item(_))).cloned())
}

/// What the operator makes of the script, up to the horizon, with an upstream that says "not yet" between all things, or
/// that does not.
pub(crate) fn run<S>(
    events: &Events,
    stutters: bool,
    horizon: u64,
    operator: impl FnOnce(Flow<anabranch_operators::testing::Probed<Script<u8, Failed>>>) -> Flow<S>,
) -> Events
where
    S: TryStream<Ok = u8, Error = Failed>,
{
    let source = Script::new(events.clone());
    let (source, _) = if stutters { probe_stuttering(source) } else { probe(source) };
    let mut given = virtual_time(async { observe(operator(source), horizon).await }).into_events();
    given.retain(|(_, event)| !matches!(event, Event::Dropped));
    given
}
