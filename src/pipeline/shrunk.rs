//! Compares a complete walk of a whole feed with the complete walk before it.
//!
//! A feed that has lost most of its releases looks complete: a publisher may serve a well-formed
//! empty package while its database is being rebuilt. What is stored stays, so the walk is
//! complete, but somebody should know.

use tracing::warn;

use crate::error::{Error, Kind, Result};
use crate::ledger::{self, Lease, RunKind};
use crate::metrics::{self, Decision};
use crate::pipeline::Run;

/// The share of the releases of the previous walk below which a walk is reported.
const USUAL_RATIO: f64 = 0.5;

/// A walk that saw far fewer releases than the walk before it.
#[derive(Debug)]
pub(super) struct Shrunk {
    pub(super) before: i64,
    /// An error if the walk saw less than `sink.min_ratio` permits.
    pub(super) error: Option<Error>,
}

impl Run<'_> {
    /// Compares a complete walk that saw `releases` releases with the complete walk before it.
    /// Returns `None` if it saw enough, or if the run did not walk the whole feed.
    pub(super) async fn find_shrunk(&self, lease: &Lease, releases: i64) -> Result<Option<Shrunk>> {
        let source = self.source;
        let is_whole = self.job.spec.kind == RunKind::Incremental
            && source.window.is_none()
            && !source.page.is_change_feed();
        if !is_whole {
            return Ok(None);
        }
        let scope = source.scope();
        let read = || ledger::read_previous_walk(self.database, &source.name, lease, &scope);
        let before = self.query("read what the walk before saw", read).await?;
        let min_ratio = self.config.sink.min_ratio;
        let before =
            before.filter(|before| is_below(releases, *before, USUAL_RATIO.max(min_ratio)));
        Ok(before.map(|before| self.tell_shrunk(releases, before, min_ratio)))
    }

    fn tell_shrunk(&self, releases: i64, before: i64, min_ratio: f64) -> Shrunk {
        let name = &self.source.name;
        let what = format!(
            "a complete walk of {name} saw {releases} releases, and the walk before it {before}"
        );
        metrics::count_decision(name, Decision::Shrunk);
        warn!(source.name = %name, releases, before, "{what}; what is stored stays");
        let error = is_below(releases, before, min_ratio).then(|| {
            let what = format!("{what}, a share below the {min_ratio} of `sink.min_ratio`");
            Error::new(Kind::TooManyBad, what)
        });
        Shrunk { before, error }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio needs no more than 52 bits"
)]
fn is_below(releases: i64, before: i64, ratio: f64) -> bool {
    (releases as f64) < ratio * before as f64
}
