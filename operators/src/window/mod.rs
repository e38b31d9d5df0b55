//! Operators that cut a flow into pieces, as lists or as sub-streams.

mod buffer_count;
mod buffer_count_every;
mod buffer_time;
mod buffer_time_every;
mod buffer_time_or_count;
mod buffer_toggle;
mod buffer_when;
mod lists;
mod plan;
mod signalled;
mod window_count;
mod window_count_every;
mod window_time;
mod window_time_every;
mod window_time_or_count;
mod window_toggle;
mod window_when;
mod windows;

pub use self::buffer_count::BufferCount;
pub use self::buffer_count_every::BufferCountEvery;
pub use self::buffer_time::BufferTime;
pub use self::buffer_time_every::BufferTimeEvery;
pub use self::buffer_time_or_count::BufferTimeOrCount;
pub use self::buffer_toggle::BufferToggle;
pub use self::buffer_when::BufferWhen;
pub use self::lists::Lists;
pub use self::plan::{ByCount, ByTime, ByTimeOrCount, Cloned, Moved};
pub use self::signalled::{BySignal, ByToggle};
pub use self::window_count::WindowCount;
pub use self::window_count_every::WindowCountEvery;
pub use self::window_time::WindowTime;
pub use self::window_time_every::WindowTimeEvery;
pub use self::window_time_or_count::WindowTimeOrCount;
pub use self::window_toggle::WindowToggle;
pub use self::window_when::WindowWhen;
pub use self::windows::{ByPlan, Windows};
