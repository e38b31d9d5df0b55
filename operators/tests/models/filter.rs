//! The models of `filter`.

use std::collections::HashSet;

use anabranch_operators::from_iter;
use anabranch_operators::testing::Failed;

use crate::harness::{Ending, agrees};

#[test]
fn filter() {
    agrees(
        |flow, n| flow.filter(move |item| item % 2 == n as i64 % 2),
        |items, ending, n| (items.iter().copied().filter(|item| item % 2 == n as i64 % 2).collect(), ending),
    );
}

#[test]
fn filter_map() {
    agrees(
        |flow, n| flow.filter_map(move |item| item.checked_sub(n as i64).filter(|rest| *rest >= 0)),
        |items, ending, n| (items.iter().map(|item| item - n as i64).filter(|rest| *rest >= 0).collect(), ending),
    );
}

#[test]
fn take() {
    agrees(
        |flow, n| flow.take(n),
        |items, ending, n| {
            let given: Vec<_> = items.iter().copied().take(n).collect();
            let ending = if given.len() == n { Ending::End } else { ending };
            (given, ending)
        },
    );
}

#[test]
fn skip() {
    agrees(|flow, n| flow.skip(n), |items, ending, n| (items.iter().copied().skip(n).collect(), ending));
}

#[test]
fn take_while() {
    agrees(
        |flow, n| flow.take_while(move |item| *item >= n as i64),
        |items, ending, n| match items.iter().position(|item| *item < n as i64) {
            Some(at) => (items[..at].to_vec(), Ending::End),
            None => (items.to_vec(), ending),
        },
    );
}

#[test]
fn skip_while() {
    agrees(
        |flow, n| flow.skip_while(move |item| *item >= n as i64),
        |items, ending, n| (items.iter().copied().skip_while(|item| *item >= n as i64).collect(), ending),
    );
}

#[test]
fn take_while_inclusive() {
    agrees(
        |flow, n| flow.take_while_inclusive(move |item| *item >= n as i64),
        |items, ending, n| match items.iter().position(|item| *item < n as i64) {
            Some(at) => (items[..=at].to_vec(), Ending::End),
            None => (items.to_vec(), ending),
        },
    );
}

#[test]
fn take_last() {
    agrees(
        |flow, n| flow.take_last(n),
        |items, ending, n| match ending {
            Ending::End => (items[items.len().saturating_sub(n)..].to_vec(), ending),
            _ => (Vec::new(), ending),
        },
    );
}

#[test]
fn skip_last() {
    agrees(|flow, n| flow.skip_last(n), |items, ending, n| (items[..items.len().saturating_sub(n)].to_vec(), ending));
}

#[test]
fn element_at() {
    agrees(
        |flow, n| flow.element_at(n),
        |items, ending, n| match items.get(n) {
            Some(item) => (vec![*item], Ending::End),
            None => (Vec::new(), ending),
        },
    );
}

#[test]
fn ignore_elements() {
    agrees(|flow, _| flow.ignore_elements(), |_, ending, _| (Vec::new(), ending));
}

#[test]
fn distinct() {
    agrees(
        |flow, n| flow.distinct(move |item| item / (n as i64 + 1)),
        |items, ending, n| {
            let mut seen = HashSet::new();
            (items.iter().copied().filter(|item| seen.insert(item / (n as i64 + 1))).collect(), ending)
        },
    );
}

#[test]
fn distinct_until_changed() {
    agrees(
        |flow, n| flow.distinct_until_changed(move |item| item / (n as i64 + 1)),
        |items, ending, n| {
            let mut items = items.to_vec();
            items.dedup_by_key(|item| *item / (n as i64 + 1));
            (items, ending)
        },
    );
}

#[test]
fn try_filter() {
    agrees(
        |flow, n| {
            flow.try_filter(move |item| if *item == 9 { Err(Failed::Scripted) } else { Ok(item % 2 == n as i64 % 2) })
        },
        |items, ending, n| {
            let good: Vec<_> = items.iter().copied().take_while(|item| *item != 9).collect();
            let ending = if good.len() < items.len() { Ending::Failure } else { ending };
            (good.into_iter().filter(|item| item % 2 == n as i64 % 2).collect(), ending)
        },
    );
}

#[test]
fn start_with() {
    agrees(
        |flow, n| flow.start_with(0..n as i64),
        |items, ending, n| ((0..n as i64).chain(items.iter().copied()).collect(), ending),
    );
}

#[test]
fn default_if_empty() {
    agrees(
        |flow, n| flow.default_if_empty(n as i64),
        |items, ending, n| match (items, ending) {
            ([], Ending::End) => (vec![n as i64], ending),
            _ => (items.to_vec(), ending),
        },
    );
}

#[test]
fn switch_if_empty() {
    agrees(
        |flow, n| flow.skip(n).switch_if_empty(from_iter([7, 8]).fails_with()),
        |items, ending, n| match (items.get(n..).unwrap_or_default(), ending) {
            ([], Ending::End) => (vec![7, 8], ending),
            (rest, _) => (rest.to_vec(), ending),
        },
    );
}
