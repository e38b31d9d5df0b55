//! The models of `finish`.

use std::convert::Infallible;

use anabranch_operators::testing::Failed;
use futures::SinkExt;

use crate::harness::{Ending, Source, agrees, answers, each};

#[test]
fn collect() {
    answers(|flow, _| flow.collect::<Vec<_>>(), |items, _| items.to_vec());
}

#[test]
fn count() {
    answers(|flow, _| flow.count(), |items, _| items.len());
}

#[test]
fn fold() {
    let digits = |number: i64, item: i64| (number * 10 + item) % 1_000_003;
    answers(
        move |flow, n| flow.fold(n as i64, digits),
        move |items, n| items.iter().fold(n as i64, |a, b| digits(a, *b)),
    );
}

#[test]
fn boxed_and_boxed_local() {
    agrees(|flow, _| flow.boxed(), each(<[i64]>::to_vec));
    agrees(|flow, _| flow.boxed_local(), each(<[i64]>::to_vec));
}

/// Answers as soon as it is known, also if upstream fails later.
#[test]
fn all_and_any() {
    use anabranch_operators::from_results;
    use futures::stream::once;

    let soon = |decided: Option<bool>, otherwise: bool, ending| match (decided, ending) {
        (Some(answer), _) => (vec![answer], Ending::End),
        (None, Ending::End) => (vec![otherwise], Ending::End),
        (None, ending) => (vec![], ending),
    };
    agrees(
        |flow, n| from_results(once(flow.all(move |item| item >= n as i64))),
        |items, ending, n| soon(items.iter().any(|item| *item < n as i64).then_some(false), true, ending),
    );
    agrees(
        |flow, n| from_results(once(flow.any(move |item| item < n as i64))),
        |items, ending, n| soon(items.iter().any(|item| *item < n as i64).then_some(true), false, ending),
    );
}

#[test]
fn by_ref() {
    let in_two = |mut flow: Source, n| async move {
        let first = flow.by_ref().take(n).collect::<Vec<_>>().await?;
        Ok::<_, Failed>((first, flow.collect::<Vec<_>>().await?))
    };
    answers(in_two, |items, n| {
        let (first, rest) = items.split_at(n.min(items.len()));
        (first.to_vec(), rest.to_vec())
    });
}

#[test]
fn drain() {
    answers(|flow, _| flow.drain(), |_, _| ());
}

#[test]
fn for_each() {
    let push = |flow: Source, _| async move {
        let mut all = Vec::new();
        flow.for_each(|item| all.push(item)).await?;
        Ok::<_, Failed>(all)
    };
    answers(push, |items, _| items.to_vec());
}

#[test]
fn forward() {
    let into_list = |flow: Source, _| async move {
        let mut all = Vec::new();
        flow.forward((&mut all).sink_map_err(|never: Infallible| -> Failed { match never {} })).await?;
        Ok::<_, Failed>(all)
    };
    answers(into_list, |items, _| items.to_vec());
}

#[test]
fn into_items() {
    use anabranch_operators::FlowExt;

    agrees(|flow, _| flow.materialize().into_items().into_flow().dematerialize(), each(<[i64]>::to_vec));
}

#[test]
fn next() {
    let one_by_one = |mut flow: Source, _| async move {
        let mut all = Vec::new();
        while let Some(item) = flow.next().await? {
            all.push(item);
        }
        Ok::<_, Failed>(all)
    };
    answers(one_by_one, |items, _| items.to_vec());
}

#[test]
fn pipe() {
    agrees(
        |flow, _| flow.pipe(|flow| flow.map(|item| item + 1)),
        each(|items| items.iter().map(|item| item + 1).collect()),
    );
}
