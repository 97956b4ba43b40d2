//! What a run walks: all that is new, or the pages or dates that are asked for.

use std::sync::Arc;

use jiff::Timestamp;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::fetch::{self, Input, Scope};
use crate::ledger::{self, RunKind, RunSpec, Unfinished};
use crate::page::{Chain, Position};
use crate::source::{Moment, Source};

/// The walk that a run makes over a source's pages.
#[derive(Clone, Debug)]
pub struct Walk {
    /// What the ledger is asked for.
    pub asked: RunSpec,
    /// The first page of each chain, unless an unfinished run goes on behind it.
    pub first: Position,
    /// Pages before this number are walked over and not stored.
    pub store_from: u64,
    /// The most pages to fetch in this process.
    pub max_pages: Option<u64>,
    /// The dates to walk, of a source with windows.
    pub(super) dates: Dates,
    /// The files to walk, in place of the source's own pages.
    pub(super) files: Vec<Input>,
}

/// The dates of a walk, as far as they were asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dates {
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Walk {
    /// The whole feed of a source, from where the last run stopped.
    #[must_use]
    pub fn incremental(source: &Source) -> Self {
        let first = fetch::first_page(source);
        Self {
            asked: RunSpec {
                first_page: first.number,
                ..RunSpec::incremental(&source.name, source.definition())
            },
            store_from: first.number,
            first,
            max_pages: None,
            dates: Dates::default(),
            files: Vec::new(),
        }
    }

    /// Files of a source, one after the other, as if it had served them. A later
    /// load of the same files goes on where one was stopped.
    #[must_use]
    pub fn load(source: &Source, files: Vec<Input>) -> Self {
        let mut definition = source.definition();
        for file in &files {
            definition.push_str(&format!(" {file} {}", file.state()));
        }
        let mut walk = Self::incremental(source);
        walk.first = fetch::first_page_of_file();
        walk.store_from = walk.first.number;
        walk.asked = RunSpec {
            kind: RunKind::Load,
            first_page: walk.first.number,
            ordered_chains: files.iter().map(in_order).collect(),
            ..RunSpec::incremental(&source.name, definition)
        };
        Self { files, ..walk }
    }

    /// The same between two dates, in place of the watermark and the present.
    ///
    /// # Errors
    /// The source has no windows, or the dates are in the wrong order.
    pub fn between(
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
        self.dates = Dates {
            from: from.map(instant),
            until: until.map(instant),
        };
        if let Dates {
            from: Some(from),
            until: Some(until),
        } = self.dates
            && until < from
        {
            return Err(Error::config("--until is before --from"));
        }
        // a run is resumed by one that asks for the same; what begins with a scope
        // began at the watermark
        let shown = |date: Option<Timestamp>| date.map_or("-".to_owned(), |date| date.to_string());
        let (definition, until) = (&self.asked.definition, shown(self.dates.until));
        self.asked.definition = match self.dates.from {
            Some(from) => format!("from {from} until {until} {definition}"),
            None => format!("{definition} until {until}"),
        };
        Ok(self)
    }

    /// The feed of a source between two dates, whatever other runs have done. It
    /// leaves the watermark alone.
    ///
    /// # Errors
    /// As [`Walk::between`].
    pub fn backfill_between(
        source: &Source,
        from: &Moment,
        until: Option<&Moment>,
    ) -> Result<Self> {
        let mut walk = Self::incremental(source);
        walk.asked.kind = RunKind::Backfill;
        walk.between(source, Some(from), until)
    }

    /// The pages of a source from one number to another, whatever other runs
    /// have done. A source whose pages are linked is asked for its page as the
    /// last run that reached it asked, else walked from its first page.
    ///
    /// # Errors
    /// The source is several chains, of which none is meant by a page, or the
    /// database cannot be asked.
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
            asked: RunSpec {
                source: source.name.clone(),
                kind: RunKind::Backfill,
                definition,
                from_page: Some(from_page),
                to_page,
                first_page: from_page,
                ordered_chains: Vec::new(),
                unfinished: Unfinished::Resume,
            },
            first,
            store_from: from_page,
            max_pages: None,
            dates: Dates::default(),
            files: Vec::new(),
        })
    }

    /// How many bytes its files have, if that is known of all.
    pub(super) fn bytes(&self) -> Option<u64> {
        let bytes: Option<u64> = self.files.iter().map(Input::bytes).sum();
        bytes.filter(|_| !self.files.is_empty())
    }

    /// Whether it begins at the watermark, and so leaves nothing before it to others.
    pub(super) fn is_from_watermark(&self) -> bool {
        self.moves_watermark() && self.dates.from.is_none()
    }

    /// The same walk, of whose most pages so many are fetched already.
    pub(super) fn without_pages(&self, fetched: u64) -> Self {
        let rest = |most: u64| most.saturating_sub(fetched).max(1);
        Self {
            max_pages: self.max_pages.map(rest),
            ..self.clone()
        }
    }

    /// Says whether it can be walked again: what came through a pipe is gone.
    pub(super) fn can_be_repeated(&self) -> bool {
        !self.files.contains(&Input::Stdin)
    }

    /// Whether the source's watermark follows it.
    pub(super) fn moves_watermark(&self) -> bool {
        self.asked.kind == RunKind::Incremental
    }
}

/// The chain of a file of a load, and whether a run that goes on may pass over it.
fn in_order(file: &Input) -> (Chain, bool) {
    let scope = Scope {
        window: None,
        axes: Arc::new(file.axes()),
    };
    (scope.chain(), file.is_lasting())
}
