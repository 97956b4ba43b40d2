//! All chains of a run, several side by side.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use crate::error::{Error, Kind, Result};
use crate::fetch::Start;
use crate::fetch::chain::{ChainWalk, Part, capped};
use crate::fetch::event::{Event, Fetched};
use crate::fetch::fetcher::Fetcher;
use crate::fetch::file::{FileWalk, Input};
use crate::fetch::page::is_conditional;
use crate::fetch::page_budget::PageBudget;
use crate::fetch::plan::{Next, Plan, Step};
use crate::fetch::previous_run::{KnownPages, PreviousRun};
use crate::fetch::run_state::RunState;
use crate::fetch::scope::{Axes, Scope};
use crate::page::{Chain, Position};
use crate::source::Pagination;

/// The chains of a run.
pub(super) struct Traversal {
    run: RunState,
    plan: Plan,
    until: Option<u64>,
    /// The run has several chains, of which one may fail by itself.
    is_many: bool,
    /// The files of a load, by the part of the feed that each is.
    files: BTreeMap<Axes, Input>,
    walks: FuturesUnordered<BoxFuture<'static, Advanced>>,
    waiting: VecDeque<Event>,
    failed_in_a_row: u32,
    is_over: bool,
}

/// A walk, and what it came to next.
type Advanced = (Walk, Option<Event>);

/// A walk along one chain.
enum Walk {
    Pages(Box<ChainWalk>),
    File(Box<FileWalk>),
}

impl Walk {
    fn scope(&self) -> &Scope {
        match self {
            Walk::Pages(walk) => walk.scope(),
            Walk::File(walk) => walk.scope(),
        }
    }

    async fn advance(&mut self) -> Option<Event> {
        match self {
            Walk::Pages(walk) => walk.advance().await,
            Walk::File(walk) => Box::pin(walk.advance()).await,
        }
    }
}

impl Traversal {
    pub(super) fn new(fetcher: Arc<Fetcher>, start: Start, budget: PageBudget) -> Self {
        let Start {
            plan,
            fullest,
            until,
            max_pages,
            files,
            previous,
        } = start;
        let previous = match is_conditional(fetcher.source()) {
            true => previous,
            false => PreviousRun::default(),
        };
        Self {
            is_many: plan.is_many(),
            run: RunState {
                fetcher,
                budget,
                pages_left: Arc::new(AtomicU64::new(max_pages.unwrap_or(u64::MAX))),
                fullest: Arc::new(AtomicUsize::new(fullest)),
                window_beginnings: Arc::default(),
                known: Arc::new(KnownPages::new(previous)),
            },
            plan,
            until,
            files: files.into_iter().map(|file| (file.axes(), file)).collect(),
            walks: FuturesUnordered::new(),
            waiting: VecDeque::new(),
            failed_in_a_row: 0,
            is_over: false,
        }
    }

    /// The next event; `None` after the last.
    pub(super) async fn advance(&mut self) -> Option<Result<Event>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(Ok(event));
            }
            if self.is_over {
                return None;
            }
            self.begin_walks();
            if !self.waiting.is_empty() {
                continue;
            }
            let (walk, event) = self.walks.next().await?;
            let Some(event) = event else { continue };
            let goes_on = matches!(event, Event::Page(..));
            let event = self.handle(walk.scope(), event);
            if event.is_err() {
                self.is_over = true;
                self.walks.clear();
            } else if goes_on {
                self.push_walk(walk);
            }
            return Some(event);
        }
    }

    /// Begins as many walks as the source may be asked at once.
    fn begin_walks(&mut self) {
        // files of a load are read one after the other: the last says what holds
        let at_once = match self.files.is_empty() {
            true => self.run.fetcher.source().http.concurrency,
            false => 1,
        };
        while self.walks.len() < at_once {
            match self.plan.next() {
                None => return,
                Some(Step::Split(scope, middle)) => {
                    self.waiting.push_back(Event::Split { scope, middle });
                }
                Some(Step::Walk(scope, _)) if scope.chain().as_str().len() > Chain::MOST_BYTES => {
                    self.waiting.push_back(Event::Failed(name_too_long(&scope)));
                }
                Some(Step::Walk(scope, Next::Nothing { items })) => {
                    self.waiting.push_back(self.end_of_durable(scope, items));
                }
                Some(Step::Walk(scope, Next::Page { start, items })) => {
                    let walk = self.new_walk(scope, start, items);
                    self.push_walk(walk);
                }
            }
        }
    }

    /// The end of a chain whose pages are all durable. If it has as many items as the
    /// publisher gives, more may exist.
    fn end_of_durable(&self, scope: Scope, items: u64) -> Event {
        let window = self.run.fetcher.source().window.as_ref();
        let most = window.and_then(|window| window.split_when.items);
        match most {
            Some(most) if items >= most => Event::Failed(capped(&scope, most)),
            _ => Event::Ended {
                scope,
                is_whole: true,
            },
        }
    }

    /// A walk along a chain from a page on, behind pages of so many items.
    fn new_walk(&self, scope: Scope, start: Position, items: u64) -> Walk {
        let run = self.run.clone();
        let until = self.until;
        let input = self.files.get(&*scope.axes).cloned();
        if input.is_some() || run.fetcher.source().page == Pagination::File {
            return Walk::File(Box::new(FileWalk::new(run, scope, input, start, until)));
        }
        let part = Part {
            middle: self.plan.middle(&scope),
            scope,
            start,
            items,
            until,
        };
        Walk::Pages(Box::new(ChainWalk::new(run, part)))
    }

    fn push_walk(&mut self, mut walk: Walk) {
        self.walks.push(Box::pin(async move {
            let event = walk.advance().await;
            (walk, event)
        }));
    }

    /// Decides what the event of a walk means for the run.
    ///
    /// # Errors
    /// The walk failed, and the run ends with it.
    fn handle(&mut self, scope: &Scope, event: Event) -> Result<Event> {
        match event {
            Event::Page(fetched, permit) => {
                if !matches!(*fetched, Fetched::Unreadable(_)) {
                    self.failed_in_a_row = 0;
                }
                Ok(Event::Page(fetched, permit))
            }
            Event::Split { scope, middle } => {
                self.plan.split(&scope, middle);
                // a window of several chains now, whatever it was
                self.is_many = true;
                Ok(Event::Split { scope, middle })
            }
            Event::Failed(error) => self.fail(scope, error),
            Event::Gone(error) if !self.is_many => Err(error),
            event @ (Event::Ended { .. } | Event::Gone(_)) => Ok(event),
        }
    }

    /// Skips a chain that failed, if others follow. A publisher that fails several in a row,
    /// or wants to be left alone, is not asked for the rest. If all that is left is new
    /// values of axes, the failures may be theirs, and the run is what it was without them.
    fn fail(&mut self, scope: &Scope, error: Error) -> Result<Event> {
        self.failed_in_a_row += 1;
        let most = self.run.fetcher.limits().unreadable_in_a_row;
        let may_go_on = error.kind().ends_only_its_chain()
            && self.is_many
            && (self.failed_in_a_row < most || self.plan.leave_new(scope));
        match may_go_on {
            true => Ok(Event::Failed(error)),
            false => Err(error),
        }
    }
}

/// A chain whose name does not fit a key.
fn name_too_long(scope: &Scope) -> Error {
    let name = scope.chain();
    let (bytes, most) = (name.as_str().len(), Chain::MOST_BYTES);
    let beginning: String = name.as_str().chars().take(100).collect();
    Error::new(
        Kind::Truncated,
        format!("the values of axes {beginning}… are {bytes} bytes, and may be {most}"),
    )
}
