//! The rows of `finish`.

use crate::row::Row;

#[test]
fn count() {
    Row::of("finish/count").answers(|[flow]| flow.count());
}
