//! The ends of a flow: futures that run it and give its result, and the ways back to other types.

mod all;
mod any;
mod boxed;
mod boxed_local;
mod by_ref;
mod collect;
mod count;
mod fold;
mod for_each;
mod forward;
mod into_items;
mod next;
mod pipe;

pub use self::all::All;
pub use self::any::Any;
pub use self::collect::Collect;
pub use self::count::Count;
pub use self::fold::Fold;
pub use self::for_each::ForEach;
pub use self::forward::Forward;
pub use self::into_items::IntoItems;
pub use self::next::Next;
