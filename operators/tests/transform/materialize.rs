//! `materialize`: items, the failure and the end, all as items.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, check, virtual_time};
use anabranch_operators::transform::Notification;
use futures::Stream;

#[test]
fn gives_items_and_the_end_as_items() {
    check("a-b-|", |flow| flow.materialize(), "[a]-[b]-([|]|)");
    check("|", |flow| flow.materialize(), "([|]|)");
    check("a--", |flow| flow.materialize(), "[a]--");
}

#[test]
fn gives_the_failure_as_an_item_and_ends() {
    check("a-#", |flow| flow.materialize(), "[a]-([#]|)");
    check("#", |flow| flow.materialize(), "([#]|)");
    virtual_time(async {
        let Ok(all) = Script::marbles("a#").materialize().collect::<Vec<_>>().await;
        assert_eq!(all, [Notification::Next('a'), Notification::Failure(Failed::Scripted)]);
    });
}

#[test]
fn is_dropped_midway() {
    check("a-b-|", |flow| flow.materialize(), "[a]-!");
}

#[test]
fn counts_the_end_in_its_hint() {
    assert_eq!(from_iter(0..3).materialize().size_hint(), (3, Some(4)));
    assert_eq!(from_iter(0..0).materialize().size_hint(), (1, Some(1)));
}
