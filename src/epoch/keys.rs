//! Under which keys the ledger keeps things. Pure.
//!
//! A key is made of numbers, positions, dates and the escaped name of a partition, never of what a record says.

use chrono::{DateTime, NaiveDate, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::{Partition, Position};

/// Where the ledger's root is.
pub(super) const ROOT: &str = "_ledger/root";

/// Escaped at the beginning of names: stores keep names with a dot for themselves.
const UNSAFE_FIRST: &AsciiSet = &UNSAFE.add(b'.');

/// Escaped in names: all but letters, digits, `-`, `_` and `.`.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The hour in which an epoch was opened, as readers of Hive partitions expect it. Orders as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hour(String);

impl Hour {
    /// Years of more than four digits would not order as text: what claims to be of one is of the last that can be
    /// written.
    pub(super) fn of(instant: DateTime<Utc>) -> Self {
        let last = NaiveDate::from_ymd_opt(9999, 12, 31).and_then(|date| date.and_hms_opt(23, 0, 0));
        let instant = last.map_or(instant, |last| instant.min(last.and_utc()));
        Self(instant.format("dt=%Y-%m-%d/hour=%H").to_string())
    }

    /// What the keys of this hour begin with.
    pub(super) fn folder(&self) -> String {
        format!("{}/", self.0)
    }

    /// The hour that a key of ours begins with.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        let mut slashes = key.match_indices('/').map(|(at, _)| at);
        let end = slashes.nth(1)?;
        let hour = &key[..end];
        (hour.starts_with("dt=") && hour.contains("/hour=")).then(|| Self(hour.to_owned()))
    }
}

/// The key of an epoch.
pub(super) fn epoch(hour: &Hour, partition: &Partition, n: u64, from: Option<&Position>, ext: &str) -> String {
    format!("{}/{}/{n:020}-{}.{ext}", hour.0, escape(partition), from_text(from))
}

/// Whether this is the key of a first epoch of a ledger that was made in this hour.
pub(super) fn is_first(key: &str, hour: &Hour) -> bool {
    let file = key.strip_prefix(&hour.folder()).and_then(|rest| rest.split_once('/'));
    file.is_some_and(|(_, file)| file.starts_with(&format!("{:020}-", 0)))
}

/// What the keys of dead letters begin with.
pub(super) const DEAD: &str = "_dead/";

/// The folder under [`DEAD`] and the epoch's number, of the key of dead letters.
pub(super) fn of_dead(key: &str) -> Option<(&str, u64)> {
    let (folder, file) = key.strip_prefix(DEAD)?.split_once('/')?;
    Some((folder, file.split_once('-')?.0.parse().ok()?))
}

/// The key of the dead letters of one attempt at an epoch.
pub(super) fn dead(partition: &Partition, n: u64, from: Option<&Position>, nonce: &str, ext: &str) -> String {
    format!("{DEAD}{}/{n:020}-{}-{nonce}.{ext}", escape(partition), from_text(from))
}

fn from_text(from: Option<&Position>) -> String {
    from.map_or_else(|| "start".to_owned(), Position::to_string)
}

/// A partition's name as one segment of a key that any store can hold.
pub(super) fn escape(partition: &Partition) -> String {
    const LONGEST: usize = 160;
    let name = partition.as_str();
    let mut escaped = String::new();
    for (at, char) in name.char_indices() {
        let unsafe_ones = if at == 0 { UNSAFE_FIRST } else { UNSAFE };
        let char = utf8_percent_encode(&name[at..at + char.len_utf8()], unsafe_ones).to_string();
        if escaped.len() + char.len() > LONGEST {
            // Kept apart from other names that begin alike.
            let hash = Sha256::digest(name);
            escaped.push('-');
            escaped.extend(hash.iter().take(8).map(|byte| format!("{byte:02x}")));
            break;
        }
        escaped.push_str(&char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    use chrono::TimeZone;
    use proptest::prelude::*;

    #[test]
    fn keys_show_hour_partition_number_and_position() {
        let hour = Hour::of(Utc.with_ymd_and_hms(2026, 11, 21, 5, 40, 0).unwrap());
        let shard = Partition::new("events/shardId-000000000003");
        let key = epoch(&hour, &shard, 7, Some(&Position::new(4_096, 12)), "jsonl.gz");
        let expected = "dt=2026-11-21/hour=05/events%2FshardId-000000000003/00000000000000000007-4096.12.jsonl.gz";
        assert_eq!(key, expected);
        assert_eq!(Hour::of_key(&key), Some(hour));
        assert_eq!(
            dead(&shard, 0, None, "beef", "jsonl.gz"),
            "_dead/events%2FshardId-000000000003/00000000000000000000-start-beef.jsonl.gz"
        );
    }

    #[test]
    fn hours_order_as_text() {
        let hours = [
            (2025, 12, 31, 23),
            (2026, 1, 1, 0),
            (2026, 1, 1, 9),
            (2026, 1, 1, 10),
            (2026, 10, 1, 0),
            (9999, 12, 31, 23),
        ];
        let hours =
            hours.map(|(year, month, day, hour)| Hour::of(Utc.with_ymd_and_hms(year, month, day, hour, 0, 0).unwrap()));
        assert!(hours.is_sorted());
        assert_eq!(Hour::of(Utc.with_ymd_and_hms(12_000, 1, 1, 0, 0, 0).unwrap()), hours[5]);
    }

    proptest! {
        #[test]
        fn any_name_makes_one_safe_segment(name in ".{1,300}", other in ".{1,300}") {
            let (segment, others) = (escape(&Partition::new(&*name)), escape(&Partition::new(&*other)));
            prop_assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%".contains(&byte)));
            prop_assert!(!segment.is_empty() && !segment.starts_with('.') && segment.len() < 200);
            prop_assert_eq!(segment == others, name == other);
        }
    }
}
