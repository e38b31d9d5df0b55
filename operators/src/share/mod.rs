//! Operators that move a flow to a task, or serve several readers with one flow.

mod spawn;

pub use self::spawn::Spawn;
