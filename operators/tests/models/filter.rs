//! The models of `filter`.

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
