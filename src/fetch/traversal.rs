//! All chains of a run, several side by side.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use crate::error::{Error, Kind, Result};
use crate::fetch::chain::{self, Common, Walk, capped};
use crate::fetch::event::{Event, Fetched};
use crate::fetch::file::{FileWalk, Input};
use crate::fetch::plan::{Next, Plan, Step};
use crate::fetch::previous_run::{Memory, Recall};
use crate::fetch::scope::{Axes, Scope};
use crate::fetch::{Client, Room, Start};
use crate::page::{Chain, Position};
use crate::source::Pagination;

/// The chains of a run.
pub(super) struct Traversal {
    common: Common,
    plan: Plan,
    until: Option<u64>,
    /// Whether a chain may fail by itself.
    is_many: bool,
    /// The files to walk by the part of the feed that each is, if they are those of a
    /// load.
    files: BTreeMap<Axes, Input>,
    walks: FuturesUnordered<BoxFuture<'static, Walked>>,
    waiting: VecDeque<Event>,
    failed_in_a_row: u32,
    /// Nothing more is asked for.
    is_over: bool,
}

type Walked = (Way, Option<chain::Event>);

/// A walk along a chain.
enum Way {
    Pages(Walk),
    File(FileWalk),
}

impl Way {
    fn scope(&self) -> &Scope {
        match self {
            Way::Pages(walk) => walk.scope(),
            Way::File(walk) => walk.scope(),
        }
    }

    async fn advance(&mut self) -> Option<chain::Event> {
        match self {
            Way::Pages(walk) => walk.advance().await,
            Way::File(walk) => Box::pin(walk.advance()).await,
        }
    }
}

impl Traversal {
    pub(super) fn new(client: Arc<Client>, start: Start, room: Room) -> Self {
        let Start {
            plan,
            fullest,
            until,
            budget,
            files,
            memory,
        } = start;
        let memory = match client.is_conditional() {
            true => memory,
            false => Memory::default(),
        };
        Self {
            is_many: plan.is_many(),
            common: Common {
                client,
                room,
                budget: Arc::new(AtomicU64::new(budget.unwrap_or(u64::MAX))),
                fullest: Arc::new(AtomicUsize::new(fullest)),
                beginnings: Arc::default(),
                recall: Arc::new(Recall::new(memory)),
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
            self.begin();
            if !self.waiting.is_empty() {
                continue;
            }
            let (walk, event) = self.walks.next().await?;
            let Some(event) = event else { continue };
            let is_last = !matches!(event, chain::Event::Page(..));
            let event = self.settle(walk.scope().clone(), event);
            if event.is_err() {
                self.is_over = true;
                self.walks.clear();
            } else if !is_last {
                self.walk_on(walk);
            }
            return Some(event);
        }
    }

    /// Begins as many chains as the source may be asked at once.
    fn begin(&mut self) {
        // files of a load are read one after the other: the last says what holds
        let at_once = match self.files.is_empty() {
            true => self.common.client.source().http.concurrency,
            false => 1,
        };
        while self.walks.len() < at_once {
            match self.plan.next() {
                None => return,
                Some(Step::Split(scope, middle)) => {
                    self.waiting.push_back(Event::Split { scope, middle });
                }
                Some(Step::Walk(scope, _)) if scope.chain().as_str().len() > Chain::MOST_BYTES => {
                    self.waiting.push_back(Event::Failed(too_long(&scope)));
                }
                Some(Step::Walk(scope, Next::Nothing { items })) => {
                    self.waiting.push_back(self.whole(scope, items));
                }
                Some(Step::Walk(scope, Next::Page { start, items })) => {
                    let way = self.way(scope, start, items);
                    self.walk_on(way);
                }
            }
        }
    }

    /// A chain whose pages are all durable: as many as the publisher gives are not
    /// known to be all that there are.
    fn whole(&self, scope: Scope, items: u64) -> Event {
        let window = self.common.client.source().window.as_ref();
        let most = window.and_then(|window| window.split_when.items);
        match most {
            Some(most) if items >= most => Event::Failed(capped(&scope, most)),
            _ => Event::Ended {
                scope,
                is_whole: true,
            },
        }
    }

    /// The walk along a chain from a page on, behind pages of so many items.
    fn way(&self, scope: Scope, start: Position, items: u64) -> Way {
        let common = self.common.clone();
        let input = self.files.get(&*scope.axes).cloned();
        if input.is_some() || common.client.source().page == Pagination::File {
            return Way::File(FileWalk::new(common, scope, input, start, self.until));
        }
        let middle = self.plan.middle(&scope);
        Way::Pages(Walk::new(common, scope, middle, (start, items), self.until))
    }

    fn walk_on(&mut self, mut walk: Way) {
        self.walks.push(Box::pin(async move {
            let event = walk.advance().await;
            (walk, event)
        }));
    }

    fn settle(&mut self, scope: Scope, event: chain::Event) -> Result<Event> {
        Ok(match event {
            chain::Event::Page(fetched, place) => {
                if !matches!(*fetched, Fetched::Unreadable(_)) {
                    self.failed_in_a_row = 0;
                }
                Event::Page(fetched, place)
            }
            chain::Event::Ended { is_whole } => Event::Ended { scope, is_whole },
            chain::Event::Split(middle) => {
                self.plan.split(&scope, middle);
                // a window of several chains now, whatever it was
                self.is_many = true;
                Event::Split { scope, middle }
            }
            chain::Event::Failed(error) => self.fail(&scope, error)?,
            chain::Event::Gone(error) if self.is_many => Event::Failed(error),
            chain::Event::Gone(error) => return Err(error),
        })
    }

    /// One chain that fails is stepped over; a publisher that fails several in a
    /// row, or wants to be left alone, is not asked for the rest. If all that is left
    /// is new values of axes, what failed may be theirs, and the walk is none the less
    /// what it was without them.
    fn fail(&mut self, scope: &Scope, error: Error) -> Result<Event> {
        self.failed_in_a_row += 1;
        let most = self.common.client.limits().unreadable_in_a_row;
        let is_of_chain = matches!(
            error.kind(),
            Kind::Truncated | Kind::Refused | Kind::Misled | Kind::Environment
        );
        let may_go_on = is_of_chain
            && self.is_many
            && (self.failed_in_a_row < most || self.plan.leave_new(scope));
        if may_go_on {
            Ok(Event::Failed(error))
        } else {
            Err(error)
        }
    }
}

/// What there is to say of a chain whose name is in no key.
fn too_long(scope: &Scope) -> Error {
    let name = scope.chain();
    let (bytes, most) = (name.as_str().len(), Chain::MOST_BYTES);
    let beginning: String = name.as_str().chars().take(100).collect();
    Error::new(
        Kind::Truncated,
        format!("the values of axes {beginning}… are {bytes} bytes, and may be {most}"),
    )
}
