//! `pairwise`: each item, with the one before it.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, probe, virtual_time};
use proptest::prelude::*;

#[test]
fn gives_each_item_with_the_one_before() {
    check("a-b-c|", |flow| flow.pairwise(), "--[ab]-[bc]|");
    check("(abc)|", |flow| flow.pairwise(), "([ab][bc])|");
    check("a-b--", |flow| flow.pairwise(), "--[ab]--");
}

#[test]
fn of_less_than_two_items_there_is_no_pair() {
    check("|", |flow| flow.pairwise(), "|");
    check("a-|", |flow| flow.pairwise(), "--|");
}

#[test]
fn fails_with_upstream() {
    check("#", |flow| flow.pairwise(), "#");
    check("a#", |flow| flow.pairwise(), "-#");
    check("ab-#", |flow| flow.pairwise(), "-[ab]-#");
}

#[test]
fn reads_nothing_ahead() {
    let (upstream, seen) = probe(from_iter(0..10));
    virtual_time(async {
        let mut flow = upstream.pairwise();
        assert_eq!(flow.next().await, Ok(Some((0, 1))));
        assert_eq!(seen.items(), 2);
    });
}

#[test]
fn size_hint_is_one_less_than_upstreams_at_first() {
    use futures::Stream;
    assert_eq!(from_iter(0..10).pairwise().size_hint().0, 9);
    assert_eq!(from_iter(0..0).pairwise().size_hint(), (0, Some(0)));
}

proptest! {
    #[test]
    fn agrees_with_a_list(items: Vec<u8>) {
        let expected: Vec<_> = items.windows(2).map(|pair| (pair[0], pair[1])).collect();
        prop_assert_eq!(virtual_time(from_iter(items).pairwise().collect::<Vec<_>>()), Ok(expected));
    }
}
