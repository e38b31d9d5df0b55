//! Where messages go: the contract that every sink keeps.
//!
//! A sink is a [`futures::Sink`] of [`Message`]s, so [`Flow::forward`](crate::Flow::forward) takes it. What an
//! implementation owes:
//!
//! - `poll_ready` holds the caller back while the sink has as much in hand as it is willing to hold;
//! - `poll_flush` is ready only when everything that was sent has been accepted by the other side, message by message;
//! - `poll_close` flushes, then lets go of what it holds;
//! - what the other side would never take is a [`DeadMessage`], which goes where the user says, or an error; it is not
//!   dropped;
//! - temporary trouble is retried inside; an error that comes out is final, and says how many messages were not
//!   delivered.
//!
//! | URI | sink | promise |
//! |---|---|---|
//! | `console:` | [`ConsoleSink`]: a line each on standard output | at most once |
//! | `kinesis:STREAM?linger_ms=&ordered_per_key=&aggregate=&…` | [`KinesisSink`](kinesis::KinesisSink): a stream by its name or ARN; all options stand [there](kinesis) | at least once |
//!
//! [`open`] takes such a URI. In code there is also the [`queue`](queue()), which joins a producer and a consumer in one
//! process.

mod console;
mod dead;
#[cfg(feature = "kinesis")]
pub mod kinesis;
mod queue;

pub use self::console::ConsoleSink;
pub use self::dead::{DeadMessage, DeadSink, dead_file};
pub use self::queue::{QueueSink, queue};

use std::pin::Pin;

use futures::Sink;

use crate::uri::Uri;
use crate::{Error, Message};

/// A sink whose type need not be named.
pub type BoxSink = Pin<Box<dyn Sink<Message, Error = Error> + Send>>;

/// The sink that a URI names.
///
/// # Errors
///
/// [`Usage`](crate::ErrorKind::Usage) if there is no such scheme or option, with those that there are; and what building
/// the sink fails with, such as a stream that is not there.
pub async fn open(uri: &str) -> Result<BoxSink, Error> {
    let uri = Uri::parse(uri)?;
    match uri.scheme {
        "console" => Ok(Box::pin(ConsoleSink::from_uri(uri)?)),
        #[cfg(feature = "kinesis")]
        "kinesis" => Ok(Box::pin(kinesis::KinesisSink::from_uri(uri).await?)),
        #[cfg(not(feature = "kinesis"))]
        "kinesis" => Err(uri.wrong("this was built without Kinesis", "build it with the feature \"kinesis\"")),
        _ => Err(uri.wrong("this names no sink for messages", "use console: or kinesis:STREAM")),
    }
}
