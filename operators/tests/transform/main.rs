//! The operators of `transform`, each in the module of its name.

mod enumerate;
mod err_into;
mod fails_with;
mod inspect;
mod map;
mod map_async;
mod map_err;
mod scan;
mod try_map;
