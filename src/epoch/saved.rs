//! [`SavedState`]: how a header says what the state behind its epoch is. Pure.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::ErrorKind;

/// The longest state, as it is written, that stands in a header, which has at most 64 KiB in all.
const LONGEST_INLINE: usize = 32 << 10;

/// The state of a partition behind an epoch: what its pipeline knows of all records up to there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedState {
    /// The version that the pipeline gave it.
    pub version: u32,
    /// Where its JSON is.
    pub at: StateAt,
}

/// Where a state's JSON is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StateAt {
    /// Here, as text.
    Inline(String),
    /// In an object of its own.
    Object {
        /// Its key.
        key: String,
        /// The SHA-256 of its bytes, in hexadecimal digits.
        sha256: String,
    },
}

/// A state that is to be saved.
pub(super) struct Unsaved {
    pub(super) version: u32,
    pub(super) json: String,
}

impl Unsaved {
    /// Whether it fits into a header, where quotes and backslashes take two bytes.
    pub(super) fn fits_inline(&self) -> bool {
        let escaped = self.json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        self.json.len().saturating_add(escaped) <= LONGEST_INLINE
    }
}

/// What an object with a state is known by.
pub(super) fn hash(json: &[u8]) -> String {
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks that an object is the one that was saved.
pub(super) fn verify(json: &[u8], sha256: &str, place: impl Into<String>) -> Result<(), Error> {
    if hash(json) == sha256 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, "the state of a partition is not the one that its epoch names")
        .at(place.into())
        .cure("something has overwritten the object: restore it from a copy"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_into_a_header_is_measured_as_it_is_written() {
        for (json, fits) in [
            ("x".repeat(LONGEST_INLINE), true),
            ("x".repeat(LONGEST_INLINE + 1), false),
            ("\"".repeat(LONGEST_INLINE / 2), true),
            ("\"\\".repeat(LONGEST_INLINE / 4 + 1), false),
        ] {
            let unsaved = Unsaved { version: 1, json };
            assert_eq!(unsaved.fits_inline(), fits, "{}", unsaved.json.len());
            let written = serde_json::to_string(&unsaved.json).unwrap();
            assert_eq!(unsaved.fits_inline(), written.len() - 2 <= LONGEST_INLINE);
        }
    }

    #[test]
    fn another_object_is_told_apart() {
        let sha256 = hash(b"{}");
        assert_eq!(sha256.len(), 64);
        assert!(verify(b"{}", &sha256, "here").is_ok());
        assert_eq!(verify(b"{ }", &sha256, "here").unwrap_err().kind(), ErrorKind::Invalid);
    }
}
