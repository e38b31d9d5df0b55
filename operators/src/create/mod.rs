//! Ways in: where a flow begins.

mod defer;
mod ext;
mod from_items;
mod from_iter;
mod from_results;
mod interval;
mod repeat_from;
mod timer;
mod using;

pub(crate) use self::defer::sealed;
// The other names of a function stand here: the search of the pages does not see those in a private module.
#[doc(alias = "lazySource")]
#[doc(alias = "lazy_source")]
#[doc(alias = "if_then")]
#[doc(alias = "iif")]
#[doc(alias = "case")]
pub use self::defer::defer;
pub use self::defer::{Defer, Restart};
pub use self::ext::FlowExt;
pub use self::from_items::FromItems;
#[doc(alias = "from")]
#[doc(alias = "from_future")]
#[doc(alias = "fromFuture")]
#[doc(alias = "fromCallable")]
#[doc(alias = "fromCompletionStage")]
#[doc(alias = "from_callback")]
#[doc(alias = "bindCallback")]
#[doc(alias = "start_async")]
#[doc(alias = "completionStage")]
#[doc(alias = "create")]
#[doc(alias = "generate")]
#[doc(alias = "push")]
#[doc(alias = "unfold")]
#[doc(alias = "unfoldAsync")]
#[doc(alias = "flow")]
#[doc(alias = "channelFlow")]
#[doc(alias = "queue")]
#[doc(alias = "actorRef")]
#[doc(alias = "receiveAsFlow")]
#[doc(alias = "consumeAsFlow")]
#[doc(alias = "never")]
pub use self::from_items::from_items;
pub use self::from_iter::FromIter;
#[doc(alias = "of")]
#[doc(alias = "just")]
#[doc(alias = "range")]
#[doc(alias = "from_iterable")]
#[doc(alias = "fromIterable")]
#[doc(alias = "return_value")]
#[doc(alias = "single")]
#[doc(alias = "flowOf")]
#[doc(alias = "asFlow")]
#[doc(alias = "rangeLong")]
#[doc(alias = "empty")]
#[doc(alias = "emptyFlow")]
#[doc(alias = "repeat_value")]
pub use self::from_iter::from_iter;
pub use self::from_results::FromResults;
#[doc(alias = "from")]
#[doc(alias = "throw")]
#[doc(alias = "throwError")]
#[doc(alias = "error")]
#[doc(alias = "failed")]
pub use self::from_results::from_results;
pub use self::interval::Interval;
#[doc(alias = "intervalRange")]
#[doc(alias = "tick")]
pub use self::interval::interval;
pub use self::repeat_from::RepeatFrom;
#[doc(alias = "repeat")]
#[doc(alias = "cycle")]
pub use self::repeat_from::repeat_from;
pub use self::timer::Timer;
#[doc(alias = "tick")]
pub use self::timer::timer;
pub use self::using::Using;
#[doc(alias = "usingWhen")]
#[doc(alias = "unfoldResource")]
#[doc(alias = "unfoldResourceAsync")]
pub use self::using::using;
