//! Decides what happens to a run that cannot get past a position.
//!
//! A run that ends early is resumed, and each of its processes asks for the same page first. If
//! the publisher answers that request in the same way for ever, the run is stuck: nothing behind
//! that page is fetched, and the pages before it are not asked for again.
//!
//! - If the same answer came on several days, a run of page numbers or offsets steps over the
//!   page, which stays in the quarantine. A run of links or tokens is given up, and the process
//!   begins another run at the beginning of the feed.
//! - If the publisher has forgotten a stored link or token, but answers at the beginning of the
//!   feed, the run is given up at once.
//! - A run of several chains that meets only its failures again is given up. The next run begins
//!   at the watermark, and sees new windows.
//!
//! The time between two runs that are given up is at least a day and doubles, because each makes
//! the next run ask for the whole feed again.

use std::collections::HashSet;

use tracing::warn;

use crate::error::{Error, Kind, Result};
use crate::fetch;
use crate::ledger::{self, Refusal, Resume, RunKind};
use crate::metrics::{self, Decision};
use crate::page::Chain;
use crate::pipeline::Run;
use crate::pipeline::dispatch::{DispatchResult, Stuck};
use crate::source::Pagination;

/// A position is stuck if the publisher gave the same answer on this many days.
const STUCK_DAYS: i32 = 3;

/// The statuses by which publishers say that they do not know a link or a token.
const UNKNOWN_POSITION: [u16; 3] = [400, 404, 410];

impl Run<'_> {
    /// Returns true if the run is one chain of pages of the publisher.
    fn is_one_chain(&self) -> bool {
        self.source.window.is_none() && self.source.axis.is_empty() && self.job.files.is_empty()
    }

    /// Returns true if a page that cannot be read does not hide the page after it.
    fn can_step_over(&self) -> bool {
        let pagination = &self.source.page;
        let is_numbered = matches!(
            pagination,
            Pagination::Number { .. } | Pagination::Offset { .. }
        );
        is_numbered && self.source.detail.is_none() && self.is_one_chain()
    }

    /// Returns the pages that the run steps over if the publisher refuses them again: those that
    /// earlier runs stepped over and, if the run is stuck, the one at which it is.
    pub(super) async fn find_refused_pages(
        &self,
        resume: Option<&Resume>,
    ) -> Result<HashSet<(Chain, u64)>> {
        if !self.can_step_over() {
            return Ok(HashSet::new());
        }
        let read = || ledger::read_refused_pages(self.database, &self.source.name);
        let mut refused = self.query("read which pages are refused", read).await?;
        if let Some(resume) = resume
            && find_stuck(resume).is_some_and(is_status)
            && let Some(after) = resume.page()
        {
            let chain = Chain::default();
            let mut number = after.saturating_add(1);
            // pages that are stepped over already come before the one that is stuck now
            while !refused.insert((chain.clone(), number)) {
                number += 1;
            }
        }
        Ok(refused)
    }

    /// Returns an error with which the run is given up before it begins, if it is stuck at a link
    /// or token.
    pub(super) async fn check_stuck(&self, resume: Option<&Resume>) -> Result<Option<Error>> {
        let Some((resume, refusal)) = resume.and_then(|it| Some((it, find_stuck(it)?))) else {
            return Ok(None);
        };
        let is_stepped_over = self.can_step_over() && is_status(refusal);
        // the beginning of the feed would be the same request
        let is_beginning = resume.is_blank() && !self.source.page.is_change_feed();
        if is_stepped_over || is_beginning || !self.may_give_up().await? {
            return Ok(None);
        }
        let Refusal { answer, since, .. } = refusal;
        let name = &self.source.name;
        let page = resume.page().unwrap_or_default() + 1;
        Ok(Some(Error::new(
            Kind::GivenUp,
            format!("{name} is stuck at page {page} since {since:.0}: {answer}"),
        )))
    }

    /// Decides after the fetch whether the run is stuck.
    pub(super) async fn assess(
        &self,
        dispatched: &mut DispatchResult,
        start: RunStart,
    ) -> Result<Stuck> {
        if !self.is_one_chain() {
            let is_stuck = start.is_resumed && dispatched.has_only_failed();
            // files that a person names are read again as often as the person wants
            let is_load = self.job.spec.kind == RunKind::Load;
            return Ok(Stuck {
                is_given_up: is_stuck && (is_load || self.may_give_up().await?),
                refused: None,
            });
        }
        if self.is_forgotten(dispatched, start).await && self.may_give_up().await? {
            let error = dispatched.error.take();
            let message = "the publisher no longer knows the stored position, \
                           and answers at the beginning of the feed";
            let given_up = Error::new(Kind::GivenUp, message);
            dispatched.error = Some(match error {
                Some(error) => given_up.with_source(error),
                None => given_up,
            });
        }
        Ok(Stuck {
            is_given_up: dispatched
                .error
                .as_ref()
                .is_some_and(|it| it.kind() == Kind::GivenUp),
            refused: self.find_refused_answer(dispatched, start),
        })
    }

    /// Returns true if the first request of the process had a stored link or token that the
    /// publisher does not know, although it answers at the beginning of the feed.
    async fn is_forgotten(&self, dispatched: &DispatchResult, start: RunStart) -> bool {
        let status = dispatched.error.as_ref().and_then(Error::http_status);
        let is_unknown = status.is_some_and(|status| UNKNOWN_POSITION.contains(&status));
        is_unknown
            && start.is_opaque
            && dispatched.has_read_nothing()
            && fetch::has_beginning(&self.fetcher).await
    }

    /// Returns the answer to the first request of a resumed process, if it will probably be the
    /// same the next time.
    fn find_refused_answer(&self, dispatched: &DispatchResult, start: RunStart) -> Option<String> {
        if !start.is_resumed || dispatched.pages > 0 {
            return None;
        }
        let error = dispatched.error.as_ref()?;
        let answer = match error.http_status() {
            Some(status) if fetch::is_refusal(self.source, error) => format!("status {status}"),
            None if error.kind() == Kind::LinkRefused => "a link that is not allowed".into(),
            None if dispatched.unreadable > 0 => "a page that cannot be read".into(),
            _ => return None,
        };
        // a page behind those that were stepped over is another position
        Some(match dispatched.unreadable {
            stepped @ 1.. if error.http_status().is_some() => {
                format!("{answer} after {stepped} refused pages")
            }
            _ => answer,
        })
    }

    async fn may_give_up(&self) -> Result<bool> {
        let read = || ledger::read_given_up_runs(self.database, &self.source.name);
        let runs = self.query("read which runs were given up", read).await?;
        Ok(runs.permits_another())
    }

    /// Tells that the process begins another run.
    pub(super) fn tell_begun_anew(source: &str, error: &Error) {
        metrics::count_decision(source, Decision::BegunAnew);
        warn!(
            source.name = %source,
            "{}; another run begins at the beginning of the feed", error.chain()
        );
    }
}

/// How a process of a run began.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunStart {
    pub(super) is_resumed: bool,
    /// True if its first request had a stored link or token.
    pub(super) is_opaque: bool,
}

fn find_stuck(resume: &Resume) -> Option<&Refusal> {
    resume.refusal.as_ref().filter(|it| it.days >= STUCK_DAYS)
}

fn is_status(refusal: &Refusal) -> bool {
    refusal.answer.starts_with("status ")
}
