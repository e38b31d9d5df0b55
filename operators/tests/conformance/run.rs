//! Running a flow in virtual time, and what it gave in the form of the vectors.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anabranch_operators::testing::{Event, observe, observe_nested, virtual_time};
use anabranch_operators::{Flow, TryStream, from_results, share_from, using};
use futures::future::join_all;
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::vector::{Case, Failure};

/// What an operator gave.
pub(crate) struct Output {
    pub(crate) events: Vec<Value>,
    pub(crate) subscriptions: Subscriptions,
}

/// When the source was subscribed, as far as the vectors compare it.
#[derive(Debug)]
pub(crate) enum Subscriptions {
    Unknown,
    /// So many times.
    Times(usize),
    /// From when to when; without an end while it still was at the horizon.
    Spans(Spans),
}

pub(crate) type Spans = Vec<(u64, Option<u64>)>;

impl Output {
    pub(crate) fn subscribed(self, times: usize) -> Self {
        Self { subscriptions: Subscriptions::Times(times), ..self }
    }
}

/// Why a flow fails, as vectors name it.
pub(crate) trait Labelled {
    fn label(&self) -> String;
}

impl Labelled for Failure {
    fn label(&self) -> String {
        Self::label(self)
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
    Output { events: events.collect(), subscriptions: Subscriptions::Unknown }
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
    Output { events, subscriptions: Subscriptions::Unknown }
}

/// What each reader of a shared flow gives that joins, and perhaps leaves, when the case says.
pub(crate) fn shared(case: &Case<'_>) -> Output {
    let horizon = case.vector.horizon;
    let readers: Spans =
        serde_json::from_value(case.param("subscribers").clone()).expect("`subscribers` is a list of pairs");
    virtual_time(async {
        let zero = Instant::now();
        let spans = Rc::new(RefCell::new(Vec::new()));
        let flow = share_from(|| {
            let (spans, source) = (Rc::clone(&spans), case.source(0));
            using(move || Subscribed::new(zero, spans), move |_| source.clone())
        });
        let events = join_all(readers.iter().enumerate().map(|(k, (join, leave))| {
            let flow = flow.clone();
            async move {
                sleep(Duration::from_millis(*join)).await;
                let observed = observe(flow, leave.unwrap_or(horizon) - join).await.into_events();
                let events = observed.into_iter().filter_map(move |(tick, event)| match event {
                    Event::Item(item) => Some(json!([join + tick, "item", k, item])),
                    Event::End => Some(json!([join + tick, "close", k])),
                    Event::Failure(error) => Some(json!([join + tick, "group_error", k, error.label()])),
                    Event::Dropped => None,
                });
                events.collect::<Vec<_>>()
            }
        }));
        let events = events.await.concat();
        let mut spans = spans.take();
        for (_, to) in &mut spans {
            *to = to.filter(|to| *to < horizon);
        }
        Output { events, subscriptions: Subscriptions::Spans(spans) }
    })
}

/// Notes from when to when a source is subscribed.
struct Subscribed {
    zero: Instant,
    spans: Rc<RefCell<Spans>>,
    at: usize,
}

impl Subscribed {
    fn new(zero: Instant, spans: Rc<RefCell<Spans>>) -> Self {
        let at = spans.borrow().len();
        spans.borrow_mut().push((zero.elapsed().as_millis() as u64, None));
        Self { zero, spans, at }
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.spans.borrow_mut()[self.at].1 = Some(self.zero.elapsed().as_millis() as u64);
    }
}
