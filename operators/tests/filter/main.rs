//! The operators of `filter`, each in the module of its name.

use std::time::Duration;

mod audit;
mod debounce;
mod default_if_empty;
mod distinct;
mod distinct_until_changed;
mod element_at;
mod filter;
mod filter_map;
mod ignore_elements;
mod sample;
mod skip;
mod skip_for;
mod skip_last;
mod skip_until;
mod skip_while;
mod start_with;
mod switch_if_empty;
mod take;
mod take_for;
mod take_last;
mod take_until;
mod take_while;
mod take_while_inclusive;
mod throttle_first;
mod throttle_latest;
mod timed;
mod try_filter;

/// Ticks of marbles.
const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}
