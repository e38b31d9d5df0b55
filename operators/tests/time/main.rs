//! The operators of `time`, each in the module of its name.

mod delay;
mod delay_each;
mod keep_alive;
mod pace;
mod rate_limit;
mod scripts;
mod timeout;
