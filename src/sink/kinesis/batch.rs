//! [`Batcher`]: which messages go into which request, and which of them again. It waits for nothing and asks nobody.

use std::collections::VecDeque;
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use crate::Message;
use crate::aws::retry::Backoff;

/// So that an instant that far ahead can be told.
const LONGEST_LINGER: Duration = Duration::from_secs(24 * 60 * 60);

/// The most records in a request: the service's own limit.
pub(super) const MAX_RECORDS: usize = 500;
/// The most bytes in a request, with keys. The service takes more from some streams; other servers do not.
pub(super) const MAX_BYTES: usize = 5 << 20;

/// A message's size as Kinesis counts it.
pub(super) fn size(message: &Message) -> usize {
    message.data.len() + message.key.len()
}

/// A message that has not been accepted yet.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Message,
    /// How often it was turned away.
    tries: u32,
    since: Instant,
}

/// Entries that wait to be sent again.
#[derive(Debug)]
struct Again {
    due: Instant,
    entries: VecDeque<Entry>,
}

/// Holds messages until they are accepted.
#[derive(Debug)]
pub(super) struct Batcher {
    linger: Duration,
    max_held: usize,
    max_held_bytes: usize,
    fresh: VecDeque<Entry>,
    fresh_bytes: usize,
    again: Vec<Again>,
    /// All that has not been accepted: fresh, waiting or under way.
    held: usize,
    held_bytes: usize,
}

impl Batcher {
    /// Holds a request more than may be under way, so that the next one fills meanwhile.
    pub(super) fn new(linger: Duration, in_flight: usize) -> Self {
        let requests = in_flight.saturating_add(1);
        Self {
            linger: linger.min(LONGEST_LINGER),
            max_held: requests.saturating_mul(MAX_RECORDS),
            max_held_bytes: requests.saturating_mul(MAX_BYTES),
            fresh: VecDeque::new(),
            fresh_bytes: 0,
            again: Vec::new(),
            held: 0,
            held_bytes: 0,
        }
    }

    /// How many messages have not been accepted.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    pub(super) const fn has_room(&self) -> bool {
        self.held < self.max_held && self.held_bytes < self.max_held_bytes
    }

    pub(super) fn push(&mut self, message: Message, now: Instant) {
        let size = size(&message);
        self.held += 1;
        self.held_bytes += size;
        self.fresh_bytes += size;
        self.fresh.push_back(Entry { message, tries: 0, since: now });
    }

    /// The next request, if one is to be sent now: when entries are due again, or when fresh ones fill a request, have
    /// lingered, or are to go at once because of `hurry`.
    pub(super) fn request(&mut self, now: Instant, hurry: bool) -> Option<Vec<Entry>> {
        let full = self.fresh.len() >= MAX_RECORDS || self.fresh_bytes >= MAX_BYTES;
        let lingered = self.fresh.front().is_some_and(|entry| hurry || now >= entry.since + self.linger);
        if !full && !lingered && self.again.iter().all(|again| again.due > now) {
            return None;
        }
        let mut request = Request::default();
        for again in self.again.iter_mut().filter(|again| again.due <= now) {
            request.fill(&mut again.entries);
        }
        self.again.retain(|again| !again.entries.is_empty());
        // A request that goes out anyway takes along what it can.
        self.fresh_bytes -= request.fill(&mut self.fresh);
        Some(request.entries)
    }

    /// When [`request`](Self::request) will have something, if nothing else happens.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let lingered = self.fresh.front().map(|entry| entry.since + self.linger);
        self.again.iter().map(|again| again.due).chain(lingered).min()
    }

    /// Takes in an answer: for each entry why it was turned away, if it was.
    pub(super) fn answered(
        &mut self,
        entries: Vec<Entry>,
        verdicts: &[Option<String>],
        now: Instant,
        random: &mut impl Rng,
    ) {
        let mut refused = Vec::new();
        for (entry, verdict) in entries.into_iter().zip(verdicts) {
            if verdict.is_some() {
                refused.push(entry);
            } else {
                self.held -= 1;
                self.held_bytes -= size(&entry.message);
            }
        }
        self.failed(refused, now, random);
    }

    /// Keeps entries to be sent again.
    pub(super) fn failed(&mut self, mut entries: Vec<Entry>, now: Instant, random: &mut impl Rng) {
        for entry in &mut entries {
            entry.tries = entry.tries.saturating_add(1);
        }
        // Each wait is that of the entry's own tries: one that failed often must not hold up those it travelled with.
        entries.sort_by_key(|entry| entry.tries);
        while let Some(first) = entries.first() {
            let tries = first.tries;
            let later = entries.split_off(entries.partition_point(|entry| entry.tries <= tries));
            self.again.push(Again { due: now + Backoff::after(tries, random), entries: entries.into() });
            entries = later;
        }
    }
}

#[derive(Default)]
struct Request {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Request {
    /// Takes entries from the front until the request is full, and says how many bytes they had. An entry that is larger
    /// than a request gets one of its own.
    fn fill(&mut self, from: &mut VecDeque<Entry>) -> usize {
        let before = self.bytes;
        while let Some(entry) = from.front() {
            let bytes = self.bytes + size(&entry.message);
            if self.entries.len() >= MAX_RECORDS || (bytes > MAX_BYTES && !self.entries.is_empty()) {
                break;
            }
            self.bytes = bytes;
            self.entries.extend(from.pop_front());
        }
        self.bytes - before
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const LINGER: Duration = Duration::from_millis(100);

    fn message(n: usize, bytes: usize) -> Message {
        Message { key: format!("{n:04}").into(), data: vec![b'x'; bytes - 4].into() }
    }

    fn keys(entries: &[Entry]) -> Vec<usize> {
        entries.iter().map(|entry| entry.message.key.parse().unwrap()).collect()
    }

    fn batcher(count: usize, bytes: usize, now: Instant) -> Batcher {
        let mut batcher = Batcher::new(LINGER, 4);
        (0..count).for_each(|n| batcher.push(message(n, bytes), now));
        batcher
    }

    fn no() -> Option<String> {
        Some("ProvisionedThroughputExceededException".into())
    }

    #[test]
    fn a_request_is_full_at_500_records() {
        let now = Instant::now();
        let mut batcher = batcher(501, 10, now);
        assert_eq!(keys(&batcher.request(now, false).unwrap()), (0..500).collect::<Vec<_>>());
        assert!(batcher.request(now, false).is_none());
        assert_eq!(keys(&batcher.request(now, true).unwrap()), [500]);
        assert_eq!(batcher.held(), 501);
    }

    #[test]
    fn a_request_is_never_larger_than_5_mib() {
        let now = Instant::now();
        let mut batcher = batcher(12, 1 << 20, now);
        let sizes = std::iter::from_fn(|| batcher.request(now, true)).map(|request| request.len());
        assert_eq!(sizes.collect::<Vec<_>>(), [5, 5, 2]);
    }

    #[test]
    fn a_record_larger_than_a_request_goes_alone() {
        let now = Instant::now();
        let mut batcher = batcher(1, 10, now);
        batcher.push(message(1, MAX_BYTES + 1), now);
        batcher.push(message(2, 10), now);
        let requests = std::iter::from_fn(|| batcher.request(now, true)).map(|request| keys(&request));
        assert_eq!(requests.collect::<Vec<_>>(), [[0], [1], [2]]);
    }

    #[test]
    fn a_lone_message_lingers() {
        let now = Instant::now();
        let mut batcher = batcher(1, 10, now);
        assert!(batcher.request(now, false).is_none());
        assert_eq!(batcher.wake_at(), Some(now + LINGER));
        assert_eq!(keys(&batcher.request(now + LINGER, false).unwrap()), [0]);
        assert_eq!(batcher.wake_at(), None);
    }

    #[test]
    fn no_linger_is_too_long() {
        let now = Instant::now();
        let mut batcher = Batcher::new(Duration::MAX, 1);
        batcher.push(Message { key: "k".into(), data: "x".into() }, now);
        assert!(batcher.request(now, false).is_none());
        assert_eq!(batcher.wake_at(), Some(now + LONGEST_LINGER));
    }

    #[test]
    fn only_what_was_turned_away_is_sent_again() {
        let now = Instant::now();
        let random = &mut StdRng::seed_from_u64(7);
        let mut batcher = batcher(4, 10, now);
        let request = batcher.request(now, true).unwrap();
        batcher.answered(request, &[None, no(), None, no()], now, random);
        assert_eq!(batcher.held(), 2);

        let due = batcher.wake_at().unwrap();
        assert!(due > now && due <= now + Duration::from_millis(100));
        assert!(batcher.request(now, true).is_none(), "hurry does not cut a wait short");
        let request = batcher.request(due, false).unwrap();
        assert_eq!(keys(&request), [1, 3]);
        batcher.answered(request, &[None, None], due, random);
        assert_eq!((batcher.held(), batcher.held_bytes, batcher.wake_at()), (0, 0, None));
    }

    #[test]
    fn what_is_due_again_takes_fresh_messages_along() {
        let now = Instant::now();
        let random = &mut StdRng::seed_from_u64(7);
        let mut batcher = batcher(1, 10, now);
        let request = batcher.request(now, true).unwrap();
        batcher.failed(request, now, random);
        batcher.push(message(1, 10), now);
        let due = batcher.wake_at().unwrap();
        assert_eq!(keys(&batcher.request(due, false).unwrap()), [0, 1]);
    }

    #[test]
    fn each_entry_waits_for_its_own_tries() {
        let mut now = Instant::now();
        let random = &mut StdRng::seed_from_u64(7);
        let mut batcher = batcher(1, 10, now);
        for _ in 0..6 {
            let request = batcher.request(now, true).unwrap();
            batcher.failed(request, now, random);
            now = batcher.wake_at().unwrap();
        }
        batcher.push(message(1, 10), now);
        let request = batcher.request(now, true).unwrap();
        assert_eq!(keys(&request), [0, 1]);
        batcher.failed(request, now, random);
        let soon = batcher.wake_at().unwrap();
        assert!(soon <= now + Duration::from_millis(100));
        assert_eq!(keys(&batcher.request(soon, true).unwrap()), [1]);
    }

    #[test]
    fn other_messages_flow_while_some_wait() {
        let now = Instant::now();
        let random = &mut StdRng::seed_from_u64(7);
        let mut batcher = batcher(1, 10, now);
        let request = batcher.request(now, true).unwrap();
        batcher.failed(request, now, random);
        (1..=500).for_each(|n| batcher.push(message(n, 10), now));
        assert_eq!(keys(&batcher.request(now, false).unwrap()), (1..=500).collect::<Vec<_>>());
    }

    #[test]
    fn there_is_room_for_one_request_more_than_may_be_under_way() {
        let now = Instant::now();
        assert!(batcher(2_499, 10, now).has_room());
        assert!(!batcher(2_500, 10, now).has_room());
        assert!(!batcher(25, 1 << 20, now).has_room());
    }

    /// Whatever is turned away, in whatever order answers come, each message is accepted exactly once.
    #[test]
    fn every_message_is_accepted_once() {
        for seed in 0..50 {
            let random = &mut StdRng::seed_from_u64(seed);
            let mut now = Instant::now();
            let mut batcher = Batcher::new(LINGER, 4);
            let mut accepted: HashMap<usize, usize> = HashMap::new();
            let mut under_way: Vec<Vec<Entry>> = Vec::new();
            let mut sent = 0;
            while sent < 3_000 || batcher.held() > 0 {
                while sent < 3_000 && batcher.has_room() && random.random_bool(0.99) {
                    batcher.push(message(sent, random.random_range(5..20_000)), now);
                    sent += 1;
                }
                while under_way.len() < 4
                    && let Some(request) = batcher.request(now, sent == 3_000)
                {
                    assert!(!request.is_empty() && request.len() <= MAX_RECORDS);
                    assert!(request.iter().map(|entry| size(&entry.message)).sum::<usize>() <= MAX_BYTES);
                    under_way.push(request);
                }
                if !under_way.is_empty() && random.random_bool(0.7) {
                    let request = under_way.swap_remove(random.random_range(0..under_way.len()));
                    if random.random_bool(0.1) {
                        batcher.failed(request, now, random);
                    } else {
                        let verdicts: Vec<_> =
                            request.iter().map(|_| random.random_bool(0.3).then(no).flatten()).collect();
                        for (key, verdict) in keys(&request).into_iter().zip(&verdicts) {
                            *accepted.entry(key).or_default() += usize::from(verdict.is_none());
                        }
                        batcher.answered(request, &verdicts, now, random);
                    }
                }
                now += Duration::from_millis(random.random_range(0..200));
            }
            assert!(under_way.is_empty(), "seed {seed}");
            assert_eq!(accepted.len(), 3_000, "seed {seed}");
            assert!(accepted.values().all(|times| *times == 1), "seed {seed}");
            assert_eq!((batcher.held_bytes, batcher.fresh_bytes, batcher.wake_at()), (0, 0, None), "seed {seed}");
        }
    }
}
