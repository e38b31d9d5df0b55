//! Names that streams have and flows do not: each is a method that does not compile, and says what to use instead.
//!
//! A [`Flow`] is a stream of `Result`s, so a name that `StreamExt` has and `Flow` lacks would fall back to the
//! stream's without a word: its closure would see `Result` items, and what it gives would be no flow. An inherent
//! method comes first. The test `names` compares with the lists of `futures` and `tokio-stream`.
//!
//! ```compile_fail,E0277
//! use futures::StreamExt;
//!
//! let lists = anabranch_operators::from_iter(0..10).chunks(3);
//! ```
//!
//! ```compile_fail,E0277
//! use futures::StreamExt;
//!
//! let flow = anabranch_operators::from_iter(0..10).then(|n| async move { n + 1 });
//! ```
//!
//! ```compile_fail,E0277
//! use tokio_stream::StreamExt;
//!
//! let both = anabranch_operators::from_iter(0..10).merge(anabranch_operators::from_iter(0..10));
//! ```
//!
//! Who wants the stream's method says so:
//!
//! ```
//! use futures::StreamExt;
//!
//! let flow = anabranch_operators::from_iter(0..10);
//! let lists = StreamExt::chunks(flow, 3).map(|results| results.len());
//! assert_eq!(futures::executor::block_on(lists.collect::<Vec<_>>()), [3, 3, 3, 1]);
//! ```

use std::future::Future;
use std::time::Duration;

use crate::{Flow, TryStream};

macro_rules! redirect {
    ($bound:ident: $name:ident $(<$generic:ident $(: $limit:ident)?>)? ($($argument:ident: $type:ty),*) => $message:literal) => {
        #[diagnostic::on_unimplemented(
            message = $message,
            label = "not a method of flows",
            note = "for the method of the stream of results that a flow is, name the trait: `StreamExt::method(flow, ..)`"
        )]
        pub trait $bound {}

        impl<S: TryStream> Flow<S> {
            #[doc(hidden)]
            pub fn $name $(<$generic $(: $limit)?>)? (self, $($argument: $type),*) -> Self
            where
                Self: $bound,
            {
                let _ = ($($argument,)*);
                self
            }
        }
    };
}

redirect!(NoAndThen: and_then<R>(f: impl FnMut(S::Ok) -> R)
    => "`Flow` has no `and_then`: use `try_map(f)`, or `map_async(1, f)` for an async function");
redirect!(NoBuffered: buffered(n: usize) => "`Flow` has no `buffered`: use `map_async(n, f)`, whose `f` gives the future");
redirect!(NoBufferUnordered: buffer_unordered(n: usize)
    => "`Flow` has no `buffer_unordered`: use `map_async_unordered(n, f)`, whose `f` gives the future, or `map_async(n, f)` to keep the order");
redirect!(NoChunks: chunks(n: usize) => "`Flow` has no `chunks`: use `buffer_count(n)`");
redirect!(NoChunksTimeout: chunks_timeout(n: usize, duration: Duration)
    => "`Flow` has no `chunks_timeout`: use `buffer_time_or_count(duration, n)`");
redirect!(NoConcat: concat()
    => "`Flow` has no method `concat`: use `chain(other)` for another flow behind this one, `collect()` for its items");
redirect!(NoCycle: cycle() => "`Flow` has no `cycle`: use the function `repeat_from`, which makes the flow anew for each round");
redirect!(NoFlatMap: flat_map<R>(f: impl FnMut(S::Ok) -> R)
    => "`Flow` has no `flat_map`: use `concat_map(f)` for one inner flow at a time, `merge_map(limit, f)` for several, `switch_map(f)` for the newest");
redirect!(NoFlatMapUnordered: flat_map_unordered<R>(limit: impl Into<Option<usize>>, f: impl FnMut(S::Ok) -> R)
    => "`Flow` has no `flat_map_unordered`: use `merge_map(limit, f)`");
redirect!(NoFlatten: flatten()
    => "`Flow` has no `flatten`: use `concat_all()` for one inner flow at a time, `merge_all(limit)` for several, `switch_all()` for the newest");
redirect!(NoFlattenUnordered: flatten_unordered(limit: impl Into<Option<usize>>)
    => "`Flow` has no `flatten_unordered`: use `merge_all(limit)`");
redirect!(NoForEachConcurrent: for_each_concurrent<R: Future>(
    limit: impl Into<Option<usize>>,
    f: impl FnMut(S::Ok) -> R
) => "`Flow` has no `for_each_concurrent`: use `map_async_unordered(limit, f)` and then `drain()`");
redirect!(NoInspectErr: inspect_err(f: impl FnMut(&S::Error))
    => "`Flow` has no `inspect_err`: use `map_err(f)` and give the error back");
redirect!(NoInspectOk: inspect_ok(f: impl FnMut(&S::Ok)) => "`Flow` has no `inspect_ok`: use `inspect(f)`");
redirect!(NoLeftStream: left_stream()
    => "`Flow` has no `left_stream`: use `boxed()` to make flows of different kinds one type");
redirect!(NoMapOk: map_ok<R>(f: impl FnMut(S::Ok) -> R) => "`Flow` has no `map_ok`: use `map(f)`");
redirect!(NoMapWhile: map_while<R>(f: impl FnMut(S::Ok) -> Option<R>)
    => "`Flow` has no `map_while`: use `take_while(f)` and then `map(f)`");
redirect!(NoMerge: merge<B>(other: B) => "`Flow` has no method `merge`: use `merge_with(other)`");
redirect!(NoReadyChunks: ready_chunks(n: usize)
    => "`Flow` has no `ready_chunks`: use `batch_while_busy(n)`");
redirect!(NoRightStream: right_stream()
    => "`Flow` has no `right_stream`: use `boxed()` to make flows of different kinds one type");
redirect!(NoThen: then<R: Future>(f: impl FnMut(S::Ok) -> R) => "`Flow` has no `then`: use `map_async(1, f)`, or a larger number to run several at once in the same order");
redirect!(NoThrottle: throttle(duration: Duration)
    => "`Flow` has no `throttle`: use `pace(duration)` to delay items, as that of tokio-stream; `throttle_first(duration)` or \
        `throttle_latest(duration)` to drop some");
redirect!(NoTimeoutRepeating: timeout_repeating<T>(interval: T)
    => "`Flow` has no `timeout_repeating`: use `timeout(duration)`, which fails once, for a flow cannot go on then");
redirect!(NoUnzip: unzip() => "`Flow` has no `unzip`: use `fold(init, f)` to fill two collections");
