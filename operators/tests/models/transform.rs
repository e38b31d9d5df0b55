//! The models of `transform`.

use anabranch_operators::testing::Failed;
use anabranch_operators::transform::Notification;

use crate::harness::{Ending, agrees, each};

#[test]
fn map() {
    agrees(
        |flow, n| flow.map(move |item| (item, n)),
        |items, ending, n| (items.iter().map(|item| (*item, n)).collect(), ending),
    );
}

#[test]
fn try_map() {
    agrees(
        |flow, n| flow.map_err(drop).try_map(move |item| if item as usize == n { Err(()) } else { Ok(item) }),
        |items, ending, n| match items.iter().position(|item| *item as usize == n) {
            Some(at) => (items[..at].to_vec(), Ending::Failure),
            None => (items.to_vec(), ending),
        },
    );
}

#[test]
fn enumerate() {
    agrees(|flow, _| flow.enumerate(), each(|items| items.iter().copied().enumerate().collect()));
}

#[test]
fn inspect() {
    agrees(|flow, _| flow.inspect(|_| ()), each(<[i64]>::to_vec));
}

#[test]
fn scan() {
    agrees(
        |flow, n| flow.scan(n as i64, |sum, item| sum + item),
        |items, ending, n| {
            let sums = items.iter().scan(n as i64, |sum, item| {
                *sum += item;
                Some(*sum)
            });
            (sums.collect(), ending)
        },
    );
}

#[test]
fn map_async() {
    let later = |item: i64| async move {
        tokio::time::sleep(std::time::Duration::from_millis(item as u64)).await;
        item
    };
    agrees(move |flow, n| flow.map_async(n + 1, later), each(<[i64]>::to_vec));
}

#[test]
fn map_err_and_err_into() {
    agrees(|flow, _| flow.map_err(|_| "failed"), each(<[i64]>::to_vec));
    agrees(|flow, _| flow.map_err(|_| "failed").err_into::<String>(), each(<[i64]>::to_vec));
}

#[test]
fn map_async_unordered() {
    agrees(|flow, _| flow.map_async_unordered(1, std::future::ready), each(<[i64]>::to_vec));
}

#[test]
fn map_async_by_key() {
    // Of one key, so in order, however many are held.
    agrees(|flow, n| flow.map_async_by_key(n + 1, |_| (), std::future::ready), each(<[i64]>::to_vec));
}

#[test]
fn pairwise() {
    agrees(|flow, _| flow.pairwise(), each(|items| items.windows(2).map(|pair| (pair[0], pair[1])).collect()));
}

#[test]
fn timestamp_and_time_interval() {
    agrees(|flow, _| flow.timestamp().map(|(item, _)| item), each(<[i64]>::to_vec));
    agrees(|flow, _| flow.time_interval().map(|(item, _)| item), each(<[i64]>::to_vec));
}

#[test]
fn materialize_and_dematerialize_and_fails_with() {
    let model = |items: &[i64], ending, _| {
        let mut all: Vec<_> = items.iter().copied().map(Notification::Next).collect();
        match ending {
            Ending::End => all.push(Notification::End),
            Ending::Failure => all.push(Notification::Failure(Failed::Scripted)),
            Ending::Open => return (all, Ending::Open),
        }
        (all, Ending::End)
    };
    agrees(|flow, _| flow.materialize(), model);
    agrees(|flow, _| flow.materialize().fails_with::<String>(), model);
    agrees(|flow, _| flow.materialize().dematerialize(), each(<[i64]>::to_vec));
}
