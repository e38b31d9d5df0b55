//! [`Inlet`] and [`Gathering`]: the end of the lanes at which items come in.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use slab::Slab;

use super::hub::Out;
use super::lane::Lane;
use super::lanes::Lanes;
use crate::rota::Member;

/// What is kept of an open group: where its lane is, and where its items gather.
pub(super) struct Inlet {
    lane: u32,
    /// How many more items the lane surely has room for, with those that have gathered.
    room: u32,
    /// Its pot, counted from the first that was ever begun. If that is not in use any more, it has none.
    pot: u64,
}

/// Items gather here while the source is polled, and are handed over to their lanes together: one lock and one wake for
/// all of a lane. So do groups that open, which their readers find filled then. Only as many groups as get items in one turn
/// have a buffer for that.
pub(super) struct Gathering<K, T, E> {
    /// The lanes of open groups. They are not looked at for each item, since they are far apart in memory.
    lanes: Slab<Arc<Lane<K, T, E>>>,
    pots: Vec<Pot<T>>,
    /// How many of them are in use: the first ones.
    used: usize,
    /// Which was the first of them, of all that were ever begun. Lanes begin with a pot that never was.
    first: u64,
    /// Groups that have opened.
    opened: VecDeque<Arc<Lane<K, T, E>>>,
    /// How many they are, with the items in all pots.
    gathered: usize,
    /// Those streams of a merge that are to be called for what was handed over.
    calls: Vec<Member>,
}

struct Pot<T> {
    /// That of a group which has ended, if nothing is in the pot.
    lane: u32,
    items: VecDeque<T>,
}

impl<K, T, E> Gathering<K, T, E> {
    pub(super) const fn new() -> Self {
        Self {
            lanes: Slab::new(),
            pots: Vec::new(),
            used: 0,
            first: 1,
            opened: VecDeque::new(),
            gathered: 0,
            calls: Vec::new(),
        }
    }

    /// Groups and items that have gathered.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.gathered
    }

    /// The lanes of open groups.
    pub(super) fn lanes(&self) -> impl Iterator<Item = &Arc<Lane<K, T, E>>> {
        self.lanes.iter().map(|(_, lane)| lane)
    }

    /// Adds a group. There are never more than numbers of 32 bits.
    pub(super) fn open(&mut self, lanes: &Lanes, key: K) -> Inlet {
        let lane = Arc::new(Lane::new(key));
        self.opened.push_back(Arc::clone(&lane));
        self.gathered += 1;
        Inlet { lane: self.lanes.insert(lane) as u32, room: lanes.room(0), pot: 0 }
    }

    /// Adds an item; gives its lane if that is full with it.
    #[inline]
    pub(super) fn push(&mut self, lanes: &Lanes, inlet: &mut Inlet, item: T) -> Option<Arc<Lane<K, T, E>>> {
        let at = match self.find(inlet) {
            Some(at) => at,
            None => self.begin(inlet),
        };
        self.pots[at].items.push_back(item);
        self.gathered += 1;
        inlet.room = inlet.room.saturating_sub(1);
        if inlet.room == 0 { self.filled(lanes, inlet, at) } else { None }
    }

    /// Looks how much room there is, and gives the lane if there is none.
    #[cold]
    #[inline(never)]
    fn filled(&self, lanes: &Lanes, inlet: &mut Inlet, at: usize) -> Option<Arc<Lane<K, T, E>>> {
        let lane = self.lanes.get(inlet.lane as usize)?;
        inlet.room = lanes.room(lane.len() + self.pots[at].items.len());
        (inlet.room == 0).then(|| Arc::clone(lane))
    }

    /// Where the pot of a lane is, if it has one.
    #[inline]
    fn find(&self, inlet: &Inlet) -> Option<usize> {
        let at = inlet.pot.wrapping_sub(self.first);
        (at < self.used as u64).then_some(at as usize)
    }

    #[inline(never)]
    fn begin(&mut self, inlet: &mut Inlet) -> usize {
        let at = self.used;
        match self.pots.get_mut(at) {
            Some(pot) => pot.lane = inlet.lane,
            None => self.pots.push(Pot { lane: inlet.lane, items: VecDeque::new() }),
        }
        inlet.pot = self.first + at as u64;
        self.used += 1;
        at
    }

    /// Hands over to the lanes, and to the outer stream, all that has gathered.
    pub(super) fn hand_over(&mut self, out: &Out<K, T, E>) {
        /// Lanes are looked at before what is done with these, so that the waits for their memory overlap.
        const AT_ONCE: usize = 16;
        let lanes = &out.lanes;
        if self.gathered > 0 {
            lanes.add(std::mem::take(&mut self.gathered));
        }
        self.first += self.used as u64;
        for pots in self.pots[..std::mem::take(&mut self.used)].chunks_mut(AT_ONCE) {
            for pot in &*pots {
                black_box(self.lanes.get(pot.lane as usize).is_some_and(|lane| lane.is_ready()));
            }
            for pot in pots.iter_mut().filter(|pot| !pot.items.is_empty()) {
                if let Some(lane) = self.lanes.get(pot.lane as usize) {
                    self.calls.extend(lane.append(lanes, &mut pot.items, false));
                    pot.items.clear();
                }
            }
        }
        self.call(lanes);
        if !self.opened.is_empty() {
            out.give(&mut self.opened);
        }
    }

    /// A group ends with what has gathered for it. Whom to [call](Self::call) for that is called later.
    pub(super) fn end(&mut self, lanes: &Lanes, inlet: &Inlet) {
        let mut none = VecDeque::new();
        let pot = self.find(inlet);
        let Some(lane) = self.lanes.try_remove(inlet.lane as usize) else { return };
        let items = pot.map_or(&mut none, |at| &mut self.pots[at].items);
        if !items.is_empty() {
            self.gathered -= items.len();
            lanes.add(items.len());
        }
        self.calls.extend(lane.append(lanes, items, true));
        items.clear();
    }

    /// Takes the lane of a group out, and drops what has gathered for it.
    pub(super) fn remove(&mut self, inlet: &Inlet) -> Option<Arc<Lane<K, T, E>>> {
        if let Some(at) = self.find(inlet) {
            let items = std::mem::take(&mut self.pots[at].items);
            self.gathered -= items.len();
        }
        self.lanes.try_remove(inlet.lane as usize)
    }

    /// Calls the streams of a merge that have something to take.
    pub(super) fn call(&mut self, lanes: &Lanes) {
        if !self.calls.is_empty() {
            lanes.host.call(self.calls.drain(..));
        }
    }
}
