//! Operators that cut a flow into pieces, as lists or as sub-streams.

mod window_count;
mod window_time;
mod windows;

pub use self::window_count::{ByCount, WindowCount};
pub use self::window_time::{ByTime, WindowTime};
