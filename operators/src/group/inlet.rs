//! [`Inlet`]: the end of a lane at which its items come in.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lane::{Lane, Lanes};

/// Items gather here while the source is polled, and are handed over to the lane together: one lock and one wake for
/// all of them.
pub(super) struct Inlet<K, T, E> {
    lane: Arc<Lane<K, T, E>>,
    items: VecDeque<T>,
    /// How many more the lane has room for, or more than that.
    room: u32,
}

impl<K, T, E> Inlet<K, T, E> {
    pub(super) const fn new(lane: Arc<Lane<K, T, E>>) -> Self {
        Self { lane, items: VecDeque::new(), room: 0 }
    }

    pub(super) const fn lane(&self) -> &Arc<Lane<K, T, E>> {
        &self.lane
    }

    /// Items that have gathered.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds an item; tells whether the lane may be full with it.
    #[inline]
    pub(super) fn push(&mut self, lanes: &Lanes, item: T) -> bool {
        if self.room == 0 {
            let room = self.lane.room(lanes).saturating_sub(self.items.len());
            self.room = u32::try_from(room).unwrap_or(u32::MAX);
        }
        self.items.push_back(item);
        self.room = self.room.saturating_sub(1);
        self.room == 0
    }

    /// Hands over what has gathered, which has been [counted](Lanes::add).
    pub(super) fn hand_over(&mut self, lanes: &Lanes) {
        self.lane.append(lanes, &mut self.items);
    }
}
