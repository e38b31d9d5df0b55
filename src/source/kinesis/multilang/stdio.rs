//! Standard input, line by line.

use std::io::{self, BufRead, Read};
use std::thread;

use futures::Stream;
use futures::stream::poll_fn;
use tokio::sync::mpsc;

use super::broken;
use crate::{Error, ErrorKind};

/// The longest line. A message has at most 10 MiB of data, in Base64, and what stands beside it for each record.
const LONGEST: u64 = 512 << 20;

/// The lines of standard input.
///
/// They are read on a thread of their own: a read cannot be called off, and a runtime that has begun one waits for it when
/// it ends.
pub(super) fn lines() -> Result<impl Stream<Item = Result<Vec<u8>, Error>> + Send + Unpin, Error> {
    let (give, mut lines) = mpsc::channel(1);
    let read = move || {
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
    };
    thread::Builder::new().name("stdin".to_owned()).spawn(read).map_err(unreadable)?;
    Ok(poll_fn(move |cx| lines.poll_recv(cx)))
}

/// The next line, without more of it in memory than `longest` bytes. None where input ends, also in the middle of a line:
/// what a daemon has not written to its end, it has not said.
fn next(input: &mut impl BufRead, longest: u64) -> Result<Option<Vec<u8>>, Error> {
    let mut line = Vec::new();
    let read = input.take(longest).read_until(b'\n', &mut line).map_err(unreadable)?;
    if line.last() == Some(&b'\n') {
        return Ok(Some(line));
    }
    if read as u64 == longest {
        let what = format!("standard input has a line of more than {longest} bytes");
        return Err(Error::new(ErrorKind::Invalid, what)
            .cure("set a smaller maxRecords in the daemon's properties, so that it reads less at a time"));
    }
    Ok(None)
}

fn unreadable(error: io::Error) -> Error {
    broken("standard input cannot be read", error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_an_error_that_says_how_to_get_shorter_ones() {
        let mut input = &b"12\n1234\n12345\n"[..];
        assert_eq!(next(&mut input, 5).unwrap().unwrap(), b"12\n");
        assert_eq!(next(&mut input, 5).unwrap().unwrap(), b"1234\n");
        let text = next(&mut input, 5).unwrap_err().to_string();
        assert!(text.contains("5 bytes") && text.contains("maxRecords"), "{text}");
    }

    #[test]
    fn a_line_without_its_end_was_not_said() {
        let mut input = &b"1\n2"[..];
        assert_eq!(next(&mut input, 5).unwrap().unwrap(), b"1\n");
        assert_eq!(next(&mut input, 5).unwrap(), None);
        assert_eq!(next(&mut input, 5).unwrap(), None);
    }

    #[test]
    fn input_that_cannot_be_read_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let error = next(&mut io::BufReader::new(Broken), 5).unwrap_err();
        assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("cannot be read"), "{error}");
    }
}
