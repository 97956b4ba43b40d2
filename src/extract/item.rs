//! An item of a page, before the program knows that it is a release.

use bytes::Bytes;

use crate::source::{Kind, Version};

/// An item of a page: a release, or something that holds releases.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The JSON Pointer to it on its page.
    pub(super) pointer: String,
    /// Its served bytes.
    pub(super) served: Bytes,
    /// The depth of its nesting.
    pub(super) depth: usize,
    /// Its kind, if it is known.
    pub(super) kind: Option<Kind>,
    /// Its version of the standard, if it is known.
    pub(super) version: Option<Version>,
}
