//! `Until`: what can be said about the end of a group. When groups really end is in `group_until.rs`.
#![allow(clippy::expect_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::OperatorError;
use anabranch_operators::group::{GroupSignal, NoSignal, Until};
use futures::stream;

#[test]
fn of_two_alike_the_sooner_counts() {
    let secs = Duration::from_secs;
    let until = Until::after(secs(9)).or(Until::idle(secs(5))).or(Until::count(7)).or(Until::end());
    assert_eq!(format!("{until:?}"), "Until { after: Some(9s), idle: Some(5s), count: Some(7), .. }");
    let until = until.or(Until::after(secs(8)).or(Until::idle(secs(6))).or(Until::count(3)));
    assert_eq!(format!("{until:?}"), "Until { after: Some(8s), idle: Some(5s), count: Some(3), .. }");
    assert_eq!(format!("{:?}", Until::end()), "Until { after: None, idle: None, count: None, .. }");
}

#[test]
fn only_when_has_a_signal() {
    const fn has_signal<W: GroupSignal<u8, OperatorError>>(_: &Until<W>) -> bool {
        W::PRESENT
    }
    let when = || Until::when(|_: &u8| stream::pending::<Result<(), OperatorError>>());
    let plain: Until<NoSignal> = Until::count(1);
    assert!(!has_signal(&plain) && !has_signal(&plain.clone().or(Until::end())));
    assert!(has_signal(&when()) && has_signal(&plain.clone().or(when())) && has_signal(&when().or(plain)));
}

#[test]
fn can_be_sent_and_cloned() {
    fn check<T: Send + Sync + Clone>(_: &T) {}
    check(
        &Until::idle(Duration::from_secs(1)).or(Until::when(|_: &u8| stream::pending::<Result<(), OperatorError>>())),
    );
}

#[test]
fn groups_of_no_time_or_no_items_are_refused() {
    let refused = |run: fn() -> Until, said: &str| {
        let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it is not refused");
        assert_eq!(payload.downcast_ref::<&str>().copied(), Some(said));
    };
    refused(|| Until::after(Duration::ZERO), "a group must last longer than no time");
    refused(|| Until::idle(Duration::ZERO), "a group must last longer than no time");
    refused(|| Until::count(0), "a group must have at least its opening item");
}
