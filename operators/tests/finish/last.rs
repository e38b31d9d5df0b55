//! `last`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn gives_the_last_item() {
    for (text, answer) in [("a-b|", Some('b')), ("a|", Some('a')), ("|", None)] {
        assert_eq!(virtual_time(Script::marbles(text).last()), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.last()), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").last().now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("a-#"));
    assert_eq!(virtual_time(flow.last()), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000_u32));
    let mut end = flow.last();
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut end).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(end), Ok(Some(99_999)));
    assert!(seen.dropped());
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let expected = items.last().copied();
        prop_assert_eq!(virtual_time(from_iter(items).last()), Ok(expected));
    }
}
