//! Lines on standard output and standard error, whose readers may be gone: `println!` and `eprintln!` panic then, in the
//! middle of whatever the program is about to do.
#![allow(dead_code, unused_imports, unused_macros, reason = "not every example says all of this")]

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether a result could not be written, by another reason than that nobody wants it any more.
static LOST: AtomicBool = AtomicBool::new(false);

/// Whether whoever read the results has ended.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// A result, as a line on standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::result(format_args!($($text)*)) };
}

/// Anything else, as a line on standard error. If nobody reads it, nobody does.
macro_rules! tell {
    ($($text:tt)*) => { $crate::output::message(format_args!($($text)*)) };
}

pub(crate) use {say, tell};

pub(crate) fn result(text: Arguments<'_>) {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => {}
        // Whoever read has seen enough, as `head` does: the work goes on.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => UNREAD.store(true, Relaxed),
        Err(error) if !LOST.swap(true, Relaxed) => {
            tell!("error: the results cannot be written: standard output: see that there is room where it goes");
            tell!("  because: {error}");
        }
        Err(_) => {}
    }
}

pub(crate) fn message(text: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether nobody reads the results any more.
pub(crate) fn unread() -> bool {
    UNREAD.load(Relaxed)
}

/// What the program ends with that would end with this code, if its results were written.
pub(crate) fn ended(code: ExitCode) -> ExitCode {
    if LOST.load(Relaxed) { ExitCode::FAILURE } else { code }
}
