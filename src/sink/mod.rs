//! Where messages go: the contract that every sink keeps.
//!
//! A sink is a [`futures::Sink`] of [`Message`]s, so [`Flow::forward`](crate::Flow::forward) takes it. What an
//! implementation owes:
//!
//! - `poll_ready` holds the caller back while the sink has as much in hand as it is willing to hold;
//! - `poll_flush` is ready only when everything that was sent has been accepted by the other side, message by message;
//! - `poll_close` flushes, then lets go of what it holds;
//! - temporary trouble is retried inside; an error that comes out is final, and says how many messages were not
//!   delivered.

#[cfg(feature = "kinesis")]
pub mod kinesis;

use std::pin::Pin;

use futures::Sink;

use crate::{Error, Message};

/// A sink whose type need not be named.
pub type BoxSink = Pin<Box<dyn Sink<Message, Error = Error> + Send>>;
