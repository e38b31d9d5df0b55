//! [`Progress`]: how far each partition of a running pipeline is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Partition, Position};

/// How far behind the end of its partition a place is, and when that was so.
pub(super) type Lag = Option<(Instant, Duration)>;

/// How far the partitions are that run now. Clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Mutex<BTreeMap<Partition, Place>>>);

#[derive(Clone, Debug)]
struct Place {
    /// Since when what is open now has come to nothing, if anything is open.
    since: Instant,
    /// Committed up to here.
    committed: Option<Position>,
    /// How many epochs are begun and not committed.
    open: usize,
    /// How far behind the committed results are; unset while the source has not told.
    lag: Lag,
}

impl Progress {
    fn places(&self) -> MutexGuard<'_, BTreeMap<Partition, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition that begins to run, from there on. It is forgotten when what is returned is dropped.
    pub(super) fn enter(&self, partition: &Partition, committed: Option<Position>) -> Watched<'_> {
        self.places().insert(partition.clone(), Place { since: Instant::now(), committed, open: 0, lag: None });
        Watched { progress: self, partition: partition.clone() }
    }

    /// How far the committed results are behind the ends of their partitions, by the one that is farthest.
    pub(super) fn lag(&self) -> Option<Duration> {
        let lag = |place: &Place| place.lag.map(|(at, behind)| at.elapsed().saturating_add(behind));
        self.places().values().filter_map(lag).max()
    }

    /// The source has told how far behind the end the place is that has been read to: all there is, if nothing is open.
    pub(super) fn read(&self, partition: &Partition, lag: Lag) {
        if let Some(place) = self.places().get_mut(partition)
            && place.open == 0
        {
            place.lag = lag.or(place.lag);
        }
    }

    /// An epoch of a partition is begun.
    pub(super) fn begun(&self, partition: &Partition) {
        if let Some(place) = self.places().get_mut(partition) {
            if place.open == 0 {
                place.since = Instant::now();
            }
            place.open += 1;
        }
    }

    /// For how long what was read of a partition that runs has not been committed: no time if nothing was read.
    pub(super) fn stuck_for(&self, partition: &Partition) -> Option<Duration> {
        let stuck_for = |place: &Place| if place.open > 0 { place.since.elapsed() } else { Duration::ZERO };
        self.places().get(partition).map(stuck_for)
    }

    /// What has been read and is not committed, for people; unset if there is nothing.
    pub(super) fn uncommitted(&self) -> Option<String> {
        const NAMED: usize = 5;
        let places = self.places();
        let mut open = places.iter().filter(|(_, place)| place.open > 0);
        let named: Vec<_> = open
            .by_ref()
            .take(NAMED)
            .map(|(partition, place)| match &place.committed {
                Some(position) => format!("{partition} behind {position}"),
                None => format!("{partition} from its start"),
            })
            .collect();
        let more = open.count();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!named.is_empty()).then(|| format!("{}{more}", named.join(", ")))
    }
}

/// One partition of a [`Progress`].
#[derive(Debug)]
pub(super) struct Watched<'a> {
    progress: &'a Progress,
    partition: Partition,
}

impl Watched<'_> {
    fn edit(&self, edit: impl FnOnce(&mut Place)) {
        if let Some(place) = self.progress.places().get_mut(&self.partition) {
            edit(place);
        }
    }

    /// An epoch is begun.
    pub(super) fn begun(&self) {
        self.progress.begun(&self.partition);
    }

    /// An epoch is committed, up to there, so far behind the end.
    pub(super) fn committed(&self, to: Option<Position>, lag: Lag) {
        self.edit(|place| {
            *place = Place { since: Instant::now(), committed: to, open: place.open.saturating_sub(1), lag }
        });
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.progress.places().remove(&self.partition);
    }
}
