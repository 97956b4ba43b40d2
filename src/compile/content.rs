//! Decides what the current state of a process is.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::compile::row::{Origin, State};
use crate::compile::rules::Rules;
use crate::json::Tokens;
use crate::merge::{self, Form, MergeError, Merged, is_own_merge, merge};
use crate::source::{CompileRules, MergeRule};

/// A stored release of a process.
#[derive(Clone, Debug)]
pub(super) struct StoredRelease {
    pub(super) release_id: String,
    pub(super) date: Option<Timestamp>,
    pub(super) tag: Option<Vec<String>>,
    /// The run, the chain and the page that served it.
    pub(super) served: (i64, i32, i64),
    /// Since when the publisher no longer serves it.
    pub(super) absent_since: Option<Timestamp>,
    pub(super) text: String,
}

/// The compiled release that the publisher serves of a process.
#[derive(Clone, Debug)]
pub(super) struct PublisherCompiled {
    pub(super) date: Option<Timestamp>,
    pub(super) tag: Option<Vec<String>>,
    /// Since when the publisher no longer serves it.
    pub(super) absent_since: Option<Timestamp>,
    pub(super) text: String,
}

/// The reason why a process cannot be compiled as others are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The texts of its releases are too large together, or its compiled release is. What is shown
    /// is the publisher's compiled release, or else its newest release, if that is not too large.
    TooLarge(String),
    /// The server refuses to read its releases, or to store its rows. It has a row without content.
    Refused(String),
    /// The server also refuses a row without content. The process keeps the rows that it has.
    Unwritable(String),
}

impl Obstacle {
    pub(super) fn reason(&self) -> &String {
        let (Self::TooLarge(reason) | Self::Refused(reason) | Self::Unwritable(reason)) = self;
        reason
    }
}

/// Everything that is stored of a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// The releases in the order of their ids.
    pub(super) releases: Vec<StoredRelease>,
    /// The publisher's compiled release. It is read only if the releases do not suffice.
    pub(super) publisher: Option<PublisherCompiled>,
    /// True if the publisher serves a compiled release. It is looked for only if it no longer serves
    /// the releases.
    pub(super) is_served_compiled: bool,
    /// The reason why the releases are not merged, if that is known before they are read. They have
    /// no texts then, except for the newest one if it is only the others that are too much.
    pub(super) obstacle: Option<Obstacle>,
}

/// The content of a process.
#[derive(Debug)]
pub(super) enum Content<'s> {
    /// A stored text, and its tokens if it was read for the decision.
    Stored(&'s str, Option<Tokens<'s>>),
    Merged(Merged),
    /// The process has rows only because something of it was refused.
    Unknown,
}

impl<'s> Content<'s> {
    fn stored(text: &'s str) -> Self {
        match text {
            "" => Self::Unknown,
            text => Self::Stored(text, None),
        }
    }
}

/// The decision about a process.
#[derive(Debug)]
pub(super) enum Decision<'s> {
    Content(Content<'s>, Box<State>),
    /// The publisher's compiled release decides, and was not read.
    NeedsPublisher,
    /// Nothing is stored.
    Gone,
}

impl Stored {
    /// Returns the release that was made last.
    pub(super) fn newest_mut(&mut self) -> Option<&mut StoredRelease> {
        self.releases.iter_mut().max_by(|a, b| a.compare_age(b))
    }

    /// Returns true if there are releases, and the publisher no longer serves any of them.
    pub(super) fn has_only_absent_releases(&self) -> bool {
        let mut releases = self.releases.iter();
        !self.releases.is_empty() && releases.all(|it| it.absent_since.is_some())
    }

    /// Returns since when the publisher serves nothing of the process.
    fn absent_since(&self) -> Option<Timestamp> {
        if self.has_only_absent_releases() && !self.is_served_compiled {
            return self.releases.iter().filter_map(|it| it.absent_since).max();
        }
        let publisher = self.publisher.as_ref();
        publisher.filter(|_| self.releases.is_empty())?.absent_since
    }

    /// Decides about the process. `has_read_publisher` says that the publisher's compiled release
    /// was looked for.
    pub(super) fn decide(&self, rules: &Rules, has_read_publisher: bool) -> Decision<'_> {
        // the processes of a source that is not compiled have no rows
        let Some(CompileRules { rule, .. }) = rules.of_releases() else {
            return Decision::Gone;
        };
        let newest = self.releases.iter().max_by(|a, b| a.compare_age(b));
        let merged = match (&self.obstacle, &*self.releases, newest) {
            // only the newest one is needed
            (Some(Obstacle::TooLarge(_)), _, Some(newest))
                if rule == MergeRule::Latest && !newest.text.is_empty() =>
            {
                newest.to_content().map_err(Some)
            }
            (Some(obstacle), ..) => Err(Some(obstacle.reason().clone())),
            (None, _, None) => Err(None),
            (None, [_], Some(only)) => only.to_content().map_err(Some),
            (None, _, Some(newest)) if rule == MergeRule::Latest => {
                newest.to_content().map_err(Some)
            }
            (None, several, Some(_)) => merge_all(several).map_err(Some),
        };
        let is_merged = self.releases.len() > 1 && rule == MergeRule::Merge;
        let (content, origin, merge_error) = match (merged, &self.publisher, newest) {
            (Ok(content), ..) if is_merged => (content, Origin::Merged, None),
            (Ok(content), ..) => (content, Origin::Single, None),
            (Err(_), ..) if !has_read_publisher => return Decision::NeedsPublisher,
            (Err(_), None, None) => return Decision::Gone,
            (Err(error), Some(compiled), _) if !compiled.text.is_empty() => {
                (Content::stored(&compiled.text), Origin::Publisher, error)
            }
            (Err(error), _, Some(newest)) => {
                let content = newest.to_content();
                let content = content.unwrap_or_else(|_| Content::stored(&newest.text));
                (content, Origin::Single, error)
            }
            (Err(error), Some(_), None) => (Content::Unknown, Origin::Publisher, error),
        };
        let state = self.describe(origin, newest, merge_error);
        Decision::Content(content, Box::new(state))
    }

    fn describe(
        &self,
        origin: Origin,
        newest: Option<&StoredRelease>,
        merge_error: Option<String>,
    ) -> State {
        let publisher = self.publisher.as_ref();
        // where there are releases, the dates and tags are theirs
        let publisher = publisher.filter(|_| self.releases.is_empty());
        let releases = self.releases.iter();
        let dates = releases.filter_map(|it| it.date);
        let dates = dates.chain(publisher.and_then(|it| it.date));
        let dates: Vec<Timestamp> = dates.collect();
        let tags = self.releases.iter().filter_map(|it| it.tag.as_ref());
        let tags = tags.chain(publisher.and_then(|it| it.tag.as_ref()));
        let tags: BTreeSet<&String> = tags.flatten().collect();
        State {
            origin,
            releases: self.releases.len(),
            release_id: newest
                .filter(|_| origin == Origin::Single)
                .map(|it| it.release_id.clone()),
            first_date: dates.iter().min().copied(),
            last_date: dates.iter().max().copied(),
            tags: tags.into_iter().cloned().collect(),
            absent_since: self.absent_since(),
            merge_error,
            repeated_ids: 0,
            merged: None,
            content_hash: [0; 32],
            changed_at: Timestamp::UNIX_EPOCH,
        }
    }
}

/// Merges releases. Returns the reason if they cannot be merged.
fn merge_all<'s>(releases: &[StoredRelease]) -> Result<Content<'s>, String> {
    let texts: Vec<&str> = releases.iter().map(|it| &*it.text).collect();
    let merged = merge(&texts, merge::Rules::version_1_1(), Form::Compiled);
    merged
        .map(Content::Merged)
        .map_err(|error| describe_error(&error))
}

impl StoredRelease {
    /// Returns the content of a process that consists of this release alone. Merging may change
    /// it, because it leaves out what is null or empty, and joins entries with one id.
    fn to_content(&self) -> Result<Content<'_>, String> {
        let mut tokens = Tokens::for_length(self.text.len());
        match tokens.read(&self.text) {
            Ok(_) if is_own_merge(&tokens) => Ok(Content::Stored(&self.text, Some(tokens))),
            _ => merge_all(std::slice::from_ref(self)),
        }
    }

    /// Compares when releases were made: by their dates, and those of one date by their place in
    /// the feed. A release without a date is older than others.
    fn compare_age(&self, other: &Self) -> Ordering {
        let key = |it: &Self| (it.date, it.served);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.release_id.cmp(&other.release_id))
    }
}

/// Describes why releases cannot be merged. The longest message is limited, because ids of
/// publishers are in it.
fn describe_error(error: &MergeError) -> String {
    const MAX_CHARS: usize = 1_000;
    error.to_string().chars().take(MAX_CHARS).collect()
}
