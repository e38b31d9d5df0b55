//! [`Batcher`]: which messages go into which request, and which of them again. It waits for nothing and asks nobody.
//!
//! A message waits in the [`Lane`] of its shard until it is due or a request is full. With the order of keys, only the
//! first message of a key is in a lane, under way, or waiting to be sent again; the others stand behind it, and one of
//! them takes its place when it has been accepted.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use rand::Rng;
use tokio::time::Instant;

use super::lane::{Bucket, Lane, Load};
use super::map::ShardMap;
use super::pack::{Entry, Packed, Request};
use super::stats::Stats;
use crate::Message;
use crate::aws::retry::Backoff;
use crate::aws::traffic::{Traffic, Usage};
use crate::codec::kpl::Packer;

/// So that an instant that far ahead can be told.
const LONGEST_LINGER: Duration = Duration::from_secs(24 * 60 * 60);
/// What a message takes beside its bytes: its place in a lane, a request and a table of keys.
pub(super) const OVERHEAD: usize = 256;
/// A shard has no room.
pub(super) const THROTTLED: &str = "ProvisionedThroughputExceededException";

/// What the user set.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// How long a message may wait for others.
    pub(super) linger: Duration,
    /// The most records in a request.
    pub(super) records: usize,
    /// The most bytes in a request, with keys.
    pub(super) bytes: usize,
    /// The most bytes to hold, with the overhead of each message.
    pub(super) budget: usize,
    /// The most bytes in an aggregate, if there are to be any.
    pub(super) aggregate: Option<usize>,
    pub(super) ordered: bool,
    /// The percentage of what a shard takes.
    pub(super) rate: Option<u32>,
    /// Where what each shard takes is told.
    pub(super) traffic: Option<Traffic>,
}

impl Limits {
    /// Whether it matters which shard a message goes to.
    pub(super) const fn need_map(&self) -> bool {
        self.rate.is_some() || self.aggregate.is_some() || self.traffic.is_some()
    }
}

/// What became of a record in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was accepted, by the shard of that name.
    Taken(Option<String>),
    /// It was turned away, with an error code.
    Refused(String),
}

/// Entries that wait to be sent again.
#[derive(Debug)]
struct Again {
    due: Instant,
    entries: Vec<Entry>,
}

/// Holds messages until they are accepted.
#[derive(Debug)]
pub(super) struct Batcher {
    limits: Limits,
    map: ShardMap,
    /// One for each shard of the map, and one for messages whose shard is not known.
    lanes: Vec<Lane>,
    /// The lanes that hold something, by when they are to be looked at.
    order: BTreeSet<(Instant, usize)>,
    /// What is in lanes that do not rest.
    ready: Load,
    again: Vec<Again>,
    /// With the order of keys: for each key that has a message elsewhere, those that stand behind it.
    keys: Option<HashMap<CompactString, VecDeque<Entry>>>,
    /// Aggregates that a shard took that is not in the map, and that shard.
    stray: Vec<(String, Packed)>,
    /// Whether the map is known to be out of date.
    stale: bool,
    /// All that has not been accepted.
    held: Load,
    /// How many messages have come.
    count: u64,
    stats: Stats,
}

impl Batcher {
    pub(super) fn new(mut limits: Limits, map: ShardMap, stats: Stats, now: Instant) -> Self {
        limits.linger = limits.linger.min(LONGEST_LINGER);
        Self {
            lanes: lanes(&map, &limits, now),
            map,
            order: BTreeSet::new(),
            ready: Load::default(),
            again: Vec::new(),
            keys: limits.ordered.then(HashMap::new),
            stray: Vec::new(),
            stale: false,
            held: Load::default(),
            count: 0,
            stats,
            limits,
        }
    }

    /// How many messages have not been accepted.
    pub(super) const fn held(&self) -> usize {
        self.held.messages
    }

    /// The bytes of what has not been accepted, with its overhead.
    pub(super) const fn held_bytes(&self) -> usize {
        self.held.bytes + self.held.messages * OVERHEAD
    }

    pub(super) const fn has_room(&self) -> bool {
        self.held_bytes() < self.limits.budget
    }

    /// Whether messages go to other shards than the map says, so that it is to be made anew.
    pub(super) const fn is_stale(&self) -> bool {
        self.stale
    }

    pub(super) fn push(&mut self, message: Message, hash_key: Option<u128>, now: Instant) {
        self.count += 1;
        let entry = Entry::new(message, hash_key, self.count, now + self.limits.linger);
        self.held += entry.load();
        if let Some(keys) = &mut self.keys {
            if let Some(behind) = keys.get_mut(&entry.message.key) {
                behind.push_back(entry);
                return;
            }
            keys.insert(entry.message.key.clone(), VecDeque::new());
        }
        self.line_up(entry);
    }

    /// The next request, if one is to be sent now: when a message is due, when there is enough for a request, or at once
    /// because of `hurry` or because no more can be held.
    pub(super) fn request(&mut self, now: Instant, hurry: bool) -> Option<Vec<Packed>> {
        self.rouse(now);
        let due = self.order.first().is_some_and(|(at, _)| *at <= now);
        // How many records there will be is not known before they are aggregated.
        let full = (self.limits.aggregate.is_none() && self.ready.messages >= self.limits.records)
            || self.ready.bytes >= self.limits.bytes;
        let hurry = (hurry || !self.has_room()) && self.ready.messages > 0;
        if !due && !full && !hurry {
            return None;
        }
        let mut request = Request::new(self.limits.records, self.limits.bytes);
        // A request that goes out anyway takes along what it can.
        for (_, lane) in self.order.clone() {
            if request.is_full() {
                break;
            }
            self.fill(&mut request, lane, now);
            self.place(lane);
        }
        (!request.packed.is_empty()).then_some(request.packed)
    }

    /// When [`request`](Self::request) will have something, if nothing else happens.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let lane = self.order.first().map(|(at, _)| *at);
        self.again.iter().map(|again| again.due).chain(lane).min()
    }

    /// Takes in an answer.
    pub(super) fn answered(
        &mut self,
        request: Vec<Packed>,
        verdicts: Vec<Verdict>,
        now: Instant,
        random: &mut impl Rng,
    ) {
        let mut refused = Vec::new();
        for (packed, verdict) in request.into_iter().zip(verdicts) {
            self.measure(&packed, &verdict);
            match verdict {
                Verdict::Refused(code) => {
                    self.stats.throttles.add(1);
                    if code == THROTTLED {
                        self.drain(&packed, now);
                    }
                    refused.extend(packed.entries);
                }
                Verdict::Taken(Some(shard)) if self.limits.need_map() => {
                    let expected = packed.entries.first().and_then(|first| self.map.id(self.map.index(first.hash)));
                    self.stale |= expected.is_none_or(|expected| **expected != *shard);
                    match self.map.range(&shard) {
                        _ if packed.entries.len() == 1 => self.accept(&packed),
                        Some(range) if packed.belongs_to(range) => self.accept(&packed),
                        // Readers drop an aggregate with records of another shard.
                        Some(_) => refused.extend(packed.entries),
                        None => self.stray.push((shard, packed)),
                    }
                }
                Verdict::Taken(_) => self.accept(&packed),
            }
        }
        self.again(refused, now, random);
    }

    /// Keeps what was in a request that failed, to be sent again.
    pub(super) fn failed(&mut self, request: Vec<Packed>, now: Instant, random: &mut impl Rng) {
        self.again(request.into_iter().flat_map(|packed| packed.entries).collect(), now, random);
    }

    /// Takes a new map of the shards. Aggregates that a shard took that was not known count as accepted where all in them
    /// belongs there; the others are sent again, in other company.
    pub(super) fn remap(&mut self, map: ShardMap, now: Instant, random: &mut impl Rng) {
        let lanes = lanes(&map, &self.limits, now);
        let before = std::mem::replace(&mut self.lanes, lanes);
        self.map = map;
        self.stale = false;
        self.order.clear();
        self.ready = Load::default();
        let known: HashMap<_, _> = before.iter().filter_map(|lane| Some((lane.shard.clone()?, lane))).collect();
        for lane in &mut self.lanes {
            if let Some(before) = lane.shard.as_ref().and_then(|shard| known.get(shard)) {
                lane.inherit(before);
            }
        }
        drop(known);
        before.into_iter().flat_map(Lane::into_entries).for_each(|entry| self.line_up(entry));
        for (shard, packed) in std::mem::take(&mut self.stray) {
            if self.map.range(&shard).is_some_and(|range| packed.belongs_to(range)) {
                self.accept(&packed);
            } else {
                self.again(packed.entries, now, random);
            }
        }
    }

    /// Puts an entry into the lane of its shard.
    fn line_up(&mut self, entry: Entry) {
        let lane = self.map.index(entry.hash);
        self.lanes[lane].push(entry);
        self.place(lane);
    }

    /// Brings the place of a lane in the order up to date, and what is counted of it.
    fn place(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        let load = if lane.rests_until.is_some() { Load::default() } else { lane.load() };
        self.ready -= std::mem::replace(&mut lane.counted, load);
        self.ready += load;
        let at = lane.front().map(|front| lane.rests_until.unwrap_or(front.due));
        if lane.at == at {
            return;
        }
        if let Some(at) = std::mem::replace(&mut lane.at, at) {
            self.order.remove(&(at, index));
        }
        if let Some(at) = at {
            self.order.insert((at, index));
        }
    }

    /// Brings back what has waited or rested for long enough.
    fn rouse(&mut self, now: Instant) {
        if self.again.iter().any(|again| again.due <= now) {
            for mut again in std::mem::take(&mut self.again) {
                if again.due > now {
                    self.again.push(again);
                    continue;
                }
                for mut entry in again.entries.drain(..) {
                    entry.due = entry.due.min(again.due);
                    self.line_up(entry);
                }
            }
        }
        let due = self.order.range(..=(now, usize::MAX)).map(|(_, lane)| *lane);
        let rested: Vec<usize> = due.filter(|lane| self.lanes[*lane].rests_until.is_some()).collect();
        for lane in rested {
            self.lanes[lane].rests_until = None;
            self.place(lane);
        }
    }

    /// Moves records from a lane into a request, as far as there is room and the shard may be given more.
    fn fill(&mut self, request: &mut Request, index: usize, now: Instant) {
        while self.lanes[index].rests_until.is_none()
            && self.lanes[index].front().is_some_and(|front| request.fits(front.size()))
            && self.lanes[index].may_send(now)
            && let Some(packed) = self.pack(index, request.room())
        {
            self.lanes[index].sent(packed.size());
            request.push(packed);
        }
    }

    /// The next record of a lane: one message, or an aggregate of at most `room` bytes.
    fn pack(&mut self, index: usize, room: usize) -> Option<Packed> {
        let lane = &mut self.lanes[index];
        let first = lane.pop()?;
        // By a map that is out of date, an aggregate may go to a shard that some of its records do not belong to.
        let limit = self.limits.aggregate.filter(|_| lane.shard.is_some() && !self.stale).unwrap_or(0);
        let mut packer = Packer::new(limit.min(room.saturating_sub(Packed::AGGREGATE_KEY.len())));
        if !packer.push(&first.sub_record()) {
            return Some(Packed::alone(first));
        }
        let mut entries = vec![first];
        loop {
            // What stands behind a message of the same key may go with it: all of an aggregate is accepted, or nothing.
            if let (Some(keys), Some(last)) = (&mut self.keys, entries.last())
                && let Some(behind) = keys.get_mut(&last.message.key)
            {
                while let Some(next) = behind.front()
                    && self.map.index(next.hash) == index
                    && packer.push(&next.sub_record())
                {
                    entries.extend(behind.pop_front());
                }
            }
            let lane = &mut self.lanes[index];
            match lane.front() {
                Some(next) if packer.push(&next.sub_record()) => entries.extend(lane.pop()),
                _ => return Some(Packed::new(entries, packer)),
            }
        }
    }

    /// Tells what a shard took or turned away.
    fn measure(&self, packed: &Packed, verdict: &Verdict) {
        let Some(traffic) = &self.limits.traffic else { return };
        match verdict {
            Verdict::Taken(Some(shard)) => {
                traffic.written(shard, Usage { bytes: packed.size() as u64, records: 1, throttled: 0 });
                let entries = packed.entries.iter().map(|entry| (entry.size() as u64, entry.hash));
                traffic.keys(shard, entries, |hash| hash);
            }
            Verdict::Refused(code) if code == THROTTLED => {
                let shard = packed.entries.first().and_then(|first| self.map.id(self.map.index(first.hash)));
                if let Some(shard) = shard {
                    traffic.written(shard, Usage { throttled: 1, ..Usage::default() });
                }
            }
            _ => {}
        }
    }

    fn accept(&mut self, packed: &Packed) {
        self.stats.records.add(1);
        let mut released = None;
        for entry in &packed.entries {
            let load = entry.load();
            self.held -= load;
            self.stats.messages.add(1);
            self.stats.bytes.add(load.bytes as u64);
            // Messages of one key stand side by side in an aggregate.
            if released.replace(&entry.message.key) != Some(&entry.message.key) {
                self.release(&entry.message.key);
            }
        }
    }

    /// Lets the next message of a key go.
    fn release(&mut self, key: &CompactString) {
        let Some(keys) = &mut self.keys else { return };
        match keys.get_mut(key).and_then(VecDeque::pop_front) {
            Some(next) => self.line_up(next),
            None => drop(keys.remove(key)),
        }
    }

    fn drain(&mut self, packed: &Packed, now: Instant) {
        if let Some(first) = packed.entries.first() {
            let lane = self.map.index(first.hash);
            self.lanes[lane].drain(now);
            self.place(lane);
        }
    }

    /// Keeps entries to be sent again.
    fn again(&mut self, mut entries: Vec<Entry>, now: Instant, random: &mut impl Rng) {
        self.stats.retries.add(entries.len() as u64);
        entries.iter_mut().for_each(|entry| entry.tries = entry.tries.saturating_add(1));
        if let Some(keys) = &mut self.keys {
            let mut firsts = Vec::with_capacity(entries.len());
            while let Some(entry) = entries.pop() {
                match entries.last() {
                    Some(before) if before.message.key == entry.message.key => {
                        keys.entry(entry.message.key.clone()).or_default().push_front(entry);
                    }
                    _ => firsts.push(entry),
                }
            }
            entries = firsts;
        }
        // Each wait is that of the entry's own tries: one that failed often must not hold up those it travelled with.
        entries.sort_by_key(|entry| entry.tries);
        while let Some(first) = entries.first() {
            let tries = first.tries;
            let later = entries.split_off(entries.partition_point(|entry| entry.tries <= tries));
            self.again.push(Again { due: now + Backoff::after(tries, random), entries });
            entries = later;
        }
    }
}

fn lanes(map: &ShardMap, limits: &Limits, now: Instant) -> Vec<Lane> {
    let known = |index| map.id(index).map(Arc::clone);
    let bucket =
        |shard: &Option<Arc<str>>| limits.rate.filter(|_| shard.is_some()).map(|percent| Bucket::new(percent, now));
    let lane = |shard: Option<Arc<str>>| {
        let bucket = bucket(&shard);
        Lane::new(shard, bucket)
    };
    (0..=map.len()).map(|index| lane(known(index))).collect()
}
