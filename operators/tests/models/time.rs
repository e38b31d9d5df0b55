//! The models of `time`, where time changes no item. What it changes is in the operators' own tests.

use std::time::Duration;

use anabranch_operators::testing::Failed;

use crate::harness::{Ending, agrees, each};

const fn ms(n: usize) -> Duration {
    Duration::from_millis(n as u64)
}

#[test]
fn pace() {
    agrees(|flow, n| flow.pace(ms(n + 1)), each(<[i64]>::to_vec));
}

#[test]
fn rate_limit() {
    agrees(
        |flow, n| flow.rate_limit(2, ms(n + 1)).burst(3).weight(|item| item.unsigned_abs() % 5),
        each(<[i64]>::to_vec),
    );
}

/// One that is never over.
#[test]
fn timeout() {
    agrees(|flow, _| flow.timeout(ms(10_000)), each(<[i64]>::to_vec));
}

/// One that is never needed.
#[test]
fn keep_alive() {
    agrees(|flow, _| flow.keep_alive(ms(10_000), || -1), each(<[i64]>::to_vec));
}

/// A failure overtakes what is delayed, so these are run without one.
#[test]
fn delay_and_delay_each() {
    let never = |_: Failed| futures::stream::pending::<Result<i64, Failed>>();
    let open = |ending| if ending == Ending::Failure { Ending::Open } else { ending };
    agrees(
        move |flow, n| flow.catch_error(never).delay(ms(n + 1)).max_held(n + 1),
        move |items, ending, _| (items.to_vec(), open(ending)),
    );
    agrees(
        move |flow, n| flow.catch_error(never).delay_each(move |_| ms(n)),
        move |items, ending, _| (items.to_vec(), open(ending)),
    );
}
