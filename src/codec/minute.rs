//! [`Minute`]: the minute that a time lies in.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, ErrorKind};

/// The day on which minute zero lies.
const EPOCH: NaiveDate = DateTime::UNIX_EPOCH.naive_utc().date();

/// A minute of UTC, printed, read and serialized as twelve digits: `201301011017`. Ordered as time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minute(i64);

impl Minute {
    /// The minute that `time` lies in.
    #[inline]
    pub fn of(time: DateTime<Utc>) -> Self {
        let time = time.naive_utc();
        let days = time.date().num_days_from_ce() - EPOCH.num_days_from_ce();
        Self(i64::from(days) * 24 * 60 + i64::from(time.time().num_seconds_from_midnight() / 60))
    }

    /// When it begins.
    pub fn start(self) -> DateTime<Utc> {
        // Every minute was made of a time, and so is one.
        DateTime::from_timestamp(self.0 * 60, 0).unwrap_or_default()
    }

    /// As it is printed, unless its year has not four digits.
    fn digits(self) -> Option<[u8; 12]> {
        let start = self.start();
        let year = u32::try_from(start.year()).ok().filter(|year| *year < 10_000)?;
        let pairs = [year / 100, year % 100, start.month(), start.day(), start.hour(), start.minute()];
        let mut digits = [b'0'; 12];
        for (digits, number) in digits.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
            *digits = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        }
        Some(digits)
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(digits) = self.digits()
            && let Ok(text) = str::from_utf8(&digits)
        {
            return f.write_str(text);
        }
        let start = self.start();
        let (year, month, day, hour, minute) = (start.year(), start.month(), start.day(), start.hour(), start.minute());
        write!(f, "{year:04}{month:02}{day:02}{hour:02}{minute:02}")
    }
}

impl FromStr for Minute {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = |from: usize, to: usize| text.get(from..to)?.parse().ok();
        let time = || {
            let date = NaiveDate::from_ymd_opt(digits(0, 4)? as i32, digits(4, 6)?, digits(6, 8)?)?;
            date.and_hms_opt(digits(8, 10)?, digits(10, 12)?, 0)
        };
        let shaped = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        match time() {
            Some(time) if shaped => Ok(Self::of(time.and_utc())),
            _ => Err(Error::new(ErrorKind::Invalid, "this is not a minute")
                .at(format!("{text:?}"))
                .cure("write year, month, day, hour and minute as twelve digits: 201301011017")),
        }
    }
}

impl Serialize for Minute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.digits().as_ref().map(|digits| str::from_utf8(digits)) {
            Some(Ok(text)) => serializer.serialize_str(text),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Minute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Digits)
    }
}

struct Digits;

impl Visitor<'_> for Digits {
    type Value = Minute;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a minute as twelve digits")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Minute, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_minute_is_sixty_seconds(seconds in -62_167_219_200..253_402_300_800_i64, nanos in 0..2_000_000_000_u32) {
            if let Some(time) = DateTime::from_timestamp(seconds, nanos) {
                prop_assert_eq!(Minute::of(time), Minute(seconds.div_euclid(60)));
            }
        }
    }
}
