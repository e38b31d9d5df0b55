//! The rows of `transform`.

use crate::row::{Row, boom, upper};

#[test]
fn map() {
    Row::of("transform/map").gives(|[flow]| flow.map(upper)).panics(|[flow]| flow.map(boom::<_, ()>));
}
