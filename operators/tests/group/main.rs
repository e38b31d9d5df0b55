//! The operators of `group`, each in the module of its name.

#[path = "../support/mod.rs"]
mod support;

mod aggregate_each;
mod ahead;
mod bounds;
mod carried;
mod count_each;
mod fold_each;
mod group_by;
mod group_until;
mod merged;
mod races;
mod reduce_each;
mod sum_each;
mod top_each;
mod turns;
mod until;
