//! The operators of `transform`, each in the module of its name.

mod dematerialize;
mod enumerate;
mod err_into;
mod fails_with;
mod inspect;
mod map;
mod map_async;
mod map_async_by_key;
mod map_async_unordered;
mod map_err;
mod materialize;
mod pairwise;
mod scan;
mod time_interval;
mod timestamp;
mod try_map;
