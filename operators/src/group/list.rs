//! Doubly linked lists through the entries of a slab: O(1) to add, to move and to remove, without allocation.

use slab::Slab;

const NONE: u32 = u32::MAX;

/// An entry's place in one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    before: u32,
    behind: u32,
}

impl Links {
    pub(super) const fn new() -> Self {
        Self { before: NONE, behind: NONE }
    }
}

/// A list of entries of a `Slab<T>`; `links` finds an entry's place in this very list.
pub(super) struct List<T> {
    first: u32,
    last: u32,
    links: fn(&mut T) -> &mut Links,
}

impl<T> List<T> {
    pub(super) const fn new(links: fn(&mut T) -> &mut Links) -> Self {
        Self { first: NONE, last: NONE, links }
    }

    pub(super) const fn first(&self) -> Option<u32> {
        if self.first == NONE { None } else { Some(self.first) }
    }

    /// Puts an entry that is not in the list behind all others.
    pub(super) fn push(&mut self, slab: &mut Slab<T>, id: u32) {
        *self.links(slab, id) = Links { before: self.last, behind: NONE };
        match self.last {
            NONE => self.first = id,
            last => self.links(slab, last).behind = id,
        }
        self.last = id;
    }

    /// Puts an entry that is not in the list before the first for which `later` holds, or behind all others.
    pub(super) fn insert(&mut self, slab: &mut Slab<T>, id: u32, later: impl Fn(&T) -> bool) {
        let mut behind = self.first;
        if self.last == NONE || !later(&slab[self.last as usize]) {
            behind = NONE; // As it mostly is.
        }
        while behind != NONE && !later(&slab[behind as usize]) {
            behind = self.links(slab, behind).behind;
        }
        if behind == NONE {
            return self.push(slab, id);
        }
        let before = std::mem::replace(&mut self.links(slab, behind).before, id);
        *self.links(slab, id) = Links { before, behind };
        match before {
            NONE => self.first = id,
            before => self.links(slab, before).behind = id,
        }
    }

    /// Takes an entry out that is in the list.
    pub(super) fn remove(&mut self, slab: &mut Slab<T>, id: u32) {
        let Links { before, behind } = *self.links(slab, id);
        match before {
            NONE => self.first = behind,
            before => self.links(slab, before).behind = behind,
        }
        match behind {
            NONE => self.last = before,
            behind => self.links(slab, behind).before = before,
        }
    }

    fn links<'a>(&self, slab: &'a mut Slab<T>, id: u32) -> &'a mut Links {
        (self.links)(&mut slab[id as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    use proptest::prelude::*;

    fn drain(list: &mut List<(u32, Links)>, slab: &mut Slab<(u32, Links)>) -> Vec<u32> {
        std::iter::from_fn(|| {
            let id = list.first()?;
            list.remove(slab, id);
            Some(id)
        })
        .collect()
    }

    proptest! {
        #[test]
        fn keeps_order_like_a_deque(steps in prop::collection::vec((0..4_u8, 0..8_u32), 0..60)) {
            let mut slab = Slab::new();
            for id in 0..8 { slab.insert((id, Links::new())); }
            let mut list = List::new(|(_, links): &mut (u32, Links)| links);
            let mut model = VecDeque::new();
            for (step, id) in steps {
                let present = model.contains(&id);
                match step {
                    0 if !present => { list.push(&mut slab, id); model.push_back(id); }
                    1 if present => { list.remove(&mut slab, id); model.retain(|other| *other != id); }
                    2 if present => {
                        list.remove(&mut slab, id);
                        list.push(&mut slab, id);
                        model.retain(|other| *other != id);
                        model.push_back(id);
                    }
                    3 if !present => {
                        list.insert(&mut slab, id, |(other, _)| *other > id);
                        let at = if model.back().is_none_or(|last| *last <= id) {
                            model.len()
                        } else {
                            model.iter().position(|other| *other > id).unwrap_or(model.len())
                        };
                        model.insert(at, id);
                    }
                    _ => {}
                }
                prop_assert_eq!(list.first(), model.front().copied());
            }
            prop_assert_eq!(drain(&mut list, &mut slab), Vec::from(model));
        }
    }
}
