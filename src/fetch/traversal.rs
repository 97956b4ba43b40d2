//! Walks all chains of a run, several side by side.
//!
//! # A chain that fails
//!
//! A chain that fails is skipped if there are others: if a publisher cannot answer one window,
//! the others are still worth fetching. The watermark stays before the failed chain, so the next
//! run requests it again. A publisher that fails several chains in a row, or wants to be left
//! alone, is not asked for the rest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use crate::error::{Error, Kind, Result};
use crate::fetch::Start;
use crate::fetch::chain::{ChainWalk, capped_window_error};
use crate::fetch::event::{Event, Fetched};
use crate::fetch::fetcher::Fetcher;
use crate::fetch::file::{FileWalk, Input};
use crate::fetch::page::is_conditional;
use crate::fetch::page_budget::PageBudget;
use crate::fetch::plan::{NextChain, Plan};
use crate::fetch::previous_run::PreviousRun;
use crate::fetch::run_state::RunState;
use crate::fetch::scope::{Axes, Scope};
use crate::page::{Chain, Position};
use crate::source::Pagination;

pub(super) struct Traversal {
    run: RunState,
    plan: Plan,
    until: Option<u64>,
    /// True if the run has several chains, so that one of them may fail alone.
    is_many: bool,
    /// The files that the user named, by the part of the feed that each covers.
    files: BTreeMap<Axes, Input>,
    walks: FuturesUnordered<BoxFuture<'static, Advanced>>,
    waiting: VecDeque<Event>,
    failed_in_a_row: u32,
    is_over: bool,
}

type Advanced = (Walk, Option<Event>);

enum Walk {
    Pages(Box<ChainWalk>),
    File(Box<FileWalk>),
}

impl Walk {
    fn scope(&self) -> &Scope {
        match self {
            Walk::Pages(walk) => &walk.scope,
            Walk::File(walk) => &walk.scope,
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
            refused,
            returns_to_stretch,
        } = start;
        let previous = match is_conditional(fetcher.source()) {
            true => previous,
            false => PreviousRun::default(),
        };
        Self {
            is_many: plan.is_many(),
            run: RunState::new(
                fetcher,
                budget,
                max_pages,
                fullest,
                previous,
                refused,
                returns_to_stretch,
            ),
            plan,
            until,
            files: files.into_iter().map(|file| (file.axes(), file)).collect(),
            walks: FuturesUnordered::new(),
            waiting: VecDeque::new(),
            failed_in_a_row: 0,
            is_over: false,
        }
    }

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
            let event = self.handle_event(walk.scope(), event);
            if event.is_err() {
                self.is_over = true;
                self.walks.clear();
            } else if goes_on {
                self.push_walk(walk);
            }
            return Some(event);
        }
    }

    /// Begins as many walks as the source allows requests at once.
    fn begin_walks(&mut self) {
        // files that the user named are read one after another, because later ones override
        // earlier ones
        let at_once = match self.files.is_empty() {
            true => self.run.fetcher.source().http.concurrency,
            false => 1,
        };
        while self.walks.len() < at_once {
            match self.plan.next() {
                None => return,
                Some(NextChain::Halved(scope, middle)) => {
                    self.waiting.push_back(Event::Split { scope, middle });
                }
                Some(NextChain::Walk(scope, ..))
                    if scope.chain().as_str().len() > Chain::MAX_BYTES =>
                {
                    self.waiting.push_back(Event::Failed(name_too_long(&scope)));
                }
                Some(NextChain::Walk(scope, None, items)) => {
                    self.waiting.push_back(self.end_of_durable(scope, items));
                }
                Some(NextChain::Walk(scope, Some(start), items)) => {
                    let walk = self.new_walk(scope, start, items);
                    self.push_walk(walk);
                }
            }
        }
    }

    /// Returns the end of a chain whose pages are all durable. It is a failure if the chain has
    /// as many items as the publisher ever gives, because there may be more.
    fn end_of_durable(&self, scope: Scope, items: u64) -> Event {
        let window = self.run.fetcher.source().window.as_ref();
        let most = window.and_then(|window| window.split_when.items);
        match most {
            Some(most) if items >= most => Event::Failed(capped_window_error(&scope, most)),
            _ => Event::Ended {
                scope,
                is_whole: true,
            },
        }
    }

    fn new_walk(&self, scope: Scope, start: Position, items: u64) -> Walk {
        let run = self.run.clone();
        let until = self.until;
        let input = self.files.get(&*scope.axes).cloned();
        if input.is_some() || run.fetcher.source().page == Pagination::File {
            return Walk::File(Box::new(FileWalk::new(run, scope, input, start, until)));
        }
        let middle = self.plan.find_middle(&scope);
        let walk = ChainWalk::new(run, scope, middle, start, items, until);
        Walk::Pages(Box::new(walk))
    }

    fn push_walk(&mut self, mut walk: Walk) {
        self.walks.push(Box::pin(async move {
            let event = walk.advance().await;
            (walk, event)
        }));
    }

    /// Decides what the event of a walk means for the run.
    fn handle_event(&mut self, scope: &Scope, event: Event) -> Result<Event> {
        match event {
            Event::Page(fetched, permit) => {
                if !matches!(*fetched, Fetched::Unreadable(_)) {
                    self.failed_in_a_row = 0;
                }
                Ok(Event::Page(fetched, permit))
            }
            Event::Split { scope, middle } => {
                self.plan.split(&scope, middle);
                // a halved window is several chains, even if it was the only one
                self.is_many = true;
                Ok(Event::Split { scope, middle })
            }
            Event::Failed(error) => self.skip_or_fail(scope, error),
            Event::Gone(error) if !self.is_many => Err(error),
            event @ (Event::Ended { .. } | Event::Gone(_)) => Ok(event),
        }
    }

    /// Skips a chain that failed, or fails the run. Files that somebody named are all read. If only
    /// chains of values that are new in an
    /// index are left, they are dropped instead, because the failures may concern only these.
    fn skip_or_fail(&mut self, scope: &Scope, error: Error) -> Result<Event> {
        self.failed_in_a_row += 1;
        let most = self.run.fetcher.limits().unreadable_in_a_row;
        // somebody named the files, so one of them says nothing about the others
        let is_named = !self.files.is_empty();
        let may_go_on = error.kind().is_limited_to_chain()
            && self.is_many
            && (is_named || self.failed_in_a_row < most || self.plan.leave_new(scope));
        match may_go_on {
            true => Ok(Event::Failed(error)),
            false => Err(error),
        }
    }
}

fn name_too_long(scope: &Scope) -> Error {
    let name = scope.chain();
    let (bytes, most) = (name.as_str().len(), Chain::MAX_BYTES);
    let beginning: String = name.as_str().chars().take(100).collect();
    Error::new(
        Kind::Truncated,
        format!("the values of axes {beginning}… are {bytes} bytes, and may be {most}"),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::Timestamp;

    use super::*;
    use crate::config;
    use crate::fetch::{TimeRange, first_page};
    use crate::page::{Page, UnreadablePage, Validators};
    use crate::source::Source;

    const PLAIN: &str = "url = 'http://feed.example/'\npage = { mode = 'number' }";
    const DAILY: &str = "url = 'http://feed.example/{from}/{to}'\npage = { mode = 'number' }\n\
                         window = { from = '2024-01-01', step = '1d' }";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day(day: u32) -> Scope {
        let midnight = |day: u32| at(&format!("2024-01-{day:02}T00:00:00Z"));
        Scope {
            window: Some(TimeRange {
                from: midnight(day),
                to: midnight(day + 1),
            }),
            ..Scope::default()
        }
    }

    /// Makes a traversal of the first three days of a source, or of a plain feed. None of its
    /// walks is polled.
    fn traversal(table: &str) -> Traversal {
        let mut source: Source = toml::from_str(table).unwrap();
        source.name = "zambia".into();
        source.validate().unwrap();
        let bounds = TimeRange {
            from: at("2024-01-01T00:00:00Z"),
            to: at("2024-01-04T00:00:00Z"),
        };
        let first = first_page(&source);
        let start = Start {
            plan: Plan::new(&source, Some(bounds), vec![Axes::new()], first),
            fullest: 0,
            until: None,
            max_pages: None,
            previous: PreviousRun::default(),
            files: Vec::new(),
            refused: HashSet::new(),
            returns_to_stretch: false,
        };
        let fetcher = Fetcher::new(&source, &config::Fetch::default()).unwrap();
        Traversal::new(Arc::new(fetcher), start, PageBudget::new(1, usize::MAX))
    }

    fn failed(kind: Kind) -> Event {
        Event::Failed(Error::new(kind, "it failed"))
    }

    async fn page(traversal: &Traversal, is_readable: bool) -> Event {
        let chain = Chain::new(String::new());
        let position = first_page(traversal.run.fetcher.source());
        let fetched_at = Timestamp::UNIX_EPOCH;
        let fetched = match is_readable {
            true => Fetched::Page(Page {
                chain,
                position,
                next: None,
                total_pages: None,
                total_items: None,
                more_pages: None,
                url: String::new(),
                fetched_at,
                envelope: serde_json::Value::Null,
                documents: Vec::new(),
                broken: Vec::new(),
                entries: None,
                validators: Validators::default(),
            }),
            false => Fetched::Unreadable(UnreadablePage {
                chain,
                position,
                url: String::new(),
                fetched_at,
                body: bytes::Bytes::new(),
                message: "not JSON".into(),
                is_refused: false,
            }),
        };
        let permit = traversal.run.budget.acquire(0).await;
        Event::Page(Box::new(fetched), permit)
    }

    /// Returns the kind of the error that ends the run, if the events end it.
    fn end_of(traversal: &mut Traversal, events: Vec<Event>) -> Option<Kind> {
        let mut ends = events
            .into_iter()
            .map(|event| traversal.handle_event(&day(1), event));
        ends.find_map(|end| end.err().map(|error| error.kind()))
    }

    #[test]
    fn a_chain_of_several_fails_alone_and_the_only_one_ends_the_run() {
        for kind in [
            Kind::Truncated,
            Kind::LinkRefused,
            Kind::HostRefused,
            Kind::Environment,
        ] {
            let several = end_of(&mut traversal(DAILY), vec![failed(kind)]);
            assert_eq!(several, None, "{kind:?}");
            let only = end_of(&mut traversal(PLAIN), vec![failed(kind)]);
            assert_eq!(only, Some(kind));
        }
        for kind in [
            Kind::RateLimited,
            Kind::Config,
            Kind::Unexpected,
            Kind::Lease,
        ] {
            let several = end_of(&mut traversal(DAILY), vec![failed(kind)]);
            assert_eq!(several, Some(kind));
        }
    }

    #[tokio::test]
    async fn several_chains_that_fail_in_a_row_end_the_run_and_a_page_between_counts() {
        let most = config::Fetch::default().unreadable_in_a_row as usize;
        let fail = || failed(Kind::Truncated);
        let fails = |count| std::iter::repeat_with(fail).take(count).collect::<Vec<_>>();
        let ended = end_of(&mut traversal(DAILY), fails(most));
        assert_eq!(ended, Some(Kind::Truncated));
        for (is_readable, expected) in [(true, None), (false, Some(Kind::Truncated))] {
            let mut traversal = traversal(DAILY);
            let mut events = fails(most - 1);
            events.push(page(&traversal, is_readable).await);
            events.push(fail());
            assert_eq!(end_of(&mut traversal, events), expected);
        }
    }

    #[test]
    fn what_is_gone_ends_only_a_run_of_one_chain() {
        let gone = || Event::Gone(Error::new(Kind::Truncated, "status 404"));
        let most = config::Fetch::default().unreadable_in_a_row as usize;
        let many = std::iter::repeat_with(gone).take(most * 2).collect();
        assert_eq!(end_of(&mut traversal(DAILY), many), None);
        let only = end_of(&mut traversal(PLAIN), vec![gone()]);
        assert_eq!(only, Some(Kind::Truncated));
    }

    #[test]
    fn the_halves_of_a_split_window_come_next_and_may_fail_by_themselves() {
        let mut traversal = traversal(DAILY);
        traversal.is_many = false;
        let middle = at("2024-01-01T12:00:00Z");
        let split = Event::Split {
            scope: day(1),
            middle,
        };
        let handled = traversal.handle_event(&day(1), split).unwrap();
        assert!(matches!(handled, Event::Split { middle: it, .. } if it == middle));
        let halves = [(); 2].map(|()| match traversal.plan.next() {
            Some(NextChain::Walk(scope, ..)) => scope.window.unwrap(),
            _ => panic!("a half"),
        });
        assert_eq!(halves[0].to, middle);
        assert_eq!(halves[1].from, middle);
        assert_eq!(end_of(&mut traversal, vec![failed(Kind::Truncated)]), None);
    }

    #[test]
    fn as_many_walks_begin_as_the_source_may_be_asked_at_once() {
        for (concurrency, expected) in [(1, 1), (2, 2), (8, 3)] {
            let table = format!("{DAILY}\nhttp.concurrency = {concurrency}");
            let mut traversal = traversal(&table);
            traversal.begin_walks();
            assert_eq!(traversal.walks.len(), expected);
        }
    }

    #[test]
    fn a_durable_chain_that_has_all_that_the_publisher_gives_may_have_more() {
        let table = DAILY.replace("'1d'", "'1d', split_when = { items = 100 }");
        let traversal = traversal(&table);
        for (items, is_whole) in [(99, true), (100, false)] {
            let event = traversal.end_of_durable(day(1), items);
            assert_eq!(
                matches!(event, Event::Ended { is_whole: true, .. }),
                is_whole
            );
            assert_eq!(matches!(event, Event::Failed(_)), !is_whole);
        }
    }
}
