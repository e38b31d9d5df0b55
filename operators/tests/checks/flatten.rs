//! The rows of `flatten`.

use crate::row::{Row, Source, boom};

#[test]
fn concat_map() {
    let row = Row::of("flatten/concat_map");
    row.gives(|[flow]| flow.concat_map(|name| row.line(name)));
    row.panics(|[flow]| flow.concat_map(boom::<_, Source>));
}

#[test]
fn concat_all() {
    let row = Row::of("flatten/concat_all");
    row.gives(|[flow]| flow.map(|name| row.line(name)).concat_all());
}

#[test]
fn merge_map() {
    let row = Row::of("flatten/merge_map").ahead(1);
    row.gives(|[flow]| flow.merge_map(2, |name| row.line(name)));
    row.panics(|[flow]| flow.merge_map(2, boom::<_, Source>));
}

#[test]
fn merge_all() {
    let row = Row::of("flatten/merge_all").ahead(1);
    row.gives(|[flow]| flow.map(|name| row.line(name)).merge_all(2));
}

#[test]
fn expand() {
    let row = Row::of("flatten/expand");
    row.gives(|[flow]| flow.expand(8, |name| row.line(name)));
    row.panics(|[flow]| flow.expand(8, |name| boom::<_, Source>(name)));
}

// Of items that are ready at once, it runs the flow of the last: here, the last of them all.
#[test]
fn switch_map() {
    let row = Row::of("flatten/switch_map").ahead(usize::MAX);
    row.gives(|[flow]| flow.switch_map(|name| row.line(name)));
    row.panics(|[flow]| flow.switch_map(boom::<_, Source>));
}

#[test]
fn switch_all() {
    let row = Row::of("flatten/switch_all").ahead(usize::MAX);
    row.gives(|[flow]| flow.map(|name| row.line(name)).switch_all());
}

// What it drops counts as read ahead.
#[test]
fn exhaust_map() {
    let row = Row::of("flatten/exhaust_map").ahead(256);
    row.gives(|[flow]| flow.exhaust_map(|name| row.line(name)));
    row.panics(|[flow]| flow.exhaust_map(boom::<_, Source>));
}

#[test]
fn exhaust_all() {
    let row = Row::of("flatten/exhaust_all").ahead(256);
    row.gives(|[flow]| flow.filter(|name| *name != 'b').map(|name| row.line(name)).exhaust_all());
}
