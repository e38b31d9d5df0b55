//! Which keys there may be: what is safe as a path and as a key everywhere.

use crate::{Error, ErrorKind};

const RULE: &str = "keys are segments of A-Z a-z 0-9 - _ . = % between slashes, none empty and none starting with a dot: \
                    percent-encode what comes from data";

/// The most bytes that S3 takes.
const MAX_KEY: usize = 1_024;

/// Refuses what is no key.
pub(super) fn check(key: &str) -> Result<(), Error> {
    if key.len() <= MAX_KEY && key.split('/').all(is_segment) { Ok(()) } else { Err(refused("a key", key)) }
}

/// Refuses what no key can begin with.
pub(super) fn check_prefix(prefix: &str) -> Result<(), Error> {
    let (folders, last) = prefix.rsplit_once('/').map_or((None, prefix), |(folders, last)| (Some(folders), last));
    if folders.is_none_or(|folders| folders.split('/').all(is_segment)) && (last.is_empty() || is_segment(last)) {
        Ok(())
    } else {
        Err(refused("the beginning of a key", prefix))
    }
}

/// Whether this may stand between two slashes of a key.
pub(super) fn is_segment(segment: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=' | b'%');
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(good)
}

fn refused(what: &str, text: &str) -> Error {
    let shown: String = text.chars().take(100).collect();
    Error::new(ErrorKind::Usage, format!("this cannot be {what}")).at(format!("{shown:?}")).cure(RULE)
}
