//! `drain`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;

#[test]
fn answers_when_upstream_ends() {
    for text in ["a-b-c-|", "a|", "---|", "|"] {
        let mut seen = String::new();
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.inspect(|letter| seen.push(*letter)).drain()), Ok(()), "{text}");
        assert_eq!(seen, text.replace(['-', '|'], ""));
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").drain().now_or_never() }), None);
}

#[test]
fn fails_with_upstream() {
    let (flow, seen) = probe(Script::marbles("a-b#"));
    assert_eq!(virtual_time(flow.drain()), Err(Failed::Scripted));
    assert_eq!((seen.items(), seen.polls_after_end()), (2, 0));
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000_u32));
    let mut end = flow.drain();
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut end).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(end), Ok(()));
    assert!(seen.dropped());
}
