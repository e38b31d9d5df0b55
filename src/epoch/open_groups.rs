//! [`OpenGroups`]: the groups that outlive an epoch, as a state or a part of one.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::state::{Carry, State};
use crate::group::{Carrier, OpenGroup};

/// Groups of one of the `*_each` that are open at the end of an epoch: a [`State`], or a part of one.
///
/// `K` is the key, `A` what is kept of a group: the [`State`](crate::group::Aggregator::State) of its aggregator. For
/// [`count_each`](crate::Flow::count_each) that is `usize`, for [`sum_each`](crate::Flow::sum_each) the sum, for
/// [`fold_each`](crate::Flow::fold_each) an `Option` of the value.
///
/// Written, a group is `{"key", "state", "age_ms", "idle_ms", "items"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpenGroups<K, A>(Vec<Group<K, A>>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Group<K, A> {
    key: K,
    state: A,
    age_ms: u64,
    idle_ms: u64,
    items: usize,
}

impl<K, A> OpenGroups<K, A> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its key and what is kept of it, those that opened first coming first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &A)> {
        self.0.iter().map(|group| (&group.key, &group.state))
    }

    fn take(&mut self) -> Vec<OpenGroup<K, A>> {
        let whole = |Group { key, state, age_ms, idle_ms, items }| {
            let (age, idle) = (Duration::from_millis(age_ms), Duration::from_millis(idle_ms));
            OpenGroup { key, state, age, idle, items }
        };
        std::mem::take(&mut self.0).into_iter().map(whole).collect()
    }

    fn keep(&mut self, open: Vec<OpenGroup<K, A>>) {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let written = |OpenGroup { key, state, age, idle, items }| Group {
            key,
            state,
            age_ms: millis(age),
            idle_ms: millis(idle),
            items,
        };
        self.0 = open.into_iter().map(written).collect();
    }
}

impl<K, A> Default for OpenGroups<K, A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Lets groups outlive their epochs: the state of a pipeline that has no other.
///
/// An epoch's open groups go on in the next, so a group gives one row, when its [`Until`](crate::group::Until) closes it,
/// however short the epochs are. The timeout of a group closes it also while no record comes. The clock of a group stands
/// still while nobody runs the pipeline. All groups are closed where nothing follows in this run: with the end of a closed
/// partition or of the source, and at the end of a run that ends with the records that are there; a run that is asked to
/// stop keeps them. The rows of one key add up to the same with it and without.
///
/// ```
/// use std::time::Duration;
/// use anabranch::epoch::{Epochs, Ledger, carry_groups};
/// use anabranch::group::Until;
///
/// # fn pipeline(epochs: Epochs, ledger: Ledger) {
/// // How many records each key had, in one row for each minute in which the key was busy.
/// let pipeline = epochs.commit_to_with_state(ledger, carry_groups(), |records, _dead, open| {
///     let until = Until::after(Duration::from_secs(60));
///     records.group_until(|record| record.key().to_owned(), until).count_each().carried(open)
/// });
/// # let _ = pipeline;
/// # }
/// ```
pub fn carry_groups<K: 'static, A: 'static>() -> Carry<OpenGroups<K, A>> {
    Carry::new(1, OpenGroups::default)
}

impl<K, A> Carrier<K, A> for State<OpenGroups<K, A>> {
    fn take(&mut self) -> Vec<OpenGroup<K, A>> {
        self.with(OpenGroups::take)
    }

    fn is_last(&self) -> bool {
        Self::is_last(self)
    }

    fn keep(&mut self, open: Vec<OpenGroup<K, A>>) {
        if !open.is_empty() {
            self.set_open_groups();
        }
        self.with(|groups| groups.keep(open));
    }
}

/// Open groups that are a part of a state: see [`State::groups`].
pub struct GroupsIn<S, K, A> {
    state: State<S>,
    part: fn(&mut S) -> &mut OpenGroups<K, A>,
}

impl<S> State<S> {
    /// The open groups in a part of the state, for [`carried`](crate::Flow::carried), where there is more to keep than
    /// they. `part` is called under the state's lock.
    pub fn groups<K, A>(&self, part: fn(&mut S) -> &mut OpenGroups<K, A>) -> GroupsIn<S, K, A> {
        GroupsIn { state: self.clone(), part }
    }
}

impl<S, K, A> Carrier<K, A> for GroupsIn<S, K, A> {
    fn take(&mut self) -> Vec<OpenGroup<K, A>> {
        self.state.with(|state| (self.part)(state).take())
    }

    fn is_last(&self) -> bool {
        self.state.is_last()
    }

    fn keep(&mut self, open: Vec<OpenGroup<K, A>>) {
        if !open.is_empty() {
            self.state.set_open_groups();
        }
        self.state.with(|state| (self.part)(state).keep(open));
    }
}

impl<S, K, A> fmt::Debug for GroupsIn<S, K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupsIn").field("state", &self.state).finish_non_exhaustive()
    }
}
