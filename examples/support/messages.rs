//! What a program says on standard error: warnings, and why it failed.

use std::error::Error as _;
use std::process::ExitCode;

use anabranch::{Error, ErrorKind};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::output::tell;

/// Where the library tells which leases come and go: nothing, unless workers share a stream.
const LEASES: [&str; 2] = ["anabranch::lease", "anabranch::epoch::leased"];

/// Shows the library's warnings, such as that of a call which is tried again, and which leases come and go.
pub(crate) fn show_warnings() {
    let of_anabranch = Targets::new().with_target("anabranch", LevelFilter::WARN);
    let of_anabranch = of_anabranch.with_targets(LEASES.map(|target| (target, LevelFilter::INFO)));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(of_anabranch)).init();
}

/// Shows why the program failed; the code that it ends with: 2 if it was used wrongly.
pub(crate) fn failed(error: &Error) -> ExitCode {
    tell!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        tell!("  because: {error}");
        cause = error.source();
    }
    if error.kind() == ErrorKind::Usage { ExitCode::from(2) } else { ExitCode::FAILURE }
}
