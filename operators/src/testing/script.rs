//! [`Script`], a source that gives what it is told, when it is told.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use tokio::time::Instant;

use super::marbles::{Event, Timed, parse_or_panic};
use crate::time::clock::{self, Timer};
use crate::{Flow, OperatorError};

/// The failure of a flow made from marbles.
///
/// It can take in an [`OperatorError`], so that operators that fail by themselves can stand behind such a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failed {
    /// The script said so, by `#`.
    Scripted,
    /// An operator failed.
    Operator(OperatorError),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scripted => f.write_str("the script fails here"),
            Self::Operator(_) => f.write_str("an operator failed"),
        }
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Scripted => None,
            Self::Operator(error) => Some(error),
        }
    }
}

impl From<OperatorError> for Failed {
    fn from(error: OperatorError) -> Self {
        Self::Operator(error)
    }
}

/// A cold source: its time zero is its first poll, and a clone begins anew.
///
/// A script without an end or a failure never ends. A consumer that polls late gets what is due, one thing after
/// another.
///
/// # Examples
///
/// ```
/// use anabranch_operators::testing::{Event, Script, observe, virtual_time};
///
/// virtual_time(async {
///     let source = Script::new([(5, Event::Item(10)), (8, Event::Item(20)), (9, Event::Failure("broken"))]);
///     let observed = observe(source.map(|n| n + 1), 100).await;
///     assert_eq!(observed.events(), [(5, Event::Item(11)), (8, Event::Item(21)), (9, Event::Failure("broken"))]);
/// });
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct Script<T, E> {
    events: Arc<[Timed<T, E>]>,
    next: usize,
    /// When it was first polled.
    zero: Option<Instant>,
    timer: Timer,
}

impl Script<char, Failed> {
    /// A flow that gives what the [marble text](super::marbles) shows; items are its letters and digits.
    ///
    /// # Panics
    ///
    /// If the text is not marble text, has a `!`, or an item with more than one character.
    #[track_caller]
    pub fn marbles(text: &str) -> Flow<Self> {
        let mut events = Vec::new();
        for (tick, event) in parse_or_panic(text) {
            let event = match event {
                Event::Item(label) => match (label.as_str().chars().next(), label.as_str().chars().nth(1)) {
                    (Some(item), None) => Event::Item(item),
                    _ => panic!(
                        "marbles `{text}`: {} is not a character: use Script::new for other items",
                        label.as_str()
                    ),
                },
                Event::Failure(()) => Event::Failure(Failed::Scripted),
                Event::End => Event::End,
                Event::Dropped => Event::Dropped,
            };
            events.push((tick, event));
        }
        Self::new(events)
    }
}

impl<T, E> Script<T, E> {
    /// A flow of the given events, each at its tick.
    ///
    /// # Panics
    ///
    /// If the ticks go backwards, something follows the end or the failure, or an event is [`Event::Dropped`]: a source
    /// is dropped by its consumer.
    #[track_caller]
    pub fn new(events: impl IntoIterator<Item = Timed<T, E>>) -> Flow<Self> {
        let events: Arc<[_]> = events.into_iter().collect();
        for pair in events.windows(2) {
            assert!(pair[0].0 <= pair[1].0, "a script goes forward, but tick {} comes before {}", pair[0].0, pair[1].0);
            assert!(matches!(pair[0].1, Event::Item(_)), "nothing may follow tick {}, the script's last", pair[0].0);
        }
        assert!(
            !matches!(events.last(), Some((_, Event::Dropped))),
            "a source cannot drop itself: `!` belongs into what is expected of a flow"
        );
        Flow::new(Self { events, next: 0, zero: None, timer: Timer::new() })
    }
}

impl<T, E> Clone for Script<T, E> {
    /// A source with the same script that has not begun.
    fn clone(&self) -> Self {
        Self { events: Arc::clone(&self.events), next: 0, zero: None, timer: Timer::new() }
    }
}

impl<T, E> fmt::Debug for Script<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("given", &self.next).field("of", &self.events.len()).finish_non_exhaustive()
    }
}

impl<T: Clone, E: Clone> Stream for Script<T, E> {
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let zero = *this.zero.get_or_insert_with(clock::now);
        let over = this.next > 0 && matches!(this.events[this.next - 1].1, Event::End | Event::Failure(_));
        if over {
            return Poll::Ready(None);
        }
        let Some((tick, event)) = this.events.get(this.next) else {
            return Poll::Pending; // A script without an end: nothing will ever wake its reader.
        };
        ready!(this.timer.poll_at(cx, zero + Duration::from_millis(*tick)));
        this.next += 1;
        Poll::Ready(match event {
            Event::Item(item) => Some(Ok(item.clone())),
            Event::Failure(error) => Some(Err(error.clone())),
            Event::End | Event::Dropped => None,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.events[self.next..].iter().filter(|(_, event)| !matches!(event, Event::End)).count();
        (left, Some(left))
    }
}
