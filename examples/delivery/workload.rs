//! Where events come from: made up with a seed, or from the real flights; and what goes wrong on their way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anabranch::codec::parse_time;
use anabranch::sink::kinesis::{KinesisSink, KinesisSinkBuilder};
use anabranch::{Error, ErrorKind};
use clap::{Args, ValueEnum};
use flate2::read::MultiGzDecoder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::model::{Event, HOUR, Kind, MINUTE, Millis, OrderId, Region, Rules, SECOND, SIDE};

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-2013-01.tsv.gz");

/// When the first made-up order is created: 2026-01-01.
const BEGIN: Millis = 1_767_225_600_000;

/// Which events there are.
#[derive(Clone, Debug, Args)]
pub(crate) struct Workload {
    /// Which events there are: made-up orders, or the flights in data/ as orders: scheduled, departed, arrived, with the
    /// destination as region and the distance as price.
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Events::Random)]
    pub(crate) events: Events,

    /// What made-up orders and all faults are made from: the same seed gives the same events.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// How many orders there are at most, up to 10,000,000. Unless given, 20,000 made-up ones, or all flights.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) orders: Option<u32>,

    /// How many drivers there are, up to 100,000. Orders come as fast as they can just about deliver them.
    #[arg(long, value_name = "N", default_value = "400", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) drivers: u32,

    /// Of 100 events, so many are never sent, so many are sent late, and so many twice: 30 at most.
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = clap::value_parser!(u8).range(0..=30))]
    pub(crate) faults: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Events {
    Random,
    Flights,
}

impl Workload {
    /// From when on events of this kind are late, and orders given up.
    pub(crate) const fn rules(&self) -> Rules {
        match self.events {
            Events::Random => {
                Rules { late: MINUTE, refuse: 30 * MINUTE, give_up: 4 * HOUR, disorder: 6 * HOUR, most: 100_000 }
            }
            // Flights leave up to 21 hours behind their schedule.
            Events::Flights => {
                Rules { late: 5 * MINUTE, refuse: 6 * HOUR, give_up: 36 * HOUR, disorder: 48 * HOUR, most: 100_000 }
            }
        }
    }

    /// All events, in the order in which they are sent.
    pub(crate) fn make(&self) -> Result<Vec<Event>, Error> {
        let mut dice = StdRng::seed_from_u64(self.seed);
        let happened = match self.events {
            Events::Random => self.made_up(&mut dice),
            Events::Flights => self.flights(&mut dice)?,
        };
        let mut sent = self.with_faults(happened, &mut dice);
        sent.sort_by_key(|event| (event.sent, event.order, event.kind));
        Ok(sent)
    }

    fn made_up(&self, dice: &mut StdRng) -> Vec<Event> {
        // Of its time, a driver is to spend six parts of seven on the way.
        let gap = 35 * MINUTE * 7 / 6 / Millis::from(self.drivers);
        // When each driver is free again.
        let mut drivers: BinaryHeap<Reverse<(Millis, u32)>> =
            (0..self.drivers).map(|driver| Reverse((BEGIN, driver))).collect();
        let mut events = Vec::new();
        let mut now = BEGIN;
        for number in 0..self.orders.unwrap_or(20_000) {
            now += dice.random_range(0..=2 * gap);
            let order = OrderId { ordered: now, number };
            let region = busy_region(dice);
            let price = dice.random_range(500..10_000);
            let Some(Reverse((free, driver))) = drivers.pop() else { break };
            let assigned = now.max(free) + dice.random_range(10 * SECOND..3 * MINUTE);
            let completed = assigned + dice.random_range(5 * MINUTE..35 * MINUTE) + dice.random_range(0..30 * MINUTE);
            drivers.push(Reverse((completed, driver)));
            for (kind, at) in
                [(Kind::Created, now), (Kind::Assigned { driver }, assigned), (Kind::Completed, completed)]
            {
                events.push(Event { order, region, price, kind, at, sent: at });
            }
        }
        events
    }

    fn flights(&self, dice: &mut StdRng) -> Result<Vec<Event>, Error> {
        let unreadable = || Error::new(ErrorKind::Invalid, "the flights cannot be read").at(FLIGHTS);
        let file = std::fs::File::open(FLIGHTS).map_err(|error| unreadable().because(error))?;
        let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(MultiGzDecoder::new(file));
        let mut events = Vec::new();
        for (number, row) in (0..self.orders.unwrap_or(u32::MAX)).zip(reader.records()) {
            let row = row.map_err(|error| unreadable().because(error))?;
            let field = |column: usize| row.get(column).ok_or_else(unreadable);
            let time = |column| {
                let time = parse_time(field(column)?).ok_or_else(unreadable)?;
                Ok::<_, Error>(time.timestamp_millis())
            };
            let (departed, scheduled) = (time(0)?, time(1)?);
            let letters = field(6)?.bytes().map(|letter| u32::from(letter.saturating_sub(b'A')));
            let region = Region::number(letters.fold(0, |number, letter| (number * 26 + letter) % 1_000_000));
            let miles: u32 = field(7)?.parse().map_err(|error| unreadable().because(error))?;
            let order = OrderId { ordered: scheduled, number };
            let driver = dice.random_range(0..self.drivers);
            // There is no air time of flights that went elsewhere: they never arrive.
            let arrived = field(8)?.parse::<Millis>().ok().map(|minutes| departed + minutes * MINUTE);
            let things = [
                Some((Kind::Created, scheduled)),
                Some((Kind::Assigned { driver }, departed)),
                arrived.map(|at| (Kind::Completed, at)),
            ];
            events.extend(things.into_iter().flatten().map(|(kind, at)| Event {
                order,
                region,
                price: miles * 100,
                kind,
                at,
                sent: at,
            }));
        }
        Ok(events)
    }

    /// Leaves some out, sends some late, some so late that they are refused, and some twice.
    fn with_faults(&self, events: Vec<Event>, dice: &mut StdRng) -> Vec<Event> {
        let Rules { late, refuse, .. } = self.rules();
        let share = f64::from(self.faults) / 100.0;
        let mut sent = Vec::with_capacity(events.len());
        for mut event in events {
            if dice.random_bool(share) {
                continue;
            }
            if dice.random_bool(share) {
                event.sent = event.at + dice.random_range(late..refuse * 3 / 2);
            }
            if dice.random_bool(share) {
                sent.push(Event { sent: event.sent + dice.random_range(0..refuse), ..event.clone() });
            }
            sent.push(event);
        }
        sent
    }
}

/// What sends events: those of an order in their order, and those of different orders nearly so. While an event of an order
/// is under way, the next waits, and events of other orders overtake it; they are no more than a few times what the sink
/// may hold, which is some 200 events here. See [`Rules::disorder`].
pub(crate) fn sink(stream: &str) -> KinesisSinkBuilder {
    KinesisSink::builder(stream).ordered_per_key(true).in_flight(1).budget(100_000)
}

/// A region of the grid, the sooner the nearer it is to the middle.
fn busy_region(dice: &mut StdRng) -> Region {
    let side = u32::from(SIDE);
    let mut at = || (0..3).map(|_| dice.random_range(0..side)).sum::<u32>() / 3;
    Region::number(at() * side + at())
}
