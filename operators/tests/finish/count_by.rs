//! `count_by`.

use std::collections::HashMap;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn counts_the_items_of_each_key() {
    let vowel = |letter: char| "aeiou".contains(letter);
    for (text, answer) in [("a-b-c|", vec![(true, 1), (false, 2)]), ("a|", vec![(true, 1)]), ("|", vec![])] {
        let answer: HashMap<_, _> = answer.into_iter().collect();
        assert_eq!(virtual_time(Script::marbles(text).count_by(vowel)), Ok(answer.clone()), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.count_by(vowel)), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").count_by(vowel).now_or_never() }), None);
}

#[test]
fn gives_no_half_count() {
    let (flow, seen) = probe(Script::marbles("a-b-#"));
    assert_eq!(virtual_time(flow.count_by(|letter| letter)), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000));
    let mut counts = flow.count_by(|n| n % 3);
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut counts).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(counts), Ok(HashMap::from([(0, 33_334), (1, 33_333), (2, 33_333)])));
    assert!(seen.dropped());
}

proptest! {
    #[test]
    fn agrees_with_a_map_filled_by_hand(items: Vec<u8>) {
        let mut expected = HashMap::new();
        for item in &items {
            *expected.entry(item % 7).or_insert(0) += 1;
        }
        prop_assert_eq!(virtual_time(from_iter(items).count_by(|n| n % 7)), Ok(expected));
    }
}
