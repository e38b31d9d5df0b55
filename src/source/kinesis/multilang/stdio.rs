//! Standard input, line by line.

use std::io::{self, BufRead, Read};
use std::thread;

use futures::Stream;
use futures::stream::poll_fn;
use tokio::sync::mpsc;

/// The longest line. A message has at most 10 MiB of data, in Base64, and what stands beside it for each record.
const LONGEST: u64 = 512 << 20;

/// The lines of standard input.
///
/// They are read on a thread of their own: a read cannot be called off, and a runtime that has begun one waits for it when
/// it ends.
pub(super) fn lines() -> io::Result<impl Stream<Item = io::Result<Vec<u8>>> + Send + Unpin> {
    let (give, mut lines) = mpsc::channel(1);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let line = next(&mut input, LONGEST);
            let is_last = !matches!(line, Ok(Some(_)));
            if let Some(line) = line.transpose()
                && give.blocking_send(line).is_err()
            {
                return;
            }
            if is_last {
                return;
            }
        }
    })?;
    Ok(poll_fn(move |cx| lines.poll_recv(cx)))
}

/// The next line, without more of it in memory than `longest` bytes.
fn next(input: &mut impl BufRead, longest: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = input.take(longest).read_until(b'\n', &mut line)?;
    if read as u64 == longest && line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line has more than {longest} bytes")));
    }
    Ok((read > 0).then_some(line))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_an_error() {
        let mut input = &b"12\n1234\n12345\n"[..];
        assert_eq!(next(&mut input, 5).unwrap().unwrap(), b"12\n");
        assert_eq!(next(&mut input, 5).unwrap().unwrap(), b"1234\n");
        assert!(next(&mut input, 5).is_err());
    }

    #[test]
    fn the_last_line_may_have_no_end() {
        let mut input = &b"1\n2"[..];
        assert_eq!(next(&mut input, 5).unwrap().unwrap(), b"1\n");
        assert_eq!(next(&mut input, 5).unwrap().unwrap(), b"2");
        assert_eq!(next(&mut input, 5).unwrap(), None);
    }
}
