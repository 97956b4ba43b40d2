//! Finds the items of a JSON page in its bytes. An item is stored as it was served, so no tree of
//! it is built. These functions do no I/O.
//!
//! 1. `scan`: a `Scanner` walks over text and finds where each value begins and ends. It checks
//!    commas, colons, braces and brackets, but not the text of strings and numbers.
//! 2. `lists`: a scan follows the member names that lead to a list, such as `releases`, and notes
//!    the position and depth of each item.
//! 3. `cut`: [`cut()`] tries the places where a source may have its items, in order. Its result is
//!    the items and the envelope, which is everything around them.
//! 4. `salvage`: if the page is damaged, it finds where the damaged item ends, so that the other
//!    items are not lost.
//! 5. `stream`: a [`LongList`] does the same for a list that does not fit into memory. It sees a
//!    window of the text at a time.

mod cut;
mod document;
mod lenient;
mod lists;
mod pointer;
mod salvage;
mod scan;
mod stream;
mod tree;

pub use self::cut::{Cut, Item, Unreadable, cut};
pub(crate) use self::document::{DocumentError, parse_document};
pub(crate) use self::lists::is_key;
pub use self::lists::{MAX_ENVELOPE_BYTES, MAX_ITEMS};
pub(crate) use self::pointer::escape_token;
pub use self::pointer::{ItemsAt, Pointer};
pub(crate) use self::salvage::reading_budget;
pub(crate) use self::scan::{
    Container, Loose, MAX_DIGITS, Nesting, Rules, ScanError, Scanner, Strict, Unstorable,
    count_values, is_large_number, is_white_space, skip_white_space,
};
pub use self::stream::{Continuation, DocumentStart, LongList, Portion, PortionLimits};
pub(crate) use self::tree::{Members, MergedMembers, Tree};
