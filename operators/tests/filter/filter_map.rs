//! `filter_map`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

fn no_x(item: char) -> Option<char> {
    (item != 'x').then_some(item.to_ascii_uppercase())
}

#[test]
fn gives_the_values_there_are() {
    check("a-x-c-|", |flow| flow.filter_map(no_x), "A---C-|");
    check("(axc)|", |flow| flow.filter_map(no_x), "(AC)|");
    check("x|", |flow| flow.filter_map(no_x), "-|");
    check("|", |flow| flow.filter_map(no_x), "|");
    check("a--", |flow| flow.filter_map(no_x), "A--");
}

#[test]
fn fails_with_upstream() {
    check("a-x-#", |flow| flow.filter_map(no_x), "A---#");
}

#[test]
fn is_dropped_midway() {
    check("a-b-|", |flow| flow.filter_map(no_x), "A-!");
}

#[test]
fn lets_others_run_while_it_finds_nothing() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.filter_map(|_| None::<u8>);
        assert_eq!(flow.next().now_or_never(), None);
        assert_eq!((seen.items(), seen.pending()), (256, 0));
    });
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u16>) {
        let half = |n: u16| n.is_multiple_of(2).then_some(n / 2);
        let expected: Vec<_> = items.iter().copied().filter_map(half).collect();
        prop_assert_eq!(virtual_time(from_iter(items).filter_map(half).collect::<Vec<_>>()), Ok(expected));
    }
}
