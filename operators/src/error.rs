//! [`OperatorError`], the failures that operators cause themselves.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A failure that came from an operator, not from upstream.
///
/// Operators that can fail by themselves ask for an error type `E: From<OperatorError>`. A flow that cannot fail yet
/// gets one by [`fails_with::<OperatorError>()`](crate::Flow::fails_with).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperatorError {
    /// The buffers of [`group_until`](crate::Flow::group_until) or a window were full, the reader of the fullest
    /// sub-stream did not poll it, and another reader waited.
    Stalled {
        /// The key of the sub-stream that nobody read, as `Debug` prints it.
        key: String,
        /// How many items waited for its reader.
        buffered: usize,
        /// How long nobody had read.
        after: Duration,
    },
    /// More groups than `max_groups` would have been open at once, and the operator was told to fail then.
    TooManyGroups {
        /// The limit that was reached.
        max_groups: usize,
    },
    /// More event-time windows than `max_windows` would have been open at once, and the operator was told to fail then.
    TooManyWindows {
        /// The limit that was reached.
        max_windows: usize,
    },
    /// More items than [`Overflow::error`](crate::Overflow::error) allows would have waited for the consumer of
    /// [`on_overflow`](crate::Flow::on_overflow).
    Overflow {
        /// How many items waited already.
        waiting: usize,
    },
    /// More streams than `max_waiting` would have waited for their turn in [`expand`](crate::Flow::expand).
    TooBroad {
        /// The limit that was reached.
        max_waiting: usize,
    },
    /// Upstream of [`timeout`](crate::Flow::timeout) gave nothing for too long.
    TimedOut {
        /// How long it was given.
        span: Duration,
    },
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled { key, buffered, after } => write!(
                f,
                "the sub-stream of {key} holds {buffered} unread items and was not polled for {after:?} while others \
                 waited: read all groups at once (merge_map with a limit of at least max_groups), drop those that are \
                 not wanted, or allow larger buffers"
            ),
            Self::TooManyGroups { max_groups } => write!(
                f,
                "more than {max_groups} groups would be open at once: raise max_groups, end groups sooner, or let the \
                 oldest be closed early (leave fail_beyond out)"
            ),
            Self::TooManyWindows { max_windows } => write!(
                f,
                "more than {max_windows} windows would be open at once: raise max_windows, let the watermark lag less, \
                 allow less lateness, or let the oldest be closed early (leave fail_beyond out)"
            ),
            Self::Overflow { waiting } => write!(
                f,
                "{waiting} items wait for the consumer and another came: let more wait, make the consumer faster, or \
                 choose an Overflow that holds upstream back or drops items"
            ),
            Self::TooBroad { max_waiting } => write!(
                f,
                "more than {max_waiting} streams would wait to be expanded: raise max_waiting, raise the limit of those \
                 that run at once, or let the function expand less"
            ),
            Self::TimedOut { span } => write!(
                f,
                "upstream gave nothing for {span:?}: see why it is silent, allow it more time, or put retry or \
                 catch_error behind the timeout"
            ),
        }
    }
}

impl Error for OperatorError {}
