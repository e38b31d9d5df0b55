//! `catch_error`.

use std::convert::Infallible;

use anabranch_operators::testing::{Event, Failed, Script, assert_marbles, check, observe, probe, virtual_time};
use anabranch_operators::{Flow, from_iter, from_results};
use futures::{Stream, stream};
use proptest::prelude::*;

#[test]
fn goes_on_with_another_flow_after_a_failure() {
    check("a-b-#", |flow| flow.catch_error(|_| Script::marbles("x-y|")), "a-b-x-y|");
    check("#", |flow| flow.catch_error(|_| Script::marbles("-x|")), "-x|");
    check("a#", |flow| flow.catch_error(|_| Script::marbles("|")), "a|");
    check("a#", |flow| flow.catch_error(|_| Script::marbles("-")), "a");
}

#[test]
fn ends_with_upstream_without_making_another_flow() {
    let never = |_: Failed| -> Flow<Script<char, Failed>> { panic!("there was no failure") };
    check("a-b|", |flow| flow.catch_error(never), "a-b|");
    check("|", |flow| flow.catch_error(never), "|");
    check("a-", |flow| flow.catch_error(never), "a");
}

#[test]
fn a_failure_of_the_other_flow_is_one() {
    check("a-#", |flow| flow.catch_error(|_| Script::marbles("x#")), "a-x#");
}

#[test]
fn the_function_sees_the_error_and_may_change_its_type() {
    let seen = |error: Failed| from_results(stream::iter([Ok('x'), Err(format!("was: {error}"))]));
    virtual_time(async {
        let mut flow = Script::marbles("#").catch_error(seen);
        assert_eq!(flow.next().await, Ok(Some('x')));
        assert_eq!(flow.next().await, Err("was: the script fails here".to_owned()));
        assert_eq!(flow.next().await, Ok(None));
    });
    let cannot_fail: Flow<_> = Script::marbles("a#").catch_error(|_| from_iter(['x']));
    fn infallible<S: Stream<Item = Result<char, Infallible>>>(flow: Flow<S>) -> Flow<S> {
        flow
    }
    assert_marbles(infallible(cannot_fail), "a(x|)");
}

#[test]
fn drops_what_has_failed_or_ended() {
    let (upstream, of_upstream) = probe(Script::marbles("a#"));
    let (other, of_other) = probe(Script::marbles("x-y|"));
    virtual_time(async {
        // A flow that exists already can be given away: the function is called once.
        let mut flow = upstream.catch_error(|_| {
            assert!(of_upstream.dropped(), "it was dropped before the other was made");
            other
        });
        assert_eq!(of_upstream.polls(), 0);
        for expected in ['a', 'x', 'y'] {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        assert_eq!(flow.next().await, Ok(None));
        assert!(of_other.dropped());
        assert_eq!(of_upstream.polls_after_end() + of_other.polls_after_end(), 0);
    });
}

proptest! {
    #[test]
    fn is_the_list_and_after_a_failure_the_other(list: Vec<u8>, other: Vec<u8>, fails: bool) {
        let end = if fails { Event::Failure(Failed::Scripted) } else { Event::End };
        let events = list.iter().map(|item| (0, Event::Item(*item))).chain([(0, end)]);
        let flow = Script::new(events).catch_error(|_| from_iter(other.clone()));
        let items: Vec<_> = virtual_time(observe(flow, 10)).items().copied().collect();
        prop_assert_eq!(items, if fails { [list, other].concat() } else { list });
    }
}
