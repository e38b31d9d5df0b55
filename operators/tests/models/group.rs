//! The models of `group`: what each group comes to when the source ends.

use anabranch_operators::group::Until;

use crate::harness::{Ending, Source, agrees};

/// The items of each key, in the order in which the keys came up.
fn by_key(items: &[i64]) -> Vec<(i64, Vec<i64>)> {
    let mut groups: Vec<(i64, Vec<i64>)> = Vec::new();
    for item in items {
        match groups.iter_mut().find(|(key, _)| *key == item % 3) {
            Some((_, items)) => items.push(*item),
            None => groups.push((item % 3, vec![*item])),
        }
    }
    groups
}

/// A value for each key, and how it ended.
type Each<T> = (Vec<(i64, T)>, Ending);

/// Results come when the source ends, or not at all.
fn at_the_end<T>(f: impl Fn(Vec<i64>) -> T) -> impl Fn(&[i64], Ending, usize) -> Each<T> {
    move |items, ending, _| match ending {
        Ending::End => (by_key(items).into_iter().map(|(key, items)| (key, f(items))).collect(), ending),
        _ => (Vec::new(), ending),
    }
}

fn key(item: &i64) -> i64 {
    item % 3
}

#[test]
fn count_each() {
    agrees(|flow, _| flow.group_by(key).count_each(), at_the_end(|items| items.len()));
}

#[test]
fn sum_each() {
    agrees(|flow, _| flow.group_by(key).sum_each(|item| item), at_the_end(|items| items.iter().sum::<i64>()));
}

#[test]
fn reduce_each() {
    agrees(
        |flow, _| flow.group_by(key).reduce_each(|a, b| a * 10 % 997 + b),
        at_the_end(|items| items.into_iter().reduce(|a, b| a * 10 % 997 + b).unwrap()),
    );
}

fn push(mut list: Vec<i64>, item: i64) -> Vec<i64> {
    list.push(item);
    list
}

#[test]
fn fold_each() {
    agrees(move |flow, _| flow.group_by(key).fold_each(Vec::new, push), at_the_end(|items| items));
}

/// Groups that are read as sub-streams hold what the fused way folds.
#[test]
fn group_by() {
    let lists = |flow: Source, _| {
        flow.group_by(key).map_async(usize::MAX, |group| async move {
            let key = *group.key();
            group.collect::<Vec<_>>().await.map(|items| (key, items))
        })
    };
    agrees(move |flow, n| lists(flow, n).try_map(|list| list), at_the_end(|items| items));
}

/// A group of so many items ends with the last of them, and its key opens another.
#[test]
fn group_until() {
    let model = |items: &[i64], ending, n| {
        let (mut ended, mut open) = (Vec::new(), Vec::<(i64, Vec<i64>)>::new());
        for item in items {
            let at = open.iter().position(|(of, _)| *of == key(item)).unwrap_or(open.len());
            if at == open.len() {
                open.push((key(item), Vec::new()));
            }
            open[at].1.push(*item);
            if open[at].1.len() == n + 1 {
                ended.push(open.remove(at));
            }
        }
        if ending == Ending::End {
            ended.append(&mut open);
        }
        (ended, ending)
    };
    agrees(|flow, n| flow.group_until(key, Until::count(n + 1)).fold_each(Vec::new, push), model);
}
