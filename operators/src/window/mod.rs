//! Operators that cut a flow into pieces, as lists or as sub-streams.

mod buffer_count;
mod buffer_time;
mod buffer_time_or_count;

pub use self::buffer_count::BufferCount;
pub use self::buffer_time::BufferTime;
pub use self::buffer_time_or_count::BufferTimeOrCount;
