//! Finds the items of a JSON page in the page's bytes. An item is stored as it was served, so it
//! is not parsed into a tree. These functions do no I/O.
//!
//! 1. `scan`: a `Scanner` moves over text and finds where each value begins and ends. It checks
//!    commas, colons, braces and brackets, but not the text of strings and numbers.
//! 2. `lists`: a scan follows the member names that lead to a list, such as `releases`, and
//!    stores the position and the depth of each item.
//! 3. `cut`: a source may have several shapes, which say where the items are in a page. [`cut()`]
//!    tries the shapes in order. It returns the items and the envelope, which is the page without
//!    its items.
//! 4. `salvage`: if the page is damaged, it finds the end of the damaged item, so that the other
//!    items are not lost.
//! 5. `long_list`: a [`LongList`] divides a list that does not fit into memory. It reads one part
//!    of the text at a time.
//! 6. `tokens`: a text is read as a list of its values, in their order, which is fast and needs no
//!    recursion. Releases are merged and read for the tables of processes in this form.
//! 7. `not_json`: a body that is not JSON is described by its kind and its title.

mod cut;
mod lenient;
mod lists;
mod long_list;
mod not_json;
mod parse_document;
mod pointer;
mod salvage;
mod scan;
mod tokens;
mod tree;

pub(crate) use self::cut::cut_package;
pub use self::cut::{Cut, Item, Unreadable, cut};
pub(crate) use self::lists::is_key;
pub use self::lists::{LoneObject, MAX_ENVELOPE_BYTES, MAX_ITEMS};
pub use self::long_list::{Continuation, DocumentStart, LongList, Portion, PortionLimits};
pub(crate) use self::not_json::{find_element, find_title, is_html, shorten};
pub(crate) use self::parse_document::{DocumentError, parse_document};
pub(crate) use self::pointer::escape_token;
pub use self::pointer::{ItemsAt, Pointer};
pub(crate) use self::salvage::reading_budget;
pub(crate) use self::scan::{
    Container, Loose, MAX_DIGITS, Nesting, Rules, ScanError, Scanner, Strict, Unstorable,
    count_values, is_large_number, is_white_space, skip_white_space,
};
pub(crate) use self::tokens::{Kind, RawString, Token, Tokens};
pub(crate) use self::tree::{Members, MergedMembers, Tree, unescape};
