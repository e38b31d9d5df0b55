//! The operators of `share`, each in the module of its name.

#[path = "../support/mod.rs"]
mod support;

mod balance;
mod broadcast;
mod parallel;
mod publish;
mod readers;
mod replay;
mod share;
mod share_from;
mod spawn;
mod tee;
