//! Operators that let some items pass and not others.

#[allow(clippy::module_inception, reason = "files are named after their operator")]
mod filter;
mod filter_map;
mod skip;
mod skip_while;
mod take;
mod take_until;
mod take_while;

pub use self::filter::Filter;
pub use self::filter_map::FilterMap;
pub use self::skip::Skip;
pub use self::skip_while::SkipWhile;
pub use self::take::Take;
pub use self::take_until::TakeUntil;
pub use self::take_while::TakeWhile;
