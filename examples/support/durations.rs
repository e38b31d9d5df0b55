//! Spans of time on the command line.

use std::time::Duration;

/// A span of time that is longer than none.
pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("must be longer than no time".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write it as 10s, 500ms, 2m")),
    }
}
