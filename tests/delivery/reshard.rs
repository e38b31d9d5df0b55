//! The state over any splits and merges, read at any time: the figures are those of the plain list.

use std::collections::BTreeMap;

use anabranch::Partition;
use anabranch::epoch::Inherited;
use anabranch::source::KeyRange;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::board::Board;
use crate::model::{Event, Rules};
use crate::state::Deliveries;
use crate::workload::{Events, Workload};
use crate::{are_same, batch, workload};

/// A shard that is open, and whether its state was ever committed.
struct Shard {
    name: Partition,
    keys: KeyRange,
    state: Deliveries,
    epoch: u64,
    changed: bool,
}

/// A stream whose shards split and merge, and a reader of what they commit.
struct Stream {
    rules: Rules,
    open: Vec<Shard>,
    made: u32,
    board: Board,
}

impl Stream {
    fn new(rules: Rules) -> Self {
        let mut stream = Self { rules, open: Vec::new(), made: 0, board: Board::new(rules) };
        stream.begin(KeyRange { first: 0, last: u128::MAX }, Deliveries::default());
        stream
    }

    fn begin(&mut self, keys: KeyRange, state: Deliveries) {
        let name = Partition::new(format!("shard {}", self.made));
        self.made += 1;
        self.open.push(Shard { name, keys, state, epoch: 0, changed: false });
        self.open.sort_by_key(|shard| shard.keys.first);
    }

    fn put(&mut self, event: &Event) {
        let key = event.order.to_string();
        let shard = self.open.iter_mut().find(|shard| shard.keys.contains_key(&key)).unwrap();
        shard.state.take(event, &self.rules);
        shard.changed = true;
    }

    fn commit(&mut self, at: usize) {
        let shard = &mut self.open[at];
        if std::mem::take(&mut shard.changed) {
            self.board.update(shard.name.clone(), shard.epoch, false, stored(&shard.state));
            shard.epoch += 1;
        }
    }

    /// Closes shards; what a parent that closes has is what it has committed with its end.
    fn close(&mut self, shards: std::ops::Range<usize>) -> (Vec<Inherited<Deliveries>>, KeyRange) {
        let closed: Vec<_> = self.open.drain(shards).collect();
        let keys = KeyRange { first: closed[0].keys.first, last: closed.last().unwrap().keys.last };
        let mut parents = Vec::new();
        for shard in closed {
            self.board.update(shard.name.clone(), shard.epoch, true, stored(&shard.state));
            parents.push(Inherited { partition: shard.name, state: stored(&shard.state) });
        }
        (parents, keys)
    }

    fn split(&mut self, at: usize, dice: &mut StdRng) {
        let (parents, KeyRange { first, last }) = self.close(at..at + 1);
        let middle = dice.random_range(first..last);
        for keys in [KeyRange { first, last: middle }, KeyRange { first: middle + 1, last }] {
            self.begin(keys, Deliveries::inherit(parents.clone(), Some(keys)));
        }
    }

    fn merge(&mut self, at: usize) {
        let (parents, keys) = self.close(at..at + 2);
        self.begin(keys, Deliveries::inherit(parents, Some(keys)));
    }
}

/// As it comes back from a store.
fn stored(state: &Deliveries) -> Deliveries {
    let back = serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap();
    assert_eq!(state, &back);
    back
}

/// Lets events of different orders change places, those of an order not.
fn disturb(events: &mut [Event], rules: &Rules, dice: &mut StdRng) {
    for piece in events.chunks_mut(12) {
        if piece.last().unwrap().sent - piece[0].sent < rules.disorder {
            let mut orders = BTreeMap::<_, Vec<Event>>::new();
            piece.iter().for_each(|event| orders.entry(event.order).or_default().push(event.clone()));
            let mut turns: Vec<_> = piece.iter().map(|event| event.order).collect();
            turns.shuffle(dice);
            for (place, order) in piece.iter_mut().zip(turns) {
                *place = orders.get_mut(&order).unwrap().remove(0);
            }
        }
    }
}

fn check(workload: &Workload) {
    println!("{workload:?}");
    let mut dice = StdRng::seed_from_u64(workload.seed);
    let (mut events, rules) = (workload.make().unwrap(), workload.rules());
    disturb(&mut events, &rules, &mut dice);
    let mut stream = Stream::new(rules);
    for (n, event) in events.iter().enumerate() {
        stream.put(event);
        let shards = stream.open.len();
        match dice.random_range(0..600) {
            0 => stream.split(dice.random_range(0..shards), &mut dice),
            1 if shards > 1 => stream.merge(dice.random_range(0..shards - 1)),
            2..8 => stream.commit(dice.random_range(0..shards)),
            8..10 => {
                (0..shards).for_each(|shard| stream.commit(shard));
                are_same(&stream.board.figures(), &batch::figures(&events[..=n], &rules));
            }
            _ => {}
        }
    }
    (0..stream.open.len()).for_each(|shard| stream.commit(shard));
    let figures = stream.board.figures();
    are_same(&figures, &batch::figures(&events, &rules));
    let all = figures.all;
    assert!([all.late, all.repeated, all.refused, all.never_created, all.never_assigned].iter().all(|n| *n > 0));
    assert!(stream.made > 4 && all.open > 0 && all.never_completed > 0 && all.crowded_out == 0);
}

#[test]
fn made_up_orders() {
    for _ in 0..8 {
        check(&workload(rand::random()));
    }
}

#[test]
fn flights() {
    check(&Workload { events: Events::Flights, orders: Some(4_000), ..workload(rand::random()) });
}

#[test]
fn a_seed_gives_the_same_events_and_another_seed_others() {
    let events = |seed| workload(seed).make().unwrap();
    assert_eq!(events(1), events(1));
    assert_ne!(events(1), events(2));
    assert!(events(1).is_sorted_by_key(|event| event.sent));
}

#[test]
fn a_child_refuses_what_its_parent_would_have_refused() {
    let workload = workload(3);
    let (events, rules) = (workload.make().unwrap(), workload.rules());
    let mut stream = Stream::new(rules);
    events.iter().for_each(|event| stream.put(event));
    stream.split(0, &mut StdRng::seed_from_u64(3));
    stream.put(&events[0]);
    (0..2).for_each(|shard| stream.commit(shard));
    // The first event, once more, a day behind the last: there is nothing left by which it could be known again.
    let before = batch::figures(&events, &rules);
    let after = stream.board.figures();
    assert_eq!((after.all.refused, after.all.created), (before.all.refused + 1, before.all.created));
}
