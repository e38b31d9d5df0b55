//! Marble text: what a flow gives, and when, as one line of characters.
//!
//! | text | meaning |
//! |---|---|
//! | `-` | one tick in which nothing happens |
//! | `a`, `7` | an item: a letter or a digit; takes one tick |
//! | `[ab]` | one item with a longer name, such as a list of `a` and `b`; takes one tick |
//! | `(ab)` | several things in the same tick; the whole group takes one tick |
//! | `#` | the failure, which ends the flow |
//! | `\|` | the end |
//! | `!` | dropped here, at the beginning of this tick |
//! | space | nothing: for lining pictures up |
//!
//! A debounce with a quiet time of 3:
//!
//! ```text
//! in:   ab----c---d|
//! out:  ----b----c-(d|)
//! ```

use std::error::Error;
use std::fmt;

use crate::transform::Notification;

/// One thing that happens to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<T, E> {
    /// It gave an item.
    Item(T),
    /// It failed.
    Failure(E),
    /// It ended.
    End,
    /// It was dropped while it still ran.
    Dropped,
}

/// An event and its tick, counted from the first poll.
pub type Timed<T, E> = (u64, Event<T, E>);

/// What can stand as an item in marble text.
///
/// A label is one letter or digit, or a longer name in brackets: `'a'` is `a`, `7` is `7`, `12` is `[12]`, and the list
/// of `'a'` and `'b'` is `[ab]`. Give your own types a label, or `map` them to one that has.
pub trait Marble {
    /// The item as marble text.
    fn label(&self) -> String;
}

fn bracketed(name: &str) -> String {
    let mut letters = name.chars();
    match (letters.next(), letters.next()) {
        (Some(only), None) if only.is_alphanumeric() => name.to_owned(),
        _ => format!("[{name}]"),
    }
}

macro_rules! label_by_display {
    ($($type:ty)*) => {
        $(impl Marble for $type {
            fn label(&self) -> String {
                bracketed(&self.to_string())
            }
        })*
    };
}

label_by_display!(char str String bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize f32 f64);

impl Marble for () {
    fn label(&self) -> String {
        "[]".to_owned()
    }
}

impl<T: Marble + ?Sized> Marble for &T {
    fn label(&self) -> String {
        (**self).label()
    }
}

impl<T: Marble> Marble for [T] {
    fn label(&self) -> String {
        format!("[{}]", self.iter().map(Marble::label).collect::<String>())
    }
}

impl<T: Marble, const N: usize> Marble for [T; N] {
    fn label(&self) -> String {
        self.as_slice().label()
    }
}

impl<T: Marble> Marble for Vec<T> {
    fn label(&self) -> String {
        self.as_slice().label()
    }
}

impl<A: Marble, B: Marble> Marble for (A, B) {
    fn label(&self) -> String {
        format!("[{}{}]", self.0.label(), self.1.label())
    }
}

impl<A: Marble, B: Marble, C: Marble> Marble for (A, B, C) {
    fn label(&self) -> String {
        format!("[{}{}{}]", self.0.label(), self.1.label(), self.2.label())
    }
}

/// `[a]` for an item, `[#]` for a failure, `[|]` for the end.
impl<T: Marble, E> Marble for Notification<T, E> {
    fn label(&self) -> String {
        match self {
            Self::Next(item) => format!("[{}]", item.label()),
            Self::Failure(_) => "[#]".to_owned(),
            Self::End => "[|]".to_owned(),
        }
    }
}

/// An item as [`parse`] reads it: its text, with the brackets if it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// The label of an item.
    pub fn of(item: &(impl Marble + ?Sized)) -> Self {
        Self(item.label())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Marble for Label {
    fn label(&self) -> String {
        self.0.clone()
    }
}

impl PartialEq<&str> for Label {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// Marble text that cannot be read: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    text: String,
    column: usize,
    reason: String,
}

impl ParseError {
    /// The column of the character that cannot be read, from 1.
    pub const fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "marbles `{}`, column {}: {}", self.text, self.column, self.reason)
    }
}

impl Error for ParseError {}

/// Reads marble text. Items are given as their labels, failures as `()`.
///
/// # Errors
///
/// If the text is not marble text; the error names the column.
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::{Event, marbles};
///
/// let events = marbles::parse("a-(b|)").unwrap();
/// assert_eq!(events.len(), 3);
/// assert!(matches!(&events[1], (2, Event::Item(label)) if *label == "b"));
/// assert_eq!(events[2], (2, Event::End));
///
/// let error = marbles::parse("a-|b").unwrap_err();
/// assert_eq!(error.to_string(), "marbles `a-|b`, column 4: nothing may follow the end, the failure or the drop");
/// ```
pub fn parse(text: &str) -> Result<Vec<Timed<Label, ()>>, ParseError> {
    let fail =
        |column: usize, reason: &str| Err(ParseError { text: text.to_owned(), column, reason: reason.to_owned() });
    let mut events = Vec::new();
    let mut tick = 0;
    // Where a group opened, and whether it holds anything yet.
    let mut group: Option<(usize, bool)> = None;
    let mut over = false;
    let mut characters = text.chars().zip(1..).filter(|(character, _)| !character.is_whitespace());
    while let Some((character, column)) = characters.next() {
        if character == ')' {
            match group.take() {
                Some((_, true)) => {}
                Some((_, false)) => return fail(column, "the group is empty: put something into it or leave it out"),
                None => return fail(column, "no group is open here: remove `)` or put `(` before it"),
            }
            tick += 1;
            continue;
        }
        if over {
            return fail(column, "nothing may follow the end, the failure or the drop");
        }
        let event = match character {
            '-' if group.is_some() => return fail(column, "time does not pass inside a group: move `-` out of it"),
            '!' if group.is_some() => {
                return fail(column, "a drop comes before anything else in its tick: move `!` out of the group");
            }
            '(' if group.is_some() => return fail(column, "groups do not nest: close the other one first"),
            '-' => {
                tick += 1;
                continue;
            }
            '(' => {
                group = Some((column, false));
                continue;
            }
            '|' => Event::End,
            '#' => Event::Failure(()),
            '!' => Event::Dropped,
            '[' => {
                let mut label = String::from('[');
                let mut depth = 1;
                while depth > 0 {
                    let Some((character, _)) = characters.next() else {
                        return fail(column, "the name that opens here is never closed: add `]`");
                    };
                    depth += i32::from(character == '[') - i32::from(character == ']');
                    label.push(character);
                }
                Event::Item(Label(label))
            }
            item if item.is_alphanumeric() => Event::Item(Label(item.to_string())),
            other => {
                let reason = format!("`{other}` has no meaning: an item is a letter, a digit, or a name in brackets");
                return fail(column, &reason);
            }
        };
        over = !matches!(event, Event::Item(_));
        events.push((tick, event));
        match &mut group {
            Some((_, filled)) => *filled = true,
            None => tick += 1,
        }
    }
    match group {
        Some((column, _)) => fail(column, "the group that opens here is never closed: add `)`"),
        None => Ok(events),
    }
}

/// Writes events as marble text. [`parse`] reads it back.
///
/// # Panics
///
/// If the ticks go backwards.
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::{Event, marbles};
///
/// let events = [(2, Event::Item('a')), (4, Event::Item('b')), (4, Event::Failure("no more"))];
/// assert_eq!(marbles::print(&events), "--a-(b#)");
/// ```
#[track_caller]
pub fn print<T: Marble, E>(events: &[Timed<T, E>]) -> String {
    let mut text = String::new();
    let mut next_tick = 0;
    for together in events.chunk_by(|a, b| a.0 == b.0) {
        let tick = together[0].0;
        assert!(tick >= next_tick, "events must be in the order of their ticks, but {tick} comes after a later one");
        text.extend((next_tick..tick).map(|_| '-'));
        next_tick = tick + 1;
        if together.len() > 1 {
            text.push('(');
        }
        for (_, event) in together {
            match event {
                Event::Item(item) => text.push_str(&item.label()),
                Event::Failure(_) => text.push('#'),
                Event::End => text.push('|'),
                Event::Dropped => text.push('!'),
            }
        }
        if together.len() > 1 {
            text.push(')');
        }
    }
    text
}

/// Reads marble text that a test wrote.
#[track_caller]
pub(super) fn parse_or_panic(text: &str) -> Vec<Timed<Label, ()>> {
    match parse(text) {
        Ok(events) => events,
        Err(error) => panic!("{error}"),
    }
}
