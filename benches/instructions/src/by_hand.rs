//! The loops that flows are held against. They use nothing of anabranch, so nothing of it can hide in a ratio.

use std::collections::VecDeque;
use std::hash::Hash;
use std::hint::black_box;
use std::time::Duration;

use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashMap};
use tokio::time::Instant;

type Map<K, V> = HashMap<K, V, DefaultHashBuilder>;

/// Counts by key; a group ends when it was idle for so long. The clock is read every 256 items. Gives what the rows add up to.
pub(crate) fn count_until_idle<K: Clone + Eq + Hash>(keys: impl Iterator<Item = K>, idle: Duration) -> u64 {
    let mut counts = Map::<K, (u64, Instant)>::default();
    let mut expiry = VecDeque::<(Instant, K)>::new();
    let mut now = Instant::now();
    let mut sum = 0;
    for (index, key) in keys.enumerate() {
        if index % 256 == 0 {
            now = Instant::now();
            while let Some((_, key)) = expiry.pop_front_if(|(deadline, _)| *deadline <= now) {
                match counts.get(&key) {
                    Some((_, last)) if *last + idle > now => expiry.push_back((*last + idle, key)),
                    Some((count, _)) => {
                        sum += row(*count);
                        counts.remove(&key);
                    }
                    None => {}
                }
            }
        }
        match counts.get_mut(&key) {
            Some((count, last)) => (*count, *last) = (*count + 1, now),
            None => {
                expiry.push_back((now + idle, key.clone()));
                counts.insert(key, (1, now));
            }
        }
    }
    sum + counts.into_values().map(|(count, _)| row(count)).sum::<u64>()
}

/// What a row of so many items adds: not just the items, so that rows which are cut otherwise are seen.
pub(crate) const fn row(count: u64) -> u64 {
    count * count
}

/// The types and minutes of lines that begin with a time and a type.
pub(crate) fn kinds_and_minutes(text: &str) -> impl Iterator<Item = (CompactString, i64)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let minute = minute(fields.next()?.as_bytes())?;
        let kind = fields.next()?;
        (!kind.is_empty()).then(|| (CompactString::from(kind), minute))
    })
}

/// Minutes since 1970 of a time such as `2013-01-01T10:17:00Z`.
fn minute(time: &[u8]) -> Option<i64> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1, b'Z'] = time else {
        return None;
    };
    let number = |digits: &[&u8]| {
        digits
            .iter()
            .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(**digit - b'0')))
    };
    let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some((days * 24 + hour) * 60 + minute)
}

/// Counts by key; a group ends with its `n`-th item.
pub(crate) fn count_until(keys: &[u64], n: u64) -> u64 {
    let mut counts = Map::<u64, u64>::default();
    let mut sum = 0;
    for key in keys {
        let count = counts.entry(*key).or_default();
        *count += 1;
        if *count == n {
            sum += row(n);
            counts.remove(key);
        }
    }
    sum + counts.into_values().map(row).sum::<u64>()
}

/// Counts by key and window of event time; a window ends when the latest time is `lag` beyond it.
pub(crate) fn count_by_event_time(events: &[(i64, u64)], span: i64, lag: i64) -> u64 {
    let mut counts = Map::<(i64, u64), u64>::default();
    let mut ends = VecDeque::<(i64, u64)>::new();
    let (mut latest, mut sum) = (i64::MIN, 0);
    for (time, key) in events {
        if *time > latest {
            latest = *time;
            while let Some(window) = ends.pop_front_if(|(start, _)| *start + span + lag <= latest) {
                sum += counts.remove(&window).map_or(0, row);
            }
        }
        let window = (time - time.rem_euclid(span), *key);
        *counts.entry(window).or_insert_with(|| {
            ends.push_back(window);
            0
        }) += 1;
    }
    sum + counts.into_values().map(row).sum::<u64>()
}

pub(crate) const fn triple(n: u64) -> u64 {
    n.wrapping_mul(3)
}

pub(crate) const fn is_wanted(n: &u64) -> bool {
    *n % 7 < 3
}

pub(crate) fn map_filter_fold(numbers: &[u64]) -> u64 {
    let mut sum = 0_u64;
    for n in numbers {
        let n = triple(*n);
        if is_wanted(&n) {
            sum = sum.wrapping_add(n);
        }
    }
    sum
}

/// A sum that is not computed at once.
pub(crate) fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, |sum, n| sum.wrapping_add(black_box(n)))
}
