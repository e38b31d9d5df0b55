//! What happens: orders are created, assigned to a driver, and completed, in the regions of a grid.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Milliseconds, and also those since 1970.
pub(crate) type Millis = i64;

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const MINUTE: Millis = 60 * SECOND;
pub(crate) const HOUR: Millis = 60 * MINUTE;

/// The grid has so many regions in each direction.
pub(crate) const SIDE: u8 = 50;

/// A region of the grid, written as `07-31`: text, so that it can be a key in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Region {
    x: u8,
    y: u8,
}

impl Region {
    /// The region of that number; numbers beyond the last begin anew.
    pub(crate) fn number(number: u32) -> Self {
        let side = u32::from(SIDE);
        let [x, y] = [number / side % side, number % side].map(|at| u8::try_from(at).unwrap_or_default());
        Self { x, y }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.x, self.y)
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('-').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
        match parts {
            Some((x, y)) if x < SIDE && y < SIDE => Ok(Self { x, y }),
            _ => Err(format!("{text:?} is no region: they are 00-00 to 49-49")),
        }
    }
}

/// Names an order, and says when it was created: `1767225600000-17`. So every event of it says how old the order is, also
/// where the one that created it is missing; and orders are sorted by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct OrderId {
    pub(crate) ordered: Millis,
    pub(crate) number: u32,
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ordered, self.number)
    }
}

impl FromStr for OrderId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('-').and_then(|(at, n)| Some((at.parse().ok()?, n.parse().ok()?)));
        // Far from where sums with times would overflow.
        match parts {
            Some((ordered, number)) if is_time(ordered) => Ok(Self { ordered, number }),
            _ => Err(format!("{text:?} is no order: they are MILLISECONDS-NUMBER")),
        }
    }
}

/// Whether this is a time between 1970 and the year 5138.
pub(crate) fn is_time(at: Millis) -> bool {
    (0..100_000_000_000_000).contains(&at)
}

macro_rules! as_text {
    ($($kind:ty),*) => {$(
        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $kind {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}

as_text!(Region, OrderId);

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Kind {
    Created,
    Assigned { driver: u32 },
    Completed,
}

/// Something that happened to an order. Each thing happens to an order once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) order: OrderId,
    pub(crate) region: Region,
    /// Of the order, in cents.
    pub(crate) price: u32,
    #[serde(flatten)]
    pub(crate) kind: Kind,
    /// When it happened.
    pub(crate) at: Millis,
    /// When it was sent, by the sender's clock: later than it happened, where the sender had no connection.
    pub(crate) sent: Millis,
}

/// From which times on an event is late, and an order or an event given up. All are differences of times that stand in the
/// events, so what becomes of an event does not depend on who reads it, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// An event that is sent so long after it happened is late. It counts.
    pub(crate) late: Millis,
    /// An event that is sent so long after it happened is refused. Until then repeats of it are known.
    pub(crate) refuse: Millis,
    /// An order that is so old and not completed is given up: something is missing. Events that happen later are refused.
    pub(crate) give_up: Millis,
    /// How far behind others an event may come in its partition, by the times when they were sent. One that is farther
    /// behind is taken for one that was sent that much later.
    pub(crate) disorder: Millis,
    /// How many orders a partition may keep. Beyond, the oldest is given up early.
    pub(crate) most: usize,
}

impl Rules {
    /// When nothing more can be accepted for an order that has not had all events.
    pub(crate) fn given_up_at(&self, order: OrderId) -> Millis {
        order.ordered + self.give_up + self.refuse
    }
}
