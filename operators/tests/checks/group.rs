//! The rows of `group`.

use crate::row::{Row, boom};

#[test]
fn group_by() {
    Row::of("group/group_by")
        .ahead(65_536)
        .gives_sub_streams(|[flow]| flow.group_by(|letter| *letter))
        .panics(|[flow]| flow.group_by(|letter| boom::<_, char>(letter)));
}
