//! [`parse_time`]: reads the time of an event.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

/// What a text that should be a time is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTime {
    /// Of another form, or of a day or an hour that there is not.
    Malformed,
    /// A time, as far as can be seen, but outside the years 0000 to 9999.
    OutOfRange,
}

/// Reads a time as RFC 3339 writes it, and a little more: `2013-01-01T10:17:00Z`.
///
/// Between date and time stands `T` or a space. Seconds and their fraction may be left out. The zone is `Z` or an
/// offset such as `+01:00`; without one the time is UTC. Years are 0000 to 9999, also once the offset is taken off.
/// Anything else gives `None`.
pub fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    parse(text.as_bytes()).ok()
}

pub(super) fn parse(text: &[u8]) -> Result<DateTime<Utc>, NoTime> {
    Times::default().parse(text)
}

/// Reads times, most of which lie in the minute of the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    last: Option<Stamp>,
}

/// A minute, as written and as read.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    text: [u8; 16],
    date: NaiveDate,
    /// How many seconds after midnight it begins.
    begin: u32,
}

impl Times {
    #[inline]
    pub(super) fn parse(&mut self, text: &[u8]) -> Result<DateTime<Utc>, NoTime> {
        match self.fast(text) {
            Some(time) => Ok(time),
            None => general(text),
        }
    }

    /// `YYYY-MM-DDTHH:MM[:SS[.fraction]]Z` with a fraction of at most nine digits. What it does not know is no verdict.
    #[inline(always)]
    pub(super) fn fast(&mut self, text: &[u8]) -> Option<DateTime<Utc>> {
        let (start, rest) = text.split_first_chunk::<16>()?;
        let (second, nano) = match <[u8; 8]>::try_from(rest) {
            Ok(rest) => milliseconds(rest)?,
            Err(_) => Self::fraction(rest)?,
        };
        let stamp = match &self.last {
            Some(last) if u128::from_ne_bytes(last.text) == u128::from_ne_bytes(*start) => last,
            _ => self.last.insert(stamp(start)?),
        };
        if second > 59 {
            return None;
        }
        let time = NaiveTime::from_num_seconds_from_midnight_opt(stamp.begin + second, nano)?;
        Some(stamp.date.and_time(time).and_utc())
    }

    /// `[:SS[.fraction]]Z`, as seconds and nanoseconds.
    fn fraction(text: &[u8]) -> Option<(u32, u32)> {
        Some(match text.strip_suffix(b"Z")? {
            [] => (0, 0),
            [b':', s0, s1] => (number(&[*s0, *s1])?, 0),
            [b':', s0, s1, b'.', fraction @ ..] if (1..=9).contains(&fraction.len()) => {
                (number(&[*s0, *s1])?, number(fraction)? * 10_u32.pow(9 - fraction.len() as u32))
            }
            _ => return None,
        })
    }
}

/// `:SS.mmmZ`, the form of most times, all eight bytes at once.
#[inline]
const fn milliseconds(text: [u8; 8]) -> Option<(u32, u32)> {
    // Of each byte what makes it differ from the least that may stand there, and how far that is from too much.
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(*b":00.000Z");
    let room = u64::from_le_bytes([0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76, 0x76, 0x7f]);
    if (digits | digits.wrapping_add(room)) & u64::from_le_bytes([0x80; 8]) != 0 {
        return None;
    }
    let [_, s0, s1, _, f0, f1, f2, _] = digits.to_le_bytes();
    Some((s0 as u32 * 10 + s1 as u32, (f0 as u32 * 100 + f1 as u32 * 10 + f2 as u32) * 1_000_000))
}

/// `YYYY-MM-DDTHH:MM`.
fn stamp(text: &[u8; 16]) -> Option<Stamp> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1] = *text else { return None };
    let year = number(&[y0, y1, y2, y3])? as i32;
    let date = NaiveDate::from_ymd_opt(year, number(&[m0, m1])?, number(&[d0, d1])?)?;
    let begin = NaiveTime::from_hms_opt(number(&[h0, h1])?, number(&[n0, n1])?, 0)?.num_seconds_from_midnight();
    Some(Stamp { text: *text, date, begin })
}

#[inline]
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| 10 * number + u32::from(digit - b'0')))
}

/// All forms, by chrono. Their shape is looked at first, since chrono takes more than is meant here: spaces, signs.
fn general(text: &[u8]) -> Result<DateTime<Utc>, NoTime> {
    let text = std::str::from_utf8(text).map_err(|_| NoTime::Malformed)?;
    if has_long_year(text) {
        return Err(NoTime::OutOfRange);
    }
    let (local, zone) = split_zone(text).ok_or(NoTime::Malformed)?;
    let format = match shape(local).as_str() {
        "0000-00-00T00:00" => "%Y-%m-%dT%H:%M",
        "0000-00-00 00:00" => "%Y-%m-%d %H:%M",
        "0000-00-00T00:00:00" | "0000-00-00T00:00:00.0" => "%Y-%m-%dT%H:%M:%S%.f",
        "0000-00-00 00:00:00" | "0000-00-00 00:00:00.0" => "%Y-%m-%d %H:%M:%S%.f",
        _ => return Err(NoTime::Malformed),
    };
    // RFC 3339 allows a small `t`.
    let local = local.replace('t', "T");
    let local = NaiveDateTime::parse_from_str(&local, format).map_err(|_| NoTime::Malformed)?;
    let time = local.and_local_timezone(zone).single().ok_or(NoTime::OutOfRange)?.to_utc();
    if (0..=9999).contains(&time.year()) { Ok(time) } else { Err(NoTime::OutOfRange) }
}

/// The local time and the zone of a text.
fn split_zone(text: &str) -> Option<(&str, FixedOffset)> {
    let utc = FixedOffset::east_opt(0)?;
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, utc));
    }
    let Some((local, zone)) = text.len().checked_sub(6).and_then(|at| text.split_at_checked(at)) else {
        return Some((text, utc));
    };
    let [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] = *zone.as_bytes() else { return Some((text, utc)) };
    let (hours, minutes) = (number(&[h0, h1])?, number(&[m0, m1])?);
    let seconds = (hours < 24 && minutes < 60).then_some((hours * 3600 + minutes * 60) as i32)?;
    Some((local, FixedOffset::east_opt(if sign == b'+' { seconds } else { -seconds })?))
}

/// The text with `0` for each digit, and for each digit of a fraction together.
fn shape(text: &str) -> String {
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut shape: String =
        whole.chars().map(|c| if c.is_ascii_digit() { '0' } else { c.to_ascii_uppercase() }).collect();
    match fraction.strip_prefix('.') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => shape.push_str(".0"),
        _ => shape.push_str(fraction),
    }
    shape
}

/// Whether this begins with a year of five digits or more, or with one before the year 0000.
fn has_long_year(text: &str) -> bool {
    let (sign, rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits >= if sign { 4 } else { 5 } && rest[digits..].starts_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fast(text: &[u8]) -> Option<DateTime<Utc>> {
        Times::default().fast(text)
    }

    proptest! {
        #[test]
        fn what_came_before_changes_nothing(
            texts in proptest::collection::vec("201[23]-0[12]-[0-3][0-9]T[0-2][0-9]:[06][0-9](:[06][0-9](\\.[0-9]{1,4})?)?Z?", 1..20)
        ) {
            let mut times = Times::default();
            for text in texts.iter().flat_map(|text| [text, &texts[0]]) {
                prop_assert_eq!(times.parse(text.as_bytes()), general(text.as_bytes()));
            }
        }

        #[test]
        fn the_fast_path_and_chrono_agree(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{0,11})?)?(Z|z|[+-][0-2][0-9]:[0-6][0-9])?"
        ) {
            if let Some(time) = fast(text.as_bytes()) {
                prop_assert_eq!(Ok(time), general(text.as_bytes()));
            }
        }

        #[test]
        fn the_fast_path_takes_all_times_of_its_form(
            year in 0..=9999, day in 1_u32..=365, second in 0_u32..86_400, digits in 0_usize..=9, nano in 0_u32..1_000_000_000
        ) {
            let day = NaiveDate::from_yo_opt(year, day).unwrap();
            let time = day.and_time(chrono::NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap());
            let fraction = format!(".{nano:09}");
            let fraction = if digits == 0 { "" } else { &fraction[..=digits] };
            let text = format!("{}{fraction}Z", time.format("%Y-%m-%dT%H:%M:%S"));
            prop_assert_eq!(fast(text.as_bytes()), general(text.as_bytes()).ok());
            prop_assert!(fast(text.as_bytes()).is_some());
        }

        #[test]
        fn any_bytes_are_looked_at_without_a_panic(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(time) = fast(&text) {
                prop_assert_eq!(Ok(time), general(&text));
            }
        }
    }
}
