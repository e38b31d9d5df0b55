//! `time_interval`: each item, with the time since the one before it.

use std::time::Duration;

use anabranch_operators::Flow;
use anabranch_operators::testing::{Script, check, virtual_time};
use futures::{Stream, TryStream};

/// The times in milliseconds, which are ticks.
fn ticks<S: TryStream>(flow: Flow<S>) -> Flow<impl Stream<Item = Result<(S::Ok, u64), S::Error>>> {
    flow.time_interval().map(|(item, time)| (item, u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}

#[test]
fn gives_each_item_with_the_time_since_the_one_before() {
    check("-a--(bc)d|", ticks, "-[a1]--([b3][c0])[d1]|");
    check("a|", ticks, "[a0]|");
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
        let mut flow = Script::marbles("--a").time_interval();
        tokio::time::sleep(Duration::from_millis(7)).await;
        assert_eq!(flow.next().await, Ok(Some(('a', Duration::from_millis(2)))));
    });
}

#[test]
fn a_late_reader_gets_the_time_between_its_polls() {
    virtual_time(async {
        let mut flow = Script::marbles("abc").time_interval();
        for expected in [('a', 0), ('b', 7), ('c', 7)] {
            assert_eq!(flow.next().await, Ok(Some((expected.0, Duration::from_millis(expected.1)))));
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
    });
}
