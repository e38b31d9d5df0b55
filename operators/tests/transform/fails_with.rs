//! `fails_with`.

use anabranch_operators::testing::{Event, Failed, Script, assert_marbles, observe, probe, virtual_time};
use anabranch_operators::{OperatorError, from_iter};
use futures::Stream;

#[test]
fn passes_the_items_of_a_flow_that_cannot_fail() {
    let infallible = |events: Vec<_>| Script::<char, std::convert::Infallible>::new(events).fails_with::<Failed>();
    assert_marbles(infallible(vec![(1, Event::Item('a')), (3, Event::Item('b')), (4, Event::End)]), "-a-b|");
    assert_marbles(infallible(vec![(0, Event::Item('a'))]), "a");
    assert_marbles(infallible(vec![(2, Event::End)]), "--|");
    assert_marbles(infallible(vec![(0, Event::Item('a')), (4, Event::End)]), "a-!");
}

#[test]
fn gives_the_error_type_that_stands_behind_it() {
    let flow = from_iter([1, 2, 3]).fails_with().try_map(|n| if n < 3 { Ok(n) } else { Err("three") });
    virtual_time(observe(flow, 1)).assert_marbles("(12#)");
}

#[test]
fn does_nothing_before_its_first_poll_and_keeps_the_hint() {
    let (source, seen) = probe(from_iter([1, 2, 3]));
    let flow = source.fails_with::<OperatorError>();
    assert_eq!(seen.polls(), 0);
    assert_eq!(flow.size_hint(), (3, Some(3)));
    assert_marbles(flow, "(123|)");
    assert_eq!(seen.polls_after_end(), 0);
}
