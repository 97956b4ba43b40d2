//! Describes what a run fetches: everything new, or certain pages, dates or files.

use std::sync::Arc;

use jiff::Timestamp;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::fetch::{self, Input, Scope};
use crate::ledger::{self, RunKind, RunSpec, Unfinished};
use crate::page::{Chain, Position};
use crate::source::{Moment, Overwrite, Source};

/// The part of a source that a run fetches.
#[derive(Clone, Debug)]
pub struct Job {
    /// The request for the run, as the ledger records it.
    pub spec: RunSpec,
    /// The first page of each chain. An unfinished run continues after it.
    pub first: Position,
    /// Pages before this number are fetched but not stored.
    pub store_from: u64,
    /// The number of pages that this process may fetch.
    pub max_pages: Option<u64>,
    /// The dates to fetch, if the source has windows.
    pub(super) dates: JobDates,
    /// The files to read instead of the source's own pages.
    pub(super) files: Vec<Input>,
    /// Says which of several contents of one release is kept.
    pub(super) overwrite: Overwrite,
    /// The choice that holds if neither the source nor the command makes one.
    default_overwrite: Overwrite,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct JobDates {
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Job {
    /// Fetches everything new of a source, from the point where the last run stopped.
    #[must_use]
    pub fn incremental(source: &Source) -> Self {
        let first = fetch::first_page(source);
        Self {
            spec: RunSpec {
                first_page: first.number,
                ..RunSpec::incremental(&source.name, source.definition())
            },
            store_from: first.number,
            first,
            max_pages: None,
            dates: JobDates::default(),
            files: Vec::new(),
            overwrite: source.overwrite(),
            default_overwrite: source.default_overwrite(),
        }
    }

    /// Reads files one after another, as if the source had served them. If a load was stopped, a
    /// later load of the same files continues it.
    #[must_use]
    pub fn load(source: &Source, files: Vec<Input>) -> Self {
        let mut definition = source.definition();
        for file in &files {
            definition.push_str(&format!(" {file} {}", file.state()));
        }
        let mut job = Self::incremental(source);
        job.first = fetch::first_page_of_file();
        job.store_from = job.first.number;
        job.spec = RunSpec {
            kind: RunKind::Load,
            first_page: job.first.number,
            ordered_chains: files.iter().map(describe_file_chain).collect(),
            ..RunSpec::incremental(&source.name, definition)
        };
        Self {
            files,
            overwrite: source.overwrite.unwrap_or(Overwrite::Newer),
            default_overwrite: Overwrite::Newer,
            ..job
        }
    }

    /// Returns the same job, which keeps this one of several contents of a release. `None` changes
    /// nothing.
    #[must_use]
    pub fn with_overwrite(self, overwrite: Option<Overwrite>) -> Self {
        let overwrite = overwrite.unwrap_or(self.overwrite);
        Self { overwrite, ..self }
    }

    /// Returns the same job, whose spec says which content is kept. A run that keeps another one
    /// than usual has a definition of its own: a run that keeps the usual one does not resume it,
    /// because what it has stored would be missing.
    pub(super) fn state_overwrite(mut self) -> Self {
        // the newest content is stored in whatever order the files are read
        self.spec.must_keep_order = self.overwrite == Overwrite::Always;
        if self.overwrite != self.default_overwrite {
            let overwrite = self.overwrite.as_str();
            self.spec
                .definition
                .push_str(&format!(" overwrite {overwrite}"));
        }
        self
    }

    /// Limits the job to the time between two dates. They replace the watermark and the present
    /// time.
    ///
    /// # Errors
    ///
    /// Fails if the source has no windows, or if the dates are in the wrong order.
    pub fn limit_dates(
        mut self,
        source: &Source,
        from: Option<&Moment>,
        until: Option<&Moment>,
    ) -> Result<Self> {
        if from.is_none() && until.is_none() {
            return Ok(self);
        }
        if source.window.is_none() {
            return Err(Error::config(format!(
                "source {} is not asked for by dates: its definition has no `window`",
                source.name
            )));
        }
        let instant = |moment: &Moment| moment.at(source.window_zone());
        self.dates = JobDates {
            from: from.map(instant),
            until: until.map(instant),
        };
        if let (Some(from), Some(until)) = (self.dates.from, self.dates.until)
            && until < from
        {
            return Err(Error::config("--until is before --from"));
        }
        // A job resumes a run only if both have the same definition. A definition that begins
        // with the scope of the source belongs to a run that began at the watermark.
        let shown = |date: Option<Timestamp>| date.map_or("-".to_owned(), |date| date.to_string());
        let (definition, until) = (&self.spec.definition, shown(self.dates.until));
        self.spec.definition = match self.dates.from {
            Some(from) => format!("from {from} until {until} {definition}"),
            None => format!("{definition} until {until}"),
        };
        Ok(self)
    }

    /// Fetches a source between two dates, whatever other runs have stored. The watermark does
    /// not move.
    ///
    /// # Errors
    ///
    /// Fails like [`Job::limit_dates`].
    pub fn backfill_dates(source: &Source, from: &Moment, until: Option<&Moment>) -> Result<Self> {
        let mut job = Self::incremental(source);
        job.spec.kind = RunKind::Backfill;
        job.limit_dates(source, Some(from), until)
    }

    /// Fetches the pages of a source from one number to another, whatever other runs have stored.
    /// If only links lead to pages, it begins at the cursor that the newest run stored for
    /// `from_page`, or else at the beginning of the feed.
    ///
    /// # Errors
    ///
    /// Fails if the source has several chains, because a page number is ambiguous then, or if the
    /// database cannot be reached.
    pub async fn backfill(
        database: &Database,
        source: &Source,
        from_page: u64,
        to_page: Option<u64>,
    ) -> Result<Self> {
        if source.window.is_some() || !source.axis.is_empty() {
            let instead = match source.window {
                Some(_) => "; name dates by --from and --until",
                None => "",
            };
            return Err(Error::config(format!(
                "source {} has pages in each of its windows and axes, \
                 and --from-page means none of them{instead}",
                source.name
            )));
        }
        let definition = source.definition();
        let from_page = from_page.max(fetch::first_page(source).number);
        let first = match fetch::page_at(source, from_page) {
            Some(position) => position,
            None => ledger::find_page_cursor(database, &source.name, &definition, from_page)
                .await?
                .map_or_else(
                    || fetch::first_page(source),
                    |cursor| Position {
                        number: from_page,
                        cursor,
                    },
                ),
        };
        Ok(Self {
            spec: RunSpec {
                kind: RunKind::Backfill,
                from_page: Some(from_page),
                to_page,
                first_page: from_page,
                ..RunSpec::incremental(&source.name, definition)
            },
            first,
            store_from: from_page,
            ..Self::incremental(source)
        })
    }

    /// Returns the same job, which leaves unfinished runs and stored links and tokens alone.
    #[must_use]
    pub fn begin_anew(mut self, source: &Source) -> Self {
        self.spec.unfinished = Unfinished::Restart;
        if fetch::is_opaque(source, &self.first) {
            self.first = fetch::first_page(source);
        }
        self
    }

    /// Returns the total size of the files in bytes, if all sizes are known.
    pub(super) fn byte_count(&self) -> Option<u64> {
        let bytes: Option<u64> = self.files.iter().map(Input::byte_count).sum();
        bytes.filter(|_| !self.files.is_empty())
    }

    pub(super) fn is_from_watermark(&self) -> bool {
        self.moves_watermark() && self.dates.from.is_none()
    }

    /// Returns the same job after `fetched` of its `max_pages` pages were fetched.
    pub(super) fn without_pages(&self, fetched: u64) -> Self {
        let rest = |most: u64| most.saturating_sub(fetched).max(1);
        Self {
            max_pages: self.max_pages.map(rest),
            ..self.clone()
        }
    }

    /// Returns true if the job can be repeated. It cannot if it reads standard input.
    pub(super) fn can_be_repeated(&self) -> bool {
        !self.files.contains(&Input::Stdin)
    }

    pub(super) fn moves_watermark(&self) -> bool {
        self.spec.kind == RunKind::Incremental
    }
}

/// Returns the chain of a file, and true if a resumed run may skip the file once it is stored.
fn describe_file_chain(file: &Input) -> (Chain, bool) {
    let scope = Scope {
        axes: Arc::new(file.axes()),
        ..Scope::default()
    };
    (scope.chain(), file.is_lasting())
}
