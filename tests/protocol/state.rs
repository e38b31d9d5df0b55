//! What the model's world is made of at one moment: the store, the workers, what is under way, the clock.

use std::collections::BTreeMap;

/// A partition, by its place in the world's list.
pub type Part = u8;
/// A position; the first record has 1.
pub type Pos = u8;
/// Folded records, four to the power of its place for each: a record that is counted twice shows, as one left out does.
pub type Sum = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub part: Part,
    pub n: u8,
    pub from: Pos,
    pub hour: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadKey {
    pub part: Part,
    pub n: u8,
    pub from: Pos,
    pub nonce: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey {
    pub part: Part,
    pub n: u8,
    pub hash: Option<Sum>,
}

/// Where a header has the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    Inline(Sum),
    Object(StateKey),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Header {
    pub from: Pos,
    pub to: Pos,
    /// Records behind `from` and up to this one were lost before they were read.
    pub gap: Option<Pos>,
    /// Which records the rows come from, one bit each.
    pub counted: u8,
    pub next: Key,
    pub nonce: u8,
    /// The writer's name; always 0 where names are not compared.
    pub by: u8,
    pub state: Kept,
    pub dead: Option<DeadKey>,
    pub end: bool,
}

/// The end of a chain: what the next epoch begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head {
    pub n: u8,
    pub key: Key,
    pub from: Pos,
    /// Unset if it is named and not there.
    pub sum: Option<Sum>,
    pub end: bool,
}

/// What is still to be put for an attempt, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    Dead,
    State,
    Epoch,
}

/// A computed epoch that is not known to be committed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    pub key: Key,
    pub header: Header,
    pub letters: u8,
    pub sum: Sum,
    pub todo: Vec<Step>,
}

/// How far a worker is with the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opened {
    No,
    /// It saw none, and would begin here.
    Would(Pos),
    Begins(Pos),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worker {
    pub name: u8,
    pub opened: Opened,
    pub head: Option<Head>,
    pub attempt: Option<Attempt>,
    pub ahead: Option<Attempt>,
    /// It has refused the ledger, with an error.
    pub refused: bool,
}

/// The hint: an epoch that somebody has written, or was about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hinted {
    pub key: Key,
    pub nonce: u8,
    pub head: Head,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Store {
    pub root: Option<Pos>,
    pub epochs: BTreeMap<Key, Header>,
    pub dead: BTreeMap<DeadKey, u8>,
    pub states: BTreeMap<StateKey, Sum>,
    pub hints: BTreeMap<Part, Hinted>,
}

/// How often each fault may still strike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    pub crashes: u8,
    /// Puts that were done and whose answer was lost.
    pub lost_answers: u8,
    /// Puts that get no answer, and arrive at any time later or never.
    pub late_puts: u8,
    /// Epochs without records that nothing asks for.
    pub empties: u8,
    pub hours: u8,
    pub trims: u8,
    pub hints: u8,
    pub hint_losses: u8,
    pub compactions: u8,
    /// First epochs that a bucket's expiry takes.
    pub expiries: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub store: Store,
    pub workers: Vec<Worker>,
    /// Puts under way that nobody waits for: of crashed workers, and copies of those put again.
    pub late: Vec<Attempt>,
    pub hour: u8,
    /// Up to which position each partition has records.
    pub tips: Vec<Pos>,
    /// Up to which position they were trimmed.
    pub trimmed: Vec<Pos>,
    pub left: Faults,
    /// Never read by a worker: deleted epochs, for the invariants.
    pub deleted: BTreeMap<Key, Header>,
    /// Never read by a worker: how often each position was ever put into a range, two bits each.
    pub ever: Vec<u32>,
}

impl State {
    /// Gives nonces the numbers of their first use and drops what can have no effect any more: states that differ in
    /// nothing else are one.
    pub fn renumber(&mut self) {
        let mut names = Vec::<u8>::new();
        let mut name = |nonce: &mut u8| {
            let at = names.iter().position(|known| known == nonce).unwrap_or_else(|| {
                names.push(*nonce);
                names.len() - 1
            });
            *nonce = u8::try_from(at).unwrap();
        };
        fn header(header: &mut Header, name: &mut impl FnMut(&mut u8)) {
            name(&mut header.nonce);
            if let Some(DeadKey { nonce: Some(nonce), .. }) = &mut header.dead {
                name(nonce);
            }
        }
        for epoch in self.store.epochs.values_mut().chain(self.deleted.values_mut()) {
            header(epoch, &mut name);
        }
        for worker in &mut self.workers {
            for attempt in worker.attempt.iter_mut().chain(&mut worker.ahead) {
                header(&mut attempt.header, &mut name);
            }
        }
        for attempt in &mut self.late {
            header(&mut attempt.header, &mut name);
        }
        for hint in self.store.hints.values_mut() {
            name(&mut hint.nonce);
        }
        let dead = std::mem::take(&mut self.store.dead);
        self.store.dead = dead
            .into_iter()
            .map(|(mut key, letters)| {
                key.nonce.as_mut().map(&mut name);
                (key, letters)
            })
            .collect();
        self.late.sort();
    }

    /// A nonce that nobody has.
    pub fn fresh(&self) -> u8 {
        let held = self.workers.iter().flat_map(|worker| worker.attempt.iter().chain(&worker.ahead));
        let attempts = held.chain(&self.late).map(|attempt| attempt.header.nonce);
        let epochs = self.store.epochs.values().chain(self.deleted.values()).map(|header| header.nonce);
        let hints = self.store.hints.values().map(|hint| hint.nonce);
        let dead = self.store.dead.keys().filter_map(|key| key.nonce);
        attempts.chain(epochs).chain(hints).chain(dead).max().map_or(0, |nonce| nonce + 1)
    }
}
