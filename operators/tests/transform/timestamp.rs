//! `timestamp`: each item, with the time at which it came.

use std::time::Duration;

use anabranch_operators::testing::{Script, check, virtual_time};

/// The time in milliseconds, which are ticks.
fn ticks((item, time): (char, Duration)) -> (char, u64) {
    (item, u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[test]
fn gives_each_item_with_its_time() {
    check("a--(bc)-|", |flow| flow.timestamp().map(ticks), "[a0]--([b3][c3])-|");
    check("--|", |flow| flow.timestamp().map(ticks), "--|");
    check("-a--", |flow| flow.timestamp().map(ticks), "-[a1]--");
}

#[test]
fn fails_with_upstream() {
    check("-a-#", |flow| flow.timestamp().map(ticks), "-[a1]-#");
}

#[test]
fn time_begins_with_the_first_poll_and_not_before() {
    virtual_time(async {
        let mut flow = Script::marbles("--a").timestamp();
        tokio::time::sleep(Duration::from_millis(7)).await;
        assert_eq!(flow.next().await, Ok(Some(('a', Duration::from_millis(2)))));
    });
}

#[test]
fn a_late_reader_gets_the_time_of_its_poll() {
    virtual_time(async {
        let mut flow = Script::marbles("a-b").timestamp();
        assert_eq!(flow.next().await, Ok(Some(('a', Duration::ZERO))));
        tokio::time::sleep(Duration::from_millis(7)).await;
        assert_eq!(flow.next().await, Ok(Some(('b', Duration::from_millis(7)))));
    });
}
