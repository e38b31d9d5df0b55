//! [`RandomSource`]: made-up events.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use compact_str::CompactString;
use futures::future::BoxFuture;
use futures::stream::try_unfold;
use tokio::time::{Instant, sleep_until};

use crate::codec::parse_time;
use crate::source::{Batch, Description, Listed, Source, Start};
use crate::uri::Uri;
use crate::{BoxFlow, Error, ErrorKind, Layout, Origin, Partition, Position, Record, RecordParts, from_results};

const PARTITION: &str = "random";
const BATCH: u64 = 1024;
/// More types than this have a table that takes room, and no use.
const MAX_TYPES: u32 = 1 << 20;

/// Made-up departures, the same each time: event number `n` depends on the settings and on `n` alone, so any part can
/// be read again.
///
/// An event is one JSON object, `{"departed_at":"2013-01-01T00:00:00.100Z","carrier":"AC","flight":1545}`. Its position
/// is its number, from one. Its time is the start plus a step for each event before it, and that is also when it
/// arrived. Its type is drawn so that the second is half as frequent as the first, the third a third, and so on (Zipf's
/// law), which is how types mostly are in life.
///
/// A rate is kept from the first poll on: who polls late gets what has become due meanwhile at once.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use anabranch::source::{self, RandomSource};
///
/// let departures = RandomSource::builder().count(1_000).types(20).build()?;
/// assert_eq!(source::records(Arc::new(departures)).count().await?, 1_000);
/// # Ok::<(), anabranch::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct RandomSource {
    settings: RandomSourceBuilder,
    made: Arc<Maker>,
}

/// Makes a [`RandomSource`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct RandomSourceBuilder {
    seed: u64,
    count: Option<u64>,
    rate: Option<NonZeroU32>,
    types: u32,
    start: DateTime<Utc>,
    step: Duration,
}

impl RandomSourceBuilder {
    /// What the events are drawn from; 42 unless set.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many events there are; without end unless set.
    pub const fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// How many events are given a second; as many as are asked for unless set.
    pub const fn rate(mut self, rate: NonZeroU32) -> Self {
        self.rate = Some(rate);
        self
    }

    /// How many types there are; 16 unless set.
    pub const fn types(mut self, types: u32) -> Self {
        self.types = types;
        self
    }

    /// The time of the first event; the beginning of 2013 unless set.
    pub const fn start(mut self, start: DateTime<Utc>) -> Self {
        self.start = start;
        self
    }

    /// The time from one event to the next; 100 ms unless set.
    pub const fn step(mut self, step: Duration) -> Self {
        self.step = step;
        self
    }

    /// Makes the source.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) if there are no types, or more than 1,048,576, or the step is zero.
    pub fn build(self) -> Result<RandomSource, Error> {
        let usage = |what: String| Err(Error::new(ErrorKind::Usage, what).at("random:"));
        if !(1..=MAX_TYPES).contains(&self.types) {
            return usage(format!("{} types cannot be drawn from", self.types))
                .map_err(|error| error.cure(format!("ask for 1 to {MAX_TYPES}")));
        }
        if self.step.is_zero() {
            return usage("the step is zero".to_owned()).map_err(|error| error.cure("let time go on between events"));
        }
        Ok(RandomSource { made: Arc::new(Maker::new(&self)), settings: self })
    }
}

impl RandomSource {
    /// Begins with the default settings.
    pub fn builder() -> RandomSourceBuilder {
        RandomSourceBuilder {
            seed: 42,
            count: None,
            rate: None,
            types: 16,
            start: DateTime::UNIX_EPOCH + TimeDelta::seconds(1_356_998_400),
            step: Duration::from_millis(100),
        }
    }

    pub(super) fn from_uri(mut uri: Uri<'_>) -> Result<Self, Error> {
        let mut builder = Self::builder();
        if !uri.place.is_empty() {
            return Err(uri.wrong("random: names no place", "write random: and its options behind a ?"));
        }
        if let Some(seed) = uri.parsed("seed", "a whole number")? {
            builder = builder.seed(seed);
        }
        builder.count = uri.parsed("count", "a whole number")?;
        builder.rate = uri.parsed("rate", "a whole number of events per second, from 1")?;
        if let Some(types) = uri.parsed("types", "a whole number, from 1")? {
            builder = builder.types(types);
        }
        if let Some(start) = uri.option("start", "a time such as 2013-01-01T00:00:00Z", parse_time)? {
            builder = builder.start(start);
        }
        if let Some(millis) = uri.parsed::<NonZeroU64>("step_ms", "a whole number of milliseconds, from 1")? {
            builder = builder.step(Duration::from_millis(millis.get()));
        }
        uri.finish(&["seed", "count", "rate", "types", "start", "step_ms"])?;
        builder.build()
    }

    /// How many events there are before the start.
    fn skipped(&self, start: &Start) -> Result<u64, Error> {
        match start {
            Start::Beginning => Ok(0),
            Start::At(time) => {
                let nanos = (*time - self.settings.start).num_nanoseconds().unwrap_or(i64::MAX).max(0) as u128;
                Ok(nanos.div_ceil(self.settings.step.as_nanos()).try_into().unwrap_or(u64::MAX))
            }
            Start::After(position) => position.major().ok_or_else(|| {
                Error::new(ErrorKind::Conflict, "the position that reading should go on from is none of this source")
                    .at(position)
                    .cure("write the results to another place")
            }),
        }
    }
}

impl Source for RandomSource {
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>> {
        let Self { settings, .. } = self;
        let identity = BTreeMap::from([
            ("kind".to_owned(), "random".to_owned()),
            ("seed".to_owned(), settings.seed.to_string()),
            ("types".to_owned(), settings.types.to_string()),
            ("start".to_owned(), settings.start.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            ("step_ns".to_owned(), settings.step.as_nanos().to_string()),
        ]);
        Box::pin(async { Ok(Description { identity, start: Start::Beginning }) })
    }

    fn recognise<'a>(&'a self, recorded: &'a Description) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            let own = self.describe().await?.identity;
            let mut names = own.keys().chain(recorded.identity.keys());
            let Some(name) = names.find(|name| own.get(*name) != recorded.identity.get(*name)) else { return Ok(()) };
            let said = |identity: &BTreeMap<String, String>| identity.get(name).cloned().unwrap_or_default();
            let what = format!("another source was read before: its {name} was {:?}", said(&recorded.identity));
            Err(Error::new(ErrorKind::Conflict, what)
                .at(format!("random:, whose {name} is {:?}", said(&own)))
                .cure("read that one, or write the results of this one to another place"))
        })
    }

    fn ends(&self) -> bool {
        self.settings.count.is_some()
    }

    fn partitions(&self) -> BoxFuture<'_, Result<Vec<Listed>, Error>> {
        Box::pin(async {
            Ok(vec![Listed { partition: Partition::new(PARTITION), parents: Vec::new(), gone: Vec::new(), keys: None }])
        })
    }

    fn read(&self, partition: &Partition, start: Start) -> BoxFlow<'static, Batch, Error> {
        let known = partition.as_str() == PARTITION;
        let skipped = if known {
            self.skipped(&start)
        } else {
            let what = format!("there is no partition {:?}", partition.as_str());
            Err(Error::new(ErrorKind::NotFound, what).at("random:").cure("it has one, \"random\""))
        };
        let reading = skipped.map(|given| Reading {
            made: Arc::clone(&self.made),
            pace: None,
            rate: self.settings.rate,
            end: self.settings.count.unwrap_or(u64::MAX),
            given,
        });
        // The error is given when it is asked for, like everything that a flow gives.
        let batches = try_unfold(Some(reading), |reading| async {
            let Some(reading) = reading else { return Ok(None) };
            let (batch, rest) = reading?.batch().await;
            Ok(Some((batch, rest.map(Ok))))
        });
        from_results(batches).boxed()
    }
}

/// A reading that is under way.
struct Reading {
    made: Arc<Maker>,
    rate: Option<NonZeroU32>,
    /// When the first event was asked for, and how many were before it.
    pace: Option<(Instant, u64)>,
    given: u64,
    end: u64,
}

impl Reading {
    /// The next batch, when there is something for it, and the rest, unless this was the last.
    async fn batch(mut self) -> (Batch, Option<Self>) {
        let mut until = self.end.min(self.given.saturating_add(BATCH));
        let mut at_tip = false;
        match self.rate {
            // Such a source is always ready, so it steps aside by itself.
            None => tokio::task::yield_now().await,
            Some(rate) => {
                let (since, before) = *self.pace.get_or_insert_with(|| (Instant::now(), self.given));
                let due = |number: u64| since + seconds((number - before) as f64 / f64::from(rate.get()));
                if self.given < self.end {
                    sleep_until(due(self.given + 1)).await;
                }
                let now = Instant::now();
                let reached = until;
                while until > self.given + 1 && due(until) > now {
                    until -= 1;
                }
                at_tip = until < reached || reached == self.end;
            }
        }
        let records = (self.given..until).map(|index| self.made.record(index)).collect();
        let ends = until >= self.end;
        let batch =
            Batch { records, behind: (at_tip || ends).then_some(Duration::ZERO), closed: false, retention: None };
        self.given = until;
        (batch, (!ends).then_some(self))
    }
}

/// As a duration, within what a clock can be set to.
fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.min(1e9))
}

/// Makes events out of their numbers.
#[derive(Debug)]
struct Maker {
    seed: u64,
    start: DateTime<Utc>,
    step: Duration,
    /// For each type, the share of draws, out of 2^32, that fall on it or on one before it.
    shares: Vec<u32>,
    names: Vec<CompactString>,
    origin: Arc<Origin>,
}

impl Maker {
    fn new(settings: &RandomSourceBuilder) -> Self {
        let weights = || (1..=settings.types).map(|rank| 1.0 / f64::from(rank));
        let all: f64 = weights().sum();
        let mut below = 0.0;
        let shares = weights().map(|weight| {
            below += weight;
            (below / all * f64::from(u32::MAX)) as u32
        });
        Self {
            seed: settings.seed,
            start: settings.start,
            step: settings.step,
            shares: shares.collect(),
            names: (0..settings.types).map(type_name).collect(),
            origin: Arc::new(Origin { partition: Partition::new(PARTITION), layout: Layout::Json }),
        }
    }

    /// The event that has `index` events before it.
    fn record(&self, index: u64) -> Record {
        let draw = mix(self.seed.wrapping_add(mix(index)));
        let rank = self.shares.partition_point(|share| *share < (draw >> 32) as u32).min(self.names.len() - 1);
        let name = &self.names[rank];
        let nanos = i64::try_from(self.step.as_nanos().saturating_mul(u128::from(index))).unwrap_or(i64::MAX);
        let time = self.start.checked_add_signed(TimeDelta::nanoseconds(nanos)).unwrap_or(self.start);
        let mut data = Vec::with_capacity(80);
        // Writing to memory does not fail.
        let _ = write!(
            data,
            r#"{{"departed_at":"{}","carrier":"{name}","flight":{}}}"#,
            time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            draw as u32 % 9999 + 1,
        );
        RecordParts {
            data: data.into(),
            origin: Arc::clone(&self.origin),
            position: Position::new(index + 1, 0),
            arrived: time,
            key: name.clone(),
        }
        .into()
    }
}

/// Letters that count up: `AA`, `AB`, ..., `ZZ`, `BAA`, ...
fn type_name(number: u32) -> CompactString {
    let mut letters = Vec::new();
    let mut rest = number;
    while rest > 0 || letters.len() < 2 {
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.into_iter().rev().collect()
}

/// The finalizer of SplitMix64. The crate `rand` does not promise that its generators give the same in each version,
/// and what was read must be the same when it is read again.
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
