//! JSON by structure: pointers, and the cut of a page into its items.
//!
//! Pure functions over bytes, used by fetch (what follows a page) and by
//! extract (its releases). No tree is built of an item.

mod cut;
mod pointer;
mod salvage;
mod scan;

pub(crate) use self::cut::key_is;
pub use self::cut::{Cut, Item, MOST_AROUND_BYTES, MOST_ITEMS, Unreadable, cut};
pub use self::pointer::{ItemsAt, Pointer};
pub(crate) use self::scan::{
    Loose, Rules, Scanner, Stop, Strict, Unstorable, is_white, skip_white,
};
