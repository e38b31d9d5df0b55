//! The rows of `window`.

use std::time::Duration;

use anabranch_operators::window::tumbling;

use crate::row::{Row, boom};

#[test]
fn event_windows() {
    let seconds = |item: &char| i64::from(item.to_digit(10).unwrap()) * 1_000;
    let span = Duration::from_secs(5);
    Row::of("window/event_windows")
        .ahead(1)
        .gives(|[flow]| {
            let windows = flow.event_windows(tumbling(span), seconds).collect_each();
            windows.watermark_lag(Duration::from_secs(1)).map(|window| window.value)
        })
        .panics(|[flow]| {
            flow.event_windows(tumbling(span), |second| boom::<_, i64>(second))
                .collect_each()
                .map(|window| window.value)
        });
}
