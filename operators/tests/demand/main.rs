//! The operators of `demand`, each in the module of its name.

mod batch_while_busy;
mod conflate;
mod on_overflow;
mod prefetch;
