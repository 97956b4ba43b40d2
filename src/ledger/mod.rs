//! What PostgreSQL remembers: runs and their leases, pages, quarantine, requests.
//!
//! There is no other state, and none on local disk. Pages and rejects are
//! written by the sink, in the transaction of their releases; everything else
//! is written here. Nothing here spawns: a heartbeat beats when it is told to.

mod claim;
mod counts;
mod holder;
mod page_set;
pub mod quarantine;
mod remembered;
mod request;
mod run;
mod status;
mod transaction;
mod verify;
mod watermark;

pub(crate) use self::claim::signed;
pub use self::claim::{Claim, Lease, Resume, ResumedChain, claim, known_cursor};
pub use self::counts::{Counts, Requests, Totals, totals};
pub use self::holder::{End, Holder, News, Verdict};
pub use self::page_set::PageSet;
pub use self::remembered::remembered_pages;
pub use self::request::log_requests;
pub use self::run::{RunKind, RunSpec, Unfinished};
pub use self::status::{SourceCounts, SourceStatus, source_counts, status};
pub use self::watermark::{Mark, Watermark, run_window, walked_axes, watermark};
