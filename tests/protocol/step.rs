//! What each step does to the world.

use crate::model::Action;
use crate::rules::{Ahead, Child, Compaction, Dead, Exists, Gap, Gone, Hint, Inherits, KeyFrom, Loser, Put, Root};
use crate::rules::{StateRule, Unknown};
use crate::state::{Attempt, DeadKey, Head, Header, Hinted, Kept, Key, Opened, Part, Pos, State, StateKey, Step, Sum};
use crate::world::{Stateful, World, bits};

impl Attempt {
    /// What would come behind it.
    pub fn leads_to(&self) -> Head {
        let Header { to, next, end, .. } = self.header;
        Head { n: self.key.n + 1, key: next, from: to, sum: Some(self.sum), end }
    }
}

impl World {
    pub fn step(&self, state: &mut State, action: Action) {
        match action {
            Action::Open(at) => {
                let opened = state.store.root.map_or(Opened::Would(state.tips[0]), Opened::Begins);
                state.workers[at].opened = opened;
            }
            Action::PutRoot(at) => self.put_root(state, at),
            Action::Walk(at, part) => self.walk(state, at, part),
            Action::Compute { worker, to, end } => {
                let head = state.workers[worker].head.unwrap();
                let attempt = self.compute(state, worker, &head, to, end);
                Self::heartbeat(state, &attempt);
                state.workers[worker].attempt = Some(attempt);
            }
            Action::ComputeAhead { worker, to, end } => {
                self.saw("an epoch is computed ahead");
                let head = state.workers[worker].attempt.as_ref().unwrap().leads_to();
                let attempt = self.compute(state, worker, &head, to, end);
                Self::heartbeat(state, &attempt);
                state.workers[worker].ahead = Some(attempt);
            }
            Action::Put(at) => self.put(state, at),
            Action::PutAnswerLost(at) => {
                self.saw("an answer is lost");
                state.left.lost_answers -= 1;
                let attempt = state.workers[at].attempt.clone().unwrap();
                self.arrive(state, &attempt);
                self.unknown(state, at);
            }
            Action::PutLate(at) => {
                state.left.late_puts -= 1;
                let attempt = state.workers[at].attempt.clone().unwrap();
                state.late.push(attempt);
                self.unknown(state, at);
            }
            Action::PutAhead(at) => {
                let ahead = state.workers[at].ahead.clone().unwrap();
                self.arrive(state, &ahead);
            }
            Action::Arrives(at) => {
                let attempt = state.late.remove(at);
                if self.arrive(state, &attempt) {
                    self.saw("a late put commits");
                }
            }
            Action::Crash(at) => {
                self.saw("a worker crashes");
                state.left.crashes -= 1;
                state.workers[at] = self.fresh_worker(state.workers[at].name);
            }
            Action::CrashPutting(at) => {
                state.left.crashes -= 1;
                state.left.late_puts -= 1;
                let attempt = state.workers[at].attempt.clone().unwrap();
                state.late.push(attempt);
                state.workers[at] = self.fresh_worker(state.workers[at].name);
            }
            Action::WriteHint(at) => {
                state.left.hints -= 1;
                let attempt = state.workers[at].attempt.as_ref().unwrap();
                let hint = Hinted { key: attempt.key, nonce: attempt.header.nonce, head: attempt.leads_to() };
                state.store.hints.insert(attempt.key.part, hint);
            }
            Action::LoseHint(part) => {
                state.left.hint_losses -= 1;
                state.store.hints.remove(&part);
            }
            Action::Compact(key) => self.compact(state, key),
            Action::Expire(part) => {
                self.saw("the first epoch expires");
                state.left.expiries -= 1;
                let first = *state.store.epochs.keys().find(|key| key.part == part && key.n == 0).unwrap();
                Self::delete(state, first);
            }
            Action::HourPasses => {
                state.left.hours -= 1;
                state.hour += 1;
            }
            Action::Trim(part) => {
                state.left.trims -= 1;
                state.trimmed[usize::from(part)] += 1;
            }
            Action::RecordArrives(part) => state.tips[usize::from(part)] += 1,
        }
    }

    fn put_root(&self, state: &mut State, at: usize) {
        let Opened::Would(own) = state.workers[at].opened else { return };
        if state.store.root.is_some_and(|root| root != own) {
            self.saw("another root was first");
        }
        let root = *state.store.root.get_or_insert(own);
        let begins = if self.rules.root == Root::ReadBack { root } else { own };
        state.workers[at].opened = Opened::Begins(begins);
    }

    fn walk(&self, state: &mut State, at: usize, part: Part) {
        let Opened::Begins(start) = state.workers[at].opened else { return };
        let mut head = self.first(state, part, start);
        let mut hinted = false;
        if let Some(hint) = state.store.hints.get(&part) {
            let there = state.store.epochs.get(&hint.key).filter(|header| header.nonce == hint.nonce);
            if self.rules.hint == Hint::Trusted {
                (head, hinted) = (hint.head, true);
            } else if let Some(header) = there {
                self.saw("a hint is followed");
                (head, hinted) = (Self::behind(state, &hint.key, header), true);
            } else {
                self.saw("a hint is of no epoch");
            }
        }
        // Only the ledgers that have lost something are old here.
        let old = state.deleted.keys().any(|key| key.part == part);
        if old && !hinted && self.find(state, &head.key).is_none() && self.rules.hint == Hint::Verified {
            self.saw("an old ledger without its beginning is refused");
            state.workers[at].refused = true;
            return;
        }
        state.workers[at].head = Some(self.follow(state, head));
        self.settle(state, at);
    }

    /// The first epoch of a partition: its key follows from the root alone.
    fn first(&self, state: &State, part: Part, start: Pos) -> Head {
        let sum = self.inherit(state, part);
        Head { n: 0, key: Key { part, n: 0, from: 0, hour: 0 }, from: start, sum, end: false }
    }

    fn inherit(&self, state: &State, part: Part) -> Option<Sum> {
        let parents = &self.partitions[usize::from(part)].parents;
        let mask = match self.rules.inherits {
            Inherits::ItsRange => self.range(part),
            Inherits::All => u32::MAX,
            Inherits::Nothing => 0,
        };
        parents.iter().try_fold(0, |sum, parent| Some(sum + (self.end_of(state, *parent).sum? & mask)))
    }

    /// The end of a partition's chain, as the store has it now.
    pub fn end_of(&self, state: &State, part: Part) -> Head {
        self.follow(state, self.first(state, part, state.store.root.unwrap_or(0)))
    }

    fn follow(&self, state: &State, mut head: Head) -> Head {
        while let Some((key, header)) = self.find(state, &head.key) {
            let behind = Self::behind(state, &key, &header);
            if behind.key == head.key {
                break;
            }
            head = behind;
        }
        head
    }

    pub fn find(&self, state: &State, key: &Key) -> Option<(Key, Header)> {
        let alike = |other: &&Key| (other.part, other.n, other.from) == (key.part, key.n, key.from);
        let at = match self.rules.key {
            KeyFrom::Clock => state.store.epochs.keys().find(alike)?,
            KeyFrom::Chain | KeyFrom::FromAlone => key,
        };
        state.store.epochs.get(at).map(|header| (*at, *header))
    }

    fn behind(state: &State, key: &Key, header: &Header) -> Head {
        let sum = match header.state {
            Kept::Inline(sum) => Some(sum),
            Kept::Object(key) => state.store.states.get(&key).copied(),
        };
        Head { n: key.n + 1, key: header.next, from: header.to, sum, end: header.end }
    }

    /// Whether there is anything left to do for a partition.
    pub fn has_more(&self, state: &State, part: Part) -> bool {
        self.leaves_more(&self.end_of(state, part))
    }

    fn leaves_more(&self, head: &Head) -> bool {
        let partition = &self.partitions[usize::from(head.key.part)];
        !head.end && (partition.closed || head.from < partition.len)
    }

    pub fn may_begin(&self, state: &State, part: Part) -> bool {
        let parents = &self.partitions[usize::from(part)].parents;
        let ended = |parent: &Part| {
            self.end_of(state, *parent).end || (self.rules.gone == Gone::TakenForEnded && self.is_gone(state, *parent))
        };
        match self.rules.child {
            Child::AfterAllEndMarks => parents.iter().all(ended),
            Child::AfterOneEndMark => parents.is_empty() || parents.iter().any(ended),
            Child::AtOnce => true,
        }
    }

    fn compute(&self, state: &State, worker: usize, head: &Head, to: Pos, end: bool) -> Attempt {
        let part = head.key.part;
        let partition = &self.partitions[usize::from(part)];
        let trimmed = state.trimmed[usize::from(part)];
        let counted = bits(head.from.max(trimmed), to);
        let gap = match self.rules.gap {
            Gap::WhenRecordsWereTrimmed => trimmed > head.from,
            Gap::Never => false,
            Gap::WhenThePositionIsGone => trimmed >= head.from && trimmed > 0,
        };
        let counts = |position: &Pos| counted & (1 << (position - 1)) != 0;
        let records = (1..=partition.len).filter(counts).map(|position| self.place(part, position));
        let sum = match self.state {
            Stateful::No => 0,
            Stateful::Inline | Stateful::Object => head.sum.unwrap_or(0) + records.sum::<Sum>(),
        };
        let mut key = head.key;
        if self.rules.key == KeyFrom::Clock {
            key.hour = state.hour;
        }
        let n = if self.rules.key == KeyFrom::FromAlone { 0 } else { head.n + 1 };
        let next = Key { part, n, from: to, hour: key.hour.max(state.hour) };
        let nonce = state.fresh();
        let letters = counted & partition.poison;
        let dead_nonce = (self.rules.dead != Dead::WithoutNonce).then_some(nonce);
        let dead = DeadKey { part, n: head.n, from: head.from, nonce: dead_nonce };
        let named = letters != 0;
        let kept = match self.state {
            Stateful::Object => {
                let hash = (self.rules.state != StateRule::WithoutHash).then_some(sum);
                Kept::Object(StateKey { part, n: head.n, hash })
            }
            Stateful::No | Stateful::Inline => Kept::Inline(sum),
        };
        let header = Header {
            from: head.from,
            to,
            gap: gap.then_some(trimmed),
            counted,
            next,
            nonce,
            by: state.workers[worker].name,
            state: kept,
            dead: named.then_some(dead),
            end,
        };
        let mut todo = vec![Step::Epoch];
        if named {
            todo.insert(if self.rules.dead == Dead::AfterTheCommit { 1 } else { 0 }, Step::Dead);
        }
        if self.state == Stateful::Object {
            let at = todo.iter().position(|step| *step == Step::Epoch).unwrap();
            todo.insert(if self.rules.state == StateRule::AfterTheCommit { at + 1 } else { at }, Step::State);
        }
        Attempt { key, header, letters, sum, todo }
    }

    fn heartbeat(state: &mut State, attempt: &Attempt) {
        let Header { from, to, end, .. } = attempt.header;
        if from == to && !end {
            state.left.empties -= 1;
        }
    }

    fn put(&self, state: &mut State, at: usize) {
        let attempt = state.workers[at].attempt.clone().unwrap();
        match attempt.todo[0] {
            Step::Dead => {
                let key = attempt.header.dead.unwrap();
                state.store.dead.entry(key).or_insert(attempt.letters);
                self.done(state, at, attempt.header);
            }
            Step::State => {
                if let Kept::Object(key) = attempt.header.state {
                    state.store.states.insert(key, attempt.sum);
                }
                self.done(state, at, attempt.header);
            }
            Step::Epoch if self.arrive(state, &attempt) => self.done(state, at, attempt.header),
            Step::Epoch => self.exists(state, at, &attempt),
        }
    }

    /// A put gets to the store; whether it made the object.
    fn arrive(&self, state: &mut State, attempt: &Attempt) -> bool {
        if self.rules.put == Put::OnlyIfAbsent && state.store.epochs.contains_key(&attempt.key) {
            return false;
        }
        let Header { from, to, gap, end, .. } = attempt.header;
        for position in from..to {
            let ever = &mut state.ever[usize::from(attempt.key.part)];
            // Two times are as bad as three.
            if *ever >> (2 * position) & 3 < 2 {
                *ever += 1 << (2 * position);
            }
        }
        if from == to {
            self.saw("an empty epoch is committed");
        }
        if gap.is_some() {
            self.saw("a gap is committed");
        }
        if end {
            self.saw("an end mark is committed");
        }
        if attempt.header.next.hour > attempt.key.hour {
            self.saw("a key goes on to the next hour");
        }
        state.store.epochs.insert(attempt.key, attempt.header);
        true
    }

    /// The key of the epoch is taken.
    fn exists(&self, state: &mut State, at: usize, attempt: &Attempt) {
        let winner = state.store.epochs[&attempt.key];
        let mine = match self.rules.exists {
            Exists::ByNonce => winner.nonce == attempt.header.nonce,
            Exists::ByName => winner.by == attempt.header.by,
            Exists::NeverMine => false,
        };
        if mine {
            self.saw("an own put is recognised");
            let header = if self.rules.exists == Exists::ByName { attempt.header } else { winner };
            return self.done(state, at, header);
        }
        self.saw("an epoch is lost to another");
        let own = attempt.leads_to();
        let theirs = Self::behind(state, &attempt.key, &winner);
        let worker = &mut state.workers[at];
        worker.head = Some(match self.rules.loser {
            Loser::AdoptsAll => theirs,
            Loser::KeepsItsTo => own,
            Loser::KeepsItsState => Head { sum: own.sum, ..theirs },
        });
        worker.attempt = None;
        let ahead = worker.ahead.take();
        if ahead.is_some() {
            self.saw("what was computed ahead is thrown away");
        }
        if self.rules.ahead == Ahead::KeptWhenLost {
            worker.attempt = ahead;
        }
        self.settle(state, at);
    }

    /// A put had no answer.
    fn unknown(&self, state: &mut State, at: usize) {
        if self.rules.unknown == Unknown::TakesItForCommitted {
            let header = state.workers[at].attempt.as_ref().unwrap().header;
            self.done(state, at, header);
        }
    }

    /// The first thing to put is there; behind the last one, the next epoch begins.
    fn done(&self, state: &mut State, at: usize, header: Header) {
        let attempt = state.workers[at].attempt.as_mut().unwrap();
        attempt.header = header;
        attempt.todo.remove(0);
        if !attempt.todo.is_empty() {
            return;
        }
        let head = attempt.leads_to();
        let worker = &mut state.workers[at];
        worker.head = Some(head);
        worker.attempt = worker.ahead.take();
        self.settle(state, at);
    }

    /// A worker that is done with a partition looks for another.
    fn settle(&self, state: &mut State, at: usize) {
        let worker = &state.workers[at];
        let over = |head: &Head| worker.attempt.is_none() && !self.leaves_more(head);
        if worker.head.as_ref().is_some_and(over) {
            state.workers[at].head = None;
        }
    }

    fn compact(&self, state: &mut State, key: Key) {
        self.saw("an epoch is overwritten in place");
        state.left.compactions -= 1;
        match self.rules.compaction {
            // The model has no more of an object than its header.
            Compaction::KeepsTheHeader => {}
            Compaction::MakesAHeader => {
                let (nonce, hour) = (state.fresh(), state.hour);
                if let Some(header) = state.store.epochs.get_mut(&key) {
                    header.nonce = nonce;
                    header.next.hour = header.next.hour.max(hour);
                }
            }
            Compaction::Deletes => Self::delete(state, key),
        }
    }

    fn delete(state: &mut State, key: Key) {
        if let Some(header) = state.store.epochs.remove(&key) {
            state.deleted.insert(key, header);
        }
    }
}
