//! The operators of `recover`, each in the module of its name.

mod dead_letters;
