//! Operators that wait.

pub(crate) mod clock;
pub(crate) mod due;

mod delay;
mod delay_each;
mod keep_alive;
mod pace;
mod rate_limit;
mod timeout;

pub use self::delay::Delay;
pub use self::delay_each::DelayEach;
pub use self::keep_alive::KeepAlive;
pub use self::pace::Pace;
pub use self::rate_limit::RateLimit;
pub use self::timeout::Timeout;

/// How many items an operator holds back at once, if not said.
const MAX_HELD: usize = 65_536;
