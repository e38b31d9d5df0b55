//! The operators of `recover`, each in the module of its name.

mod catch_error;
mod circuit_breaker;
mod dead_letters;
mod on_error_resume;
mod retry;
mod retry_backoff;
mod runs;
mod supervise;
