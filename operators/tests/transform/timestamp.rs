//! `timestamp`: each item, with the time at which it came.

use std::time::Duration;

use anabranch_operators::Flow;
use anabranch_operators::testing::{Script, check, virtual_time};
use futures::{Stream, TryStream};

/// The times in milliseconds, which are ticks.
fn ticks<S: TryStream>(flow: Flow<S>) -> Flow<impl Stream<Item = Result<(S::Ok, u64), S::Error>>> {
    flow.timestamp().map(|(item, time)| (item, u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}

#[test]
fn gives_each_item_with_its_time() {
    check("a--(bc)-|", ticks, "[a0]--([b3][c3])-|");
    check("--|", ticks, "--|");
    check("-a--", ticks, "-[a1]--");
}

#[test]
fn fails_with_upstream() {
    check("-a-#", ticks, "-[a1]-#");
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
