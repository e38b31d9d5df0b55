//! The rows of `window`.

use std::future::Ready;
use std::time::Duration;

use anabranch_operators::window::tumbling;
use tokio::time::sleep;

use crate::row::{Row, Source, boom};

/// What windows may buffer, all together.
const BUFFERS: usize = 65_536;

const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn buffer_bytes() {
    let size = |digit: &char| digit.to_digit(10).map_or(0, |digit| digit as usize);
    Row::of("window/buffer_bytes")
        .ahead(1)
        .gives(|[flow]| flow.buffer_bytes(4, size))
        .panics(|[flow]| flow.buffer_bytes(4, |digit| boom(digit)));
}

#[test]
fn buffer_count() {
    Row::of("window/buffer_count").gives(|[flow]| flow.buffer_count(2));
}

#[test]
fn buffer_count_every() {
    Row::of("window/buffer_count_every").gives(|[flow]| flow.buffer_count_every(3, 2));
}

#[test]
fn buffer_time() {
    Row::of("window/buffer_time").ahead(usize::MAX).gives(|[flow]| flow.buffer_time(ticks(4)));
}

#[test]
fn buffer_time_every() {
    Row::of("window/buffer_time_every").ahead(usize::MAX).gives(|[flow]| flow.buffer_time_every(ticks(4), ticks(3)));
}

#[test]
fn buffer_time_or_count() {
    Row::of("window/buffer_time_or_count").gives(|[flow]| flow.buffer_time_or_count(ticks(4), 2));
}

#[test]
fn buffer_toggle() {
    Row::of("window/buffer_toggle")
        .ahead(usize::MAX)
        .gives(|[flow, openings]| flow.buffer_toggle(openings, |_| sleep(ticks(4))))
        .panics(|[flow, openings]| flow.buffer_toggle(openings, boom::<_, Ready<()>>));
}

#[test]
fn buffer_until() {
    Row::of("window/buffer_until")
        .gives(|[flow]| flow.buffer_until(char::is_ascii_uppercase))
        .panics(|[flow]| flow.buffer_until(|letter| boom(letter)));
}

#[test]
fn buffer_when() {
    Row::of("window/buffer_when").ahead(usize::MAX).gives(|[flow, signal]| flow.buffer_when(signal));
}

#[test]
fn buffer_while() {
    Row::of("window/buffer_while")
        .gives(|[flow]| flow.buffer_while(char::is_ascii_lowercase))
        .panics(|[flow]| flow.buffer_while(|letter| boom(letter)));
}

#[test]
fn chunk_by() {
    Row::of("window/chunk_by")
        .ahead(1)
        .gives(|[flow]| flow.chunk_by(|letter| *letter))
        .panics(|[flow]| flow.chunk_by(|letter| boom::<_, char>(letter)));
}

#[test]
fn event_windows() {
    let seconds = |item: &char| i64::from(item.to_digit(10).unwrap()) * 1_000;
    let span = Duration::from_secs(5);
    let row = Row::of("window/event_windows").ahead(1);
    let windows = |flow: Source| flow.event_windows(tumbling(span), seconds);
    row.gives(|[flow]| {
        let lists = windows(flow).collect_each();
        lists.watermark_lag(Duration::from_secs(1)).map(|window| window.value)
    });
    row.panics(|[flow]| flow.event_windows(tumbling(span), |second| boom::<_, i64>(second)).collect_each());
    row.panics(|[flow]| windows(flow).by_key(|second| boom::<_, char>(second)).collect_each());
    row.panics(|[flow]| windows(flow).fold_each(|| boom(()), |(), _| ()));
    row.panics(|[flow]| windows(flow).fold_each(|| (), |(), second| boom(second)));
    row.panics(|[flow]| windows(flow).reduce_each(|_, second| boom(second)));
    row.panics(|[flow]| windows(flow).sum_each(boom::<_, u32>));
    row.panics(|[flow]| windows(flow).top_each(2, |second| boom::<_, char>(second)));
}

#[test]
fn window_count() {
    Row::of("window/window_count").ahead(BUFFERS).gives_sub_streams(|[flow]| flow.window_count(2));
}

#[test]
fn window_count_every() {
    Row::of("window/window_count_every").ahead(BUFFERS).gives_sub_streams(|[flow]| flow.window_count_every(3, 2));
}

#[test]
fn window_time() {
    Row::of("window/window_time").ahead(BUFFERS).gives_sub_streams(|[flow]| flow.window_time(ticks(4)));
}

#[test]
fn window_time_every() {
    Row::of("window/window_time_every")
        .ahead(BUFFERS)
        .gives_sub_streams(|[flow]| flow.window_time_every(ticks(4), ticks(3)));
}

#[test]
fn window_time_or_count() {
    Row::of("window/window_time_or_count")
        .ahead(BUFFERS)
        .gives_sub_streams(|[flow]| flow.window_time_or_count(ticks(4), 2));
}

#[test]
fn window_toggle() {
    Row::of("window/window_toggle")
        .ahead(BUFFERS)
        .gives_sub_streams(|[flow, openings]| flow.window_toggle(openings, |_| sleep(ticks(4))))
        .panics(|[flow, openings]| flow.window_toggle(openings, boom::<_, Ready<()>>));
}

#[test]
fn window_when() {
    Row::of("window/window_when").ahead(BUFFERS).gives_sub_streams(|[flow, signal]| flow.window_when(signal));
}
