//! `concat`: flows one after another.
//!
//! ```text
//! a:    1-2|
//! b:    --3|
//! c:    4|
//! out:  1-2--34|
//! ```

use std::fmt;
use std::iter::Fuse;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`concat`](concat()).
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Concat<I: Iterator> {
    /// The flows to come; unset after a failure.
    flows: Option<Fuse<I>>,
    #[pin]
    current: Option<I::Item>,
}

/// Gives the items of the first flow, when it has ended those of the second, and so on.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/concat.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when the flow whose turn it is gives an item |
/// | Ends | with the last flow; at once if there are none |
/// | Errors | end it at once; the flows that had not begun are dropped |
/// | Holds | nothing |
/// | Dropped | nothing is lost |
/// | Time | none; a flow is taken from the iterator and first polled at the instant the one before it ends |
///
/// The flows are of one type; those of several types can be [`chain`](Flow::chain)ed or [`boxed`](Flow::boxed). The
/// iterator may make them as it goes, also without end: `concat(std::iter::from_fn(|| wanted().then(make)))` runs a new
/// flow as long as it is wanted.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// use anabranch_operators::{concat, from_iter};
///
/// let Ok(all) = concat([from_iter(1..3), from_iter(7..9)]).collect::<Vec<_>>().await;
/// assert_eq!(all, [1, 2, 7, 8]);
/// # });
/// ```
///
/// # See also
///
/// [`chain`](Flow::chain) for two flows, [`concat_map`](Flow::concat_map) for a flow made of each item,
/// [`merge`](crate::merge()) to run all at once. futures: `StreamExt::flatten` (its `concat` folds items into one
/// collection). ReactiveX: `concat`, `concat_with_iterable`, `for_in`, `while_do`, `do_while`.
pub fn concat<I>(flows: I) -> Flow<Concat<I::IntoIter>>
where
    I: IntoIterator,
    I::Item: TryStream,
{
    Flow::new(Concat { flows: Some(flows.into_iter().fuse()), current: None })
}

impl<I: Iterator> fmt::Debug for Concat<I>
where
    I: fmt::Debug,
    I::Item: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concat").field("flows", &self.flows).field("current", &self.current).finish()
    }
}

impl<I, S> Stream for Concat<I>
where
    I: Iterator<Item = S>,
    S: TryStream,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            if let Some(current) = this.current.as_mut().as_pin_mut() {
                match current.poll_next(cx) {
                    Poll::Ready(None) => this.current.set(None),
                    Poll::Ready(Some(Err(error))) => {
                        this.current.set(None);
                        *this.flows = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                    given => return given,
                }
            }
            let Some(next) = this.flows.as_mut().and_then(Iterator::next) else {
                return Poll::Ready(None);
            };
            this.current.set(Some(next));
            ready!(budget.swallow(cx));
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.current.as_ref().map_or((0, Some(0)), S::size_hint);
        let more = self.flows.as_ref().is_some_and(|flows| flows.size_hint().1 != Some(0));
        (least, if more { None } else { most })
    }
}
