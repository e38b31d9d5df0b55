//! The worlds that are explored: small ones with every test run, large ones on demand.

use crate::state::Faults;
use crate::world::{Partition, Stateful, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Small,
    Large,
}

/// How many faults of a kind: in the small world, in the large one.
impl Size {
    fn of(self, small: u8, large: u8) -> u8 {
        match self {
            Self::Small => small,
            Self::Large => large,
        }
    }
}

/// A world, its making, and what has to have been seen in it.
pub struct Scene {
    pub make: fn(Size) -> World,
    pub sees: &'static [&'static str],
}

pub const SCENES: &[Scene] = &[
    Scene {
        make: chain,
        sees: &[
            "a worker crashes",
            "an answer is lost",
            "an own put is recognised",
            "an epoch is lost to another",
            "a late put commits",
            "a late put finds its key taken",
            "an empty epoch is committed",
        ],
    },
    Scene {
        make: keys,
        sees: &[
            "a key goes on to the next hour",
            "an epoch is overwritten in place",
            "an epoch is lost to another",
            "a late put commits",
        ],
    },
    Scene {
        make: pipeline,
        sees: &[
            "an epoch is computed ahead",
            "what was computed ahead is thrown away",
            "an own put is recognised",
            "a late put commits",
        ],
    },
    Scene { make: root, sees: &["another root was first", "an epoch is lost to another"] },
    Scene { make: hint, sees: &["a hint is followed", "a hint is of no epoch", "an epoch is lost to another"] },
    Scene {
        make: expiry,
        sees: &["a hint is followed", "the first epoch expires", "an old ledger without its beginning is refused"],
    },
    Scene { make: dead, sees: &["a worker crashes", "an epoch is lost to another", "a late put commits"] },
    Scene { make: state, sees: &["a worker crashes", "an epoch is lost to another", "an epoch is computed ahead"] },
    Scene {
        make: family,
        sees: &["a worker crashes", "an end mark is committed", "a late put commits", "an empty epoch is committed"],
    },
    Scene { make: gaps, sees: &["a gap is committed", "an epoch is lost to another", "an end mark is committed"] },
];

/// One partition, and all that can happen to a put.
pub fn chain(size: Size) -> World {
    let faults = Faults { crashes: 2, lost_answers: size.of(1, 2), late_puts: 2, empties: 1, ..Faults::default() };
    let world = World::new("chain", vec![Partition::open(3)], faults);
    World { workers: size.of(2, 3), ..world }
}

/// Hours pass, and epochs are overwritten in place.
pub fn keys(size: Size) -> World {
    let faults = Faults {
        crashes: 1,
        lost_answers: size.of(0, 1),
        late_puts: 1,
        hours: size.of(1, 2),
        compactions: 1,
        ..Faults::default()
    };
    World::new("keys", vec![Partition::open(size.of(2, 3))], faults)
}

/// The next epoch is read and computed while one is put.
pub fn pipeline(size: Size) -> World {
    let faults =
        Faults { crashes: size.of(1, 2), lost_answers: 1, late_puts: size.of(1, 2), empties: 1, ..Faults::default() };
    World { pipelined: true, ..World::new("pipeline", vec![Partition::open(size.of(3, 4))], faults) }
}

/// Workers that begin a ledger at the newest record, while records arrive.
pub fn root(size: Size) -> World {
    let faults = Faults { crashes: size.of(1, 2), late_puts: size.of(1, 2), ..Faults::default() };
    World { latest: true, ..World::new("root", vec![Partition::open(size.of(4, 5))], faults) }
}

/// A hint that is written by whoever has an epoch in hand, committed or not, and is lost.
pub fn hint(size: Size) -> World {
    let faults = Faults {
        crashes: 2,
        lost_answers: size.of(0, 1),
        late_puts: size.of(1, 2),
        hints: size.of(2, 3),
        hint_losses: 1,
        ..Faults::default()
    };
    World { state: Stateful::Inline, ..World::new("hint", vec![Partition::open(3)], faults) }
}

/// A bucket's expiry takes the first epoch, against all advice.
pub fn expiry(size: Size) -> World {
    let faults =
        Faults { crashes: 2, late_puts: size.of(1, 2), hints: 2, hint_losses: 1, expiries: 1, ..Faults::default() };
    World { longest: 1, ..World::new("expiry", vec![Partition::open(size.of(3, 4))], faults) }
}

/// Records that cannot be used.
pub fn dead(size: Size) -> World {
    let faults = Faults { crashes: 2, lost_answers: 1, late_puts: 2, empties: size.of(0, 1), ..Faults::default() };
    let partition = Partition::open(3).poison(0b110);
    World { workers: size.of(2, 3), ..World::new("dead letters", vec![partition], faults) }
}

/// A state as an object of its own, with the next epoch computed ahead.
pub fn state(size: Size) -> World {
    let faults = Faults { crashes: size.of(1, 2), lost_answers: 1, late_puts: size.of(1, 2), ..Faults::default() };
    let world = World::new("state", vec![Partition::open(size.of(3, 4))], faults);
    World { state: Stateful::Object, pipelined: true, ..world }
}

/// A split and a merge, with a state that is inherited.
pub fn family(size: Size) -> World {
    let faults = Faults { crashes: size.of(1, 2), late_puts: size.of(1, 2), ..Faults::default() };
    let partitions = vec![
        Partition::closed(2),
        Partition::closed(1).of(&[0], 1),
        Partition::closed(1).of(&[0], 2),
        Partition::open(1).of(&[1, 2], 3),
    ];
    World { state: Stateful::Inline, ..World::new("family", partitions, faults) }
}

/// Records that are trimmed before they are read, up to a parent that is gone.
pub fn gaps(size: Size) -> World {
    let faults = Faults {
        crashes: 1,
        late_puts: size.of(1, 2),
        trims: size.of(2, 3),
        empties: size.of(0, 1),
        ..Faults::default()
    };
    let partitions = vec![Partition::closed(2), Partition::open(size.of(1, 2)).of(&[0], 3)];
    World { state: Stateful::Inline, ..World::new("gaps", partitions, faults) }
}
