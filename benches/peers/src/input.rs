//! Lines of events in memory, how they are read, and what a way of counting them must come to.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// The milliseconds of a minute.
pub const MINUTE: i64 = 60_000;

/// By how much an event may come later than one that happened after it.
pub const DISORDER: i64 = 2_000;

/// 21 August 2016, 21:40 UTC.
const BEGIN: i64 = 1_471_815_600_000;

/// What events are counted by: a type of up to eight letters, packed, and a minute. Small and cheap to copy, which is best for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The letters of the type, as the bytes of a number.
    pub kind: u64,
    /// Minutes since 1970.
    pub minute: u32,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Type and minute.
    pub key: Key,
    /// Milliseconds since 1970.
    pub millis: i64,
}

/// Numbers without a pattern, from their index.
pub fn scatter(index: u64) -> u64 {
    let mixed = (index ^ (index >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

/// Lines of 44 bytes, of so many types in no order over so many minutes. Times are up to [`DISORDER`] out of order.
pub fn lines(events: usize, types: usize, minutes: usize) -> Vec<u8> {
    let mut text = String::with_capacity(45 * events);
    let span = minutes as u64 * MINUTE as u64;
    for index in 0..events as u64 {
        let noise = scatter(index);
        let millis = BEGIN + (index * span / events as u64) as i64 + (noise >> 16) as i64 % DISORDER;
        let (minute, rest) = (millis / MINUTE, millis % MINUTE);
        let (kind, user) = (noise as usize % types, noise % 1_000_000);
        // All within two days of August, which spares a calendar.
        let (day, hour) = (minute / 1_440 - BEGIN / MINUTE / 1_440 + 21, minute % 1_440 / 60);
        let (second, part) = (rest / 1_000, rest % 1_000);
        let minute = minute % 60;
        writeln!(
            text,
            "2016-08-{day:02}T{hour:02}:{minute:02}:{second:02}.{part:03}Z\tk{kind:04}\tu{user:06}\t{:02}.2",
            user % 100
        )
        .expect("a text takes all");
    }
    text.into_bytes()
}

/// Line by line, without what is no event.
pub fn events(text: &[u8]) -> impl Iterator<Item = Event> + Clone + Send + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if let Some(event) = parse(line) {
                return Some(event);
            }
        }
    })
}

fn parse(line: &[u8]) -> Option<Event> {
    let (time, rest) = line.split_at_checked(24)?;
    let millis = parse_time(time)?;
    let rest = rest.strip_prefix(b"\t")?;
    let kind = &rest[..rest.iter().position(|byte| *byte == b'\t')?];
    if kind.is_empty() || kind.len() > 8 {
        return None;
    }
    let kind = kind.iter().fold(0, |kind, byte| kind << 8 | u64::from(*byte));
    Some(Event { key: Key { kind, minute: (millis / MINUTE) as u32 }, millis })
}

/// Milliseconds since 1970 of a time of the form `2016-08-21T21:40:00.000Z`.
fn parse_time(time: &[u8]) -> Option<i64> {
    let number = |from: usize, to: usize| {
        time[from..to].iter().try_fold(0_i64, |number, byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit <= 9).then_some(number * 10 + i64::from(digit))
        })
    };
    if [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')]
        .iter()
        .any(|(at, is)| time[*at] != *is)
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, part) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + part)
}

/// What a way came to, whatever the order in which it gave its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many rows.
    pub rows: usize,
    /// What they add up to.
    pub total: u64,
    mixed: u64,
}

impl Tally {
    /// Takes a row that says how much of something there is.
    pub fn add(&mut self, name: u64, amount: u64) {
        self.rows += 1;
        self.total = self.total.wrapping_add(amount);
        self.mixed = self.mixed.wrapping_add(scatter(name).wrapping_mul(amount));
    }

    /// Takes a row that says how many events a key has.
    pub fn count(&mut self, key: Key, events: u64) {
        self.add(key.kind ^ u64::from(key.minute).rotate_left(40), events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let text = lines(200_000, 50, 1_500);
        let read: Vec<_> = events(&text).collect();
        assert_eq!(read.len(), 200_000);
        for (index, event) in read.iter().enumerate() {
            let noise = scatter(index as u64);
            assert_eq!(event.millis, BEGIN + 450 * index as i64 + (noise >> 16) as i64 % DISORDER);
            assert_eq!(event.key.minute, (event.millis / MINUTE) as u32);
        }
        assert!(text.starts_with(b"2016-08-21T21:40:0"), "{}", String::from_utf8_lossy(&text[..45]));
        assert!(read.last().is_some_and(|last| last.millis > BEGIN + 86_400_000), "the second day is reached");
    }

    #[test]
    fn what_is_no_event_is_left_out() {
        let text = b"2016-08-21T21:40:00.000Z\tk\tx\n\n2016-08-21\tk\tx\n2016-13-21T21:40:00.000Z\tk\tx\n2016-08-21T21:40:01.000Z\tk\t";
        assert_eq!(events(text).map(|event| event.millis - BEGIN).collect::<Vec<_>>(), [0, 1_000]);
    }
}
