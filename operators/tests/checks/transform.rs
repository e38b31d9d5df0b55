//! The rows of `transform`.

use std::future::Ready;
use std::time::Duration;

use anabranch_operators::transform::Notification;

use crate::row::{Row, boom, upper};

/// The time in ticks.
fn ticks<T>((item, time): (T, Duration)) -> (T, u64) {
    (item, u64::try_from(time.as_millis()).unwrap())
}

/// Takes 4 ticks for `a`, 2 for the others.
async fn slowly(letter: char) -> char {
    tokio::time::sleep(Duration::from_millis(if letter == 'a' { 4 } else { 2 })).await;
    upper(letter)
}

#[test]
fn map() {
    Row::of("transform/map").gives(|[flow]| flow.map(upper)).panics(|[flow]| flow.map(boom::<_, ()>));
}

#[test]
fn try_map() {
    let row = Row::of("transform/try_map");
    row.gives(|[flow]| flow.map_err(drop).try_map(|letter| if letter == 'x' { Err(()) } else { Ok(upper(letter)) }));
    row.panics(|[flow]| flow.try_map(boom::<_, Result<(), _>>));
}

#[test]
fn map_async() {
    let row = Row::of("transform/map_async").ahead(1);
    row.gives(|[flow]| flow.map_async(2, slowly)).panics(|[flow]| flow.map_async(2, boom::<_, Ready<()>>));
}

#[test]
fn map_async_unordered() {
    let row = Row::of("transform/map_async_unordered").ahead(1);
    row.gives(|[flow]| flow.map_async_unordered(2, slowly));
    row.panics(|[flow]| flow.map_async_unordered(2, boom::<_, Ready<()>>));
}

#[test]
fn map_async_by_key() {
    let call = |letter| async move {
        tokio::time::sleep(Duration::from_millis(3)).await;
        letter
    };
    let row = Row::of("transform/map_async_by_key").ahead(2);
    row.gives(|[flow]| flow.map_async_by_key(3, char::to_ascii_lowercase, call));
    row.panics(|[flow]| flow.map_async_by_key(3, |letter| boom::<_, char>(letter), call));
    row.panics(|[flow]| flow.map_async_by_key(3, char::to_ascii_lowercase, boom::<_, Ready<()>>));
}

#[test]
fn enumerate() {
    Row::of("transform/enumerate").gives(|[flow]| flow.enumerate());
}

#[test]
fn pairwise() {
    Row::of("transform/pairwise").gives(|[flow]| flow.pairwise());
}

#[test]
fn scan() {
    let row = Row::of("transform/scan");
    row.gives(|[flow]| flow.scan(0, |sum, digit| sum + digit.to_digit(10).unwrap()));
    row.panics(|[flow]| flow.scan(0, |_, digit| boom(digit)));
}

#[test]
fn inspect() {
    Row::of("transform/inspect").gives(|[flow]| flow.inspect(|_| ())).panics(|[flow]| flow.inspect(|item| boom(item)));
}

#[test]
fn timestamp() {
    Row::of("transform/timestamp").gives(|[flow]| flow.timestamp().map(ticks));
}

#[test]
fn time_interval() {
    Row::of("transform/time_interval").gives(|[flow]| flow.time_interval().map(ticks));
}

#[test]
fn materialize() {
    Row::of("transform/materialize").gives(|[flow]| flow.materialize());
}

#[test]
fn dematerialize() {
    Row::of("transform/dematerialize").gives(|[flow]| {
        let notifications = flow.materialize().map(|notification| match notification {
            Notification::Next('X') => Notification::End,
            other => other,
        });
        notifications.dematerialize()
    });
}

#[test]
fn map_err() {
    Row::of("transform/map_err").gives(|[flow]| flow.map_err(drop)).panics(|[flow]| flow.map_err(boom::<_, ()>));
}

#[test]
fn err_into() {
    Row::of("transform/err_into").gives(|[flow]| flow.err_into::<Box<dyn std::error::Error>>());
}

#[test]
fn fails_with() {
    Row::of("transform/fails_with").gives(|[flow]| flow.map_err(|error| panic!("{error}")).fails_with::<String>());
}
