//! An item of a page that may or may not be a release.

use bytes::Bytes;

use crate::source::{Kind, Version};

/// An item of a page. It is a release, or a package or record that contains releases.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The JSON Pointer from the page to the item.
    pub(super) pointer: String,
    /// The bytes of the item as they were served.
    pub(super) served: Bytes,
    /// The depth of the item's nesting.
    pub(super) depth: usize,
    /// The kind of the item, if it is known.
    pub(super) kind: Option<Kind>,
    /// The version of the standard in which the item is written, if it is known.
    pub(super) version: Option<Version>,
}
