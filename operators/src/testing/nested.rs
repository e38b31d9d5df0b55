//! [`observe_nested`]: what a flow of sub-streams gives, and what each of them gives.

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use super::marbles::{Event, Marble, Timed, print};
use super::reader::{Ticks, Watched};
use crate::{Flow, TryStream};

/// What a flow of sub-streams gave: see [`observe_nested`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nested<K, T, E, F = E> {
    /// What the outer flow gave. An item is the index of a sub-stream in [`sub_streams`](Self::sub_streams).
    pub outer: Vec<Timed<usize, E>>,
    /// The sub-streams, in the order in which they opened.
    pub sub_streams: Vec<SubStream<K, T, F>>,
}

/// What a sub-stream gave: see [`observe_nested`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubStream<K, T, E> {
    /// What the test's `key` function said about it.
    pub key: K,
    /// The tick in which the outer flow gave it.
    pub opened: u64,
    /// What it gave.
    pub events: Vec<Timed<T, E>>,
}

impl<K: fmt::Display, T: Marble, E> SubStream<K, T, E> {
    /// Its key, and what it gave as marble text: `UA: --a-b|`. A drop at the horizon is left out.
    pub fn marbles(&self) -> String {
        let dropped = matches!(self.events.last(), Some((_, Event::Dropped)));
        format!("{}: {}", self.key, print(&self.events[..self.events.len() - usize::from(dropped)]))
    }
}

impl<K: fmt::Display, T: Marble, E, F> Nested<K, T, E, F> {
    /// The sub-streams as marble text, one line each, in the order in which they opened.
    pub fn marbles(&self) -> Vec<String> {
        self.sub_streams.iter().map(SubStream::marbles).collect()
    }
}

/// Reads a flow of sub-streams, and every sub-stream from the instant it is given, until all are over; drops what still
/// runs at the beginning of tick `horizon`.
///
/// `key` names a sub-stream when it is given. Ticks are counted from the first poll of the outer flow. Each is polled
/// only after it gave something or was woken itself, so a wake that reaches the wrong reader shows. A sub-stream is
/// dropped when it is over, the outer flow when all are.
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::{Event, Script, observe_nested, virtual_time};
///
/// virtual_time(async {
///     let outer = Script::marbles("a--b|").map(|name| Script::marbles("1-2|").map(move |n| (name, n)));
///     let nested = observe_nested(outer, 100, |_| "sub").await;
///     assert_eq!(nested.outer, [(0, Event::Item(0)), (3, Event::Item(1)), (4, Event::End)]);
///     assert_eq!(nested.marbles(), ["sub: [a1]-[a2]|", "sub: ---[b1]-[b2]|"]);
/// });
/// ```
pub async fn observe_nested<S, K>(flow: Flow<S>, horizon: u64, mut key: impl FnMut(&S::Ok) -> K) -> NestedOf<S, K>
where
    S: TryStream,
    S::Ok: TryStream,
{
    let mut ticks = Ticks::new(horizon);
    let mut watched = Watched::new(flow.into_inner());
    let mut outer = Vec::new();
    let mut outer_over = false;
    let mut readers = Vec::new();
    let mut sub_streams: Vec<SubStream<K, _, _>> = Vec::new();
    poll_fn(|cx| {
        if ticks.poll_horizon(cx).is_ready() {
            if !outer_over {
                outer.push((horizon, Event::Dropped));
            }
            for (reader, sub_stream) in readers.iter().zip(&mut sub_streams) {
                if Option::is_some(reader) {
                    sub_stream.events.push((horizon, Event::Dropped));
                }
            }
            return Poll::Ready(());
        }
        loop {
            let mut quiet = true;
            if !outer_over && let Poll::Ready(event) = watched.poll_if_woken(cx) {
                quiet = false;
                let tick = ticks.now();
                outer_over = !matches!(event, Event::Item(_));
                outer.push((
                    tick,
                    match event {
                        Event::Item(sub_stream) => {
                            let opened = SubStream { key: key(&sub_stream), opened: tick, events: Vec::new() };
                            sub_streams.push(opened);
                            readers.push(Some(Watched::new(sub_stream)));
                            Event::Item(readers.len() - 1)
                        }
                        Event::Failure(error) => Event::Failure(error),
                        Event::End => Event::End,
                        Event::Dropped => Event::Dropped,
                    },
                ));
            }
            for (reader, sub_stream) in readers.iter_mut().zip(&mut sub_streams) {
                while let Some(Poll::Ready(event)) = reader.as_mut().map(|reader| reader.poll_if_woken(cx)) {
                    quiet = false;
                    if !matches!(event, Event::Item(_)) {
                        *reader = None;
                    }
                    sub_stream.events.push((ticks.now(), event));
                }
            }
            if quiet {
                let over = outer_over && readers.iter().all(Option::is_none);
                return if over { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    })
    .await;
    Nested { outer, sub_streams }
}

/// What [`observe_nested`] records of a flow `S` of sub-streams.
type NestedOf<S, K> = Nested<
    K,
    <<S as TryStream>::Ok as TryStream>::Ok,
    <S as TryStream>::Error,
    <<S as TryStream>::Ok as TryStream>::Error,
>;
