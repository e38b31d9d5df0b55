//! `reduce`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn puts_the_items_together() {
    for (text, answer) in [("a-c-b|", Some('c')), ("a|", Some('a')), ("|", None)] {
        assert_eq!(virtual_time(Script::marbles(text).reduce(char::max)), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.reduce(char::max)), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").reduce(char::max).now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("a-b-#"));
    assert_eq!(virtual_time(flow.reduce(char::max)), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000_u32));
    let mut end = flow.reduce(u32::wrapping_add);
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut end).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(end), Ok(Some(704_982_704)));
    assert!(seen.dropped());
}

#[test]
fn a_function_that_panics_leaves_nothing_behind() {
    let (flow, seen) = probe(from_iter([1, 2, 3]));
    let mut end = Box::pin(flow.reduce(|_, _| panic!("no two of these go together")));
    assert!(catch_unwind(AssertUnwindSafe(|| end.as_mut().now_or_never())).is_err());
    drop(end);
    assert!(seen.dropped());
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let poly = |state: u64, n: u64| (state * 31 + n) % 1_009;
        let expected = items.iter().map(|n| u64::from(*n)).reduce(poly);
        let reduced = from_iter(items).map(u64::from).reduce(poly);
        prop_assert_eq!(virtual_time(reduced), Ok(expected));
    }
}
