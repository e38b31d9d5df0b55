//! [`MultiLang`]: a pipeline as a record processor of the Kinesis Client Library's MultiLangDaemon.

mod feed;
mod machine;
mod message;
mod shard;
mod stdio;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::OptionFuture;
use futures::{Stream, TryStreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};

use self::feed::Feed;
use self::machine::{Do, Machine};
use self::message::{Call, Reply};
use self::shard::{Origins, ShardSource};
use super::KinesisSource;
use crate::source::Source;
use crate::{Error, ErrorKind};

/// See [`MultiLang::end_within`].
const END_WITHIN: Duration = Duration::from_secs(300);

/// See [`MultiLang::stop_within`].
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// One shard of a stream, whose records a MultiLangDaemon gives over standard input.
///
/// The daemon is the way in which the Kinesis Client Library runs programs that are not written in Java: it shares the shards
/// among machines, reads them, and starts this process for each shard that it holds. They talk in lines of JSON over standard
/// input and output; so nothing else may write to standard output.
///
/// **Guarantee**: that of the ledger, which alone says what is counted. The daemon's checkpoints follow it: one is made only of what
/// is committed, when the daemon next gives records, or asks to stop. What the daemon gives again is left out.
///
/// | the daemon | what is done |
/// |---|---|
/// | goes on before the ledger's end | the records up to there are left out |
/// | goes on behind it | an error: what lies between would never be counted |
/// | begins at `LATEST` or at an instant | an error: set `TRIM_HORIZON`, and say with the source where to begin |
/// | gives a shard whose parents are not at their ends in the ledger | an error, likewise |
/// | gives a shard that the stream has no more | its end is marked, if the ledger has it; else an error |
/// | gives records faster than they are taken | it waits: its call is not answered before |
/// | says `leaseLost` | what is not committed is dropped; no checkpoint |
/// | says `shardEnded` | all is committed, with the end mark; then its checkpoint, and then the answer |
/// | says `shutdownRequested` | all is committed; then a checkpoint, if the table is not throttled |
/// | says what is no message, or ends in the middle of one | an error |
/// | gives records of one message out of order, or without key or arrival time | an error; nothing of that message is committed |
///
/// Records are held until they are committed, since the daemon gives them once, and who loses an epoch to another worker needs them
/// again: those of two epochs, and of one message of the daemon.
///
/// The stream is asked who it is, which shards it has, and for how long it keeps records: permissions
/// `kinesis:DescribeStreamSummary` and `kinesis:ListShards`. To the ledger it is the same source as without a daemon, so a ledger can
/// be gone on with either way. Of the source's settings, those of reading do not count here; the daemon leaves out aggregates as
/// [`Aggregates::Kpl`](super::Aggregates::Kpl) does.
///
/// ```no_run
/// # async fn example() -> Result<(), anabranch::Error> {
/// use anabranch::source::kinesis::{KinesisSource, MultiLang};
///
/// let stream = KinesisSource::builder("flights").build().await?;
/// MultiLang::new(stream)
///     .run(|shard| async move {
///         // shard.epochs(..).commit_to(..).run(std::future::pending()).await
///         # drop(shard);
///         # Ok(())
///     })
///     .await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it does nothing until it is run"]
pub struct MultiLang {
    stream: KinesisSource,
    end_within: Duration,
    stop_within: Duration,
}

impl MultiLang {
    /// For shards of this stream, which has to be that of the daemon.
    pub const fn new(stream: KinesisSource) -> Self {
        Self { stream, end_within: END_WITHIN, stop_within: STOP_WITHIN }
    }

    /// How long the rest of a shard that has ended may take to be committed, 5 minutes if not said. After that this fails, and
    /// the daemon stops; the next one gives the shard's records again from the last checkpoint.
    pub const fn end_within(mut self, within: Duration) -> Self {
        self.end_within = within;
        self
    }

    /// How long it may take to commit what was read when the daemon is about to stop, 15 seconds if not said: less than its own
    /// `shutdownGraceMillis`.
    pub const fn stop_within(mut self, within: Duration) -> Self {
        self.stop_within = within;
        self
    }

    /// Talks with the daemon over standard input and output, until it says that this process is done.
    ///
    /// `work` gets the shard, and runs a pipeline on it without a shutdown of its own: the source ends when the daemon says so.
    ///
    /// # Errors
    ///
    /// What `work` fails with; [`Conflict`](ErrorKind::Conflict) if the daemon and the ledger contradict each other;
    /// [`Unavailable`](ErrorKind::Unavailable) if the daemon is gone, or if not all could be committed in time. The daemon takes
    /// it for an error that the process ends, and stops, too.
    pub async fn run<T, W>(self, work: impl FnOnce(Arc<dyn Source>) -> W) -> Result<(), Error>
    where
        W: Future<Output = Result<T, Error>>,
    {
        self.run_on(stdio::lines()?, tokio::io::stdout(), work).await
    }

    /// The same over other lines.
    async fn run_on<T, W>(
        self,
        lines: impl Stream<Item = Result<Vec<u8>, Error>> + Unpin,
        output: impl AsyncWrite + Unpin,
        work: impl FnOnce(Arc<dyn Source>) -> W,
    ) -> Result<(), Error>
    where
        W: Future<Output = Result<T, Error>>,
    {
        let (mut lines, mut work, mut stream) = (lines, Some(work), Some(self.stream));
        let mut daemon = Daemon { output, machine: Machine::default(), feed: Arc::default(), origins: None };
        let mut watching = daemon.feed.watch();
        let mut standing = watching.now();
        let mut running = None;
        let mut until: Option<(Instant, Duration)> = None;
        let mut actions = VecDeque::new();
        loop {
            while let Some(action) = actions.pop_front() {
                match action {
                    Do::Begin { shard, at } => {
                        if let (Some(work), Some(stream)) = (work.take(), stream.take()) {
                            let source = ShardSource::new(stream, &shard, at, Arc::clone(&daemon.feed));
                            daemon.origins = Some(Origins::new(&source));
                            running = Some(Box::pin(work(Arc::new(source))));
                        }
                    }
                    Do::Give { records, behind } => {
                        daemon.give(records, behind);
                        standing.taken = false;
                    }
                    Do::End { closed } => daemon.feed.end(closed),
                    Do::Abandon => running = None,
                    Do::Say(reply, after) => {
                        sleep(after).await;
                        daemon.say(&reply).await?;
                    }
                }
            }
            until = daemon.machine.ending().map(|closed| {
                let within = if closed { self.end_within } else { self.stop_within };
                until.unwrap_or_else(|| (Instant::now() + within, within))
            });
            let deadline = OptionFuture::from(until.map(|(at, _)| sleep_until(at)));
            tokio::select! {
                biased;
                Some(outcome) = OptionFuture::from(running.as_mut()), if running.is_some() => {
                    running = None;
                    outcome?;
                    standing = watching.now();
                    actions.extend(daemon.machine.finish(standing.clone())?);
                }
                now = watching.changed(&standing) => {
                    standing = now;
                    actions.extend(daemon.machine.look(standing.clone())?);
                }
                Some(()) = deadline, if until.is_some() => {
                    let within = until.map_or(Duration::ZERO, |(_, within)| within);
                    return Err(daemon.machine.late(within));
                }
                line = lines.try_next() => match line? {
                    Some(line) => if let Some(call) = Call::parse(&line)? {
                        actions.extend(daemon.machine.call(call)?);
                    },
                    None => return daemon.machine.end_of_input(),
                },
            }
        }
    }
}

/// The daemon, and what passes between it and the pipeline.
#[derive(Debug)]
struct Daemon<O> {
    output: O,
    machine: Machine,
    feed: Arc<Feed>,
    origins: Option<Origins>,
}

impl<O: AsyncWrite + Unpin> Daemon<O> {
    fn give(&self, records: Vec<message::Given>, behind: Option<Duration>) {
        if let Some(origins) = &self.origins {
            self.feed.give(records.into_iter().map(|given| origins.record(given)), behind);
        }
    }

    async fn say(&mut self, reply: &Reply) -> Result<(), Error> {
        let line = reply.line()?;
        let written = async {
            self.output.write_all(line.as_bytes()).await?;
            self.output.flush().await
        };
        written.await.map_err(|error| broken("the daemon cannot be answered", error))
    }
}

fn broken(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, what).cure("start the daemon again").because(error)
}
