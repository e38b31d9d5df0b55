//! [`Route`]: what tells apart the operators that give sub-streams.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::hub::Out;
use super::lane::Lane;
use super::lanes::Lanes;
use crate::budget::Budget;

/// Decides which sub-streams there are and which item goes where: by key, by count, by time.
pub(crate) trait Route<T, E> {
    /// What a sub-stream is known by.
    type Key;

    /// Whether items gather before they are handed over to the lanes. Then the source is read on when there is something
    /// for who polls it, as long as it gives without waiting and there is room, a turn at most, or a slice of time for a merge; and
    /// more may gather in turns to come.
    const GATHERS: bool = false;

    /// Whether an item can make something due at once, so that [`tick`](Self::tick) is to look before the next.
    const LOOKS: bool = true;

    /// The first poll: time zero.
    fn start(&mut self, now: Instant, out: &Out<Self::Key, T, E>);

    /// Ends, fails and opens what is due by now. An error is the failure of the whole flow. Pending when the budget is used
    /// up before that: no item is read until it is done.
    fn tick(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        out: &Out<Self::Key, T, E>,
        budget: &mut Budget,
    ) -> Poll<Result<(), E>>;

    /// When [`tick`](Self::tick) will have something to do.
    fn deadline(&mut self) -> Option<Instant>;

    /// Puts an item into its lane, which is given if it may be full now.
    fn item(&mut self, item: T, out: &Out<Self::Key, T, E>) -> Result<Filled<Self::Key, T, E>, E>;

    /// Sub-streams and items that have gathered.
    fn gathered(&self) -> usize {
        0
    }

    /// Whether more is to gather before it is handed over, if the source gives it without waiting.
    fn gathers_on(&self, _lanes: &Lanes) -> bool {
        false
    }

    /// Hands over to their readers the sub-streams and items that have gathered.
    fn hand_over(&mut self, _out: &Out<Self::Key, T, E>) {}

    /// Hands over what has gathered of as many groups as are read in one turn.
    fn hand_over_some(&mut self, _out: &Out<Self::Key, T, E>) {}

    /// Whether some groups were handed over what has gathered for them, so that others are to be before the source is read on.
    fn hands_over(&self) -> bool {
        false
    }

    /// Takes an open lane out, oldest first. Nothing has gathered for it.
    fn take_open(&mut self) -> Option<Arc<Lane<Self::Key, T, E>>>;

    /// The open lane that holds most.
    fn fullest(&self) -> Option<&Arc<Lane<Self::Key, T, E>>>;

    /// An open lane that is full. To be given where one item goes into several lanes, and may fill them all.
    fn another_full(&self, _lanes: &Lanes) -> Filled<Self::Key, T, E> {
        None
    }

    /// A key in words.
    fn name(key: &Self::Key) -> String;
}

/// A lane that may be full now.
pub(crate) type Filled<K, T, E> = Option<Arc<Lane<K, T, E>>>;
