//! `exhaust_all`: one of the flows that a flow gives, and none that come while it runs.
//!
//! ```text
//! in:   a-b---c----|
//! a:    1--2-|
//! c:          3-4|
//! out:  1--2--3-4--|
//! ```

use std::convert::identity;

use crate::flatten::ExhaustMap;
use crate::{Flow, TryStream};

/// The stream of [`Flow::exhaust_all`].
pub type ExhaustAll<S> = ExhaustMap<S, <S as TryStream>::Ok, fn(<S as TryStream>::Ok) -> <S as TryStream>::Ok>;

impl<S> Flow<S>
where
    S: TryStream,
    S::Ok: TryStream<Error = S::Error>,
{
    /// Reads a stream that this flow gives, and drops the streams that come until it has ended.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/exhaust_all.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the stream that is read gives an item |
    /// | Ends | when upstream and the stream that is read have ended |
    /// | Errors | of upstream or of the stream that is read end it at once; an item that the stream has ready goes first |
    /// | Holds | 1 stream |
    /// | Ahead | upstream is read while the stream is, up to 256 streams each time, which are dropped |
    /// | Dropped | the stream that is read |
    /// | Time | none; a consumer that polls late may get a stream that waited, as with `exhaust_map` |
    ///
    /// It is [`exhaust_map`](Self::exhaust_map) with a function that changes nothing, and counts what it drops in the same
    /// way: `.exhaust_all().lost(&counter)`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::interval;
    ///
    /// let ticks = |millis| interval(Duration::from_millis(millis));
    /// let rounds = ticks(1_000).take(7).map(|round| ticks(2_500).take(1).map(move |_| round));
    /// let Ok(finished) = rounds.exhaust_all().collect::<Vec<_>>().await;
    /// assert_eq!(finished, [0, 3, 6]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`switch_all`](Self::switch_all) to go over to the newest instead, [`concat_all`](Self::concat_all) to lose nothing.
    /// ReactiveX: `exclusive`, `exhaustAll`.
    #[doc(alias = "exclusive")]
    #[doc(alias = "exhaustAll")]
    pub fn exhaust_all(self) -> Flow<ExhaustAll<S>> {
        self.exhaust_map(identity)
    }
}
