//! Operators that cut a flow into pieces, as lists or as sub-streams.
//!
//! # Event time
//!
//! Windows by the clock, such as those of [`window_time`](crate::Flow::window_time), go by when an item is read. Often
//! what matters is when it happened, which the item itself says: its **event time**. Items are not always read in the
//! order in which they happened, so a window of event time cannot close with the first item that happened after it.
//!
//! The **watermark** says how far event time has come: what happened before it is taken to have been read. Here it is
//! the latest event time of all items read so far, of whatever key, less a lag; it never goes back, and without items
//! it does not move. When it reaches the end of a window, the window's result is given.
//!
//! An item that comes behind the watermark all the same belongs to a window whose result is out. How long the window
//! takes such items, giving its result anew with each, is the allowed **lateness**, which is counted in event time,
//! too. An item for which all windows are closed is **late**: it is counted, and given beside the results if wanted.
//!
//! [`event_windows`](crate::Flow::event_windows) is the operator; [`tumbling`], [`hopping`] and [`session`] say which
//! windows there are.

mod aggregate_windows;
mod aligned;
mod buffer_bytes;
mod buffer_count;
mod buffer_count_every;
mod buffer_time;
mod buffer_time_every;
mod buffer_time_or_count;
mod buffer_toggle;
mod buffer_until;
mod buffer_when;
mod buffer_while;
mod chunk_by;
mod event_machine;
mod event_time;
mod event_windows;
mod late_items;
mod lists;
mod plan;
mod runs;
mod session_table;
mod sessions;
mod signalled;
mod watermark;
mod window_count;
mod window_count_every;
mod window_time;
mod window_time_every;
mod window_time_or_count;
mod window_toggle;
mod window_when;
mod windows;

pub use self::aggregate_windows::AggregateWindows;
pub use self::buffer_bytes::{BufferBytes, BySize};
pub use self::buffer_count::BufferCount;
pub use self::buffer_count_every::BufferCountEvery;
pub use self::buffer_time::BufferTime;
pub use self::buffer_time_every::BufferTimeEvery;
pub use self::buffer_time_or_count::BufferTimeOrCount;
pub use self::buffer_toggle::BufferToggle;
pub use self::buffer_until::{BufferUntil, UntilItem};
pub use self::buffer_when::BufferWhen;
pub use self::buffer_while::{BufferWhile, WhileItems};
pub use self::chunk_by::{ByChange, ChunkBy};
pub use self::event_time::{
    EventTime, EventWindow, Hopping, Session, Timing, Tumbling, Window, Windowed, hopping, session, tumbling,
};
pub use self::event_windows::{Collected, EventWindows};
pub use self::late_items::{CountLate, GiveLate, LateItems};
pub use self::lists::Lists;
pub use self::plan::{ByCount, ByTime, ByTimeOrCount, Cloned, Moved};
pub use self::runs::Runs;
pub use self::signalled::{BySignal, ByToggle};
pub use self::window_count::WindowCount;
pub use self::window_count_every::WindowCountEvery;
pub use self::window_time::WindowTime;
pub use self::window_time_every::WindowTimeEvery;
pub use self::window_time_or_count::WindowTimeOrCount;
pub use self::window_toggle::WindowToggle;
pub use self::window_when::WindowWhen;
pub use self::windows::{ByPlan, Windows};
