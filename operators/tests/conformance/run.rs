//! Running a flow in virtual time, and what it gave in the form of the vectors.

use anabranch_operators::testing::{Event, observe, observe_nested, virtual_time};
use anabranch_operators::{Flow, from_results};
use futures::{Stream, TryStream, stream};
use serde_json::{Value, json};

use crate::vector::{Case, Failure};

/// What an operator gave.
pub(crate) struct Output {
    pub(crate) events: Vec<Value>,
    /// How often the source was subscribed, where the vectors compare that.
    pub(crate) subscriptions: Option<usize>,
}

impl Output {
    pub(crate) fn subscribed(self, times: usize) -> Self {
        Self { subscriptions: Some(times), ..self }
    }
}

/// Why a flow fails, as vectors name it.
pub(crate) trait Labelled {
    fn label(&self) -> String;
}

impl Labelled for Failure {
    fn label(&self) -> String {
        Failure::label(self)
    }
}

impl Labelled for std::convert::Infallible {
    fn label(&self) -> String {
        match *self {}
    }
}

/// What a flow gives until the horizon.
pub(crate) fn flat<S, T, E>(case: &Case<'_>, flow: Flow<S>) -> Output
where
    S: Stream<Item = Result<T, E>>,
    T: Into<Value>,
    E: Labelled,
{
    let observed = virtual_time(observe(flow, case.vector.horizon)).into_events();
    let events = observed.into_iter().filter_map(|(tick, event)| match event {
        Event::Item(item) => Some(json!([tick, "next", item.into()])),
        Event::End => Some(json!([tick, "complete"])),
        Event::Failure(error) => Some(json!([tick, "error", error.label()])),
        Event::Dropped => None,
    });
    Output { events: events.collect(), subscriptions: None }
}

/// What an end answers, as the only item of a flow.
pub(crate) fn answer<F, T, E>(case: &Case<'_>, end: F) -> Output
where
    F: Future<Output = Result<T, E>>,
    T: Into<Value>,
    E: Labelled,
{
    flat(case, from_results(stream::once(end)))
}

/// What a flow of groups gives.
pub(crate) fn groups<S, G, E>(case: &Case<'_>, flow: Flow<S>, key: impl Fn(&G) -> i64) -> Output
where
    S: Stream<Item = Result<G, E>>,
    G: TryStream<Ok: Into<Value>, Error: Labelled>,
    E: Labelled,
{
    nested(case, flow, |group| Some(key(group)))
}

/// What a flow of windows gives.
pub(crate) fn windows<S, G, E>(case: &Case<'_>, flow: Flow<S>) -> Output
where
    S: Stream<Item = Result<G, E>>,
    G: TryStream<Ok: Into<Value>, Error: Labelled>,
    E: Labelled,
{
    nested(case, flow, |_| None)
}

fn nested<S, G, E>(case: &Case<'_>, flow: Flow<S>, key: impl Fn(&G) -> Option<i64>) -> Output
where
    S: Stream<Item = Result<G, E>>,
    G: TryStream<Ok: Into<Value>, Error: Labelled>,
    E: Labelled,
{
    let observed = virtual_time(observe_nested(flow, case.vector.horizon, key));
    let mut events = Vec::new();
    let keys: Vec<_> = observed.sub_streams.iter().map(|sub_stream| sub_stream.key).collect();
    for (tick, event) in observed.outer {
        match event {
            Event::Item(g) => events.push(match keys[g] {
                Some(key) => json!([tick, "open", g, key]),
                None => json!([tick, "open", g]),
            }),
            Event::End => events.push(json!([tick, "complete"])),
            Event::Failure(error) => events.push(json!([tick, "error", error.label()])),
            Event::Dropped => {}
        }
    }
    for (g, sub_stream) in observed.sub_streams.into_iter().enumerate() {
        for (tick, event) in sub_stream.events {
            match event {
                Event::Item(item) => events.push(json!([tick, "item", g, item.into()])),
                Event::End => events.push(json!([tick, "close", g])),
                Event::Failure(error) => events.push(json!([tick, "group_error", g, error.label()])),
                Event::Dropped => {}
            }
        }
    }
    Output { events, subscriptions: None }
}
