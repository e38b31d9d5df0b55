//! Operators that answer what goes wrong.

mod attempts;
mod backoff;
mod breaker;
mod catch_error;
mod circuit_breaker;
mod dead_letters;
mod on_error_resume;
mod rerun;
mod restarts;
mod retry;
mod retry_backoff;
mod supervise;

pub use self::attempts::Attempts;
pub use self::backoff::Backoff;
pub use self::breaker::{Breaker, BreakerError, BreakerState};
pub use self::catch_error::CatchError;
pub use self::circuit_breaker::CircuitBreaker;
pub use self::dead_letters::DeadLetters;
pub use self::on_error_resume::OnErrorResume;
pub use self::restarts::{RestartLimit, RestartState, Restarts};
pub use self::retry::Retry;
pub use self::retry_backoff::RetryBackoff;
pub use self::supervise::Supervise;
