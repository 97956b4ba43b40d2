//! An item of a page, before it is known to be a release.

use bytes::Bytes;

use crate::source::{Kind, Version};

/// An item of a page: a release, or something that holds releases.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The JSON Pointer to it on its page.
    pub(super) pointer: String,
    /// Its bytes as served.
    pub(super) served: Bytes,
    /// How deep it nests.
    pub(super) depth: usize,
    /// What it is, if that is known.
    pub(super) kind: Option<Kind>,
    /// Its version of the standard, if that is known.
    pub(super) version: Option<Version>,
}
