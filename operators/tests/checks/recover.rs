//! The rows of `recover`.

use std::convert::Infallible;
use std::time::Duration;

use anabranch_operators::recover::{Attempts, Backoff, Breaker, BreakerError, RestartLimit};
use anabranch_operators::testing::{Failed, observe, probe, virtual_time};
use anabranch_operators::{Flow, FlowExt, defer};
use futures::SinkExt;
use futures::channel::mpsc;

use crate::row::{Row, Source, boom, upper};

const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The input, and for further runs another like it.
fn again(row: &Row, flow: Source) -> Flow<impl anabranch_operators::create::Restart<Ok = char, Error = Failed>> {
    let (mut first, next) = (Some(flow), row.line("in"));
    defer(move || first.take().unwrap_or_else(|| probe(next.clone()).0))
}

fn doubling() -> Backoff<impl FnMut() -> f64> {
    Backoff::exponential(ticks(1)).random(|| 1.0)
}

#[test]
fn catch_error() {
    let row = Row::of("recover/catch_error");
    row.gives(|[flow]| flow.catch_error(|_| row.line("fallback")));
    row.panics(|[flow]| flow.catch_error(boom::<_, Source>));
}

#[test]
fn circuit_breaker() {
    let row = Row::of("recover/circuit_breaker").ahead(1);
    row.gives(|[flow]| {
        let service = |letter| async move { if letter == 'x' { Err("failed") } else { Ok(upper(letter).to_string()) } };
        let results = flow.circuit_breaker(1, &Breaker::new(1, ticks(4)), service);
        results.map(|result| match result {
            Ok(letter) => letter,
            Err(BreakerError::Failed(error)) => error.to_owned(),
            Err(BreakerError::Open(_)) => "open".to_owned(),
        })
    });
    row.panics(|[flow]| {
        flow.circuit_breaker(1, &Breaker::new(1, ticks(4)), boom::<_, std::future::Ready<Result<(), ()>>>)
    });
}

#[test]
fn dead_letters() {
    let decode = |letter| if matches!(letter, 'x' | 'y') { Err(letter) } else { Ok(letter) };
    let row = Row::of("recover/dead_letters");
    let drain = || futures::sink::drain().sink_map_err(|never: Infallible| -> Failed { match never {} });
    row.gives(|[flow]| flow.map(decode).dead_letters(drain()));
    // What the sink was given, and when, is seen at the other end of a channel.
    virtual_time(async {
        let (sink, letters) = mpsc::unbounded();
        let flow = row.line("in").map(decode).dead_letters(sink.sink_map_err(|_| Failed::Scripted));
        let (given, letters) = tokio::join!(observe(flow, 100), observe(letters.into_flow(), 100));
        given.assert_marbles(&row.marbles("out"));
        letters.assert_marbles(&row.marbles("sink"));
    });
}

#[test]
fn on_error_resume() {
    Row::of("recover/on_error_resume").gives(|[flow, other]| flow.on_error_resume(other));
}

#[test]
fn retry() {
    let row = Row::of("recover/retry");
    row.gives(|[flow]| again(&row, flow).retry(Attempts::in_all(3)));
    row.panics(|[flow]| defer(move || boom::<_, Source>(&flow)).retry(Attempts::in_all(3)));
}

#[test]
fn retry_backoff() {
    let row = Row::of("recover/retry_backoff");
    row.gives(|[flow]| again(&row, flow).retry_backoff(Attempts::in_all(3), doubling()));
    row.panics(|[flow]| again(&row, flow).retry_backoff(Attempts::in_all(3), doubling()).retry_if(|error| boom(error)));
    let chance = || Backoff::exponential(ticks(1)).random(|| boom(()));
    row.panics(|[flow]| again(&row, flow).retry_backoff(Attempts::in_all(3), chance()));
}

#[test]
fn supervise() {
    let row = Row::of("recover/supervise");
    let limit = || RestartLimit::at_most(2, ticks(20));
    row.gives(|[flow]| again(&row, flow).supervise(limit(), doubling()));
    row.panics(|[flow]| defer(move || boom::<_, Source>(&flow)).supervise(limit(), doubling()));
}
