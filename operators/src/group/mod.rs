//! Operators that give each key a sub-stream, or a result, of its own.

mod aggregate_each;
pub(crate) mod baton;
mod carrier;
mod count_each;
mod fold_each;
mod group_by;
pub(crate) mod group_until;
mod groups;
mod host;
pub(crate) mod hub;
mod inlet;
pub(crate) mod lane;
mod list;
mod merge_states;
mod reduce_each;
pub(crate) mod substream;
mod sum_each;
mod table;
mod top_each;
mod until;
mod watch;
mod way;

pub use self::aggregate_each::{AggregateEach, Aggregator};
pub use self::carrier::{Carrier, OpenGroup};
pub use self::count_each::Count;
pub use self::fold_each::Fold;
pub use self::group_by::GroupBy;
pub use self::group_until::{ByKey, GroupUntil};
pub(crate) use self::host::{Host, Visiting};
pub use self::merge_states::MergeStates;
pub use self::reduce_each::Reduce;
pub use self::substream::{Group, Grouped};
pub use self::sum_each::Sum;
pub use self::top_each::{Best, Top};
pub use self::until::{GroupSignal, NoSignal, Until, When};
pub(crate) use self::way::Others;
