//! Decides what happens to a run that cannot get past a position.
//!
//! A run that ends early is resumed, and each of its processes asks for the same page. If the
//! publisher answers that request in the same way for ever, the run is stuck: nothing behind that
//! page is fetched, and the pages before it are not asked for again.
//!
//! - If the same answer came on several days, a run of page numbers or offsets steps over the
//!   page, which stays in the quarantine. A run of links or tokens is given up, and the process
//!   begins another run at the beginning of the feed.
//! - If the publisher has forgotten a stored link or token, but answers at the beginning of the
//!   feed, the run is given up at once.
//! - A run of several chains that meets only its failures again is given up. The next run begins
//!   anew: at the watermark if the feed has windows, so that it sees new ones.
//!
//! `fetch.recover = false` switches all of this off, except for files that somebody named.
//!
//! If the next run asks for the whole feed again, the time between two runs that are given up is at
//! least a day and doubles.

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

/// The beginning of the answer for a page that the publisher refuses by a status.
const REFUSED_PAGE: &str = "page ";

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
        if !self.can_step_over() || !self.config.fetch.recover {
            return Ok(HashSet::new());
        }
        let read = || ledger::read_refused_pages(self.database, &self.source.name);
        let mut refused = self.query("read which pages are refused", read).await?;
        let stuck = resume.and_then(find_stuck);
        if let Some(number) = stuck.and_then(find_refused_page) {
            refused.insert((Chain::default(), number));
        }
        Ok(refused)
    }

    /// Returns an error with which the run is given up before it begins, if it is stuck at a link
    /// or token.
    pub(super) async fn check_stuck(&self, resume: Option<&Resume>) -> Result<Option<Error>> {
        let resume = resume.filter(|_| self.config.fetch.recover);
        let Some((resume, refusal)) = resume.and_then(|it| Some((it, find_stuck(it)?))) else {
            return Ok(None);
        };
        let refused_page = find_refused_page(refusal);
        let is_stepped_over = self.can_step_over() && refused_page.is_some();
        // the beginning of the feed would be the same request
        let is_beginning = resume.is_blank() && !self.source.page.is_change_feed();
        if is_stepped_over || is_beginning || !self.may_give_up().await? {
            return Ok(None);
        }
        let Refusal { answer, since, .. } = refusal;
        let name = &self.source.name;
        let page = refused_page.unwrap_or_else(|| resume.page().unwrap_or_default() + 1);
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
            // the next run of a feed with windows begins at the watermark, and not at its beginning
            let is_cheap = is_load || self.source.window.is_some();
            let may_recover = is_load || self.config.fetch.recover;
            let is_given_up = is_stuck && may_recover && (is_cheap || self.may_give_up().await?);
            if is_given_up && !is_load {
                let name = &self.source.name;
                metrics::count_decision(name, Decision::GivenUp);
                warn!(
                    source.name = %name,
                    "the run of {name} met only what failed before and is given up; the next run \
                     begins anew"
                );
            }
            return Ok(Stuck {
                is_given_up,
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
            && self.config.fetch.recover
            && start.is_opaque
            && dispatched.has_read_nothing()
            && fetch::has_beginning(&self.fetcher).await
    }

    /// Returns the publisher's answer for the page that a resumed process could not get past, if
    /// it will probably be the same the next time. The page is part of it, so that another page is
    /// another position.
    fn find_refused_answer(&self, dispatched: &DispatchResult, start: RunStart) -> Option<String> {
        let error = dispatched.error.as_ref().filter(|_| start.is_resumed)?;
        match (error.http_status(), error.page()) {
            (Some(status), Some(page)) if fetch::is_refusal(self.source, error) => {
                Some(format!("{REFUSED_PAGE}{page}: status {status}"))
            }
            (None, _) if dispatched.pages > 0 => None,
            (None, _) if error.kind() == Kind::LinkRefused => {
                Some("a link that is not allowed".into())
            }
            (None, _) if dispatched.unreadable > 0 => Some("a page that cannot be read".into()),
            _ => None,
        }
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

/// Says from where a process of a run began.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunStart {
    pub(super) is_resumed: bool,
    /// True if its first request had a stored link or token.
    pub(super) is_opaque: bool,
}

fn find_stuck(resume: &Resume) -> Option<&Refusal> {
    resume.refusal.as_ref().filter(|it| it.days >= STUCK_DAYS)
}

/// Returns the number of the page that the publisher refuses by a status.
fn find_refused_page(refusal: &Refusal) -> Option<u64> {
    let (page, _) = refusal.answer.strip_prefix(REFUSED_PAGE)?.split_once(':')?;
    page.parse().ok()
}
