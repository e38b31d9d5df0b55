//! The rows of `flatten`.

use crate::row::Row;

#[test]
fn merge_map() {
    let row = Row::of("flatten/merge_map").ahead(1);
    row.gives(|[flow]| flow.merge_map(2, |name| row.line(name)));
}
