//! The text of marbles: read, refused, and written.
#![allow(clippy::unwrap_used)]

use anabranch_operators::testing::marbles::{Label, parse, print};
use anabranch_operators::testing::{Event, Marble, Timed};
use proptest::prelude::*;

fn read(text: &str) -> Vec<(u64, String)> {
    let name = |event: Event<Label, ()>| match event {
        Event::Item(label) => label.as_str().to_owned(),
        other => format!("{other:?}"),
    };
    parse(text).unwrap().into_iter().map(|(tick, event)| (tick, name(event))).collect()
}

fn at(tick: u64, name: &str) -> (u64, String) {
    (tick, name.to_owned())
}

fn refuse(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn every_letter_takes_a_tick() {
    assert_eq!(read("ab-7|"), [at(0, "a"), at(1, "b"), at(3, "7"), at(4, "End")]);
    assert_eq!(read("--#"), [at(2, "Failure(())")]);
    assert_eq!(read("-!"), [at(1, "Dropped")]);
    assert_eq!(read(""), []);
    assert_eq!(read("----"), []);
}

#[test]
fn a_group_takes_one_tick() {
    assert_eq!(
        read("----b----c-(d|)"),
        [at(4, "b"), at(9, "c"), at(11, "d"), at(11, "End")],
        "the output of a debounce of 3"
    );
    assert_eq!(read("ab----c---d|"), [at(0, "a"), at(1, "b"), at(6, "c"), at(10, "d"), at(11, "End")]);
    assert_eq!(read("(ab)c"), [at(0, "a"), at(0, "b"), at(1, "c")]);
    assert_eq!(read("(a)c"), [at(0, "a"), at(1, "c")]);
}

#[test]
fn a_name_in_brackets_is_one_item() {
    assert_eq!(read("-[ab]c"), [at(1, "[ab]"), at(2, "c")]);
    assert_eq!(read("[a[bc]]-([]|)"), [at(0, "[a[bc]]"), at(2, "[]"), at(2, "End")]);
    assert_eq!(read("[-12]"), [at(0, "[-12]")]);
}

#[test]
fn spaces_line_up_and_mean_nothing() {
    assert_eq!(read(" a - ( b | ) "), read("a-(b|)"));
}

#[test]
fn errors_name_the_text_and_the_column() {
    assert_eq!(
        refuse("a-%"),
        "marbles `a-%`, column 3: `%` has no meaning: an item is a letter, a digit, or a name in brackets"
    );
    for (text, column, reason) in [
        ("a|b", 3, "nothing may follow"),
        ("a#-", 3, "nothing may follow"),
        ("a!|", 3, "nothing may follow"),
        ("(a|b)", 4, "nothing may follow"),
        ("a-(b", 3, "never closed"),
        ("a-[b", 3, "never closed"),
        ("a)", 2, "no group is open"),
        ("-()", 3, "empty"),
        ("(a-)", 3, "time does not pass"),
        ("((a))", 2, "do not nest"),
        ("(a!)", 3, "move `!` out"),
        ("é ]", 3, "has no meaning"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.column(), column, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn labels_say_what_an_item_is() {
    assert_eq!('a'.label(), "a");
    assert_eq!(7.label(), "7");
    assert_eq!(12.label(), "[12]");
    assert_eq!((-1).label(), "[-1]");
    assert_eq!("reed".label(), "[reed]");
    assert_eq!(vec!['a', 'b'].label(), "[ab]");
    assert_eq!(vec!['a'].label(), "[a]");
    assert_eq!(Vec::<char>::new().label(), "[]");
    assert_eq!(('a', 1).label(), "[a1]");
    assert_eq!(vec![vec!['a'], vec![]].label(), "[[a][]]");
    assert_eq!('%'.label(), "[%]");
}

#[test]
#[should_panic(expected = "in the order of their ticks")]
fn does_not_print_time_that_goes_backwards() {
    print(&[(3, Event::<_, ()>::Item('a')), (1, Event::End)]);
}

fn timed() -> impl Strategy<Value = Vec<Timed<char, ()>>> {
    let items = prop::collection::vec((0_u64..4, prop::char::range('a', 'e')), 0..12);
    let last =
        prop::option::of((1_u64..4, prop_oneof![Just(Event::End), Just(Event::Failure(())), Just(Event::Dropped)]));
    (items, last).prop_map(|(items, last)| {
        let mut tick = 0;
        let items = items.into_iter().map(|(gap, item)| (gap, Event::Item(item)));
        items
            .chain(last)
            .map(|(gap, event)| {
                tick += gap;
                (tick, event)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(events in timed()) {
        let text = print(&events);
        let read = parse(&text).unwrap();
        prop_assert_eq!(print(&read), text);
        let labels: Vec<_> = events
            .into_iter()
            .map(|(tick, event)| (tick, match event {
                Event::Item(item) => Event::Item(Label::of(&item)),
                Event::Failure(()) => Event::Failure(()),
                Event::End => Event::End,
                Event::Dropped => Event::Dropped,
            }))
            .collect();
        prop_assert_eq!(read, labels);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[-a-c()\\[\\]|#! %é]{0,12}") {
        let _ = parse(&text);
    }
}
