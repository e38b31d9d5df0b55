//! One behaviour suite for every store, and what each does when things go wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[macro_use]
mod suite;

mod dir;
#[cfg(feature = "s3")]
mod s3;

use anabranch::ErrorKind;
use anabranch::store::{self, Options};

#[tokio::test]
async fn refuses_a_uri_that_names_no_store_and_says_what_does() {
    for uri in ["", "counts", "dir:", "ftp://host/x", "s3:bucket", "gs://bucket"] {
        let error = store::open(uri, Options::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{uri}: {error}");
        assert!(error.to_string().contains(uri), "{error}");
        assert!(error.to_string().contains("dir:PATH"), "{error}");
    }
}
