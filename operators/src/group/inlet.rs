//! [`Inlet`] and [`Gathering`]: the end of the lanes at which items come in.

use std::collections::VecDeque;
use std::sync::Arc;

use super::hub::Out;
use super::lane::{Lane, Lanes};
use crate::rota::Member;

/// What is kept of an open group: its lane, and where its items gather.
pub(super) struct Inlet<K, T, E> {
    lane: Arc<Lane<K, T, E>>,
    /// Its pot, counted from the first that was ever begun. If that is not in use any more, it has none.
    pot: u64,
}

impl<K, T, E> Inlet<K, T, E> {
    const fn new(lane: Arc<Lane<K, T, E>>) -> Self {
        Self { lane, pot: 0 }
    }

    pub(super) const fn lane(&self) -> &Arc<Lane<K, T, E>> {
        &self.lane
    }
}

/// Items gather here while the source is polled, and are handed over to their lanes together: one lock and one wake for
/// all of a lane. So do groups that open, which their readers find filled then. Only as many groups as get items in one turn have a buffer for that.
pub(super) struct Gathering<K, T, E> {
    pots: Vec<Pot<K, T, E>>,
    /// How many of them are in use: the first ones.
    used: usize,
    /// Which was the first of them, of all that were ever begun. Lanes begin with a pot that never was.
    first: u64,
    /// Groups that have opened.
    opened: VecDeque<Arc<Lane<K, T, E>>>,
    /// How many they are, with the items in all pots.
    gathered: usize,
    /// Those streams of a merge that are to be called for what is handed over. Empty otherwise.
    calls: Vec<Member>,
}

struct Pot<K, T, E> {
    /// Unset while the pot is not in use.
    lane: Option<Arc<Lane<K, T, E>>>,
    items: VecDeque<T>,
    /// How many more the lane had room for when the pot was begun.
    room: usize,
}

impl<K, T, E> Gathering<K, T, E> {
    pub(super) const fn new() -> Self {
        Self { pots: Vec::new(), used: 0, first: 1, opened: VecDeque::new(), gathered: 0, calls: Vec::new() }
    }

    /// Groups and items that have gathered.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.gathered
    }

    /// Adds a group.
    pub(super) fn open(&mut self, key: K) -> Inlet<K, T, E> {
        let lane = Arc::new(Lane::new(key));
        self.opened.push_back(Arc::clone(&lane));
        self.gathered += 1;
        Inlet::new(lane)
    }

    /// Adds an item; gives its lane if that may be full with it.
    #[inline]
    pub(super) fn push(&mut self, lanes: &Lanes, inlet: &mut Inlet<K, T, E>, item: T) -> Option<Arc<Lane<K, T, E>>> {
        let at = match self.find(inlet) {
            Some(at) => at,
            None => self.begin(lanes, inlet),
        };
        let pot = &mut self.pots[at];
        pot.items.push_back(item);
        pot.room = pot.room.saturating_sub(1);
        let full = pot.room == 0;
        self.gathered += 1;
        full.then(|| Arc::clone(&inlet.lane))
    }

    /// Where the pot of a lane is, if it has one.
    #[inline]
    fn find(&self, inlet: &Inlet<K, T, E>) -> Option<usize> {
        let at = inlet.pot.wrapping_sub(self.first);
        (at < self.used as u64).then_some(at as usize)
    }

    fn begin(&mut self, lanes: &Lanes, inlet: &mut Inlet<K, T, E>) -> usize {
        let at = self.used;
        if at == self.pots.len() {
            self.pots.push(Pot { lane: None, items: VecDeque::new(), room: 0 });
        }
        let pot = &mut self.pots[at];
        pot.lane = Some(Arc::clone(&inlet.lane));
        pot.room = inlet.lane.room(lanes);
        inlet.pot = self.first + at as u64;
        self.used += 1;
        at
    }

    /// Hands over to the lanes, and to the outer stream, all that has gathered.
    pub(super) fn hand_over(&mut self, out: &Out<K, T, E>) {
        let lanes = &out.lanes;
        lanes.add(std::mem::take(&mut self.gathered));
        self.first += self.used as u64;
        for pot in &mut self.pots[..std::mem::take(&mut self.used)] {
            if let Some(lane) = pot.lane.take() {
                self.calls.extend(lane.append(lanes, &mut pot.items));
                pot.items.clear();
            }
        }
        if !self.calls.is_empty() {
            lanes.host.call(self.calls.drain(..));
        }
        if !self.opened.is_empty() {
            out.give(&mut self.opened);
        }
    }

    /// Hands over to one lane what has gathered for it.
    pub(super) fn hand_over_one(&mut self, lanes: &Lanes, inlet: &Inlet<K, T, E>) {
        if let Some(at) = self.find(inlet) {
            let items = &mut self.pots[at].items;
            self.gathered -= items.len();
            lanes.add(items.len());
            if let Some(member) = inlet.lane.append(lanes, items) {
                lanes.host.call([member]);
            }
            items.clear();
        }
    }
}
