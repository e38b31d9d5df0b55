//! `dematerialize`: notifications, made the items, the failure or the end that they are of.

use std::convert::Infallible;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, probe, virtual_time};
use anabranch_operators::transform::Notification;

#[test]
fn undoes_materialize() {
    check("a-(bc)-|", |flow| flow.materialize().dematerialize(), "a-(bc)-|");
    check("a-#", |flow| flow.materialize().dematerialize(), "a-#");
    check("|", |flow| flow.materialize().dematerialize(), "|");
    check("a--", |flow| flow.materialize().dematerialize(), "a--");
}

#[test]
fn ends_where_a_notification_says_so_and_drops_upstream() {
    let (upstream, seen) = probe(from_iter([Notification::Next(1), Notification::End, Notification::Next(2)]));
    virtual_time(async {
        let mut flow = upstream.dematerialize();
        assert_eq!(flow.next().await, Ok::<_, Infallible>(Some(1)));
        assert_eq!(flow.next().await, Ok(None));
        assert!(seen.dropped() && seen.items() == 2);
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn fails_where_a_notification_says_so_and_drops_upstream() {
    let (upstream, seen) = probe(from_iter([Notification::Failure("pipe"), Notification::Next(2)]));
    virtual_time(async {
        let mut flow = upstream.dematerialize();
        assert_eq!(flow.next().await, Err("pipe"));
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn ends_with_an_upstream_that_does_not_say_so() {
    let flow = from_iter([Notification::<_, Infallible>::Next(1)]).dematerialize();
    assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(vec![1]));
}

#[test]
fn is_dropped_midway() {
    check("a-b-|", |flow| flow.materialize().dematerialize(), "a-!");
}
