//! The operators of `share`, each in the module of its name.

mod parallel;
mod spawn;
