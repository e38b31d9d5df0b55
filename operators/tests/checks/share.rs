//! The rows of `share`.

use crate::row::{Row, upper};

#[test]
fn parallel() {
    let row = Row::of("share/parallel").ahead(4 * 7 * 256);
    row.gives(|[flow]| flow.parallel(2, |letter| *letter, |part| part.map(upper)));
    row.panics(|[flow]| flow.parallel(2, |letter| *letter, |part| part.map(crate::row::boom::<_, char>)));
    row.panics(|[flow]| flow.parallel(2, |letter| crate::row::boom::<_, char>(letter), |part| part.map(upper)));
}

#[test]
fn spawn() {
    Row::of("share/spawn").ahead(6 * 256).gives(|[flow]| flow.spawn());
}
