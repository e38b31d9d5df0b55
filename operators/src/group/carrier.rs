//! [`Carrier`]: hands the groups that one flow leaves open to the flow that follows it.

use std::hash::Hash;
use std::time::Duration;

use super::aggregate_each::{AggregateEach, Aggregator};
use super::until::GroupSignal;
use crate::{Flow, TryStream};

/// A group that is open where one flow ends, and goes on in the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenGroup<K, A> {
    /// The key.
    pub key: K,
    /// What is kept of it: the [`State`](Aggregator::State) of its aggregator.
    pub state: A,
    /// How long it has been open.
    pub age: Duration,
    /// How long ago its latest item came, if its [`Until`](crate::group::Until) asks for that; else its age.
    pub idle: Duration,
    /// How many items it has had.
    pub items: usize,
}

/// Takes the groups that are open where a flow ends, and gives them to the flow that follows: see
/// [`carried`](Flow::carried).
///
/// `()` carries nothing: all groups end with their flow. `None` of an `Option` is the same.
pub trait Carrier<K, A> {
    /// The groups that the flow before left open, in any order; none for the first. Called once, at the first poll.
    fn take(&mut self) -> Vec<OpenGroup<K, A>>;

    /// Whether no flow follows, so that the open groups are to end now. Called when upstream has ended.
    fn is_last(&self) -> bool;

    /// The groups that are open where upstream has ended, those that opened first coming first. Called once, unless
    /// this flow [is the last](Self::is_last). A flow that fails or is dropped hands over nothing.
    fn keep(&mut self, open: Vec<OpenGroup<K, A>>);
}

impl<K, A> Carrier<K, A> for () {
    fn take(&mut self) -> Vec<OpenGroup<K, A>> {
        Vec::new()
    }

    fn is_last(&self) -> bool {
        true
    }

    fn keep(&mut self, _open: Vec<OpenGroup<K, A>>) {}
}

impl<K, A, C: Carrier<K, A>> Carrier<K, A> for Option<C> {
    fn take(&mut self) -> Vec<OpenGroup<K, A>> {
        self.as_mut().map_or_else(Vec::new, C::take)
    }

    fn is_last(&self) -> bool {
        self.as_ref().is_none_or(C::is_last)
    }

    fn keep(&mut self, open: Vec<OpenGroup<K, A>>) {
        if let Some(carrier) = self {
            carrier.keep(open);
        }
    }
}

impl<S, F, W, A, K> Flow<AggregateEach<S, F, W, A, K>>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
    W: GroupSignal<K, S::Error>,
    A: Aggregator<K, S::Ok>,
{
    /// Lets groups outlive the flow: it begins with the groups that `carrier` has, and hands those that are open when
    /// upstream ends to `carrier`, instead of ending them.
    ///
    /// So what is cut into several flows, one after another, gives the same groups as one long flow: a group ends by its
    /// [`Until`](crate::group::Until), whichever flow that falls into. The clock of a group stands still between two
    /// flows. Stands directly behind any of the `*_each`.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | as before; groups that were handed over end as if they had been opened here. A group that has its full count already, or whose key another one has, is given at once |
    /// | Ends | with upstream: the open groups go to `carrier`, or are given if it says that no flow follows |
    /// | Errors | end it at once; then nothing is handed over, and what was taken is lost |
    /// | Holds | as before; at most [`max_groups`](Flow::max_groups), the groups that were taken included |
    /// | Dropped | as before: nothing is handed over |
    /// | Time | as before |
    ///
    /// # Panics
    ///
    /// If the flow has been polled. It does not compile behind [`Until::when`](crate::group::Until::when), whose streams
    /// cannot be handed over:
    ///
    /// ```compile_fail
    /// # use anabranch_operators::{from_iter, group::Until};
    /// # use std::convert::Infallible;
    /// # fn main() {
    /// let signal = Until::when(|_: &i32| from_iter([()]));
    /// let flow = from_iter([1, 2]).group_until(|n| *n, signal).count_each().carried(());
    /// # let _ = flow;
    /// # }
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::{cell::RefCell, rc::Rc};
    /// use anabranch_operators::{from_iter, group::{Carrier, OpenGroup, Until}};
    ///
    /// /// Hands groups from each flow to the next.
    /// #[derive(Clone, Default)]
    /// struct Hand(Rc<RefCell<Vec<OpenGroup<i32, usize>>>>);
    ///
    /// impl Carrier<i32, usize> for Hand {
    ///     fn take(&mut self) -> Vec<OpenGroup<i32, usize>> {
    ///         self.0.take()
    ///     }
    ///     fn is_last(&self) -> bool {
    ///         false
    ///     }
    ///     fn keep(&mut self, open: Vec<OpenGroup<i32, usize>>) {
    ///         self.0.replace(open);
    ///     }
    /// }
    ///
    /// let hand = Hand::default();
    /// let mut counts = Vec::new();
    /// for piece in [[1, 2], [1, 1], [2, 1]] {
    ///     let flow = from_iter(piece).group_until(|n| *n, Until::count(3)).count_each().carried(hand.clone());
    ///     let Ok(piece) = flow.collect::<Vec<_>>().await;
    ///     counts.push(piece);
    /// }
    /// assert_eq!(counts, [vec![], vec![(1, 3)], vec![]]);
    /// assert_eq!(hand.0.borrow().iter().map(|open| (open.key, open.state)).collect::<Vec<_>>(), [(2, 2), (1, 1)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`count_each`](Flow::count_each), [`fold_each`](Flow::fold_each), [`aggregate_each`](Flow::aggregate_each).
    #[track_caller]
    pub fn carried<C>(self, carrier: C) -> Flow<AggregateEach<S, F, W, A, K, C>>
    where
        C: Carrier<K, A::State>,
    {
        const {
            assert!(
                !W::PRESENT,
                "groups that end by Until::when cannot be carried: their streams cannot be handed over"
            )
        };
        Flow::new(self.into_inner().with_carrier(carrier))
    }
}
