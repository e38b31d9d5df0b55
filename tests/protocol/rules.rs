//! [`Rules`]: what makes the protocol safe, each as a switch, so that a mutant is the protocol without one of them.

/// All rules. The default is the protocol; each other value of a field is a mistake that could be made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    pub put: Put,
    pub key: KeyFrom,
    pub exists: Exists,
    pub loser: Loser,
    pub unknown: Unknown,
    pub ahead: Ahead,
    pub compaction: Compaction,
    pub root: Root,
    pub hint: Hint,
    pub dead: Dead,
    pub state: StateRule,
    pub child: Child,
    pub inherits: Inherits,
    pub gone: Gone,
    pub end: End,
    pub gap: Gap,
}

/// How an epoch is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Put {
    #[default]
    OnlyIfAbsent,
    Always,
}

/// Where the key of an epoch comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyFrom {
    /// From the header before it.
    #[default]
    Chain,
    /// The number is left out: only `from` tells keys apart.
    FromAlone,
    /// The hour is that of the writer's clock when it writes.
    Clock,
}

/// How a writer that finds its key taken tells whether it is by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exists {
    #[default]
    ByNonce,
    /// By the writer's name, which outlives a crash.
    ByName,
    /// It never looks, and takes all for lost.
    NeverMine,
}

/// What a writer that has lost takes over from the winner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loser {
    #[default]
    AdoptsAll,
    KeepsItsTo,
    KeepsItsState,
}

/// What a writer makes of a put without an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    #[default]
    PutsAgain,
    TakesItForCommitted,
}

/// What becomes of the epoch that was computed ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ahead {
    #[default]
    WaitsForTheOneBefore,
    SentEarly,
    /// It waits, and goes on also when the one before was lost.
    KeptWhenLost,
}

/// What compaction, erasure and expiry do to an epoch's object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compaction {
    /// They overwrite it in place, with the same header.
    #[default]
    KeepsTheHeader,
    /// They overwrite it with a header of their own, which names the next key by their clock.
    MakesAHeader,
    Deletes,
}

/// By which start a worker goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Root {
    /// By that of the root that is there after it tried to put its own.
    #[default]
    ReadBack,
    Own,
}

/// What is done about the hint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// The epoch that it names is read, and has to have its nonce; without it and without the first epoch, an old ledger
    /// is refused.
    #[default]
    Verified,
    Trusted,
    /// Verified, but an old ledger without it and without its first epoch is begun anew.
    BeginsAnew,
}

/// How dead letters are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dead {
    #[default]
    FirstAndNamed,
    /// Readers take whatever lies under `_dead/`.
    Unnamed,
    AfterTheCommit,
    /// Their key has no nonce, so all attempts at an epoch share it.
    WithoutNonce,
}

/// How a state that is an object of its own is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateRule {
    #[default]
    FirstByHash,
    AfterTheCommit,
    /// Its key has no hash, so all attempts at an epoch share it.
    WithoutHash,
}

/// When a child is begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Child {
    #[default]
    AfterAllEndMarks,
    AfterOneEndMark,
    AtOnce,
}

/// What a child takes over of its parents' states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inherits {
    #[default]
    ItsRange,
    All,
    Nothing,
}

/// What a partition is that is listed no more and has no end mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gone {
    #[default]
    EndedByAGapEpoch,
    TakenForEnded,
    WaitedFor,
}

/// When a closed partition gets its end mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    #[default]
    BehindItsLastRecord,
    WhenSeenClosed,
}

/// When an epoch says that records before it were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gap {
    #[default]
    WhenRecordsWereTrimmed,
    Never,
    /// Also when it was only the last position that is gone, and nothing behind it.
    WhenThePositionIsGone,
}
