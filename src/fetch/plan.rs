//! Which chains a run walks, in what order, and where each begins.
//!
//! # New values of an axis
//!
//! The watermark covers only the values that an axis had when it moved. So a value that is new
//! in an index is walked from the beginning of the feed, after all other chains. It is new until
//! a complete run has stored a page of it; a value that never has a page is new in each run. If
//! several chains of new values fail in a row, the rest of them is left out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::fetch::scope::{Axes, Scope};
use crate::fetch::window::{Cutting, Stretch};
use crate::page::{Chain, Position};
use crate::source::{Order, Source};

/// The chains of a run: each window along each value of each axis, or one chain for a plain
/// feed.
#[derive(Clone, Debug)]
pub struct Plan {
    cutting: Option<Cutting>,
    blocks: VecDeque<Block>,
    /// Where the windows of new values of axes end. These are walked last.
    new_until: Option<Timestamp>,
    /// Halves of windows, which are walked before all others.
    halves: VecDeque<Scope>,
    first: Position,
    begun: Begun,
}

/// Windows that are walked one after the other, each along the same values of axes.
#[derive(Clone, Debug)]
struct Block {
    windows: VecDeque<Option<Stretch>>,
    axes: Vec<Arc<Axes>>,
    next_axes: usize,
}

impl Block {
    fn new(windows: Vec<Option<Stretch>>, axes: Vec<Axes>, order: Option<Order>) -> Self {
        let mut windows = VecDeque::from(windows);
        if order == Some(Order::Descending) {
            windows.make_contiguous().reverse();
        }
        Self {
            windows,
            axes: axes.into_iter().map(Arc::new).collect(),
            next_axes: 0,
        }
    }

    fn next(&mut self) -> Option<Scope> {
        loop {
            let window = *self.windows.front()?;
            if let Some(axes) = self.axes.get(self.next_axes) {
                self.next_axes += 1;
                let axes = Arc::clone(axes);
                return Some(Scope { window, axes });
            }
            self.next_axes = 0;
            self.windows.pop_front();
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChainStart {
    /// At this page; the pages before it have so many items.
    Page { start: Position, items: u64 },
    /// All its pages are durable, and have so many items.
    Done { items: u64 },
}

/// What an unfinished run has done of its chains.
#[derive(Clone, Debug, Default)]
pub struct Begun {
    /// For each chain, the page after its durable ones, if there is one, and how many items
    /// these have.
    next: HashMap<Chain, (Option<Position>, u64)>,
    /// The windows of its chains, by axes.
    windows: HashMap<Arc<Axes>, Vec<Stretch>>,
}

impl Begun {
    /// Collects the names of chains, the pages after their durable ones, and how many items
    /// these have.
    #[must_use]
    pub fn new(chains: impl IntoIterator<Item = (Chain, Option<Position>, u64)>) -> Self {
        let mut begun = Self::default();
        for (chain, next, items) in chains {
            if let Some(Scope {
                window: Some(window),
                axes,
            }) = Scope::parse(chain.as_str())
            {
                begun.windows.entry(axes).or_default().push(window);
            }
            begun.next.insert(chain, (next, items));
        }
        for windows in begun.windows.values_mut() {
            windows.sort_unstable();
        }
        begun
    }

    /// The window was halved: a shorter one within it was walked.
    fn is_split(&self, scope: &Scope) -> bool {
        let (Some(whole), Some(windows)) = (scope.window, self.windows.get(&scope.axes)) else {
            return false;
        };
        let after = windows.partition_point(|window| window.from < whole.from);
        let mut within = windows[after..]
            .iter()
            .take_while(|window| window.from < whole.to);
        within.any(|window| window.to <= whole.to && *window != whole)
    }
}

impl Plan {
    /// The chains of a source between two instants; a source without windows ignores these.
    #[must_use]
    pub fn new(source: &Source, bounds: Option<Stretch>, axes: Vec<Axes>, first: Position) -> Self {
        let cutting = source
            .window
            .as_ref()
            .map(|window| Cutting::of(source, window));
        let windows = match (&cutting, bounds) {
            (Some(cutting), Some(Stretch { from, to })) => {
                cutting.windows(from, to).into_iter().map(Some).collect()
            }
            _ => vec![None],
        };
        let order = source.window.as_ref().map(|window| window.order);
        Self {
            cutting,
            blocks: VecDeque::from([Block::new(windows, axes, order)]),
            new_until: None,
            halves: VecDeque::new(),
            first,
            begun: Begun::default(),
        }
    }

    /// Adds the chains of new values of axes after all others: from the beginning of the feed
    /// to where its other windows begin.
    #[must_use]
    pub fn with_new(mut self, source: &Source, bounds: Option<Stretch>, new: Vec<Axes>) -> Self {
        let (Some(cutting), Some(window), Some(bounds)) = (&self.cutting, &source.window, bounds)
        else {
            return self;
        };
        let beginning = window.from.at(source.window_zone());
        let end = cutting.floor(bounds.from).timestamp();
        if beginning < end && !new.is_empty() {
            let windows = cutting.windows(beginning, end).into_iter().map(Some);
            let block = Block::new(windows.collect(), new, Some(window.order));
            self.blocks.push_back(block);
            self.new_until = Some(end);
        }
        self
    }

    /// A plain feed, from a page on.
    #[must_use]
    pub fn plain(source: &Source, first: Position) -> Self {
        Self::new(source, None, vec![Axes::new()], first)
    }

    /// The same chains; those that an unfinished run has begun continue where they stopped.
    #[must_use]
    pub fn resuming(self, begun: Begun) -> Self {
        Self { begun, ..self }
    }

    /// The newest window alone.
    #[must_use]
    pub fn newest(mut self) -> Self {
        for block in &mut self.blocks {
            block.windows = block.windows.iter().max().copied().into_iter().collect();
        }
        self
    }

    /// How many chains begin at each instant; `None` stands for a feed without windows.
    #[must_use]
    pub fn starts(&self) -> BTreeMap<Option<Timestamp>, usize> {
        let mut starts = BTreeMap::new();
        for block in &self.blocks {
            for window in &block.windows {
                *starts.entry(window.map(|window| window.from)).or_default() += block.axes.len();
            }
        }
        starts
    }

    /// The plan has several chains, of which one may fail by itself.
    pub(super) fn is_many(&self) -> bool {
        self.starts().values().sum::<usize>() > 1
    }

    /// Drops the chains of new values, if this is one of them. All other chains have begun by
    /// then. Returns `false` if the chain has no new value.
    pub(super) fn leave_new(&mut self, scope: &Scope) -> bool {
        let until = self.new_until.zip(scope.window);
        let is_new = until.is_some_and(|(until, window)| window.to <= until);
        if is_new {
            self.blocks.clear();
        }
        is_new
    }

    /// Where a window would be halved; `None` if it is short enough.
    pub(super) fn middle(&self, scope: &Scope) -> Option<Timestamp> {
        self.cutting.as_ref()?.middle(scope.window?)
    }

    /// Makes both halves of a window the next chains.
    pub(super) fn split(&mut self, scope: &Scope, middle: Timestamp) {
        for half in scope.halves(middle).into_iter().flatten().rev() {
            self.halves.push_front(half);
        }
    }

    pub(super) fn next(&mut self) -> Option<NextChain> {
        let scope = match self.halves.pop_front() {
            Some(half) => half,
            None => self.next_whole()?,
        };
        if self.begun.is_split(&scope)
            && let Some(middle) = self.middle(&scope)
        {
            self.split(&scope, middle);
            return Some(NextChain::Halved(scope, middle));
        }
        let next = match self.begun.next.get(&scope.chain()) {
            None => ChainStart::Page {
                start: self.first.clone(),
                items: 0,
            },
            Some((Some(next), items)) => ChainStart::Page {
                start: next.clone(),
                items: *items,
            },
            Some((None, items)) => ChainStart::Done { items: *items },
        };
        Some(NextChain::Walk(scope, next))
    }

    fn next_whole(&mut self) -> Option<Scope> {
        loop {
            let next = self.blocks.front_mut()?.next();
            if next.is_some() {
                return next;
            }
            self.blocks.pop_front();
        }
    }
}

pub(super) enum NextChain {
    /// Walk this chain from there.
    Walk(Scope, ChainStart),
    /// Note that this window was halved before; its halves come next.
    Halved(Scope, Timestamp),
}
