//! [`Major`]: the first part of a position.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A number in the first form that has room for it, so equal numbers are equal values, and the forms are in the order of
/// their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Major {
    Short(u64),
    /// The number's digits, [`WORD_DIGITS`] to a word, the last digits in the last word. Kinesis gives such a number with
    /// each record, so it needs no memory of its own.
    Wide([u64; 3]),
    /// Digits without leading zeros.
    Long(Arc<str>),
}

/// How many digits always fit a `u64`.
const WORD_DIGITS: usize = 19;
/// The most digits of a `u64`.
const SHORT_DIGITS: usize = 20;

impl Major {
    /// Of 56 digits, as Kinesis' sequence numbers have them; nothing if it is anything else, or begins with a zero.
    pub(super) fn from_sequence_number(digits: &[u8]) -> Option<Self> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let (eights, []) = digits.as_chunks() else { return None };
        let eights: &[[u8; 8]; 7] = eights.try_into().ok()?;
        // What is left of a digit is at most 9. More than that sets the highest bit of its byte in one of the two terms, and
        // a carry can only add to what is strange already.
        let strange = eights.iter().fold(0, |strange, eight| {
            let left = u64::from_le_bytes(*eight) ^ (u64::from(b'0') * ONES);
            strange | left | left.wrapping_add(0x76 * ONES)
        });
        if strange & (0x80 * ONES) != 0 || digits.first() == Some(&b'0') {
            return None;
        }
        // Words have 19 digits each, so two of the numbers are cut.
        let [a, b, c, d, e, f, g] = eights.map(number_of_eight);
        let first = (a * 100_000_000 + b) * 100 + c / 1_000_000;
        let middle = (c % 1_000_000) * 10_000_000_000_000 + d * 100_000 + e / 1_000;
        let last = (e % 1_000) * 10_000_000_000_000_000 + f * 100_000_000 + g;
        Some(Self::Wide([first, middle, last]))
    }

    /// Of nothing but digits, and without zeros before them.
    pub(super) fn from_digits(digits: &str) -> Self {
        if digits.is_empty() {
            return Self::Short(0);
        }
        if digits.len() <= SHORT_DIGITS
            && let Ok(number) = digits.parse()
        {
            return Self::Short(number);
        }
        if digits.len() > 3 * WORD_DIGITS {
            return Self::Long(digits.into());
        }
        let (rest, last) = digits.as_bytes().split_at(digits.len() - WORD_DIGITS);
        let (first, middle) = rest.split_at(rest.len().saturating_sub(WORD_DIGITS));
        Self::Wide([number(first), number(middle), number(last)])
    }
}

/// The number of up to [`WORD_DIGITS`] digits.
fn number(digits: &[u8]) -> u64 {
    let (few, eights) = digits.as_rchunks();
    let few = few.iter().fold(0, |number, digit| 10 * number + u64::from(digit - b'0'));
    eights.iter().fold(few, |number, eight| 100_000_000 * number + number_of_eight(*eight))
}

/// Three multiplications in the place of eight: neighbours become numbers of two digits each, then of four, then of eight.
/// The first digit is in the lowest byte, so of two neighbours the lower one counts more.
const fn number_of_eight(digits: [u8; 8]) -> u64 {
    let ones = u64::from_le_bytes(digits) & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (ones.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

impl Ord for Major {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Short(a), Self::Short(b)) => a.cmp(b),
            (Self::Wide(a), Self::Wide(b)) => a.cmp(b),
            (Self::Long(a), Self::Long(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Self::Short(_), _) | (Self::Wide(_), Self::Long(_)) => Ordering::Less,
            (_, Self::Short(_)) | (Self::Long(_), Self::Wide(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Major {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Major {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(number) => write!(f, "{number}"),
            Self::Wide([0, middle, last]) => write!(f, "{middle}{last:0WORD_DIGITS$}"),
            Self::Wide([first, middle, last]) => write!(f, "{first}{middle:0WORD_DIGITS$}{last:0WORD_DIGITS$}"),
            Self::Long(digits) => f.write_str(digits),
        }
    }
}
