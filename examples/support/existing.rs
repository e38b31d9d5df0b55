//! Stores that are there already.

use std::sync::Arc;

use anabranch::Error;
use anabranch::store::{self, DirStore, Store};

/// The store that a URI names, to see what is in it. Where nothing is, no directory is made.
pub(crate) async fn existing(uri: &str) -> Result<Arc<dyn Store>, Error> {
    match uri.strip_prefix("dir:").filter(|path| !path.is_empty()) {
        Some(path) => Ok(Arc::new(DirStore::new(path))),
        None => store::open(uri, store::Options::default()).await,
    }
}
