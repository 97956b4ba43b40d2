//! Holds the state of the program in PostgreSQL: runs and their leases, pages, rejects, and
//! requests.
//!
//! There is no other state, and none on the local disk. The sink writes pages and rejects in the
//! transaction of their releases. This module writes everything else. This module spawns no task,
//! because the caller decides when a heartbeat is sent.
//!
//! # Errors
//!
//! A function that queries the database fails if the query fails. Only further reasons are named
//! at the function.

mod begin_transaction;
mod claim;
mod counts;
mod earlier_runs;
mod hold_lease;
mod holder;
mod page_set;
pub mod quarantine;
mod remembered_pages;
mod request_log;
mod run;
mod skipped_stretches;
mod status;
mod verify;
mod watermark;

pub(crate) use self::claim::signed;
pub use self::claim::{Claim, Lease, Refusal, Resume, ResumedChain, claim, find_page_cursor};
pub use self::counts::{Counts, Totals, read_totals};
pub use self::earlier_runs::{
    GivenUpRuns, read_given_up_runs, read_previous_walk, read_refused_pages,
};
pub(crate) use self::hold_lease::{HOLD_LEASE, begin_with_lease, end_stuck_copies};
pub use self::holder::{End, Holder, RunUpdate, Verdict};
pub use self::page_set::PageSet;
pub use self::remembered_pages::read_remembered_pages;
pub use self::request_log::log_requests;
pub use self::run::{RunKind, RunSpec, Unfinished};
pub use self::skipped_stretches::{SkippedStretch, read_skipped_stretches};
pub use self::status::{
    SourceCounts, SourceStatus, StuckPosition, read_source_counts, read_status,
};
pub use self::watermark::{
    Watermark, WatermarkMove, read_walked_axes, read_watermark, save_run_window,
};
