//! JSON by structure: pointers, and the cut of a page into its items.
//!
//! Pure functions over bytes, used by fetch (what follows a page) and by
//! extract (its releases). No tree is built of an item that is stored as it was
//! served.

mod cut;
mod lenient;
mod lists;
mod pointer;
mod salvage;
mod scan;
mod stream;
mod tree;
mod value;

pub use self::cut::{Cut, Item, Unreadable, cut};
pub(crate) use self::lists::key_is;
pub use self::lists::{MOST_AROUND_BYTES, MOST_ITEMS};
pub(crate) use self::pointer::token;
pub use self::pointer::{ItemsAt, Pointer};
pub(crate) use self::scan::{
    Container, Loose, MOST_DIGITS, Nesting, Rules, Scanner, Stop, Strict, Unstorable, count_values,
    is_large, is_white, skip_white,
};
pub use self::stream::{LongList, Most, Opening, Portion, Then};
pub(crate) use self::tree::{Members, Merged, Tree};
pub(crate) use self::value::{Misread, value};
