//! [`Row`]: one operator, and the checks that it passes like every other.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use anabranch_operators::testing::{
    Event, Failed, Marble, Probe, Probed, Script, check_inputs, marbles, observe, observe_nested, probe,
    probe_stuttering, virtual_time,
};
use anabranch_operators::{Flow, TryStream, from_results};
use futures::{FutureExt, Stream, stream};

use crate::common::picture::{Line, Picture};

/// What stands before the operator of a row.
pub(crate) type Source = Flow<Probed<Script<char, Failed>>>;

/// How it is watched: [`probe`], or [`probe_stuttering`].
type Watch = fn(Flow<Script<char, Failed>>) -> (Source, Probe);

/// An operator with its picture. The inputs of the closures below are the picture's first lines.
#[derive(Clone)]
pub(crate) struct Row {
    path: &'static str,
    picture: Arc<Picture>,
    ahead: usize,
    /// What was seen of the flows that [`Row::line`] gave.
    inner: Arc<Mutex<Vec<Probe>>>,
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
        Self { path, picture: Arc::new(Picture::of(path)), ahead: 0, inner: Arc::default() }
    }

    /// How many items the operator reads before they are needed, at most, as its page says; without this, none.
    pub(crate) fn ahead(mut self, items: usize) -> Self {
        self.ahead = items;
        self
    }

    /// The inner flow that the picture shows for `name`, watched like an input.
    #[track_caller]
    pub(crate) fn line(&self, name: impl Display) -> Source {
        let (flow, seen) = probe(Script::marbles(&self.marbles(name)));
        self.inner.lock().unwrap().push(seen);
        flow
    }

    /// All inner flows so far are gone, and none was polled after its end.
    #[track_caller]
    fn check_inner(&self) {
        let inner = std::mem::take(&mut *self.inner.lock().unwrap());
        assert!(
            inner.iter().all(|seen| seen.polls_after_end() == 0),
            "{} polls an inner flow after its end",
            self.path
        );
        assert!(inner.iter().all(Probe::dropped), "{} is gone, but not an inner flow", self.path);
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
        self.check_inner();
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
            let (nested, gone) = virtual_time(async {
                let nested = observe_nested(flow, 1_000, |_| "").await;
                (nested, let_go(&seen).await)
            });
            let sub_streams = nested.marbles();
            let mut outer = nested.outer;
            outer.retain(|(_, event)| !matches!(event, Event::Dropped));
            assert_eq!(marbles::print(&outer), normal(&self.picture.line("out").marbles));
            let given: Vec<_> = sub_streams.iter().map(|line| line.trim_start_matches(": ")).collect();
            assert_eq!(given, expected.iter().map(|line| normal(&line.marbles)).collect::<Vec<_>>());
            assert!(seen.iter().all(|seen| seen.polls_after_end() == 0), "the operator polls upstream after its end");
            assert!(gone, "the operator is gone, but not its upstream");
        }
        for tick in 0..20 {
            let (sources, seen) = self.sources::<N>(probe);
            let gone = virtual_time(async {
                drop(observe_nested(operator(sources), tick, |_| "").await);
                let_go(&seen).await
            });
            assert!(gone, "the operator is dropped in tick {tick}, but not its upstream");
        }
        let (sources, seen) = self.sources::<N>(probe);
        let flow = operator(sources);
        virtual_time(read_on(flow));
        let polled_on = seen.iter().any(|seen| seen.polls_after_end() > 0);
        assert!(
            !polled_on,
            "with sub-streams that are polled after their end, the operator polls upstream after its end"
        );
        self.check_inner();
        self.look_ahead_unread(&operator);
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
        let (panicked, gone) = virtual_time(async {
            let panicked = AssertUnwindSafe(observe(flow, 1_000)).catch_unwind().await;
            (panicked.map(drop), let_go(&seen).await)
        });
        let payload = panicked.err().unwrap_or_else(|| panic!("{} does not call the closure", self.path));
        assert_eq!(payload.downcast_ref(), Some(&"boom"), "{} panics by itself", self.path);
        assert!(gone, "{} panicked and is gone, but not its upstream", self.path);
        self.check_inner();
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

    /// Inputs that always have more; the first of them, upstream, has more than may be read ahead.
    fn endless_inputs<const N: usize>(&self) -> [Flow<Script<char, Failed>>; N] {
        let mut more = if self.ahead == usize::MAX { 0 } else { self.ahead }; // Where no bound is, none can be passed.
        self.inputs::<N>().map(|text| endless(text, std::mem::take(&mut more)))
    }

    /// What an operator reads for its first signal while upstream always has more, less what it reads when upstream has
    /// one thing at a time, is what it reads ahead.
    #[track_caller]
    pub(crate) fn look_ahead<const N: usize, S, T, E>(&self, operator: impl Fn([Source; N]) -> Flow<S>) -> &Self
    where
        S: Stream<Item = Result<T, E>>,
    {
        let read_for_one = |watch: Watch| {
            let mut seen = Vec::new();
            let sources = self.endless_inputs::<N>().map(|source| {
                let (source, probe) = watch(source);
                seen.push(probe);
                source
            });
            virtual_time(async {
                let mut flow = pin!(operator(sources));
                let first = poll_fn(|cx| flow.as_mut().poll_next(cx).map(drop));
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

    /// What an operator reads while its outer flow is read and no sub-stream is, less what it gives, is ahead as well.
    #[track_caller]
    fn look_ahead_unread<const N: usize, S, T, E>(&self, operator: impl Fn([Source; N]) -> Flow<S>)
    where
        S: Stream<Item = Result<T, E>>,
    {
        let mut seen = Vec::new();
        let sources = self.endless_inputs::<N>().map(|source| {
            let (source, probe) = probe(source);
            seen.push(probe);
            source
        });
        let unread = virtual_time(async {
            let mut flow = pin!(operator(sources));
            let mut unread = Vec::new();
            let all = poll_fn(|cx| {
                while let Poll::Ready(signal) = flow.as_mut().poll_next(cx) {
                    let Some(Ok(sub_stream)) = signal else { return Poll::Ready(()) };
                    unread.push(sub_stream);
                }
                Poll::Pending
            });
            _ = tokio::time::timeout(Duration::from_millis(100), all).await;
            unread.len()
        });
        let read = seen.iter().map(Probe::items).sum::<usize>();
        assert!(
            read.saturating_sub(unread) <= self.ahead,
            "{} reads {read} items for {unread} sub-streams that nobody reads, {} ahead allowed",
            self.path,
            self.ahead
        );
    }
}

/// Whether all are dropped once every task has had its turn.
async fn let_go(seen: &[Probe]) -> bool {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    seen.iter().all(Probe::dropped)
}

/// Reads as a careless consumer does: it keeps every sub-stream, and polls it and the outer flow after their ends.
async fn read_on<S, G, E>(flow: Flow<S>)
where
    S: Stream<Item = Result<G, E>>,
    G: TryStream,
{
    let mut flow = Box::pin(flow);
    let mut sub_streams: Vec<(Pin<Box<G>>, bool)> = Vec::new();
    let mut outer_over = false;
    let all = poll_fn(|cx| {
        loop {
            let before = sub_streams.len();
            outer_over = poll_on(outer_over, || {
                let polled = flow.as_mut().poll_next(cx);
                polled.map(|signal| signal.map(|given| given.map(|given| sub_streams.push((Box::pin(given), false)))))
            });
            let mut quiet = sub_streams.len() == before;
            for (sub_stream, over) in &mut sub_streams {
                let was_over = *over;
                *over =
                    poll_on(was_over, || sub_stream.as_mut().poll_next(cx).map(|signal| signal.map(|r| r.map(drop))));
                quiet &= was_over == *over;
            }
            if quiet {
                return if outer_over && sub_streams.iter().all(|(_, over)| *over) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                };
            }
        }
    });
    _ = tokio::time::timeout(Duration::from_millis(1_000), all).await;
}

/// The items of an input again and again, all there from the beginning: 500 times, and `more` of them.
fn endless(text: &str, more: usize) -> Flow<Script<char, Failed>> {
    let items: Vec<_> = marbles::parse(text)
        .unwrap()
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::Item(label) => label.as_str().chars().next(),
            _ => None,
        })
        .collect();
    let all = items.iter().cycle().take(items.len() * 500 + more);
    Script::new(all.map(|item| (0, Event::Item(*item))))
}

/// Polls what may be over, which must then give `None`, and says whether it is over now.
fn poll_on<E>(over: bool, mut poll: impl FnMut() -> Poll<Option<Result<(), E>>>) -> bool {
    loop {
        match poll() {
            Poll::Ready(None) => return true,
            _ if over => panic!("after its end the flow gives something else than None"),
            Poll::Pending => return false,
            Poll::Ready(Some(Ok(()))) => {}
            Poll::Ready(Some(Err(_))) => return poll_on::<E>(true, &mut poll as &mut dyn FnMut() -> _),
        }
    }
}

/// The same marbles as they are printed.
fn normal(text: &str) -> String {
    marbles::print(&marbles::parse(text).unwrap())
}
