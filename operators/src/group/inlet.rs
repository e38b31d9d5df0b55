//! [`Inlet`] and [`Gathering`]: the end of the lanes at which items come in.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use slab::Slab;

use super::hub::Out;
use super::lane::Lane;
use super::lanes::Lanes;
use crate::rota::Member;

/// What is kept of an open group: where its lane is, and where its items gather. It lies in the entry of the group's key, so
/// it is small.
pub(super) struct Inlet {
    lane: u32,
    /// Its pot, if that says so itself.
    pot: u32,
}

/// Items gather here while the source is polled, and are handed over to their lanes together: one lock and one wake for
/// all of a lane. So do groups that open, which their readers find filled then. Only as many groups as get items in one turn
/// have a buffer for that.
pub(super) struct Gathering<K, T, E> {
    /// The lanes of open groups. They are not looked at for each item, since they are far apart in memory.
    lanes: Slab<Outlet<K, T, E>>,
    pots: Vec<Pot<T>>,
    /// How many of them have been begun: the first ones.
    used: usize,
    /// How many of these were handed over already.
    handed: usize,
    /// Groups that have opened.
    opened: VecDeque<Arc<Lane<K, T, E>>>,
    /// How many they are, with the items in all pots.
    gathered: usize,
    /// Those streams of a merge that are to be called for what was handed over.
    calls: Vec<Member>,
}

struct Outlet<K, T, E> {
    lane: Arc<Lane<K, T, E>>,
    /// How many items it surely has room for.
    room: u32,
}

struct Pot<T> {
    /// None if the pot is not in use; that of a group which has ended, if nothing is in it.
    lane: u32,
    /// Whether its group is among those that have opened.
    opened: bool,
    /// How many items the lane surely has room for, those in the pot among them.
    room: u32,
    items: Vec<T>,
}

impl<T> Pot<T> {
    /// No group has this number: fewer are open at once.
    const NO_LANE: u32 = u32::MAX;
}

impl<K, T, E> Gathering<K, T, E> {
    pub(super) const fn new() -> Self {
        Self {
            lanes: Slab::new(),
            pots: Vec::new(),
            used: 0,
            handed: 0,
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
        self.lanes.iter().map(|(_, outlet)| &outlet.lane)
    }

    /// Adds a group. There are never more than numbers of 32 bits.
    pub(super) fn open(&mut self, lanes: &Lanes, key: K) -> Inlet {
        let lane = Arc::new(Lane::new(key));
        self.opened.push_back(Arc::clone(&lane));
        self.gathered += 1;
        let mut inlet = Inlet { lane: self.lanes.insert(Outlet { lane, room: lanes.room(0) }) as u32, pot: 0 };
        self.begin(&mut inlet).opened = true;
        inlet
    }

    /// Adds an item; gives its lane if that is full with it.
    #[inline(always)]
    pub(super) fn push(&mut self, lanes: &Lanes, inlet: &mut Inlet, item: T) -> Option<Arc<Lane<K, T, E>>> {
        match self.pots.get_mut(inlet.pot as usize) {
            Some(pot) if pot.lane == inlet.lane => {
                self.gathered += 1;
                pot.items.push(item);
                if pot.items.len() >= pot.room as usize { self.filled(lanes, inlet) } else { None }
            }
            _ => self.push_first(lanes, inlet, item),
        }
    }

    /// The same out of line, for what is rare.
    #[inline(never)]
    pub(super) fn push_last(&mut self, lanes: &Lanes, inlet: &mut Inlet, item: T) -> Option<Arc<Lane<K, T, E>>> {
        self.push(lanes, inlet, item)
    }

    /// Adds an item of a lane that has no pot.
    #[inline(never)]
    fn push_first(&mut self, lanes: &Lanes, inlet: &mut Inlet, item: T) -> Option<Arc<Lane<K, T, E>>> {
        self.begin(inlet);
        self.push(lanes, inlet, item)
    }

    /// Gives a lane a pot.
    fn begin(&mut self, inlet: &mut Inlet) -> &mut Pot<T> {
        let at = self.used;
        self.used += 1;
        if at == self.pots.len() {
            self.pots.push(Pot { lane: Pot::<T>::NO_LANE, opened: false, room: 0, items: Vec::new() });
        }
        let pot = &mut self.pots[at];
        pot.lane = inlet.lane;
        pot.room = self.lanes.get(inlet.lane as usize).map_or(0, |outlet| outlet.room);
        inlet.pot = at as u32;
        pot
    }

    /// Looks how much room there is, and gives the lane if there is none.
    #[cold]
    #[inline(never)]
    fn filled(&mut self, lanes: &Lanes, inlet: &Inlet) -> Option<Arc<Lane<K, T, E>>> {
        let outlet = self.lanes.get_mut(inlet.lane as usize)?;
        let pot = self.pots.get_mut(inlet.pot as usize)?;
        outlet.room = lanes.room(outlet.lane.len());
        pot.room = outlet.room;
        (pot.items.len() >= pot.room as usize).then(|| Arc::clone(&outlet.lane))
    }

    /// Whether some groups were handed over what has gathered for them, and others not yet.
    pub(super) const fn hands_over(&self) -> bool {
        self.handed > 0
    }

    /// Hands over to the lanes, and to the outer stream, what has gathered of so many groups at most: those that were the
    /// first to get something.
    pub(super) fn hand_over(&mut self, out: &Out<K, T, E>, most: usize) {
        /// Lanes are looked at before what is done with these, so that the waits for their memory overlap.
        const AT_ONCE: usize = 16;
        let lanes = &out.lanes;
        let to = self.used.min(self.handed.saturating_add(most));
        let pots = &mut self.pots[std::mem::replace(&mut self.handed, to)..to];
        let opened = pots.iter().filter(|pot| pot.opened).count();
        let count = opened + pots.iter().map(|pot| pot.items.len()).sum::<usize>();
        if count > 0 {
            self.gathered -= count;
            lanes.add(count);
        }
        for pots in pots.chunks_mut(AT_ONCE) {
            for pot in &*pots {
                black_box(self.lanes.get(pot.lane as usize).map(|outlet| outlet.lane.look_ahead()));
            }
            for pot in pots {
                pot.opened = false;
                let outlet = self.lanes.get_mut(std::mem::replace(&mut pot.lane, Pot::<T>::NO_LANE) as usize);
                if let Some(outlet) = outlet.filter(|_| !pot.items.is_empty()) {
                    outlet.room = outlet.room.saturating_sub(pot.items.len() as u32);
                    self.calls.extend(outlet.lane.append(lanes, &mut pot.items, false));
                    pot.items.clear();
                }
            }
        }
        if self.handed == self.used {
            (self.used, self.handed) = (0, 0);
        }
        self.call(lanes);
        if opened > 0 {
            out.give(self.opened.drain(..opened).collect());
        }
    }

    /// A group ends with what has gathered for it. Whom to [call](Self::call) for that is called later.
    pub(super) fn end(&mut self, lanes: &Lanes, inlet: &Inlet) {
        let Some(Outlet { lane, .. }) = self.lanes.try_remove(inlet.lane as usize) else { return };
        let mut none = Vec::new();
        let pot = self.pots.get_mut(inlet.pot as usize).filter(|pot| pot.lane == inlet.lane);
        let items = pot.map_or(&mut none, |pot| &mut pot.items);
        if !items.is_empty() {
            self.gathered -= items.len();
            lanes.add(items.len());
        }
        self.calls.extend(lane.append(lanes, items, true));
        items.clear();
    }

    /// Takes the lane of a group out, and drops what has gathered for it.
    pub(super) fn remove(&mut self, inlet: &Inlet) -> Option<Arc<Lane<K, T, E>>> {
        if let Some(pot) = self.pots.get_mut(inlet.pot as usize).filter(|pot| pot.lane == inlet.lane) {
            self.gathered -= std::mem::take(&mut pot.items).len();
        }
        self.lanes.try_remove(inlet.lane as usize).map(|outlet| outlet.lane)
    }

    /// Calls the streams of a merge that have something to take.
    pub(super) fn call(&mut self, lanes: &Lanes) {
        if !self.calls.is_empty() {
            lanes.host.call(self.calls.drain(..));
        }
    }
}
