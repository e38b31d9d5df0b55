//! Operators that move a flow to a task, or serve several readers with one flow.

mod chunk;
mod parallel;
mod spawn;
mod task;

pub use self::parallel::{Parallel, Part};
pub use self::spawn::Spawn;
pub(crate) use self::task::Task;
