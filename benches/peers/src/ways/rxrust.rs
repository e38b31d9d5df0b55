//! rxrust, of one thread. It pushes, so nothing holds a source back; a group ends with its source.

use std::cell::RefCell;
use std::rc::Rc;

use rxrust::prelude::*;

use crate::input::{Event, Tally, events};
use crate::jobs::Input;

fn tally(run: impl FnOnce(&Rc<RefCell<Tally>>)) -> Tally {
    let tally = Rc::default();
    run(&tally);
    let tally = tally.borrow();
    *tally
}

/// Each group is counted and all counts are merged to one stream.
pub(crate) fn flat_map(input: Input) -> Tally {
    tally(|tally| {
        let tally = Rc::clone(tally);
        Local::from_iter(events(input.text))
            .group_by(|event: &Event| event.key)
            .flat_map(|group| {
                let key = group.inner().key;
                group.count().map(move |count| (key, count))
            })
            .subscribe(move |(key, count)| tally.borrow_mut().count(key, count as u64));
    })
}

/// Without merging, which takes time by the square of the groups: each count goes to a subscriber of its own.
pub(crate) fn subscribed(input: Input) -> Tally {
    tally(|tally| {
        let tally = Rc::clone(tally);
        Local::from_iter(events(input.text)).group_by(|event: &Event| event.key).subscribe(move |group| {
            let (key, tally) = (group.inner().key, Rc::clone(&tally));
            group.count().subscribe(move |count| tally.borrow_mut().count(key, count as u64));
        });
    })
}

pub(crate) fn keyed_fold(input: Input) -> Tally {
    tally(|tally| {
        let tally = Rc::clone(tally);
        Local::from_iter(input.pairs())
            .group_by(|(key, _): &(u64, u64)| *key)
            .flat_map(|group| {
                let key = group.inner().key;
                group.reduce_initial(0, |sum, (_, number)| sum + number).map(move |sum| (key, sum))
            })
            .subscribe(move |(key, sum)| tally.borrow_mut().add(key, sum));
    })
}

pub(crate) fn merge(input: Input) -> Tally {
    tally(|tally| {
        let tally = Rc::clone(tally);
        let part = |part| Local::from_iter(input.part(part));
        let halves = [0, 4].map(|from| part(from).merge(part(from + 1)).merge(part(from + 2)).merge(part(from + 3)));
        let [one, other] = halves;
        one.merge(other).subscribe(move |number| tally.borrow_mut().add(number, 1));
    })
}
