//! `ignore_elements`: no items, only the end.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, check, probe};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

use super::timed::{agrees, scripts};

#[test]
fn gives_the_end_and_the_failure_alone() {
    check("a-b-c-|", |flow| flow.ignore_elements(), "------|");
    check("(ab)#", |flow| flow.ignore_elements(), "-#");
    check("|", |flow| flow.ignore_elements(), "|");
    check("a-", |flow| flow.ignore_elements(), "");
}

#[test]
fn is_dropped_midway() {
    check("a-b-|", |flow| flow.ignore_elements(), "--!");
}

#[test]
fn lets_others_run_while_it_reads() {
    let (source, seen) = probe(from_iter(0..));
    let mut flow = source.ignore_elements();
    assert_eq!(flow.size_hint(), (0, Some(1)));
    assert_eq!(flow.next().now_or_never(), None);
    assert_eq!(seen.items(), 256);
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts()) {
        let mut expected = script.clone();
        expected.retain(|(_, event)| !matches!(event, Event::Item(_)));
        agrees(&script, |flow| flow.ignore_elements(), &expected)?;
    }
}
