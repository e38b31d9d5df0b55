//! Operators that move a flow to a task, or serve several readers with one flow.

mod balance;
mod broadcast;
mod buffered;
mod chunk;
mod hub;
mod parallel;
mod publish;
mod replay;
mod ring;
#[allow(clippy::module_inception, reason = "the family is named after its best known operator")]
mod share;
mod share_from;
mod spawn;
mod task;
mod tee;
mod turns;

// The other names of a function stand here: the search of the pages does not see those in a private module.
pub use self::balance::Balance;
pub use self::broadcast::Broadcast;
pub use self::buffered::{Buffered, Change};
pub use self::parallel::{Parallel, Part};
pub use self::publish::Publish;
pub use self::replay::Replay;
pub use self::share::Share;
pub use self::share_from::ShareFrom;
#[doc(alias = "ref_count")]
#[doc(alias = "refCount")]
#[doc(alias = "shareIn")]
pub use self::share_from::share_from;
pub use self::spawn::Spawn;
pub(crate) use self::task::Task;
