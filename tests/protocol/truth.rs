//! The invariants: what has to hold in every state, whatever happened before.

use crate::rules::Dead;
use crate::state::{Header, Kept, Key, Part, Pos, State, Sum};
use crate::world::{Stateful, World, bits};

/// The epochs of a partition's chain, from its first one on; deleted ones too, which once were there.
fn chain(world: &World, state: &State, part: Part) -> Vec<(Key, Header)> {
    let mut epochs = Vec::new();
    let mut next = Key { part, n: 0, from: 0, hour: 0 };
    let once = |key: &Key| state.deleted.get(key).map(|header| (*key, *header));
    while let Some((key, header)) = world.find(state, &next).or_else(|| once(&next)) {
        epochs.push((key, header));
        if header.next == key {
            break;
        }
        next = header.next;
    }
    epochs
}

/// No position was ever put into two ranges.
pub fn once(world: &World, state: &State) -> bool {
    let twice = |part: usize| (0..world.partitions[part].len).any(|at| state.ever[part] >> (2 * at) & 3 > 1);
    !(0..state.ever.len()).any(twice)
}

/// Every epoch is in a chain, and every chain goes on where it left off, from the root's start to at most one end mark.
pub fn no_fork(world: &World, state: &State) -> bool {
    let start = state.store.root.unwrap_or(0);
    let mut linked = 0;
    for part in 0..world.parts() {
        let mut from = start;
        let mut ended = false;
        for (_, header) in chain(world, state, part) {
            if header.from != from || header.to < from || ended {
                return false;
            }
            (from, ended) = (header.to, header.end);
            linked += 1;
        }
        if ended && from != world.partitions[usize::from(part)].len {
            return false;
        }
    }
    let deleted = state.deleted.keys().filter(|key| !state.store.epochs.contains_key(key)).count();
    linked == state.store.epochs.len() + deleted
}

/// The state of every epoch is there, and is that of all that its chain and its ancestors' chains counted.
pub fn state(world: &World, state: &State) -> bool {
    if world.state == Stateful::No {
        return true;
    }
    (0..world.parts()).all(|part| {
        let mut sum = inherited(world, state, part);
        chain(world, state, part).iter().all(|(_, header)| {
            sum += counted(world, part, header);
            let kept = match header.state {
                Kept::Inline(kept) => Some(kept),
                Kept::Object(key) => state.store.states.get(&key).copied(),
            };
            kept == Some(sum)
        })
    })
}

fn inherited(world: &World, state: &State, part: Part) -> Sum {
    let parents = &world.partitions[usize::from(part)].parents;
    let whole = |parent: &Part| {
        let own: Sum = chain(world, state, *parent).iter().map(|(_, header)| counted(world, *parent, header)).sum();
        inherited(world, state, *parent) + own
    };
    parents.iter().map(whole).sum::<Sum>() & world.range(part)
}

fn counted(world: &World, part: Part, header: &Header) -> Sum {
    let positions = 1..=world.partitions[usize::from(part)].len;
    positions.filter(|at| header.counted & (1 << (at - 1)) != 0).map(|at| world.place(part, at)).sum()
}

/// A reader of dead letters finds those of the committed epochs, all of them and no others.
pub fn dead_letters(world: &World, state: &State) -> bool {
    if world.rules.dead == Dead::Unnamed {
        // What is under way may be there early; but no letter is ever there twice.
        return (0..world.parts()).all(|part| {
            let all = || state.store.dead.iter().filter(|(key, _)| key.part == part).map(|(_, letters)| *letters);
            (0..8).all(|at| all().filter(|letters| letters & (1 << at) != 0).count() <= 1)
        });
    }
    state.store.epochs.iter().all(|(key, header)| {
        let due = header.counted & world.partitions[usize::from(key.part)].poison;
        let found = header.dead.map(|dead| state.store.dead.get(&dead).copied());
        found == (due != 0).then_some(Some(due))
    })
}

/// An epoch counts all of its range but the gap that it declares, and a gap was indeed trimmed.
pub fn gaps(_: &World, state: &State) -> bool {
    state.store.epochs.iter().all(|(key, header)| {
        let trimmed = bits(0, state.trimmed[usize::from(key.part)]);
        let lost = header.gap.map_or(0, |gap| bits(header.from, gap));
        let declared = header.gap.is_none() || lost != 0;
        declared && lost & !trimmed == 0 && header.counted == bits(header.from, header.to) & !lost
    })
}

/// No partition has an epoch before all of its parents have their end marks.
pub fn family(world: &World, state: &State) -> bool {
    let ended = |part: &Part| chain(world, state, *part).last().is_some_and(|(_, header)| header.end);
    let begun = |part: Part| state.store.epochs.keys().any(|key| key.part == part);
    (0..world.parts()).all(|part| !begun(part) || world.partitions[usize::from(part)].parents.iter().all(ended))
}

/// Every position behind the root's start is in a range, and what is closed has its end mark.
pub fn finished(world: &World, state: &State) -> bool {
    let Some(start) = state.store.root else { return false };
    (0..world.parts()).zip(&world.partitions).all(|(part, partition)| {
        let ever = |at: Pos| state.ever[usize::from(part)] >> (2 * at) & 3;
        (start..state.tips[usize::from(part)]).all(|at| ever(at) == 1)
            && (!partition.closed || chain(world, state, part).last().is_some_and(|(_, header)| header.end))
    })
}
