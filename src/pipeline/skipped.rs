//! Returns to stretches of a feed that earlier runs have skipped.
//!
//! A run of a whole feed meets a stretch again by itself. A run of a feed of changes continues
//! behind it, so it first asks for the beginning of each skipped stretch. If the publisher answers
//! there now, the run begins there, and walks on to the end of the feed. It does so at most once a
//! day, because it requests again what is behind the stretch.

use tracing::warn;

use crate::error::Result;
use crate::fetch;
use crate::ledger::{self, Lease, SkippedStretch};
use crate::metrics::{self, Decision};
use crate::page::{Chain, Cursor};
use crate::pipeline::Run;
use crate::pipeline::dispatch::DispatchResult;

impl Run<'_> {
    /// Returns the cursor of the first skipped stretch that the publisher can answer now.
    pub(super) async fn find_readable_stretch(&self, lease: &Lease) -> Result<Option<Cursor>> {
        if self.source.http.skip_errors.is_none() || !self.config.fetch.recover {
            return Ok(None);
        }
        let name = &self.source.name;
        let mut stretches = self.read_skipped(lease, true).await?;
        stretches.retain(|it| !it.has_gone_back);
        let cursors = stretches.into_iter().filter_map(|it| it.cursor);
        let found = fetch::find_readable(&self.fetcher, cursors.collect()).await;
        if let Some(cursor) = &found {
            metrics::count_decision(name, Decision::WentBack);
            warn!(
                source.name = %name,
                "{name} answers at a position that was skipped, so the run begins there: {cursor}"
            );
        }
        Ok(found)
    }

    /// Adds to the result which stretches are skipped. Those that this run could read are resolved
    /// first. A stretch stays missing if the source no longer declares `http.skip_errors`.
    pub(super) async fn note_skipped(
        &self,
        lease: &Lease,
        dispatched: &mut DispatchResult,
    ) -> Result<()> {
        // a run of changes is incomplete until all stretches of earlier runs can be read
        let is_of_all = self.source.page.is_change_feed() && self.job.moves_watermark();
        let stretches = self.read_skipped(lease, is_of_all).await?;
        dispatched.note_skipped(stretches.into_iter().map(|it| it.message));
        Ok(())
    }

    async fn read_skipped(&self, lease: &Lease, is_of_all: bool) -> Result<Vec<SkippedStretch>> {
        let name = &self.source.name;
        let chain = Chain::skipped(&self.source.scope());
        let read = || ledger::read_skipped_stretches(self.database, name, &chain, lease, is_of_all);
        self.query("read which stretches are skipped", read).await
    }
}
