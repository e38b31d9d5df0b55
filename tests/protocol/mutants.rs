//! The protocol without one of its rules, each in the world where that shows.

use crate::rules::{
    Ahead, Child, Compaction, Dead, End, Exists, Gap, Gone, Hint, Inherits, KeyFrom, Loser, Put, Root, Rules,
    StateRule, Unknown,
};
use crate::scenes::{self, Size};
use crate::world::World;

pub struct Mutant {
    pub name: &'static str,
    pub world: fn(Size) -> World,
    pub rules: Rules,
    /// The invariant that it breaks first, and after how many steps.
    pub breaks: &'static str,
    pub steps: usize,
}

macro_rules! mutants {
    ($($name:literal, $world:ident, $rule:ident: $value:expr => $breaks:literal, $steps:literal;)*) => {
        pub fn all() -> Vec<Mutant> {
            vec![$(Mutant {
                name: $name,
                world: scenes::$world,
                rules: Rules { $rule: $value, ..Rules::default() },
                breaks: $breaks,
                steps: $steps,
            }),*]
        }
    };
}

mutants! {
    "an epoch is put without the condition", chain, put: Put::Always => "once", 4;
    "writers are compared by name", chain, exists: Exists::ByName => "no fork", 9;
    "keys from `from` alone", chain, key: KeyFrom::FromAlone => "progress", 2;
    "keys by the writer's clock", keys, key: KeyFrom::Clock => "once", 7;
    "the loser goes on from its own `to`", chain, loser: Loser::KeepsItsTo => "no fork", 8;
    "no answer is taken for success", chain, unknown: Unknown::TakesItForCommitted => "no fork", 5;
    "an epoch's object is deleted", keys, compaction: Compaction::Deletes => "once", 6;
    "compaction writes a header of its own", keys, compaction: Compaction::MakesAHeader => "no fork", 7;
    "n+1 is sent before n is confirmed", pipeline, ahead: Ahead::SentEarly => "no fork", 4;
    "n+1 is kept when n is lost", pipeline, ahead: Ahead::KeptWhenLost => "no fork", 8;
    "a worker begins at its own start", root, root: Root::Own => "no fork", 8;
    "the hint is not verified", hint, hint: Hint::Trusted => "no fork", 6;
    "an old ledger without hint and first epoch is begun anew", expiry, hint: Hint::BeginsAnew => "once", 8;
    "readers take dead letters that no epoch names", dead, dead: Dead::Unnamed => "dead letters", 6;
    "dead letters are put after the commit", dead, dead: Dead::AfterTheCommit => "dead letters", 3;
    "dead letters of all attempts share a key", dead, dead: Dead::WithoutNonce => "dead letters", 9;
    "the state is put after the commit", state, state: StateRule::AfterTheCommit => "state", 3;
    "states of all attempts share a key", state, state: StateRule::WithoutHash => "state", 7;
    "the loser keeps its own state", state, loser: Loser::KeepsItsState => "state", 11;
    "a child begins before its parent's end mark", family, child: Child::AtOnce => "family", 3;
    "a child begins after one parent's end mark", family, child: Child::AfterOneEndMark => "family", 9;
    "a child inherits what is not in its range", family, inherits: Inherits::All => "state", 6;
    "a child inherits nothing", family, inherits: Inherits::Nothing => "state", 6;
    "the end mark comes when the shard is seen closed", family, end: End::WhenSeenClosed => "no fork", 3;
    "a parent that is gone is taken for ended", gaps, gone: Gone::TakenForEnded => "family", 5;
    "a parent that is gone is waited for", gaps, gone: Gone::WaitedFor => "progress", 2;
    "a gap is not declared", gaps, gap: Gap::Never => "gaps", 4;
    "a gap is declared when nothing was lost", gaps, gap: Gap::WhenThePositionIsGone => "gaps", 6;
}
