//! [`Inlet`] and [`Gathering`]: the end of the lanes at which items come in.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lane::{Lane, Lanes};

/// What is kept of an open group: its lane, and where its items gather.
pub(super) struct Inlet<K, T, E> {
    lane: Arc<Lane<K, T, E>>,
    /// A pot that is for this lane if it says so.
    pot: u32,
}

impl<K, T, E> Inlet<K, T, E> {
    pub(super) const fn new(lane: Arc<Lane<K, T, E>>) -> Self {
        Self { lane, pot: 0 }
    }

    pub(super) const fn lane(&self) -> &Arc<Lane<K, T, E>> {
        &self.lane
    }
}

/// Items gather here while the source is polled, and are handed over to their lanes together: one lock and one wake for
/// all of a lane. Only as many groups as get items in one turn have a buffer for that.
pub(super) struct Gathering<K, T, E> {
    pots: Vec<Pot<K, T, E>>,
    /// How many of them are in use: the first ones.
    used: usize,
    /// Items in all of them together.
    items: usize,
}

struct Pot<K, T, E> {
    /// Unset while the pot is not in use.
    lane: Option<Arc<Lane<K, T, E>>>,
    items: VecDeque<T>,
    /// How many more the lane has room for, or more than that.
    room: usize,
}

impl<K, T, E> Gathering<K, T, E> {
    pub(super) const fn new() -> Self {
        Self { pots: Vec::new(), used: 0, items: 0 }
    }

    /// Items that have gathered.
    pub(super) const fn len(&self) -> usize {
        self.items
    }

    /// Adds an item; gives its lane if that may be full with it.
    #[inline]
    pub(super) fn push(&mut self, lanes: &Lanes, inlet: &mut Inlet<K, T, E>, item: T) -> Option<Arc<Lane<K, T, E>>> {
        if !self.has_pot(inlet) {
            self.begin(inlet);
        }
        let pot = &mut self.pots[inlet.pot as usize];
        if pot.room == 0 {
            pot.room = inlet.lane.room(lanes).saturating_sub(pot.items.len());
        }
        pot.items.push_back(item);
        pot.room = pot.room.saturating_sub(1);
        self.items += 1;
        (pot.room == 0).then(|| Arc::clone(&inlet.lane))
    }

    #[inline]
    fn has_pot(&self, inlet: &Inlet<K, T, E>) -> bool {
        let lane = self.pots.get(inlet.pot as usize).and_then(|pot| pot.lane.as_ref());
        lane.is_some_and(|lane| Arc::ptr_eq(lane, &inlet.lane))
    }

    fn begin(&mut self, inlet: &mut Inlet<K, T, E>) {
        if self.used == self.pots.len() {
            self.pots.push(Pot { lane: None, items: VecDeque::new(), room: 0 });
        }
        inlet.pot = self.used as u32;
        let pot = &mut self.pots[self.used];
        pot.lane = Some(Arc::clone(&inlet.lane));
        pot.room = 0;
        self.used += 1;
    }

    /// Hands over to the lanes all that has gathered.
    pub(super) fn hand_over(&mut self, lanes: &Lanes) {
        lanes.add(std::mem::take(&mut self.items));
        for pot in &mut self.pots[..std::mem::take(&mut self.used)] {
            if let Some(lane) = pot.lane.take() {
                lane.append(lanes, &mut pot.items);
            }
        }
    }

    /// Hands over to one lane what has gathered for it.
    pub(super) fn hand_over_one(&mut self, lanes: &Lanes, inlet: &Inlet<K, T, E>) {
        if self.has_pot(inlet) {
            let items = &mut self.pots[inlet.pot as usize].items;
            self.items -= items.len();
            lanes.add(items.len());
            inlet.lane.append(lanes, items);
        }
    }

    /// Drops what has gathered for one lane.
    pub(super) fn drop_one(&mut self, inlet: &Inlet<K, T, E>) {
        if self.has_pot(inlet) {
            let items = std::mem::take(&mut self.pots[inlet.pot as usize].items);
            self.items -= items.len();
        }
    }
}
