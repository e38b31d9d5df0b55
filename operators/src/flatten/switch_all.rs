//! `switch_all`: the newest of the flows that a flow gives.
//!
//! ```text
//! in:   a---b-----|
//! a:    1--2--3|
//! b:        4-5---6|
//! out:  1--24-5---6|
//! ```

use std::convert::identity;

use crate::flatten::SwitchMap;
use crate::{Flow, TryStream};

/// The stream of [`Flow::switch_all`].
pub type SwitchAll<S> = SwitchMap<S, <S as TryStream>::Ok, fn(<S as TryStream>::Ok) -> <S as TryStream>::Ok>;

impl<S> Flow<S>
where
    S: TryStream,
    S::Ok: TryStream<Error = S::Error>,
{
    /// Reads the newest of the streams that this flow gives, and gives its items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/switch_all.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the newest stream gives an item |
    /// | Ends | when upstream and the newest stream have ended |
    /// | Errors | of upstream or of the newest stream end it at once |
    /// | Holds | 1 stream |
    /// | Ahead | upstream is read before the stream is, and as far as it has items |
    /// | Dropped | a stream, as soon as the next one is there |
    /// | Time | none; a consumer that polls late gets nothing of the streams that were replaced meanwhile |
    ///
    /// It is [`switch_map`](Self::switch_map) with a function that changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::interval;
    ///
    /// // A new connection every 3.5 seconds; each gives a number a second.
    /// let connections = interval(Duration::from_millis(3_500)).take(2).map(|_| interval(Duration::from_secs(1)).take(5));
    /// let Ok(numbers) = connections.switch_all().collect::<Vec<_>>().await;
    /// assert_eq!(numbers, [0, 1, 2, 0, 1, 2, 3, 4]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`exhaust_all`](Self::exhaust_all) to finish the one that is read instead, [`concat_all`](Self::concat_all) and
    /// [`merge_all`](Self::merge_all) to finish all. ReactiveX: `switch_latest`, `switchAll`, `switchOnNext`.
    #[doc(alias = "switch_latest")]
    #[doc(alias = "switchAll")]
    #[doc(alias = "switchOnNext")]
    pub fn switch_all(self) -> Flow<SwitchAll<S>> {
        self.switch_map(identity)
    }
}
