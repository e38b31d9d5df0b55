//! Ways in: where a flow begins.

mod defer;
mod ext;
mod from_items;
mod from_iter;
mod from_results;
mod interval;
mod repeat_from;
mod timer;
mod using;

pub(crate) use self::defer::sealed;
pub use self::defer::{Defer, Restart, defer};
pub use self::ext::FlowExt;
pub use self::from_items::{FromItems, from_items};
pub use self::from_iter::{FromIter, from_iter};
pub use self::from_results::{FromResults, from_results};
pub use self::interval::{Interval, interval};
pub use self::repeat_from::{RepeatFrom, repeat_from};
pub use self::timer::{Timer, timer};
pub use self::using::{Using, using};
