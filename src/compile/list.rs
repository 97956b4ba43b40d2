//! The places of rows in a merged release.

use crate::compile::document::{At, Document};

/// A place of rows: the entries of an array, which may itself be in the entries of another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// The value of the column `section`.
    pub(super) section: &'static str,
    /// The path to the array or object around the list, or nothing if that is the release.
    pub(super) around: &'static str,
    /// The path from there to the list.
    pub(super) list: &'static str,
}

/// An entry of a list and its position.
type Entry = (i32, At);

impl List {
    pub(super) const fn new(
        section: &'static str,
        around: &'static str,
        list: &'static str,
    ) -> Self {
        Self {
            section,
            around,
            list,
        }
    }

    /// Returns the rows of the list: the entry around each, and the row itself.
    pub(super) fn rows<'d>(
        &'d self,
        document: &'d Document<'_>,
    ) -> impl Iterator<Item = (Entry, Entry)> + 'd {
        let outer = document.find(Document::ROOT, self.around);
        document.entries(outer).flat_map(move |around| {
            let rows = document.entries(document.find(around.1, self.list));
            rows.map(move |row| (around, row))
        })
    }
}
