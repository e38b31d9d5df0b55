//! Operators between an upstream and a consumer that are not equally fast.

mod batch_while_busy;
mod conflate;
mod on_overflow;
mod overflow;
mod prefetch;
mod read_ahead;

pub use self::batch_while_busy::Batch;
pub use self::conflate::Merged;
pub use self::overflow::{Beyond, Fail, HoldBack, Lose, Overflow};
pub use self::read_ahead::{Policy, ReadAhead};
