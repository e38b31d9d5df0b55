//! The models of `finish`.

use crate::harness::{Ending, agrees, answers, each};

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
fn boxed() {
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
