//! [`Row`]: one operator, and the checks that it passes like every other.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use anabranch_operators::testing::{
    Event, Failed, Marble, Probe, Probed, Script, check_inputs, marbles, observe, observe_nested, probe,
    probe_stuttering, virtual_time,
};
use anabranch_operators::{Flow, from_results};
use futures::{Stream, TryStream, stream};

use crate::common::picture::{Line, Picture};

/// What stands before the operator of a row.
pub(crate) type Source = Flow<Probed<Script<char, Failed>>>;

/// How it is watched: [`probe`], or [`probe_stuttering`].
type Watch = fn(Flow<Script<char, Failed>>) -> (Source, Probe);

/// An operator with its picture. The inputs of the closures below are the picture's first lines.
pub(crate) struct Row {
    path: &'static str,
    picture: Picture,
    ahead: usize,
}

/// What closures of operators do when they are to panic.
pub(crate) fn boom<T, U>(_: T) -> U {
    panic!("boom")
}

/// What closures of operators do to letters in pictures.
pub(crate) fn upper(letter: char) -> char {
    letter.to_ascii_uppercase()
}

impl Row {
    /// The operator in `src/<family>/<name>.rs`, with the marbles in the head of that file.
    #[track_caller]
    pub(crate) fn of(path: &'static str) -> Self {
        Self { path, picture: Picture::of(path), ahead: 0 }
    }

    /// How many items the operator reads before they are needed, at most, as its page says; without this, none.
    pub(crate) fn ahead(mut self, items: usize) -> Self {
        self.ahead = items;
        self
    }

    /// The inner flow that the picture shows for `name`.
    #[track_caller]
    pub(crate) fn line(&self, name: impl Display) -> Flow<Script<char, Failed>> {
        Script::marbles(&self.marbles(name))
    }

    /// What the picture shows for `name`.
    #[track_caller]
    pub(crate) fn marbles(&self, name: impl Display) -> String {
        self.picture.line(&name.to_string()).marbles.clone()
    }

    fn inputs<const N: usize>(&self) -> [&str; N] {
        let first: Vec<_> = self.picture.lines.iter().filter(|line| !line.is_result()).take(N).collect();
        let inputs = <[&Line; N]>::try_from(first);
        inputs
            .unwrap_or_else(|_| panic!("the picture of {} has less than {N} inputs", self.path))
            .map(|line| &*line.marbles)
    }

    /// The operator makes of the inputs what the picture says, and behaves as [`check_inputs`] and [`look_ahead`] ask.
    #[track_caller]
    pub(crate) fn gives<const N: usize, S, T, E>(&self, operator: impl Fn([Source; N]) -> Flow<S>) -> &Self
    where
        S: Stream<Item = Result<T, E>>,
        T: Marble,
    {
        check_inputs(self.inputs::<N>(), &operator, &self.picture.line("out").marbles);
        self.look_ahead(operator)
    }

    /// The same for an end: the picture's answer comes as the only item of a flow.
    #[track_caller]
    pub(crate) fn answers<const N: usize, F, T, E>(&self, end: impl Fn([Source; N]) -> F) -> &Self
    where
        F: Future<Output = Result<T, E>>,
        T: Marble,
    {
        let mut events = marbles::parse(&self.picture.line("answer").marbles).unwrap();
        let tick = events.last().unwrap().0;
        if matches!(events.last(), Some((_, Event::Item(_)))) {
            events.push((tick, Event::End));
        }
        let flow = |sources| from_results(stream::once(end(sources)));
        check_inputs(self.inputs::<N>(), flow, &marbles::print(&events));
        self
    }

    /// The same for an operator that gives sub-streams, each a line with its number as name.
    #[track_caller]
    pub(crate) fn gives_sub_streams<const N: usize, S, G, E>(&self, operator: impl Fn([Source; N]) -> Flow<S>) -> &Self
    where
        S: Stream<Item = Result<G, E>>,
        G: TryStream<Ok: Marble>,
    {
        let expected: Vec<_> = self.picture.lines.iter().filter(|line| line.is_sub_stream()).collect();
        for watch in [probe as Watch, probe_stuttering] {
            let (sources, seen) = self.sources::<N>(watch);
            let flow = virtual_time(async { operator(sources) });
            assert!(
                seen.iter().all(|seen| seen.polls() == 0),
                "the operator polls upstream before it is polled itself"
            );
            let nested = virtual_time(observe_nested(flow, 1_000, |_| ""));
            let sub_streams = nested.marbles();
            let mut outer = nested.outer;
            outer.retain(|(_, event)| !matches!(event, Event::Dropped));
            assert_eq!(marbles::print(&outer), normal(&self.picture.line("out").marbles));
            let given: Vec<_> = sub_streams.iter().map(|line| line.trim_start_matches(": ")).collect();
            assert_eq!(given, expected.iter().map(|line| normal(&line.marbles)).collect::<Vec<_>>());
            assert!(seen.iter().all(|seen| seen.polls_after_end() == 0), "the operator polls upstream after its end");
            assert!(seen.iter().all(Probe::dropped), "the operator is gone, but not its upstream");
        }
        for tick in 0..20 {
            let (sources, seen) = self.sources::<N>(probe);
            virtual_time(async { drop(observe_nested(operator(sources), tick, |_| "").await) });
            assert!(seen.iter().all(Probe::dropped), "the operator is dropped in tick {tick}, but not its upstream");
        }
        self.look_ahead(operator)
    }

    /// With a closure that panics, the operator panics when it is polled; then it can be dropped, and drops upstream.
    #[track_caller]
    pub(crate) fn panics<const N: usize, S, T, E>(&self, operator: impl Fn([Source; N]) -> Flow<S>) -> &Self
    where
        S: Stream<Item = Result<T, E>>,
    {
        let (sources, seen) = self.sources::<N>(probe);
        let flow = operator(sources);
        let panicked = catch_unwind(AssertUnwindSafe(|| virtual_time(observe(flow, 1_000))));
        let payload = panicked.err().unwrap_or_else(|| panic!("{} does not call the closure", self.path));
        assert_eq!(payload.downcast_ref(), Some(&"boom"), "{} panics by itself", self.path);
        assert!(seen.iter().all(Probe::dropped), "{} panicked and is gone, but not its upstream", self.path);
        self
    }

    fn sources<const N: usize>(&self, watch: Watch) -> ([Source; N], Vec<Probe>) {
        let mut seen = Vec::new();
        let sources = self.inputs::<N>().map(|text| {
            let (source, probe) = watch(Script::marbles(text));
            seen.push(probe);
            source
        });
        (sources, seen)
    }

    /// What an operator reads for its first signal while upstream always has more, less what it reads when upstream has
    /// one thing at a time, is what it reads ahead.
    #[track_caller]
    fn look_ahead<const N: usize, S, T, E>(&self, operator: impl Fn([Source; N]) -> Flow<S>) -> &Self
    where
        S: Stream<Item = Result<T, E>>,
    {
        let read_for_one = |watch: Watch| {
            let mut seen = Vec::new();
            let sources = self.inputs::<N>().map(|text| {
                let (source, probe) = watch(endless(text));
                seen.push(probe);
                source
            });
            virtual_time(async {
                let mut flow = pin!(operator(sources));
                let first = poll_fn(|cx| flow.as_mut().try_poll_next(cx).map(drop));
                _ = tokio::time::timeout(std::time::Duration::from_millis(100), first).await;
                seen.iter().map(Probe::items).sum::<usize>()
            })
        };
        let needed = read_for_one(probe_stuttering);
        let read = read_for_one(probe);
        let ahead = read.saturating_sub(needed);
        assert!(
            ahead <= self.ahead,
            "{} reads {read} items for its first signal where {needed} would do: {ahead} ahead, {} allowed",
            self.path,
            self.ahead
        );
        self
    }
}

/// The items of an input again and again, all there from the beginning.
fn endless(text: &str) -> Flow<Script<char, Failed>> {
    let items: Vec<_> = marbles::parse(text)
        .unwrap()
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::Item(label) => label.as_str().chars().next(),
            _ => None,
        })
        .collect();
    Script::new(items.iter().cycle().take(items.len() * 500).map(|item| (0, Event::Item(*item))))
}

/// The same marbles as they are printed.
fn normal(text: &str) -> String {
    marbles::print(&marbles::parse(text).unwrap())
}
