//! `next`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;

#[test]
fn gives_each_item_and_then_none_for_ever() {
    virtual_time(async {
        let mut flow = Script::marbles("a-b|");
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Ok(Some('b')));
        assert_eq!(flow.next().await, Ok(None));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn gives_the_failure_once() {
    virtual_time(async {
        let mut flow = Script::marbles("a#");
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Err(Failed::Scripted));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn loses_nothing_when_dropped() {
    virtual_time(async {
        let (mut flow, _) = probe_stuttering(Script::marbles("-a-b|"));
        for expected in [Some('a'), Some('b'), None] {
            let answer = loop {
                if let Some(answer) = flow.next().now_or_never() {
                    break answer;
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            };
            assert_eq!(answer, Ok(expected));
        }
    });
}

#[test]
fn reads_one_item_at_a_time() {
    let (mut flow, seen) = probe(from_iter([1, 2, 3]));
    let next = flow.next();
    assert_eq!(seen.polls(), 0);
    drop(next);
    assert_eq!(flow.next().now_or_never(), Some(Ok(Some(1))));
    assert_eq!(seen.items(), 1);
}
