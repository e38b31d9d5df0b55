//! The words of event time: [`EventTime`], [`Window`], and which windows there are. Pure arithmetic.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::group::{Aggregator, MergeStates};

/// What happens later counts as happening then. The watermark goes no further either, so a window that is cut off where
/// time ends takes items until the flow ends.
pub(super) const LAST: i64 = i64::MAX - 1;

/// When something happened, as the item itself says.
///
/// Event time counts in milliseconds from the beginning of 1970; before that it is negative. Whoever has the time in
/// another type gives its milliseconds.
pub trait EventTime {
    /// Milliseconds since the beginning of 1970.
    fn millis(&self) -> i64;
}

impl EventTime for i64 {
    fn millis(&self) -> i64 {
        *self
    }
}

impl EventTime for SystemTime {
    /// Parts of a millisecond are cut off, so that what happened within one is in it, before 1970 too.
    fn millis(&self) -> i64 {
        match self.duration_since(UNIX_EPOCH) {
            Ok(since) => clamp(since.as_millis()),
            Err(before) => -clamp(before.duration().as_nanos().div_ceil(1_000_000)),
        }
    }
}

/// A span of event time, in milliseconds since the beginning of 1970: from `start` to just before `end`.
///
/// What would reach beyond the range of an `i64` is cut off there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The first millisecond.
    pub start: i64,
    /// The first millisecond after it.
    pub end: i64,
}

impl Window {
    /// The only item's session.
    pub(super) const fn of_one(time: i64, gap: i64) -> Self {
        Self { start: time, end: time.saturating_add(gap) }
    }

    pub(super) const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    pub(super) fn cover(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// The result of one window of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Windowed<K, V> {
    /// The key; `()` if there is none.
    pub key: K,
    /// From when to when.
    pub window: Window,
    /// What the aggregator made of its items.
    pub value: V,
    /// Whether it came when it should.
    pub timing: Timing,
}

/// Whether the result of a window came when it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timing {
    /// When the watermark reached the end of the window, or the flow ended.
    OnTime,
    /// Before that, because too many windows were open. It is a part: what comes for the window later makes another.
    Early,
    /// After that, with an item that was behind the watermark and allowed. It takes the place of what was given before
    /// for its key and within its bounds, early results excepted: of one result, or, if sessions have merged, of several.
    Late,
}

/// How event time is cut into windows: [`tumbling`], [`hopping`] or [`session`]. The trait is sealed.
pub trait EventWindow<K, T, A: Aggregator<K, T>>: sealed::Sealed<K, T, A> {}

impl<K, T, A: Aggregator<K, T>, W: sealed::Sealed<K, T, A>> EventWindow<K, T, A> for W {}

/// Windows side by side: see [`tumbling`].
#[derive(Clone, Copy, Debug)]
pub struct Tumbling {
    span: i64,
}

/// Windows that overlap: see [`hopping`].
#[derive(Clone, Copy, Debug)]
pub struct Hopping {
    span: i64,
    step: i64,
}

/// Windows between gaps: see [`session`].
#[derive(Clone, Copy, Debug)]
pub struct Session {
    gap: i64,
}

/// Windows of one length side by side, from the beginning of 1970 on and back: each item is in one.
///
/// # Panics
///
/// If `span` is less than a millisecond.
#[track_caller]
pub fn tumbling(span: Duration) -> Tumbling {
    Tumbling { span: positive(span, "a window must last at least a millisecond") }
}

/// Windows of length `span`, of which one begins at each multiple of `step`, counted from the beginning of 1970: each
/// item is in all that it happened in. Items are cloned for it.
///
/// # Panics
///
/// If `step` is less than a millisecond; if it is more than `span`, because some items would be in no window; if an
/// item would be in more than 65,536.
#[track_caller]
pub fn hopping(span: Duration, step: Duration) -> Hopping {
    let step = positive(step, "windows must begin at least a millisecond apart");
    let span = clamp(span.as_millis());
    assert!(step <= span, "a step longer than the span leaves items out: use tumbling, or filter before");
    assert!((span - 1) / step < 1 << 16, "each item would be in more than 65,536 windows: use a longer step");
    Hopping { span, step }
}

/// For each key, windows that last from an item until none has come for `gap`. A window ends `gap` after its last item.
///
/// Two items that are `gap` or more apart are in different sessions, unless others lie between. An item that comes later
/// than one that happened after it can make one session of two. It is late if the session that it would make alone is
/// closed, whatever others there are.
///
/// # Panics
///
/// If `gap` is less than a millisecond.
#[track_caller]
pub fn session(gap: Duration) -> Session {
    Session { gap: positive(gap, "the gap between sessions must be at least a millisecond") }
}

#[track_caller]
fn positive(span: Duration, or_else: &str) -> i64 {
    let millis = clamp(span.as_millis());
    assert!(millis > 0, "{or_else}");
    millis
}

pub(super) fn clamp(millis: u128) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// What a kind of window needs of items and aggregators.
#[derive(Debug)]
pub enum Shape<T, A, V> {
    Aligned { span: i64, step: i64, copy: Option<fn(&T) -> T> },
    Session { gap: i64, merge: fn(&mut A, &mut V, V) },
}

/// The windows of one length that an item is in, those that end first first. What would reach beyond the range of an `i64`
/// is cut off there.
pub(super) fn aligned(time: i64, span: i64, step: i64) -> impl ExactSizeIterator<Item = Window> {
    // By how much the last of them begins before the item. Each that begins less than a span before has the item in it.
    let last = time.rem_euclid(step);
    let count = ((span - last - 1) / step + 1) as usize;
    (0..count).rev().map(move |n| {
        let before = last + n as i64 * step;
        Window { start: time.saturating_sub(before), end: time.saturating_add(span - before) }
    })
}

mod sealed {
    use super::{Aggregator, Hopping, MergeStates, Session, Shape, Tumbling};

    pub trait Sealed<K, T, A: Aggregator<K, T>> {
        fn shape(self) -> Shape<T, A, A::State>;
    }

    impl<K, T, A: Aggregator<K, T>> Sealed<K, T, A> for Tumbling {
        fn shape(self) -> Shape<T, A, A::State> {
            Shape::Aligned { span: self.span, step: self.span, copy: None }
        }
    }

    impl<K, T: Clone, A: Aggregator<K, T>> Sealed<K, T, A> for Hopping {
        fn shape(self) -> Shape<T, A, A::State> {
            Shape::Aligned { span: self.span, step: self.step, copy: Some(T::clone) }
        }
    }

    impl<K, T, A: MergeStates<K, T>> Sealed<K, T, A> for Session {
        fn shape(self) -> Shape<T, A, A::State> {
            Shape::Session { gap: self.gap, merge: A::merge }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(time: i64, span: i64, step: i64) -> Vec<(i64, i64)> {
        aligned(time, span, step).map(|window| (window.start, window.end)).collect()
    }

    #[test]
    fn windows_begin_at_multiples_of_the_step_before_1970_too() {
        assert_eq!(of(7, 5, 5), [(5, 10)]);
        assert_eq!(of(5, 5, 5), [(5, 10)]);
        assert_eq!(of(-1, 5, 5), [(-5, 0)]);
        assert_eq!(of(7, 6, 2), [(2, 8), (4, 10), (6, 12)]);
        assert_eq!(of(-7, 6, 2), [(-12, -6), (-10, -4), (-8, -2)]);
    }

    #[test]
    fn a_step_that_does_not_divide_the_span_gives_some_items_one_window_more() {
        assert_eq!(of(6, 5, 3), [(3, 8), (6, 11)]);
        assert_eq!(of(8, 5, 3), [(6, 11)]);
    }

    #[test]
    fn windows_are_cut_off_where_time_is() {
        assert_eq!(of(i64::MAX, 10, 10), [(i64::MAX - 7, i64::MAX)]);
        assert_eq!(of(i64::MIN, 10, 10), [(i64::MIN, i64::MIN + 8)]);
        assert_eq!(of(0, i64::MAX, i64::MAX), [(0, i64::MAX)]);
        assert_eq!(of(-1, i64::MAX, i64::MAX), [(-i64::MAX, 0)]);
        assert_eq!(of(i64::MIN, i64::MAX, i64::MAX), [(i64::MIN, -i64::MAX)]);
    }

    #[test]
    fn system_times_are_cut_to_the_millisecond_they_are_in() {
        let at = |nanos| UNIX_EPOCH + Duration::from_nanos(nanos);
        assert_eq!([at(0), at(999_999), at(1_000_000)].map(|time| time.millis()), [0, 0, 1]);
        let before = |nanos| UNIX_EPOCH - Duration::from_nanos(nanos);
        assert_eq!([before(1), before(1_000_000), before(1_000_001)].map(|time| time.millis()), [-1, -1, -2]);
    }
}
