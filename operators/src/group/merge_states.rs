//! [`MergeStates`], aggregators that can make one group of two.

use std::cmp::Reverse;
use std::ops::AddAssign;

use super::aggregate_each::Aggregator;
use super::count_each::Count;
use super::reduce_each::Reduce;
use super::sum_each::Sum;
use super::top_each::{Best, Top};

/// An [`Aggregator`] that can make the state of one group out of the states of two, as sessions need it: an item that
/// comes between two sessions makes one of them.
#[diagnostic::on_unimplemented(
    message = "sessions can merge, but the aggregator `{Self}` cannot merge its states",
    note = "use count_each, sum_each, reduce_each, top_each or collect_each, or aggregate_each with an aggregator that \
            implements MergeStates"
)]
pub trait MergeStates<K, T>: Aggregator<K, T> {
    /// Adds all that `later` has seen to `earlier`. The items of `earlier` happened before those of `later`.
    fn merge(&mut self, earlier: &mut Self::State, later: Self::State);
}

impl<K, T> MergeStates<K, T> for Count {
    fn merge(&mut self, earlier: &mut usize, later: usize) {
        *earlier += later;
    }
}

impl<K, T, N, G> MergeStates<K, T> for Sum<G>
where
    G: FnMut(T) -> N,
    N: AddAssign,
{
    fn merge(&mut self, earlier: &mut N, later: N) {
        *earlier += later;
    }
}

impl<K, T, G> MergeStates<K, T> for Reduce<G>
where
    G: FnMut(T, T) -> T,
{
    fn merge(&mut self, earlier: &mut Self::State, later: Self::State) {
        if let Some(later) = later {
            Aggregator::<K, T>::add(self, earlier, later);
        }
    }
}

impl<K, T, R, G> MergeStates<K, T> for Top<G>
where
    G: FnMut(&T) -> R,
    R: Ord,
{
    fn merge(&mut self, earlier: &mut Self::State, later: Self::State) {
        let Best { heap, seen } = later;
        let before = earlier.seen;
        for Reverse(mut ranked) in heap {
            ranked.rank.1.0 += before;
            earlier.keep(self.n, ranked);
        }
        earlier.seen = before + seen;
    }
}
