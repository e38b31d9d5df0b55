//! Operators that cut a flow into pieces, as lists or as sub-streams.

mod buffer_count;
mod buffer_time;
mod buffer_time_or_count;
mod window_count;
mod window_time;
mod windows;

pub use self::buffer_count::BufferCount;
pub use self::buffer_time::BufferTime;
pub use self::buffer_time_or_count::BufferTimeOrCount;
pub use self::window_count::{ByCount, WindowCount};
pub use self::window_time::{ByTime, WindowTime};
