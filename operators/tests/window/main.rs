//! The operators of `window`, each in the module of its name.

#[path = "../support/mod.rs"]
mod support;

mod buffer_count;
mod buffer_time;
mod buffer_time_or_count;
mod event_windows;
mod event_windows_model;
mod window_count;
mod window_time;
