//! Holds the values of which rows are made.

use std::cell::OnceCell;

use jiff::Timestamp;

use crate::compile::cell::Cell;
use crate::compile::document::{At, Document, Organisation};
use crate::compile::summary::{Summary, read_money};

/// The origin of the content of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Several releases were merged.
    Merged,
    /// A single release.
    Single,
    /// The compiled release that the publisher serves.
    Publisher,
}

impl Origin {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Single => "single",
            Self::Publisher => "publisher",
        }
    }
}

/// The facts about a process besides its content.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) origin: Origin,
    /// The number of stored releases.
    pub(super) releases: usize,
    /// The id of the release that is the content.
    pub(super) release_id: Option<String>,
    pub(super) first_date: Option<Timestamp>,
    pub(super) last_date: Option<Timestamp>,
    /// Since when the publisher serves nothing of the process any more.
    pub(super) absent_since: Option<Timestamp>,
    /// The distinct tags of the releases.
    pub(super) tags: Vec<String>,
    /// The reason why the releases could not be merged, or the rows not be stored.
    pub(super) merge_error: Option<String>,
    /// The number of entries of arrays that were merged into an earlier one of the same release.
    pub(super) repeated_ids: usize,
    /// The merged release, unless it is a stored release but for its id, date and tag.
    pub(super) merged: Option<String>,
    pub(super) content_hash: [u8; 32],
    pub(super) changed_at: Timestamp,
}

/// The row of a process.
#[derive(Debug)]
pub(super) struct ProcessRow<'p, 't> {
    pub(super) state: &'t State,
    pub(super) summary: &'p Summary<'t>,
    pub(super) document: &'p Document<'t>,
}

/// An entry of a list that is a row.
#[derive(Clone, Debug)]
pub(super) struct Row<'r, 't> {
    pub(super) document: &'r Document<'t>,
    pub(super) summary: &'r Summary<'t>,
    pub(super) section: &'static str,
    /// The entry around the list, and its position.
    pub(super) around: At,
    pub(super) around_position: i32,
    /// The entry itself, and its position.
    pub(super) at: At,
    pub(super) position: i32,
    /// The organisation that the row is, once it was read.
    pub(super) organisation: OnceCell<Organisation<'t>>,
}

impl<'t> Row<'_, 't> {
    /// Returns the organisation that the row is. Several columns are of it.
    pub(super) fn organisation(&self) -> &Organisation<'t> {
        let read = || self.document.organisation(self.at);
        self.organisation.get_or_init(read)
    }

    pub(super) fn find(&self, path: &'static str) -> Option<At> {
        self.document.find(self.at, path)
    }

    /// Returns the amount and the currency of the award around a supplier.
    pub(super) fn award_value(&self) -> (Cell<'t>, Cell<'t>) {
        let (amount, currency) = read_money(self.document, self.around, "value");
        (Cell::amount(amount), Cell::text(currency))
    }
}
