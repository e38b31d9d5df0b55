//! `for_each`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;

#[test]
fn calls_the_function_with_each_item() {
    for (text, items) in [("a-b-c-|", "abc"), ("(ab)|", "ab"), ("a|", "a"), ("|", "")] {
        let mut seen = String::new();
        assert_eq!(virtual_time(Script::marbles(text).for_each(|item| seen.push(item))), Ok(()));
        assert_eq!(seen, items);
        seen.clear();
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.for_each(|item| seen.push(item))), Ok(()));
        assert_eq!(seen, items);
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").for_each(drop).now_or_never() }), None);
}

#[test]
fn fails_with_upstream() {
    let mut seen = String::new();
    assert_eq!(virtual_time(Script::marbles("a-b#").for_each(|item| seen.push(item))), Err(Failed::Scripted));
    assert_eq!(seen, "ab");
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000));
    let mut each = flow.for_each(drop);
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut each).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    drop(each);
    assert!(seen.dropped());
}
