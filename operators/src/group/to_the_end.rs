//! [`ToTheEnd`]: groups that nothing ends but their source, for aggregates.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::TryStream;
use hashbrown::DefaultHashBuilder;

use super::aggregate_each::Aggregator;
use super::groups::Limit;
use crate::budget::Slice;
use crate::keyed_queue::KeyedQueue;
use crate::time::clock;

/// Where no time ends a group, none is kept: key and state are all that there is of it, and an item that opens one
/// writes behind the others.
pub(super) struct ToTheEnd<K, V> {
    hasher: DefaultHashBuilder,
    open: KeyedQueue<(K, V)>,
    /// The source has ended: the groups that are still to be given.
    ended: Option<VecDeque<(K, V)>>,
}

/// What a flow reads, and how.
pub(super) struct Reading<'a, S: TryStream, F, A> {
    pub(super) source: Pin<&'a mut S>,
    pub(super) key: &'a mut F,
    pub(super) aggregator: &'a mut A,
    pub(super) limit: &'a Limit<S::Error>,
}

impl<K: Hash + Eq, V> ToTheEnd<K, V> {
    pub(super) fn new() -> Self {
        Self { hasher: DefaultHashBuilder::default(), open: KeyedQueue::with_capacity(0), ended: None }
    }

    #[inline]
    pub(super) fn poll_next<S, F, A>(
        &mut self,
        reading: Reading<'_, S, F, A>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(K, A::Output), S::Error>>>
    where
        S: TryStream,
        F: FnMut(&S::Ok) -> K,
        A: Aggregator<K, S::Ok, State = V>,
    {
        let Reading { mut source, key, aggregator, limit } = reading;
        if let Some(ended) = &mut self.ended {
            return Poll::Ready(ended.pop_front().map(|(key, state)| Ok((key, aggregator.close(state)))));
        }
        let mut slice = Slice::new(clock::now());
        let mut left = Slice::RUN;
        loop {
            if left == 0 {
                ready!(slice.next_run(cx, clock::now()));
                left = Slice::RUN;
            }
            left -= 1;
            let failure = match ready!(source.as_mut().try_poll_next(cx)) {
                Some(Ok(item)) => {
                    let key = key(&item);
                    let hash = self.hasher.hash_one(&key);
                    if let Some((_, state)) = self.open.find_mut(hash, |(other, _)| *other == key) {
                        aggregator.add(state, item);
                        continue;
                    }
                    match limit.is_full(self.open.len()) {
                        Ok(full) => {
                            let hasher = &self.hasher;
                            let evicted = full.then(|| self.open.pop_first(|(key, _)| hasher.hash_one(key)));
                            let state = aggregator.open(&key, item);
                            self.open.push(hash, (key, state));
                            let Some((key, state)) = evicted.flatten() else { continue };
                            return Poll::Ready(Some(Ok((key, aggregator.close(state)))));
                        }
                        Err(error) => error,
                    }
                }
                None => {
                    let entries = self.take();
                    let ended = self.ended.insert(entries);
                    return Poll::Ready(ended.pop_front().map(|(key, state)| Ok((key, aggregator.close(state)))));
                }
                Some(Err(error)) => error,
            };
            self.take();
            self.ended = Some(VecDeque::new());
            return Poll::Ready(Some(Err(failure)));
        }
    }

    fn take(&mut self) -> VecDeque<(K, V)> {
        std::mem::replace(&mut self.open, KeyedQueue::with_capacity(0)).into_entries()
    }
}
