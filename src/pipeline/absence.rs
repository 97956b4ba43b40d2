//! Looks at the end of a complete walk for releases that the publisher no longer serves.
//!
//! Only a walk through a whole feed can say that: a run with windows asks for some dates, a feed of
//! changes serves what is new, and a backfill may begin behind the first page.

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::error::Result;
use crate::fetch;
use crate::ledger::{Lease, RunKind};
use crate::metrics::{self, Decision};
use crate::pipeline::dispatch::{DispatchResult, RunEnd};
use crate::pipeline::{Job, Run};
use crate::sink::{Absence, PagesOf};
use crate::source::Source;

/// Says of what the pages of a job are.
pub(super) fn pages_of(source: &Source, job: &Job) -> PagesOf {
    let spec = &job.spec;
    let is_whole = match spec.kind {
        RunKind::Load => return PagesOf::Files,
        RunKind::Incremental => true,
        RunKind::Backfill => {
            let first = fetch::first_page(source).number;
            spec.from_page == Some(first) && spec.to_page.is_none()
        }
        _ => false,
    };
    match is_whole && source.window.is_none() && !source.page.is_change_feed() {
        true => PagesOf::WholeFeed,
        false => PagesOf::Feed,
    }
}

impl Run<'_> {
    /// Marks the releases that this walk and the one before it have not met, if this one is complete.
    pub(super) async fn mark_absent(
        &self,
        lease: &Lease,
        dispatched: &DispatchResult,
        stop: &CancellationToken,
    ) -> Result<Absence> {
        let is_complete = dispatched.error.is_none() && dispatched.reached == Some(RunEnd::Feed);
        if !is_complete || pages_of(self.source, self.job) != PagesOf::WholeFeed {
            return Ok(Absence::default());
        }
        let max_ratio = self.config.compile.absent_max;
        self.sink.mark_absent(lease, max_ratio, stop).await
    }

    /// Says once in a run which releases are gone or served again, and counts them.
    pub(super) fn tell_absent(&self, absence: &Absence) {
        let name = &self.source.name;
        let Absence {
            marked,
            returned,
            withheld,
            ..
        } = *absence;
        metrics::add_absent_releases(name, "marked", marked);
        metrics::add_absent_releases(name, "returned", returned);
        if marked > 0 {
            info!(
                source.name = %name,
                marked,
                "{marked} releases of {name} are gone: two complete walks in a row did not find them, and \
                 `absent_since` says since when"
            );
        }
        if returned > 0 {
            info!(source.name = %name, returned, "{returned} releases of {name} that were gone are served again");
        }
        if withheld > 0 {
            metrics::count_decision(name, Decision::AbsentWithheld);
            let max_ratio = self.config.compile.absent_max;
            warn!(
                source.name = %name,
                withheld,
                "two complete walks of {name} in a row did not find {withheld} stored releases, a share above \
                 the {max_ratio} of `compile.absent_max`, so none of them is marked as gone; if the \
                 publisher has removed them, run once with OCDS_INGEST__COMPILE__ABSENT_MAX=1"
            );
        }
    }
}
