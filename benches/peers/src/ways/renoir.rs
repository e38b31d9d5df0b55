//! renoir, with one copy of each operator. It puts operators on threads of their own all the same; all of their time counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use renoir::Stream;
use renoir::operator::Operator;
use renoir::prelude::*;

use crate::input::{DISORDER, Event, Key, MINUTE, Tally, events};
use crate::jobs::Input;

/// How many items travel together: its default.
const BATCH: BatchMode = BatchMode::Fixed(std::num::NonZeroUsize::new(1_024).unwrap());

fn context() -> StreamContext {
    StreamContext::new(RuntimeConfig::local(1).expect("one copy of each operator"))
}

/// Runs it all, and adds what comes.
fn tally<T, S>(context: StreamContext, rows: Stream<S>, add: impl Fn(&mut Tally, T) + Clone + Send + 'static) -> Tally
where
    S: Operator<Out = T> + 'static,
    T: Send + 'static,
{
    let tally = Arc::new(Mutex::new(Tally::default()));
    let into = Arc::clone(&tally);
    rows.for_each(move |row| add(&mut lock(&into), row));
    context.execute_blocking();
    let tally = lock(&tally);
    *tally
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn event_time_window(input: Input) -> Tally {
    let context = context();
    let (mut latest, mut seen) = (i64::MIN, 0_u32);
    // Its windows begin with the first time that they see, so times are those of minutes, and watermarks too.
    let counts = context
        .stream_iter(events(input.text))
        .batch_mode(BATCH)
        .add_timestamps(
            |event| i64::from(event.key.minute) * MINUTE,
            move |event, _| {
                latest = latest.max(event.millis);
                seen += 1;
                // A watermark goes to every group, so one does not come with each item.
                seen.is_multiple_of(1_024).then_some((latest - DISORDER) / MINUTE * MINUTE)
            },
        )
        .group_by(|event: &Event| event.key.kind)
        .window(EventTimeWindow::tumbling(MINUTE))
        .fold((0, 0), |(minute, count), event| (*minute, *count) = (event.key.minute, *count + 1))
        .unkey()
        .drop_timestamps();
    tally(context, counts, |tally, (kind, (minute, count))| tally.count(Key { kind, minute }, count))
}

pub(crate) fn group_by(input: Input) -> Tally {
    let context = context();
    let counts = context
        .stream_iter(events(input.text))
        .batch_mode(BATCH)
        .group_by(|event: &Event| event.key)
        .fold(0, |count, _| *count += 1)
        .unkey();
    tally(context, counts, |tally, (key, count)| tally.count(key, count))
}

/// Its quickest way, it says: counts where the events are read, and adds up afterwards.
pub(crate) fn group_by_count(input: Input) -> Tally {
    let context = context();
    let counts =
        context.stream_iter(events(input.text)).batch_mode(BATCH).group_by_count(|event: &Event| event.key).unkey();
    tally(context, counts, |tally, (key, count)| tally.count(key, count as u64))
}

pub(crate) fn keyed_fold(input: Input) -> Tally {
    let context = context();
    let sums = context
        .stream_iter(input.pairs())
        .batch_mode(BATCH)
        .group_by_fold(|(key, _)| *key, 0, |sum, (_, number)| *sum += number, |sum, part| *sum += part)
        .unkey();
    tally(context, sums, |tally, (key, sum)| tally.add(key, sum))
}

pub(crate) fn merge(input: Input) -> Tally {
    let context = context();
    let part = |part| context.stream_iter(input.part(part)).batch_mode(BATCH);
    let halves = [0, 4].map(|from| part(from).merge(part(from + 1)).merge(part(from + 2).merge(part(from + 3))));
    let [one, other] = halves;
    let all = one.merge(other);
    tally(context, all, |tally, number| tally.add(number, 1))
}
