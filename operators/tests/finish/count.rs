//! `count`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;

#[test]
fn counts_the_items_when_upstream_ends() {
    for (text, count) in [("a-b-c-|", 3), ("(ab)|", 2), ("a|", 1), ("|", 0)] {
        assert_eq!(virtual_time(Script::marbles(text).count()), Ok(count), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.count()), Ok(count), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").count().now_or_never() }), None);
}

#[test]
fn gives_no_half_count() {
    let (flow, seen) = probe(Script::marbles("a-b-#"));
    assert_eq!(virtual_time(flow.count()), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000));
    let mut count = flow.count();
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut count).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(count), Ok(100_000));
    assert!(seen.dropped());
}
