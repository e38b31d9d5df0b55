//! The rows of `time`.

use std::time::Duration;

use crate::row::{Row, boom};

const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn delay() {
    // All that upstream has at once, up to what may be held; a poll reads no more than a few hundred.
    Row::of("time/delay").ahead(5_000).gives(|[flow]| flow.delay(ticks(2)));
    Row::of("time/delay").ahead(6).gives(|[flow]| flow.delay(ticks(2)).max_held(7));
}

#[test]
fn delay_each() {
    let own = |letter: &char| ticks(if *letter == 'a' { 4 } else { 1 });
    let row = Row::of("time/delay_each").ahead(5_000);
    row.gives(|[flow]| flow.delay_each(own)).panics(|[flow]| flow.delay_each(|letter| boom(letter)));
    Row::of("time/delay_each").ahead(6).gives(|[flow]| flow.delay_each(own).max_held(7));
}

#[test]
fn keep_alive() {
    let row = Row::of("time/keep_alive");
    row.gives(|[flow]| flow.keep_alive(ticks(3), || 'x')).panics(|[flow]| flow.keep_alive(ticks(3), || boom(())));
}

#[test]
fn pace() {
    Row::of("time/pace").gives(|[flow]| flow.pace(ticks(3)));
}

#[test]
fn rate_limit() {
    let row = Row::of("time/rate_limit");
    row.ahead(1)
        .gives(|[flow]| flow.rate_limit(1, ticks(2)).burst(2))
        .panics(|[flow]| flow.rate_limit(1, ticks(2)).weight(|letter| boom(letter)));
}

#[test]
fn timeout() {
    Row::of("time/timeout").gives(|[flow]| flow.timeout(ticks(3)));
}
