//! The models of `recover`.

use std::time::Duration;

use anabranch_operators::recover::{Attempts, Backoff, Breaker, RestartLimit};
use anabranch_operators::testing::Failed;
use anabranch_operators::{Flow, defer, from_iter, from_results};
use futures::{SinkExt, sink, stream};

use crate::harness::{Ending, Source, agrees, each};

#[test]
fn catch_error() {
    agrees(
        |flow, n| flow.catch_error(move |_| from_iter(0..n as i64)),
        |items, ending, n| match ending {
            Ending::Failure => (items.iter().copied().chain(0..n as i64).collect(), Ending::End),
            other => (items.to_vec(), other),
        },
    );
}

#[test]
fn on_error_resume() {
    let other = |n: usize| from_results(stream::iter((0..n as i64).map(Ok).chain([Err("failed")])));
    agrees(
        move |flow, n| flow.on_error_resume(other(n)),
        |items, ending, n| match ending {
            Ending::Open => (items.to_vec(), Ending::Open),
            _ => (items.iter().copied().chain(0..n as i64).collect(), Ending::End),
        },
    );
}

/// The flow in its first run, and three items in each further one.
fn again(flow: Source) -> Flow<impl anabranch_operators::create::Restart<Ok = i64, Error = Failed>> {
    let mut first = Some(flow);
    defer(move || {
        let next = || from_iter([7, 8, 9]).fails_with::<Failed>();
        match first.take() {
            Some(flow) => flow.boxed_local(),
            None => next().boxed_local(),
        }
    })
}

/// What the next run adds if the first has failed.
fn then_another(items: &[i64], ending: Ending, attempts: usize) -> (Vec<i64>, Ending) {
    match ending {
        Ending::Failure if attempts > 1 => ([items, &[7, 8, 9]].concat(), Ending::End),
        other => (items.to_vec(), other),
    }
}

#[test]
fn retry_and_retry_backoff() {
    agrees(|flow, n| again(flow).retry(Attempts::in_all(n + 1)), |items, ending, n| then_another(items, ending, n + 1));
    let backoff = || Backoff::exponential(Duration::from_millis(3));
    agrees(
        move |flow, n| again(flow).retry_backoff(Attempts::in_all(n + 1), backoff()),
        |items, ending, n| then_another(items, ending, n + 1),
    );
}

#[test]
fn supervise() {
    let limit = || RestartLimit::at_most(1, Duration::from_secs(1));
    agrees(
        move |flow, _| again(flow).supervise(limit(), Backoff::exponential(Duration::from_millis(3))),
        |items, ending, _| then_another(items, ending, 2),
    );
}

/// One that never opens.
#[test]
fn circuit_breaker() {
    let half = |item: i64| async move {
        tokio::time::sleep(Duration::from_millis(item.unsigned_abs() % 4)).await;
        if item % 2 == 0 { Ok(item / 2) } else { Err(item) }
    };
    agrees(
        move |flow, n| {
            let breaker = Breaker::new(u32::MAX, Duration::from_secs(1));
            flow.circuit_breaker(n + 1, &breaker, half).map(|result| result.is_ok())
        },
        each(|items| items.iter().map(|item| item % 2 == 0).collect()),
    );
}

#[test]
fn dead_letters() {
    let drain = || sink::drain().sink_map_err(|never: std::convert::Infallible| -> Failed { match never {} });
    agrees(
        move |flow, n| {
            flow.map(move |item| if item as usize % 6 == n { Err(item) } else { Ok(item) }).dead_letters(drain())
        },
        |items, ending, n| (items.iter().copied().filter(|item| *item as usize % 6 != n).collect(), ending),
    );
}
