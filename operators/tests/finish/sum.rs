//! `sum`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

fn digit(digit: char) -> u32 {
    u32::from(digit) - u32::from('0')
}

#[test]
fn adds_up_the_items() {
    for (text, answer) in [("1-2-3|", 6), ("7|", 7), ("|", 0)] {
        assert_eq!(virtual_time(Script::marbles(text).map(digit).sum::<u32>()), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.map(digit).sum::<u32>()), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("1--").map(digit).sum::<u32>().now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("1-2-#"));
    assert_eq!(virtual_time(flow.map(digit).sum::<u32>()), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000_u64));
    let mut end = flow.sum::<u64>();
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut end).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(end), Ok(4_999_950_000));
    assert!(seen.dropped());
}

#[test]
fn adds_up_what_an_iterator_adds_up() {
    assert_eq!(virtual_time(from_iter(&[1, 2]).sum::<i32>()), Ok(3));
    assert_eq!(virtual_time(from_iter([0.5, 0.25]).sum::<f64>()), Ok(0.75));
    let spans = [2, 3].map(std::time::Duration::from_secs);
    assert_eq!(virtual_time(from_iter(spans).sum::<std::time::Duration>()).map(|span| span.as_secs()), Ok(5));
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<i32>) {
        let expected = items.iter().map(|n| i64::from(*n)).sum::<i64>();
        prop_assert_eq!(virtual_time(from_iter(items).map(i64::from).sum()), Ok(expected));
    }
}
