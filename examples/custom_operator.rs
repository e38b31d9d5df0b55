//! Two operators of your own, in both ways that there are, with their tests.
//!
//! - A function over flows, put together from operators that exist: `moving_average`, used by `.pipe(...)`. Begin with
//!   this; it is what most operators need.
//! - A stream type written by hand, with an extension trait that makes it a method: `mark_pauses`. This is for what cannot
//!   be put together, here a timer that each item restarts.
//!
//! ```text
//! cargo run --example custom_operator
//! cargo test --example custom_operator
//! ```
//!
//! It prints the flights of each day of January 2013 with the average of a week, and then a flow that comes in bursts,
//! with its pauses marked. The tests run in virtual time, and so at once.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anabranch::codec::EventDecoder;
use anabranch::create::FromResults;
use anabranch::source::{self, FileSource};
use anabranch::{Error, Flow, from_iter, from_results, interval};
use futures::Stream;
use pin_project::pin_project;
use tokio::time::{Instant, Sleep, sleep};

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-2013-01.tsv.gz");

/// Gives, for each number, the average of the last `n`, itself among them.
///
/// It needs to know nothing of ends and failures: the operators that it is made of see to that.
fn moving_average<E>(
    numbers: Flow<impl Stream<Item = Result<f64, E>>>,
    n: usize,
) -> Flow<impl Stream<Item = Result<f64, E>>> {
    let mut last = VecDeque::with_capacity(n);
    numbers.map(move |number| {
        if last.len() == n {
            last.pop_front();
        }
        last.push_back(number);
        last.iter().sum::<f64>() / last.len() as f64
    })
}

/// Operators that this program adds to flows.
trait FlowPauses<S> {
    /// Gives each item as `Some`, and `None` whenever nothing has come for `span`, counted from the first poll.
    fn mark_pauses(self, span: Duration) -> Flow<FromResults<MarkPauses<S>>>;
}

impl<S, T, E> FlowPauses<S> for Flow<S>
where
    S: Stream<Item = Result<T, E>>,
{
    fn mark_pauses(self, span: Duration) -> Flow<FromResults<MarkPauses<S>>> {
        // A stream becomes a flow by one of the ways in. They see to what every flow promises: nothing after a failure.
        from_results(MarkPauses { flow: self, span, pause: None })
    }
}

/// The stream of [`FlowPauses::mark_pauses`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
struct MarkPauses<S> {
    #[pin]
    flow: Flow<S>,
    span: Duration,
    /// Ends when nothing has come for too long. Made by the first poll, since that is when time begins.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S, T, E> Stream for MarkPauses<S>
where
    S: Stream<Item = Result<T, E>>,
{
    type Item = Result<Option<T>, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(*this.span)));
        let given = match this.flow.poll_next(cx) {
            Poll::Ready(Some(item)) => item.map(Some),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                ready!(pause.as_mut().poll(cx));
                Ok(None)
            }
        };
        pause.as_mut().reset(Instant::now() + *this.span);
        Poll::Ready(Some(given))
    }
}

/// How many flights left on each day.
async fn flights_by_day() -> Result<BTreeMap<String, u32>, Error> {
    let file = FileSource::builder(FLIGHTS).build()?;
    let decoder = EventDecoder::new("departed_at", "carrier");
    source::records(Arc::new(file))
        .map(decoder.to_fn())
        .filter_map(Result::ok)
        .fold(BTreeMap::new(), |mut days, flight| {
            *days.entry(flight.time.date_naive().to_string()).or_default() += 1;
            days
        })
        .await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    println!("day         flights  average of a week");
    let days = flights_by_day().await?;
    let flights = from_iter(days.values().copied().map(f64::from));
    let averages = flights.pipe(|flights| moving_average(flights, 7));
    let Ok(()) = averages
        .zip(from_iter(&days))
        .for_each(|(average, (day, flights))| println!("{day}  {flights:7}  {average:.1}"))
        .await;

    println!("\nA burst of three, and then a pause:");
    let bursts = interval(Duration::from_millis(50)).take(20).filter(|n| n % 8 < 3);
    let Ok(()) = bursts
        .mark_pauses(Duration::from_millis(100))
        .for_each(|item| match item {
            Some(n) => println!("  {n}"),
            None => println!("  nothing for 100 ms"),
        })
        .await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use anabranch::testing::{assert_marbles, check};

    use super::*;

    /// Runs the checks that every operator of the library passes: that it wakes its reader, polls nothing too early or too
    /// late, and drops what it holds.
    fn check_average(input: &str, expected: &str) {
        let number = |digit: char| f64::from(digit.to_digit(10).unwrap());
        check(input, |flow| flow.map(number).pipe(|numbers| moving_average(numbers, 2)), expected);
    }

    #[test]
    fn averages_each_number_with_the_one_before() {
        check_average("1-3-5-|", "1-2-4-|");
    }

    #[test]
    fn a_failure_passes_the_average_at_once() {
        check_average("1-3#", "1-2#");
    }

    /// A tick of a marble is a millisecond of the paused clock; a pause is shown as `0`.
    fn check_pauses(input: &str, expected: &str) {
        let shown = |item: Option<char>| item.unwrap_or('0');
        check(input, |flow| flow.mark_pauses(Duration::from_millis(3)).map(shown), expected);
    }

    #[test]
    fn marks_every_span_in_which_nothing_came() {
        check_pauses("a-b-------c-|", "a-b--0--0-c-|");
    }

    #[test]
    fn a_pause_before_the_first_item_is_marked() {
        check_pauses("----a|", "---0a|");
    }

    #[test]
    fn end_and_failure_pass_at_once() {
        check_pauses("|", "|");
        check_pauses("a-#", "a-#");
    }

    #[test]
    fn time_begins_with_the_first_poll() {
        let flow = interval(Duration::from_millis(2)).mark_pauses(Duration::from_millis(5)).take(2);
        assert_marbles(flow.map(|item| item.map_or_else(|| "none".to_owned(), |n| n.to_string())), "--0-(1|)");
    }
}
