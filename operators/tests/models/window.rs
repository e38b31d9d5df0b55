//! The models of `window`.

use anabranch_operators::FlowExt;
use futures::{StreamExt, stream};

use crate::harness::{Ending, agrees};

/// Lists that items have made whole are always given; the rest is given by the end, and by nothing else.
fn pieces(whole: Vec<Vec<i64>>, rest: Vec<Vec<i64>>, ending: Ending) -> (Vec<Vec<i64>>, Ending) {
    let rest = if ending == Ending::End { rest } else { Vec::new() };
    (whole.into_iter().chain(rest).filter(|list| !list.is_empty()).collect(), ending)
}

/// The lists, of which the last is not whole.
fn last_is_open<'a>(lists: impl Iterator<Item = &'a [i64]>, ending: Ending) -> (Vec<Vec<i64>>, Ending) {
    let mut whole: Vec<_> = lists.map(<[i64]>::to_vec).collect();
    let rest = whole.pop().into_iter().collect();
    pieces(whole, rest, ending)
}

#[test]
fn buffer_bytes() {
    agrees(
        |flow, n| flow.buffer_bytes(n + 1, |item| *item as usize).max_count(3),
        |items, ending, n| {
            let fits = |list: &[i64]| list.iter().sum::<i64>() as usize <= n + 1 && list.len() <= 3;
            let is_full = |list: &[i64]| list.iter().sum::<i64>() as usize > n || list.len() == 3;
            let (mut whole, mut open) = (Vec::new(), Vec::new());
            for item in items {
                open.push(*item);
                if open.len() > 1 && !fits(&open) {
                    open.pop();
                    whole.push(std::mem::replace(&mut open, vec![*item]));
                }
                if is_full(&open) {
                    whole.push(std::mem::take(&mut open));
                }
            }
            pieces(whole, vec![open], ending)
        },
    );
}

#[test]
fn buffer_count() {
    agrees(
        |flow, n| flow.buffer_count(n + 1),
        |items, ending, n| {
            let lists = items.chunks(n + 1).map(<[i64]>::to_vec);
            let (whole, rest) = lists.partition(|list| list.len() == n + 1);
            pieces(whole, rest, ending)
        },
    );
}

#[test]
fn buffer_count_every() {
    for step in 1..6 {
        agrees(
            |flow, n| flow.buffer_count_every(n + 1, step),
            |items, ending, n| {
                let from = (0..items.len()).step_by(step);
                let lists = from.map(|from| items[from..].iter().copied().take(n + 1).collect());
                let (whole, rest) = lists.partition(|list: &Vec<i64>| list.len() == n + 1);
                pieces(whole, rest, ending)
            },
        );
    }
}

#[test]
fn buffer_until() {
    agrees(
        |flow, n| flow.buffer_until(move |item| *item > n as i64),
        |items, ending, n| {
            let is_last = |item: &i64| *item > n as i64;
            let lists = items.split_inclusive(is_last).map(<[i64]>::to_vec);
            let (whole, rest) = lists.partition(|list| list.last().is_some_and(is_last));
            pieces(whole, rest, ending)
        },
    );
}

#[test]
fn buffer_while() {
    agrees(
        |flow, n| flow.buffer_while(move |item| *item > n as i64),
        |items, ending, n| last_is_open(items.split(|item| *item <= n as i64), ending),
    );
}

#[test]
fn chunk_by() {
    agrees(
        |flow, n| flow.chunk_by(move |item| item / (n as i64 + 1)),
        |items, ending, n| {
            let key = |item: &i64| item / (n as i64 + 1);
            last_is_open(items.chunk_by(|a, b| key(a) == key(b)), ending)
        },
    );
}

/// Windows, each as a list with its number. The last may open behind the last item.
#[test]
fn window_count_every() {
    for step in 1..6 {
        agrees(
            |flow, n| {
                let lists = flow.window_count_every(n + 1, step).merge_map(99, |window| {
                    let number = *window.key();
                    stream::once(window.collect::<Vec<_>>()).map(move |list| list.map(|list| (number, list))).boxed()
                });
                // They close in the order in which they opened, but for those that the end closes.
                stream::once(lists.collect::<Vec<_>>())
                    .map(|lists| {
                        lists.map(|mut lists| {
                            lists.sort_unstable();
                            lists
                        })
                    })
                    .boxed()
                    .try_into_flow()
            },
            |items, ending, n| {
                let lists = (0..=items.len()).step_by(step).map(|from| items[from..].iter().copied().take(n + 1));
                let lists: Vec<_> = (0_u64..).zip(lists.map(Iterator::collect::<Vec<_>>)).collect();
                (if ending == Ending::End { vec![lists] } else { Vec::new() }, ending)
            },
        );
    }
}
