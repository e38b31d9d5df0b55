//! The rows of `group`.

use std::time::Duration;

use anabranch_operators::group::Until;

use crate::row::{Row, boom};

/// Whether the digit in a picture is odd.
fn odd(digit: &char) -> bool {
    digit.to_digit(10).unwrap() % 2 == 1
}

#[test]
fn aggregate_each() {
    let row = Row::of("group/aggregate_each");
    row.gives(|[flow]| flow.group_by(|letter| *letter).aggregate_each(anabranch_operators::group::Count));
    row.panics(|[flow]| flow.group_by(|letter| boom::<_, char>(letter)).count_each());
}

#[test]
fn count_each() {
    let row = Row::of("group/count_each");
    row.gives(|[flow]| flow.group_by(|letter| *letter).count_each());
    row.panics(|[flow]| flow.group_by(|letter| boom::<_, char>(letter)).count_each());
}

#[test]
fn fold_each() {
    let row = Row::of("group/fold_each");
    row.gives(|[flow]| {
        let push = |mut list: Vec<char>, letter| {
            list.push(letter);
            list
        };
        flow.group_by(char::to_ascii_lowercase).fold_each(Vec::new, push)
    });
    row.panics(|[flow]| flow.group_by(|letter| *letter).fold_each(|| (), |(), letter| boom(letter)));
    row.panics(|[flow]| flow.group_by(|letter| *letter).fold_each(|| boom(()), |(), _| ()));
}

#[test]
fn group_by() {
    Row::of("group/group_by")
        .ahead(65_536)
        .gives_sub_streams(|[flow]| flow.group_by(|letter| *letter))
        .panics(|[flow]| flow.group_by(|letter| boom::<_, char>(letter)));
}

#[test]
fn group_until() {
    let until = || Until::after(Duration::from_millis(5));
    Row::of("group/group_until")
        .ahead(65_536)
        .gives_sub_streams(|[flow]| flow.group_until(|letter| *letter, until()))
        .panics(|[flow]| flow.group_until(|letter| boom::<_, char>(letter), until()));
}

#[test]
fn reduce_each() {
    let row = Row::of("group/reduce_each");
    row.gives(|[flow]| flow.group_by(odd).reduce_each(char::max));
    row.panics(|[flow]| flow.group_by(odd).reduce_each(|_, digit| boom(digit)));
}

#[test]
fn sum_each() {
    let row = Row::of("group/sum_each");
    row.gives(|[flow]| flow.group_by(odd).sum_each(|digit| digit.to_digit(10).unwrap()));
    row.panics(|[flow]| flow.group_by(odd).sum_each(boom::<_, u32>));
}

#[test]
fn top_each() {
    let row = Row::of("group/top_each");
    row.gives(|[flow]| flow.group_by(|_| 'x').top_each(2, |digit| *digit));
    row.panics(|[flow]| flow.group_by(|_| 'x').top_each(2, |digit| boom::<_, char>(digit)));
}
