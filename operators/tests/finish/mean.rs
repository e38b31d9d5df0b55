//! `mean`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

fn digit(digit: char) -> u32 {
    u32::from(digit) - u32::from('0')
}

#[test]
fn gives_the_mean() {
    for (text, answer) in [("1-2-4-5|", Some(3.0)), ("7|", Some(7.0)), ("|", None)] {
        assert_eq!(virtual_time(Script::marbles(text).map(digit).mean()), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.map(digit).mean()), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("1--").map(digit).mean().now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("1-2-#"));
    assert_eq!(virtual_time(flow.map(digit).mean()), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000_u32));
    let mut end = flow.mean();
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut end).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(end), Ok(Some(49_999.5)));
    assert!(seen.dropped());
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<i32>) {
        let sum = items.iter().map(|n| f64::from(*n)).sum::<f64>();
        let expected = (!items.is_empty()).then(|| sum / items.len() as f64);
        prop_assert_eq!(virtual_time(from_iter(items).mean()), Ok(expected));
    }
}
