//! The operators of `window`, each in the module of its name.

#[path = "../support/mod.rs"]
mod support;

mod model;

mod buffer_bytes;
mod buffer_count;
mod buffer_count_every;
mod buffer_time;
mod buffer_time_every;
mod buffer_time_or_count;
mod buffer_toggle;
mod buffer_until;
mod buffer_when;
mod buffer_while;
mod chunk_by;
mod event_windows;
mod event_windows_model;
mod window_count;
mod window_count_every;
mod window_time;
mod window_time_every;
mod window_time_or_count;
mod window_toggle;
mod window_when;
