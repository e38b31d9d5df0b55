//! What may happen in a [`World`], step by step.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::Ordering;

use stateright::{Model, Property};

use crate::rules::{self, Rules};
use crate::state::{Faults, Head, Key, Opened, Part, Pos, State, Step, Store, Worker};
use crate::truth;
use crate::world::World;

/// One step; a worker is its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Looks for the root.
    Open(usize),
    /// Puts the root.
    PutRoot(usize),
    /// Follows a partition's chain to its end.
    Walk(usize, Part),
    /// Reads and computes the next epoch, up to here; `end` if it is to have the end mark.
    Compute {
        worker: usize,
        to: Pos,
        end: bool,
    },
    /// The same for the one behind it, while that is being put.
    ComputeAhead {
        worker: usize,
        to: Pos,
        end: bool,
    },
    /// Puts what is next for the attempt, and hears what came of it.
    Put(usize),
    /// The epoch is put, and the answer lost.
    PutAnswerLost(usize),
    /// The put is under way, and the worker hears nothing.
    PutLate(usize),
    /// Puts the epoch that was computed ahead, before the one before it is confirmed.
    PutAhead(usize),
    /// A put arrives that nobody waits for.
    Arrives(usize),
    Crash(usize),
    /// Crashes while its put is under way.
    CrashPutting(usize),
    /// Writes the hint, from an epoch that it is about to commit.
    WriteHint(usize),
    LoseHint(Part),
    Compact(Key),
    /// A bucket's expiry takes the first epoch.
    Expire(Part),
    HourPasses,
    Trim(Part),
    RecordArrives(Part),
}

/// How many steps a worker may take to finish by itself.
const SOLO: usize = 200;

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let workers = (0..self.workers).map(|name| self.fresh_worker(if self.names() { name } else { 0 }));
        let all = |position: fn(&Self, Pos) -> Pos| {
            self.partitions.iter().map(|partition| position(self, partition.len)).collect::<Vec<_>>()
        };
        vec![State {
            store: Store { root: (!self.latest).then_some(0), ..Store::default() },
            workers: workers.collect(),
            late: Vec::new(),
            hour: 0,
            tips: all(|world, len| if world.latest { 0 } else { len }),
            trimmed: all(|_, _| 0),
            left: self.faults,
            deleted: [].into(),
            ever: self.partitions.iter().map(|_| 0).collect(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for at in 0..state.workers.len() {
            // Workers in the same state do the same.
            if at == 0 || self.names() || state.workers[at] != state.workers[at - 1] {
                self.worker_actions(state, at, actions);
            }
        }
        let left = &state.left;
        actions.extend((0..state.late.len()).map(Action::Arrives));
        if left.hours > 0 {
            actions.push(Action::HourPasses);
        }
        for part in 0..self.parts() {
            let at = usize::from(part);
            if left.hint_losses > 0 && state.store.hints.contains_key(&part) {
                actions.push(Action::LoseHint(part));
            }
            if left.trims > 0 && state.trimmed[at] < state.tips[at] {
                actions.push(Action::Trim(part));
            }
            if state.tips[at] < self.partitions[at].len {
                actions.push(Action::RecordArrives(part));
            }
            if left.expiries > 0 && self.may_expire(state, part) {
                actions.push(Action::Expire(part));
            }
        }
        if left.compactions > 0 {
            actions.extend(state.store.epochs.keys().copied().map(Action::Compact));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.step(&mut next, action);
        self.tidy(&mut next);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        /// Only the first failure counts: it is at the end of a shortest way.
        fn holds(world: &World, state: &State, invariant: fn(&World, &State) -> bool) -> bool {
            if world.broken.load(Ordering::Relaxed) || invariant(world, state) {
                return true;
            }
            world.broken.store(true, Ordering::Relaxed);
            false
        }
        vec![
            Property::always("once", |world, state| holds(world, state, truth::once)),
            Property::always("no fork", |world, state| holds(world, state, truth::no_fork)),
            Property::always("state", |world, state| holds(world, state, truth::state)),
            Property::always("dead letters", |world, state| holds(world, state, truth::dead_letters)),
            Property::always("gaps", |world, state| holds(world, state, truth::gaps)),
            Property::always("family", |world, state| holds(world, state, truth::family)),
            Property::always("progress", |world, state| holds(world, state, Self::each_worker_finishes)),
            Property::sometimes("finished", truth::finished),
        ]
    }
}

impl World {
    pub fn with(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    pub fn parts(&self) -> Part {
        u8::try_from(self.partitions.len()).unwrap()
    }

    /// Whether workers have names; otherwise those in the same state cannot be told apart.
    pub fn names(&self) -> bool {
        self.rules.exists == rules::Exists::ByName
    }

    pub fn fresh_worker(&self, name: u8) -> Worker {
        let opened = if self.latest { Opened::No } else { Opened::Begins(0) };
        Worker { name, opened, head: None, attempt: None, ahead: None, refused: false }
    }

    fn worker_actions(&self, state: &State, at: usize, actions: &mut Vec<Action>) {
        let worker = &state.workers[at];
        let left = &state.left;
        if worker.refused {
            return;
        }
        if left.crashes > 0 && *worker != self.fresh_worker(worker.name) {
            actions.push(Action::Crash(at));
        }
        match worker.opened {
            Opened::No => return actions.push(Action::Open(at)),
            Opened::Would(_) => return actions.push(Action::PutRoot(at)),
            Opened::Begins(_) => {}
        }
        let Some(head) = &worker.head else {
            let ready = |part: &Part| self.has_more(state, *part) && self.may_begin(state, *part);
            return actions.extend((0..self.parts()).filter(ready).map(|part| Action::Walk(at, part)));
        };
        let Some(attempt) = &worker.attempt else {
            let choices = self.choices(state, head).into_iter();
            return actions.extend(choices.map(|(to, end)| Action::Compute { worker: at, to, end }));
        };
        actions.push(Action::Put(at));
        if attempt.todo.first() == Some(&Step::Epoch) {
            if left.lost_answers > 0 {
                actions.push(Action::PutAnswerLost(at));
            }
            if left.late_puts > 0 {
                actions.push(Action::PutLate(at));
                if left.crashes > 0 {
                    actions.push(Action::CrashPutting(at));
                }
            }
            if left.hints > 0 {
                actions.push(Action::WriteHint(at));
            }
        }
        if self.pipelined && !attempt.header.end {
            match &worker.ahead {
                None => {
                    let choices = self.choices(state, &attempt.leads_to()).into_iter();
                    actions.extend(choices.map(|(to, end)| Action::ComputeAhead { worker: at, to, end }));
                }
                Some(_) if self.rules.ahead == rules::Ahead::SentEarly => actions.push(Action::PutAhead(at)),
                Some(_) => {}
            }
        }
    }

    /// Up to where the next epoch may go, and whether it ends the partition.
    fn choices(&self, state: &State, head: &Head) -> Vec<(Pos, bool)> {
        let part = usize::from(head.key.part);
        let partition = &self.partitions[part];
        let mut choices = Vec::new();
        if head.sum.is_none() {
            return choices;
        }
        if self.is_gone(state, head.key.part) && self.rules.gone == rules::Gone::WaitedFor {
            return choices;
        }
        let oldest = head.from.max(state.trimmed[part]);
        for to in oldest..=state.tips[part].min(oldest.saturating_add(self.longest)) {
            let closes = partition.closed
                && match self.rules.end {
                    rules::End::BehindItsLastRecord => to == partition.len,
                    rules::End::WhenSeenClosed => true,
                };
            if closes {
                choices.push((to, true));
            }
            // Without records, only a gap or a heartbeat makes one. What is gone is at its end.
            let worth = to > head.from || state.left.empties > 0;
            if worth && !(closes && self.is_gone(state, head.key.part)) {
                choices.push((to, false));
            }
        }
        choices
    }

    /// Expiry is slower than any put: it takes nothing that a worker still has to do with.
    fn may_expire(&self, state: &State, part: Part) -> bool {
        let about = |key: &Key| key.part == part && key.n <= 1;
        let idle = |worker: &Worker| {
            worker.head.is_none_or(|head| !about(&head.key))
                && worker.attempt.as_ref().is_none_or(|attempt| !about(&attempt.key))
        };
        state.store.epochs.keys().any(|key| key.part == part && key.n == 0)
            && state.workers.iter().all(idle)
            && !state.late.iter().any(|attempt| about(&attempt.key))
    }

    /// Whether a partition is listed no more: closed, and all of it trimmed.
    pub fn is_gone(&self, state: &State, part: Part) -> bool {
        let partition = &self.partitions[usize::from(part)];
        partition.closed && state.trimmed[usize::from(part)] == partition.len
    }

    /// Drops what can have no effect any more, and gives states that are alike one form.
    pub fn tidy(&self, state: &mut State) {
        let kept = self.faults.expiries == 0 && self.rules.compaction != rules::Compaction::Deletes;
        if kept && self.rules.put == rules::Put::OnlyIfAbsent {
            let before = state.late.len();
            state.late.retain(|attempt| !state.store.epochs.contains_key(&attempt.key));
            if state.late.len() < before {
                self.saw("a late put finds its key taken");
            }
        }
        let State { store, workers, late, .. } = state;
        let attempts = || workers.iter().flat_map(|worker| worker.attempt.iter().chain(&worker.ahead)).chain(&*late);
        let headers = || store.epochs.values().chain(attempts().map(|attempt| &attempt.header));
        if self.rules.dead == rules::Dead::FirstAndNamed {
            store.dead = store
                .dead
                .iter()
                .filter(|(key, _)| headers().any(|header| header.dead == Some(**key)))
                .map(|(key, letters)| (*key, *letters))
                .collect();
        }
        if self.rules.state == rules::StateRule::FirstByHash {
            let named = |key| headers().any(|header| header.state == crate::state::Kept::Object(key));
            store.states = store.states.iter().filter(|(key, _)| named(**key)).map(|(key, sum)| (*key, *sum)).collect();
        }
        state.renumber();
        if !self.names() {
            state.workers.sort();
            state.renumber();
        }
    }

    /// While one worker lives, it finishes by itself: from every state, for every worker. Whatever may still happen to
    /// it leads to another state, from which it finishes as well.
    fn each_worker_finishes(&self, state: &State) -> bool {
        if !self.progress {
            return true;
        }
        let mut state = state.clone();
        state.left = Faults::default();
        (0..state.workers.len()).all(|at| {
            let mut alone = state.clone();
            // It is alone: the others are as if they had never been.
            let worker = alone.workers.swap_remove(at);
            alone.workers = vec![worker];
            alone.late.clear();
            self.finishes_alone(alone)
        })
    }

    fn finishes_alone(&self, mut state: State) -> bool {
        let mut way = Vec::new();
        for _ in 0..SOLO {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            let hash = hasher.finish();
            if self.finishes.lock().unwrap().contains(&hash)
                || truth::finished(self, &state)
                || (self.faults.expiries > 0 && state.workers[0].refused)
            {
                self.finishes.lock().unwrap().extend(way);
                return true;
            }
            way.push(hash);
            let Some(action) = self.alone(&state) else { return false };
            self.step(&mut state, action);
            state.renumber();
        }
        false
    }

    /// What a worker does that has the world for itself: as much as it can.
    fn alone(&self, state: &State) -> Option<Action> {
        let mut actions = Vec::new();
        self.worker_actions(state, 0, &mut actions);
        actions.into_iter().rev().max_by_key(|action| match action {
            Action::Put(_) => (3, 0, false),
            Action::Compute { to, end, .. } => (2, *to, *end),
            Action::Open(_) | Action::PutRoot(_) | Action::Walk(..) => (1, 0, false),
            _ => (0, 0, false),
        })
    }
}
