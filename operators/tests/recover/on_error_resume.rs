//! `on_error_resume`.

use std::convert::Infallible;

use anabranch_operators::testing::{Script, assert_marbles, check, check_inputs, probe};
use anabranch_operators::{Counter, Flow, from_iter};
use futures::Stream;

#[test]
fn goes_on_after_an_end_or_a_failure() {
    for first in ["a-b-|", "a-b-#"] {
        for (second, expected) in [("x-y|", "a-b-x-y|"), ("x-y#", "a-b-x-y|"), ("-x", "a-b--x"), ("#", "a-b-|")] {
            check_inputs([first, second], |[flow, other]| flow.on_error_resume(other), expected);
        }
    }
    check("#", |flow| flow.on_error_resume(Script::marbles("|")), "|");
    check("a-", |flow| flow.on_error_resume(Script::marbles("x")), "a");
}

#[test]
fn counts_the_failures() {
    for (first, second, expected) in [("a|", "x|", 0), ("a#", "x|", 1), ("a|", "x#", 1), ("#", "#", 2)] {
        let failures = Counter::new();
        let flow = Script::marbles(first).on_error_resume(Script::marbles(second)).failures(&failures);
        assert!(anabranch_operators::testing::virtual_time(flow.count()).is_ok());
        assert_eq!(failures.get(), expected, "{first} and {second}");
    }
}

#[test]
fn cannot_fail_and_takes_flows_of_any_error() {
    fn infallible<S: Stream<Item = Result<char, Infallible>>>(flow: Flow<S>) -> Flow<S> {
        flow
    }
    let other = from_iter(['x']).fails_with::<String>();
    assert_marbles(infallible(Script::marbles("a#").on_error_resume(other)), "a(x|)");
}

#[test]
fn more_than_two_are_a_chain_of_it() {
    let flow = Script::marbles("a#").on_error_resume(Script::marbles("b#")).on_error_resume(Script::marbles("c#"));
    assert_marbles(flow, "abc|");
}

#[test]
fn polls_the_second_when_its_time_has_come_and_drops_the_first_then() {
    let (first, of_first) = probe(Script::marbles("a#"));
    let (second, of_second) = probe(Script::marbles("x-y|"));
    anabranch_operators::testing::virtual_time(async {
        let mut flow = first.on_error_resume(second);
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(of_second.polls(), 0);
        assert_eq!(flow.next().await, Ok(Some('x')));
        assert!(of_first.dropped() && !of_second.dropped());
    });
    assert!(of_second.dropped());
}
