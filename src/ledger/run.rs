//! Describes what a run has to do.

use crate::page::Chain;

/// The purpose of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Fetches everything that is new in the feed, and continues from where the last run stopped.
    Incremental,
    /// Fetches some pages of the feed, regardless of which pages other runs have fetched.
    Backfill,
    /// Stores files that the caller names.
    Load,
    /// Tries to store rejects again.
    Replay,
    /// Deletes all data of the source.
    Purge,
    /// Brings the rows of the source's processes up to date with its releases.
    Compile,
}

impl RunKind {
    /// Returns the value stored in `ocds.run.kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RunKind::Incremental => "incremental",
            RunKind::Backfill => "backfill",
            RunKind::Load => "load",
            RunKind::Replay => "replay",
            RunKind::Purge => "purge",
            RunKind::Compile => "compile",
        }
    }
}

/// Describes what a run has to do. The ledger resumes an unfinished run only if it has the same
/// source, kind, definition and page range. Otherwise the ledger starts a new run.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The name of the source.
    pub source: String,
    /// The purpose of the run.
    pub kind: RunKind,
    /// The text of everything that decides which pages the source has. If two runs have different
    /// texts, the same page number does not mean the same page in both.
    pub definition: String,
    /// The number of the first page of a backfill.
    pub from_page: Option<u64>,
    /// The number of the last page of a backfill. `None` means the last page of the feed.
    pub to_page: Option<u64>,
    /// The number of the first page that the run fetches.
    pub first_page: u64,
    /// Decides what happens to an unfinished run with the same spec.
    pub unfinished: Unfinished,
    /// The chains that the user named, in their order. The flag is true if a resumed run may skip
    /// the chain once all its pages are durable. A chain that cannot be skipped is walked again.
    pub ordered_chains: Vec<(Chain, bool)>,
    /// True if a later chain of `ordered_chains` overrides an earlier one. All chains after one
    /// that is walked again are then walked again too.
    pub must_keep_order: bool,
}

/// Decides what happens to an unfinished run with the same spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// Resume the unfinished run after its last durable page.
    Resume,
    /// Leave the unfinished run as it is, and start a new run at the first page.
    Restart,
    /// Resume the unfinished run if it has this id. Otherwise leave it as it is, and start a new
    /// run at the first page.
    ResumeRun(i64),
}

impl Unfinished {
    pub(super) fn can_resume(self, run_id: i64) -> bool {
        match self {
            Unfinished::Resume => true,
            Unfinished::Restart => false,
            Unfinished::ResumeRun(this) => this == run_id,
        }
    }
}

impl RunSpec {
    /// Describes a run over a whole feed whose pages are numbered from 1. The run continues from
    /// where the last run with the same definition stopped.
    pub fn incremental(source: impl Into<String>, definition: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            kind: RunKind::Incremental,
            definition: definition.into(),
            from_page: None,
            to_page: None,
            first_page: 1,
            unfinished: Unfinished::Resume,
            ordered_chains: Vec::new(),
            must_keep_order: true,
        }
    }
}
