//! `buffer_count_every`: lists of `n` items, a new one for every so many.

use std::cell::Cell;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, probe, virtual_time};
use futures::Stream;

use crate::model::refusal;

#[test]
fn gives_a_list_when_it_is_full_and_slides() {
    check("a-b-c-d-", |flow| flow.buffer_count_every(2, 1), "--[ab]-[bc]-[cd]");
    check("a-b-c-d-", |flow| flow.buffer_count_every(1, 2), "[a]---[c]");
    check("ab-|", |flow| flow.buffer_count_every(2, 2), "-[ab]-|");
}

#[test]
fn leaves_out_items_between_lists() {
    check("abcdefgh|", |flow| flow.buffer_count_every(2, 3), "-[ab]--[de]--[gh]|");
    check("abc---|", |flow| flow.buffer_count_every(2, 3), "-[ab]----|");
}

#[test]
fn gives_the_unfinished_lists_when_upstream_ends_oldest_first() {
    check("abcd-|", |flow| flow.buffer_count_every(3, 1), "--[abc][bcd]-([cd][d]|)");
    check("a|", |flow| flow.buffer_count_every(usize::MAX, usize::MAX), "-([a]|)");
}

#[test]
fn gives_no_empty_list() {
    check("-|", |flow| flow.buffer_count_every(2, 1), "-|");
    check("-", |flow| flow.buffer_count_every(2, 1), "-");
    // The second list opens behind the last item.
    check("abc|", |flow| flow.buffer_count_every(3, 3), "--[abc]|");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("abcd-#", |flow| flow.buffer_count_every(3, 1), "--[abc][bcd]-#");
}

#[test]
fn drops_the_held_items_with_it() {
    let (upstream, seen) = probe(Script::marbles("abc---|"));
    assert_marbles(upstream.buffer_count_every(3, 2), "--[abc]--!");
    assert!(seen.items() == 3 && seen.dropped());
}

#[test]
fn holds_an_item_once_and_clones_it_only_for_lists_that_are_given() {
    #[derive(Debug)]
    struct Counted<'a>(&'a Cell<usize>);
    impl Clone for Counted<'_> {
        fn clone(&self) -> Self {
            self.0.set(self.0.get() + 1);
            Self(self.0)
        }
    }
    let clones = Cell::new(0);
    let items = [(); 4].map(|()| Counted(&clones));
    let lists = virtual_time(from_iter(items).buffer_count_every(2, 1).collect::<Vec<_>>());
    assert_eq!(lists.map(|lists| lists.len()), Ok(4));
    // Seven items are in the lists, and each item of upstream is moved into the last of its lists.
    assert_eq!(clones.get(), 3);
}

#[test]
fn sizes_of_zero_are_refused() {
    assert!(refusal(|| Script::marbles("a").buffer_count_every(0, 1)).contains("n of at least 1"));
    assert!(refusal(|| Script::marbles("a").buffer_count_every(1, 0)).contains("step of at least 1"));
}

#[test]
fn size_hint_promises_nothing_before_the_end() {
    assert_eq!(from_iter([1; 5]).buffer_count_every(2, 1).size_hint(), (0, None));
}
