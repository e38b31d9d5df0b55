//! `from_iter`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{assert_marbles, virtual_time};
use futures::Stream;
use proptest::prelude::*;

#[test]
fn gives_the_items_of_an_iterator_at_once() {
    assert_marbles(from_iter("abc".chars()), "(abc|)");
    assert_marbles(from_iter(Some('a')), "(a|)");
    assert_marbles(from_iter(None::<char>), "|");
}

#[test]
fn runs_the_iterator_only_as_far_as_asked() {
    let mut asked = 0;
    let counting = std::iter::from_fn(|| {
        asked += 1;
        Some(asked)
    });
    virtual_time(async { assert_eq!(from_iter(counting).take(3).count().await, Ok(3)) });
    assert_eq!(asked, 3);
}

#[test]
fn does_not_run_an_iterator_after_its_end() {
    let mut items = [Some('a'), None, Some('b')].into_iter();
    let stops_and_goes_on = std::iter::from_fn(move || items.next().flatten());
    virtual_time(async {
        let mut flow = from_iter(stops_and_goes_on);
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Ok(None));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn knows_how_many_are_left() {
    virtual_time(async {
        let mut flow = from_iter([1, 2, 3]);
        assert_eq!(flow.size_hint(), (3, Some(3)));
        assert_eq!(flow.next().await, Ok(Some(1)));
        assert_eq!(flow.size_hint(), (2, Some(2)));
    });
}

proptest! {
    #[test]
    fn gives_what_the_iterator_gives(items: Vec<u8>) {
        prop_assert_eq!(virtual_time(from_iter(items.clone()).collect::<Vec<_>>()), Ok(items));
    }
}
