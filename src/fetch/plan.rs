//! Decides which chains a run walks, in what order, and where each begins.
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
use crate::fetch::window::{TimeRange, WindowCutter};
use crate::page::{Chain, Position};
use crate::source::{Order, Source};

/// The chains of a run. A plain feed is one chain. Otherwise there is a chain for each window and
/// each combination of values of the axes.
#[derive(Clone, Debug)]
pub struct Plan {
    cutter: Option<WindowCutter>,
    blocks: VecDeque<Block>,
    /// The end of the windows of values that are new in an index. They are walked after all
    /// others.
    new_until: Option<Timestamp>,
    /// Halves of windows. They are walked before all others.
    halves: VecDeque<Scope>,
    first: Position,
    begun: BegunChains,
    /// The number of chains that were taken from the blocks, which is the number of the next
    /// chain. If an index loses a value while a run is stopped, later chains of the resumed run
    /// have other numbers than before.
    taken: i32,
}

/// Windows that are walked one after the other. Each is walked for the same values of the axes.
#[derive(Clone, Debug)]
struct Block {
    windows: VecDeque<Option<TimeRange>>,
    axes: Vec<Arc<Axes>>,
    next_axes: usize,
}

impl Block {
    fn new(windows: Vec<Option<TimeRange>>, axes: Vec<Axes>, order: Option<Order>) -> Self {
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
                return Some(Scope {
                    window,
                    axes,
                    number: 0,
                });
            }
            self.next_axes = 0;
            self.windows.pop_front();
        }
    }
}

/// The chains that an unfinished run has begun, and what it has stored of them.
#[derive(Clone, Debug, Default)]
pub struct BegunChains {
    /// For each chain, the page after its durable pages, if there is one, and the number of items
    /// in its durable pages.
    next: HashMap<Chain, (Option<Position>, u64)>,
    /// The windows that have been walked, by the values of the axes.
    windows: HashMap<Arc<Axes>, Vec<TimeRange>>,
}

impl BegunChains {
    /// Collects chains, each with the page after its durable pages and the number of items in
    /// them.
    #[must_use]
    pub fn new(chains: impl IntoIterator<Item = (Chain, Option<Position>, u64)>) -> Self {
        let mut begun = Self::default();
        for (chain, next, items) in chains {
            if let Some(Scope {
                window: Some(window),
                axes,
                ..
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

    /// Returns true if the window was halved before, because a shorter window within it was
    /// walked.
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
    /// Plans the chains of a source between two times. A source without windows ignores the
    /// times.
    #[must_use]
    pub fn new(
        source: &Source,
        bounds: Option<TimeRange>,
        axes: Vec<Axes>,
        first: Position,
    ) -> Self {
        let cutter = source
            .window
            .as_ref()
            .map(|window| WindowCutter::new(source, window));
        let windows = match (&cutter, bounds) {
            (Some(cutter), Some(TimeRange { from, to })) => {
                cutter.cut(from, to).into_iter().map(Some).collect()
            }
            _ => vec![None],
        };
        let order = source.window.as_ref().map(|window| window.order);
        Self {
            cutter,
            blocks: VecDeque::from([Block::new(windows, axes, order)]),
            new_until: None,
            halves: VecDeque::new(),
            first,
            begun: BegunChains::default(),
            taken: 0,
        }
    }

    /// Adds chains for values that are new in an index, after all others. They cover the time
    /// from the beginning of the feed to the start of the other windows.
    #[must_use]
    pub fn with_new(mut self, source: &Source, bounds: Option<TimeRange>, new: Vec<Axes>) -> Self {
        let (Some(cutter), Some(window), Some(bounds)) = (&self.cutter, &source.window, bounds)
        else {
            return self;
        };
        let beginning = window.from.at(source.window_zone());
        let end = cutter.floor_to_unit(bounds.from).timestamp();
        if beginning < end && !new.is_empty() {
            let windows = cutter.cut(beginning, end).into_iter().map(Some);
            let block = Block::new(windows.collect(), new, Some(window.order));
            self.blocks.push_back(block);
            self.new_until = Some(end);
        }
        self
    }

    /// Plans the chain of a plain feed, from the page `first` on.
    #[must_use]
    pub fn plain(source: &Source, first: Position) -> Self {
        Self::new(source, None, vec![Axes::new()], first)
    }

    /// Returns the same plan, in which chains that an unfinished run has begun continue where
    /// they stopped.
    #[must_use]
    pub fn resume(self, begun: BegunChains) -> Self {
        Self { begun, ..self }
    }

    /// Keeps only the newest time window of the feed, for a check that fetches a single page.
    #[must_use]
    pub fn keep_newest_window(mut self) -> Self {
        for block in &mut self.blocks {
            block.windows = block.windows.iter().max().copied().into_iter().collect();
        }
        self
    }

    /// Returns the number of chains that begin at each time. `None` is for a feed without
    /// windows.
    #[must_use]
    pub fn count_chains_by_start(&self) -> BTreeMap<Option<Timestamp>, usize> {
        let mut starts = BTreeMap::new();
        for block in &self.blocks {
            for window in &block.windows {
                *starts.entry(window.map(|window| window.from)).or_default() += block.axes.len();
            }
        }
        starts
    }

    /// Returns true if the plan has several chains, so that one of them may fail alone.
    pub(super) fn is_many(&self) -> bool {
        self.count_chains_by_start().values().sum::<usize>() > 1
    }

    /// Drops the remaining chains of values that are new in an index, if this chain is one of
    /// them. All other chains have begun by then. Returns false if this chain is not one of them.
    pub(super) fn leave_new(&mut self, scope: &Scope) -> bool {
        let until = self.new_until.zip(scope.window);
        let is_new = until.is_some_and(|(until, window)| window.to <= until);
        if is_new {
            self.blocks.clear();
        }
        is_new
    }

    /// Returns the time at which a window would be halved. Returns `None` if it is too short.
    pub(super) fn find_middle(&self, scope: &Scope) -> Option<Timestamp> {
        self.cutter.as_ref()?.find_middle(scope.window?)
    }

    /// Makes both halves of a window the next chains.
    pub(super) fn split(&mut self, scope: &Scope, middle: Timestamp) {
        for half in scope.halve(middle).into_iter().flatten().rev() {
            self.halves.push_front(half);
        }
    }

    pub(super) fn next(&mut self) -> Option<NextChain> {
        let scope = match self.halves.pop_front() {
            Some(half) => half,
            None => self.next_whole()?,
        };
        if self.begun.is_split(&scope)
            && let Some(middle) = self.find_middle(&scope)
        {
            self.split(&scope, middle);
            return Some(NextChain::Halved(scope, middle));
        }
        let begun = self.begun.next.get(&scope.chain()).cloned();
        let (start, items) = begun.unwrap_or_else(|| (Some(self.first.clone()), 0));
        Some(NextChain::Walk(scope, start, items))
    }

    fn next_whole(&mut self) -> Option<Scope> {
        loop {
            if let Some(next) = self.blocks.front_mut()?.next() {
                let number = self.taken;
                self.taken = number.saturating_add(1);
                return Some(Scope { number, ..next });
            }
            self.blocks.pop_front();
        }
    }
}

pub(super) enum NextChain {
    /// Walk this chain from this page. The pages before it have this number of items. If there is
    /// no page to start from, all pages of the chain are durable.
    Walk(Scope, Option<Position>, u64),
    /// Report that this window was halved in an earlier run. Its halves are the next chains.
    Halved(Scope, Timestamp),
}
