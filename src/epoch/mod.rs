//! Epochs, the ledger, commit and resume: results in an object store that count every record exactly once.
//!
//! An epoch is a piece of one partition: the records behind one position up to another. The user's closure runs on it
//! and ends with it. What it gives, and a header that says which records it is the result of, is written as one object,
//! if there is none under its key; that write is the commit. Each header names the key of the next epoch, so the chain
//! itself says where to go on after a stop, a crash or a lost race, and no position is kept anywhere else.
//!
//! The result is the sum over all objects: each position lies in exactly one epoch.

mod audit;
mod beat;
mod budget;
mod chains;
mod clock;
mod committed;
mod course;
mod dead;
mod every;
mod expire;
mod format;
mod gap;
mod header;
mod hint;
mod horizon;
mod import;
mod keys;
mod leased;
mod ledger;
mod objects;
mod open_groups;
mod partition;
mod pipeline;
mod progress;
mod records;
mod redrive;
mod retry;
mod saved;
mod state;
mod stats;
mod summary;
mod verify;

pub use self::audit::{Finding, Verdict};
pub use self::chains::Flaw;
pub use self::committed::{Epoch, committed, dead_letters, headers, root};
pub use self::dead::{DeadLetter, DeadLetters, DeadLine};
pub use self::every::Every;
pub use self::expire::{Expire, Expired};
pub use self::format::Format;
pub use self::header::{ChainEnd, Dead, Gap, Header, Imported, Root};
pub use self::horizon::AtGaps;
pub use self::ledger::Ledger;
pub use self::open_groups::{GroupsIn, OpenGroups, carry_groups};
pub use self::pipeline::{Epochs, Pipeline, SourceExt};
pub use self::records::EpochRecords;
pub use self::saved::{SavedState, StateAt};
pub use self::state::{Carry, Inherited, State, saved_state};
pub use self::stats::{LeaseStats, Report, Stats};
pub use self::summary::{Summary, summary};
pub use self::verify::Verify;
