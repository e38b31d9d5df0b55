//! `try_filter`: the items that pass a test that may fail.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Failed, check, probe};
use futures::FutureExt;
use proptest::prelude::*;

use super::timed::{agrees, scripts};

fn even(item: &char) -> Result<bool, Failed> {
    item.to_digit(10).map(|n| n % 2 == 0).ok_or(Failed::Scripted)
}

#[test]
fn gives_the_items_that_pass() {
    check("1-2-3-4-|", |flow| flow.try_filter(even), "--2---4-|");
    check("(1234)-|", |flow| flow.try_filter(even), "(24)-|");
    check("1-|", |flow| flow.try_filter(even), "--|");
    check("|", |flow| flow.try_filter(even), "|");
    check("1--", |flow| flow.try_filter(even), "");
}

#[test]
fn a_test_that_fails_is_the_flows_failure() {
    check("1-2-x-4-|", |flow| flow.try_filter(even), "--2-#");
    check("x", |flow| flow.try_filter(even), "#");
}

#[test]
fn does_not_test_failures() {
    check("2-#", |flow| flow.try_filter(even), "2-#");
}

#[test]
fn is_dropped_midway() {
    check("2-3-|", |flow| flow.try_filter(even), "2--!");
}

#[test]
fn lets_others_run_while_it_finds_nothing() {
    let (source, seen) = probe(from_iter(0..));
    let mut flow = source.try_filter(|_| Ok(false));
    assert_eq!(flow.next().now_or_never(), None);
    assert_eq!(seen.items(), 256);
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), modulus in 1..4_u8, bad: u8) {
        let mut expected = script.clone();
        if let Some(at) = script.iter().position(|(_, event)| *event == Event::Item(bad)) {
            expected.truncate(at);
            expected.push((script[at].0, Event::Failure("bad")));
        }
        expected.retain(|(_, event)| !matches!(event, Event::Item(item) if item % modulus != 0));
        agrees(
            &script,
            |flow| flow.try_filter(|item| if *item == bad { Err("bad") } else { Ok(*item % modulus == 0) }),
            &expected,
        )?;
    }
}
