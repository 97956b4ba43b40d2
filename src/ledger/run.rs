//! What a run is asked to do.

use crate::page::Chain;

/// The purpose of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Fetches everything new in the feed, from where the last run stopped.
    Incremental,
    /// Fetches some of the feed's pages, regardless of what other runs have fetched.
    Backfill,
    /// Reads local files.
    Load,
    /// Tries rejects again.
    Replay,
    /// Deletes all data of the source.
    Purge,
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
        }
    }
}

/// What a run is asked to do. The ledger resumes an unfinished run only if it has the same
/// source, kind, definition and page range; otherwise it starts a new one.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The name of the source.
    pub source: String,
    /// The purpose of the run.
    pub kind: RunKind,
    /// Everything that decides which pages the source has, as text. If it differs, page numbers
    /// of the two runs do not mean the same pages.
    pub definition: String,
    /// The first page of a backfill.
    pub from_page: Option<u64>,
    /// The last page of a backfill; `None` means the last page of the feed.
    pub to_page: Option<u64>,
    /// The number of the first page that the run fetches.
    pub first_page: u64,
    /// The treatment of an unfinished run with the same spec.
    pub unfinished: Unfinished,
    /// The chains that the run must walk in this order, because a later chain overrides an
    /// earlier one. The flag says that the chain may be skipped once all its pages are durable.
    /// From the first chain that cannot be skipped, everything is walked again.
    pub ordered_chains: Vec<(Chain, bool)>,
}

/// The treatment of an unfinished run with the same spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// Resume it after its last durable page.
    Resume,
    /// Leave it as it is, and start a new run at the first page.
    Restart,
    /// Resume it if it has this id; otherwise do the same as `Restart`.
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
    /// Describes a run over a whole feed whose pages are numbered from 1. It continues from
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
        }
    }
}
