//! `rate_limit`: all items, no faster than tokens come in.
//!
//! ```text
//! 1 token in 2, a burst of 2
//! in:   abcd---|
//! out:  abc-d--|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use super::clock::{self, Timer};
use crate::{Flow, TryStream};

/// The stream of [`Flow::rate_limit`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct RateLimit<S: TryStream, F = fn(&<S as TryStream>::Ok) -> u64> {
    #[pin]
    stream: S,
    weight: F,
    bucket: Bucket,
    /// The item that waits for tokens, and how many.
    held: Option<(u64, S::Ok)>,
    timer: Timer,
}

/// Counts in parts of a token, so that no rate is rounded: `rate` parts come in each nanosecond, and `token` parts, as
/// many as a period has nanoseconds, are a token.
#[derive(Debug)]
struct Bucket {
    rate: i128,
    token: i128,
    burst: u64,
    /// What is in the bucket, or owed to it. None before the first look, when it is full.
    level: Option<(i128, Instant)>,
}

impl<S: TryStream> Flow<S> {
    /// Gives an item once there is a token for it, and takes the token; `n` tokens come in during each `period`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/rate_limit.svg"))]
    ///
    /// Tokens come in evenly, not all at once. Those that nobody needs are kept, as many as [`burst`](Flow::burst) says,
    /// and at the first poll there are as many. With [`weight`](Flow::weight), an item takes several tokens: its size in
    /// bytes, say. So in any span of time, no more passes than comes in during the span, and a burst or the one item that weighs more
    /// than that.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item and there are tokens for it |
    /// | Ends | with upstream |
    /// | Errors | end it at once; while an item waits for its tokens, upstream is not read |
    /// | Holds | 1 item |
    /// | Ahead | 1 item |
    /// | Dropped | the item that is held |
    /// | Time | clock, whose timers count milliseconds: an item may wait for a part of one longer, and what comes in meanwhile is not lost. A consumer that polls late finds as many tokens as a burst has, and no more |
    ///
    /// # Panics
    ///
    /// If `n` or `period` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use tokio::time::Instant;
    ///
    /// let start = Instant::now();
    /// let batches = anabranch_operators::from_iter([vec![0; 700], vec![0; 300], vec![0; 500]]);
    /// let limited = batches.rate_limit(1_000, Duration::from_secs(1)).weight(|batch| batch.len() as u64);
    /// assert_eq!(limited.count().await, Ok(3));
    /// assert_eq!(start.elapsed(), Duration::from_millis(500));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`pace`](Self::pace) for time between items and no bursts. ReactiveX: none; Pekko's `throttle` in its shaping mode;
    /// Reactor's `limitRate` bounds demand.
    #[doc(alias = "throttle")]
    #[doc(alias = "limitRate")]
    #[doc(alias = "token_bucket")]
    #[track_caller]
    pub fn rate_limit(self, n: u64, period: Duration) -> Flow<RateLimit<S>> {
        assert!(n > 0, "rate_limit needs an n of at least 1: without tokens nothing ever passes");
        assert!(!period.is_zero(), "the period of rate_limit must not be zero");
        let token = i128::try_from(period.as_nanos()).unwrap_or(i128::MAX);
        let bucket = Bucket { rate: n.into(), token, burst: n, level: None };
        Flow::new(RateLimit { stream: self.into_inner(), weight: |_| 1, bucket, held: None, timer: Timer::new() })
    }
}

impl<S: TryStream, F> Flow<RateLimit<S, F>> {
    /// Keeps at most `tokens` that nobody needs, which is also how many there are at first; those of one period if not
    /// said. With 1, items that weigh 1 are evenly spaced.
    ///
    /// # Panics
    ///
    /// If `tokens` is 0.
    #[track_caller]
    pub fn burst(mut self, tokens: u64) -> Self {
        assert!(tokens > 0, "a burst needs at least 1 token: with 0 nothing ever passes");
        self.inner_mut().bucket.burst = tokens;
        self
    }

    /// Takes `f(&item)` tokens for each item; 1 if not said. One that takes none passes at once. One that weighs more than
    /// a burst passes when there is a whole burst, and those behind it wait until the rest has come in as well.
    pub fn weight<G>(self, f: G) -> Flow<RateLimit<S, G>>
    where
        G: FnMut(&S::Ok) -> u64,
    {
        let RateLimit { stream, weight: _, bucket, held, timer } = self.into_inner();
        Flow::new(RateLimit { stream, weight: f, bucket, held, timer })
    }
}

impl Bucket {
    /// Takes the tokens, or says when there will be enough of them; `None` is beyond the clock's reach.
    fn take(&mut self, tokens: u64, now: Instant) -> Result<(), Option<Instant>> {
        if tokens == 0 {
            return Ok(()); // Also while tokens are owed for a heavy item.
        }
        let full = self.parts(self.burst);
        let level = self.level.map_or(full, |(level, at)| {
            let elapsed = i128::try_from(now.saturating_duration_since(at).as_nanos()).unwrap_or(i128::MAX);
            level.saturating_add(elapsed.saturating_mul(self.rate)).min(full)
        });
        let wanted = self.parts(tokens);
        let lacking = wanted.min(full).saturating_sub(level);
        if lacking <= 0 {
            self.level = Some((level.saturating_sub(wanted), now));
            return Ok(());
        }
        self.level = Some((level, now));
        let wait = lacking / self.rate + i128::from(lacking % self.rate > 0);
        Err(u64::try_from(wait).ok().and_then(|wait| now.checked_add(Duration::from_nanos(wait))))
    }

    fn parts(&self, tokens: u64) -> i128 {
        self.token.saturating_mul(tokens.into())
    }
}

impl<S: TryStream + fmt::Debug, F> fmt::Debug for RateLimit<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("stream", &self.stream)
            .field("bucket", &self.bucket)
            .field("holds", &self.held.is_some())
            .finish_non_exhaustive()
    }
}

impl<S, F> Stream for RateLimit<S, F>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> u64,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let Some((tokens, _)) = this.held else {
                match ready!(this.stream.as_mut().poll_next(cx)) {
                    Some(Ok(item)) => *this.held = Some(((this.weight)(&item), item)),
                    over => return Poll::Ready(over),
                }
                continue;
            };
            match this.bucket.take(*tokens, clock::now()) {
                Ok(()) => return Poll::Ready(this.held.take().map(|(_, item)| Ok(item))),
                Err(Some(then)) => ready!(this.timer.poll_at(cx, then)),
                Err(None) => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.stream.size_hint();
        let held = usize::from(self.held.is_some());
        (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
    }
}
