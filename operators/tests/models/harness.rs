//! [`agrees`]: an operator against what it means for lists.

use std::fmt::Debug;
use std::pin::Pin;
use std::task::{Context, Poll};

use anabranch_operators::create::FromResults;
use anabranch_operators::testing::{Event, Failed, Probed, Script, observe, probe, virtual_time};
use anabranch_operators::{Flow, FlowExt, from_results};
use futures::{Stream, stream};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// How many random scripts each operator is run on.
const CASES: u32 = 256;

/// How a list ends: a script, or what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    End,
    Failure,
    /// Nothing more comes, and no end either.
    Open,
}

/// What stands before the operator.
pub(crate) type Source = Flow<Probed<FromResults<Stuttering>>>;

/// A script that says "not yet" once before some of its signals, and wakes its reader at once.
pub(crate) struct Stuttering {
    script: Flow<Script<i64, Failed>>,
    /// For each signal to come, whether it does; those beyond the end come at once.
    before: std::vec::IntoIter<bool>,
    /// Whether the next signal has been waited for.
    waited: bool,
}

impl Stream for Stuttering {
    type Item = Result<i64, Failed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.waited {
            self.waited = true;
            if self.before.next() == Some(true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let polled = Pin::new(&mut self.script).poll_next(cx);
        self.waited = polled.is_pending();
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.script.size_hint()
    }
}

/// A random script: items with pauses between them, some of none, and an ending.
#[derive(Clone, Debug)]
struct Given {
    items: Vec<(u64, i64)>,
    ending: Ending,
    /// Before which signals upstream says "not yet".
    stutters: Vec<bool>,
    /// When the reader drops the flow, in its second run.
    dropped_at: u64,
    /// A small number for the operator's argument.
    n: usize,
}

impl Given {
    fn any() -> impl Strategy<Value = Self> {
        let items = prop::collection::vec((prop_oneof![Just(0_u64), 0_u64..4], 0_i64..10), 0..24);
        let ending = prop_oneof![3 => Just(Ending::End), 2 => Just(Ending::Failure), 1 => Just(Ending::Open)];
        let stutters = prop_oneof![
            1 => Just(Vec::new()),
            1 => Just(vec![true; 25]),
            2 => prop::collection::vec(any::<bool>(), 25),
        ];
        (items, ending, stutters, 0_u64..40, 0_usize..6).prop_map(|(items, ending, stutters, dropped_at, n)| Self {
            items,
            ending,
            stutters,
            dropped_at,
            n,
        })
    }

    fn list(&self) -> Vec<i64> {
        self.items.iter().map(|(_, item)| *item).collect()
    }

    fn source(&self) -> Flow<FromResults<Stuttering>> {
        let mut now = 0;
        let mut events: Vec<_> = self
            .items
            .iter()
            .map(|(pause, item)| {
                now += pause;
                (now, Event::Item(*item))
            })
            .collect();
        match self.ending {
            Ending::End => events.push((now + 1, Event::End)),
            Ending::Failure => events.push((now + 1, Event::Failure(Failed::Scripted))),
            Ending::Open => {}
        }
        let before = self.stutters.clone().into_iter();
        Stuttering { script: Script::new(events), before, waited: false }.try_into_flow()
    }
}

/// What a run gave: the items, and how it ended.
fn read<T, E>(events: Vec<(u64, Event<T, E>)>) -> (Vec<T>, Ending) {
    let mut items = Vec::new();
    let mut ending = Ending::Open;
    for (_, event) in events {
        match event {
            Event::Item(item) => items.push(item),
            Event::End => ending = Ending::End,
            Event::Failure(_) => ending = Ending::Failure,
            Event::Dropped => {}
        }
    }
    (items, ending)
}

/// Runs the operator on random scripts with random pauses, failures and pending points, and compares with the model,
/// which is given the script's items, its ending and the number that the operator was given. Then drops each run at a
/// random instant: what came until then is the beginning of what the model says, and upstream is gone.
#[track_caller]
pub(crate) fn agrees<S, T, E, M>(operator: impl Fn(Source, usize) -> Flow<S>, model: M)
where
    S: Stream<Item = Result<T, E>>,
    T: PartialEq + Debug,
    M: Fn(&[i64], Ending, usize) -> (Vec<T>, Ending),
{
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&Given::any(), |given| {
        let expected = model(&given.list(), given.ending, given.n);
        let whole = virtual_time(observe(operator(probe(given.source()).0, given.n), 1_000)).into_events();
        prop_assert_eq!(read(whole), (expected.0, expected.1));

        let (upstream, seen) = probe(given.source());
        let until = virtual_time(observe(operator(upstream, given.n), given.dropped_at)).into_events();
        let (until, _) = read(until);
        let (all, _) = model(&given.list(), given.ending, given.n);
        prop_assert_eq!(&until[..], all.get(..until.len()).unwrap_or_default(), "what came before the drop");
        prop_assert!(seen.dropped(), "upstream lives on");
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// As [`agrees`], for an end: its answer is the only item of a flow.
#[track_caller]
pub(crate) fn answers<F, T, E, M>(end: impl Fn(Source, usize) -> F, model: M)
where
    F: Future<Output = Result<T, E>>,
    T: PartialEq + Debug,
    M: Fn(&[i64], usize) -> T,
{
    agrees(
        |flow, n| from_results(stream::once(end(flow, n))),
        |items, ending, n| match ending {
            Ending::End => (vec![model(items, n)], Ending::End),
            other => (Vec::new(), other),
        },
    );
}

/// The model of an operator that gives what it makes of each item, and ends as upstream does.
pub(crate) fn each<T>(f: impl Fn(&[i64]) -> Vec<T>) -> impl Fn(&[i64], Ending, usize) -> (Vec<T>, Ending) {
    move |items, ending, _| (f(items), ending)
}
