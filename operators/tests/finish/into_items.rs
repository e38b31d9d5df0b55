//! `into_items`.

use std::convert::Infallible;

use anabranch_operators::testing::{Event, Script, assert_marbles, probe, virtual_time};
use anabranch_operators::{FlowExt, from_iter};
use futures::{Stream, StreamExt};

#[test]
fn gives_plain_items() {
    virtual_time(async {
        let mut stream = from_iter(['a', 'b']).into_items();
        assert_eq!(stream.size_hint(), (2, Some(2)));
        assert_eq!(stream.next().await, Some('a'));
        assert_eq!(stream.next().await, Some('b'));
        assert_eq!(stream.next().await, None);
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn keeps_the_times() {
    let script = |events: Vec<_>| Script::<char, Infallible>::new(events).into_items().into_flow();
    assert_marbles(script(vec![(1, Event::Item('a')), (3, Event::End)]), "-a-|");
    assert_marbles(script(vec![(1, Event::Item('a'))]), "-a");
    assert_marbles(script(vec![(1, Event::Item('a')), (3, Event::End)]), "-a!");
}

#[test]
fn does_nothing_before_its_first_poll_and_drops_upstream() {
    let (source, seen) = probe(from_iter([1, 2]));
    let stream = source.into_items();
    assert_eq!(seen.polls(), 0);
    drop(stream);
    assert!(seen.dropped());
}
