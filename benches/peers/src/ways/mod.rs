//! How each library does the jobs, in its own idiom.

pub(crate) mod anabranch;
pub(crate) mod by_hand;
pub(crate) mod futures_util;
pub(crate) mod renoir;
pub(crate) mod rxrust;
pub(crate) mod timely;
