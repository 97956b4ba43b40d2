//! Reads the members of a release that say which release it is, and sorts releases by them.

use std::borrow::Cow;

use crate::json::{Kind, Token, Tokens};
use crate::merge::error::{MergeError, ReleaseName};

/// A release, with the indexes of the tokens that say which release it is.
#[derive(Clone, Debug)]
pub(super) struct ReleaseTokens<'t> {
    /// The number of the release among those that are merged, as they were given.
    index: usize,
    text: &'t str,
    /// The token of the release itself.
    pub(super) root: usize,
    pub(super) has_white_space: bool,
    pub(super) ocid: usize,
    pub(super) id: Option<usize>,
    pub(super) date: Option<usize>,
    pub(super) tag: Option<usize>,
}

impl<'t> ReleaseTokens<'t> {
    /// Reads a release to the end of the tokens.
    pub(super) fn read(
        tokens: &mut Tokens<'t>,
        text: &'t str,
        index: usize,
    ) -> Result<Self, MergeError> {
        let read = tokens.read(text);
        let (root, has_white_space) = read.map_err(|error| MergeError::NotJson {
            index,
            at: error.at,
            reason: error.reason(),
        })?;
        let token = &tokens[root];
        if token.kind != Kind::Object {
            let found = token.describe();
            return Err(MergeError::NotAnObject { index, found });
        }
        let [mut ocid, mut id, mut date, mut tag] = [None; 4];
        for (at, member) in tokens.children(root) {
            for (name, found) in [
                ("ocid", &mut ocid),
                ("id", &mut id),
                ("date", &mut date),
                ("tag", &mut tag),
            ] {
                // If a member is repeated, the last one counts.
                if member.is_named(name) {
                    *found = Some(at);
                }
            }
        }
        // A number is read as its text, as in a stored release. The other scalars are booleans.
        let is_ocid = |at: &usize| {
            let token = &tokens[*at];
            token.kind == Kind::Scalar && !token.text.starts_with(['t', 'f'])
        };
        Ok(Self {
            index,
            text,
            root,
            has_white_space,
            ocid: ocid.filter(is_ocid).ok_or(MergeError::NoOcid { index })?,
            id,
            date,
            tag,
        })
    }

    pub(super) fn name(&self, tokens: &Tokens<'_>) -> ReleaseName {
        let content = |at: Option<usize>| {
            let token = at.map(|at| &tokens[at]);
            let scalar = token.filter(|token| token.kind == Kind::Scalar);
            scalar.map(|token| token.content().unescape().into_owned())
        };
        ReleaseName {
            index: self.index,
            id: content(self.id),
            date: content(self.date),
        }
    }

    /// Returns the texts by which releases are sorted.
    fn sort_key(&self, tokens: &Tokens<'t>) -> [Cow<'t, str>; 3] {
        let content =
            |at: Option<usize>| at.map_or(Cow::Borrowed(""), |at| tokens[at].content().unescape());
        [
            content(self.date),
            content(self.id),
            Cow::Borrowed(self.text),
        ]
    }
}

/// Sorts releases by `date`, then by `id`, then by their texts.
pub(super) fn sort<'t>(
    releases: &mut [ReleaseTokens<'t>],
    tokens: &Tokens<'t>,
) -> Result<(), MergeError> {
    if releases.len() > 1 {
        for release in releases.iter() {
            check_date(release, tokens)?;
        }
    }
    releases.sort_by_cached_key(|release| release.sort_key(tokens));
    Ok(())
}

fn check_date(release: &ReleaseTokens<'_>, tokens: &Tokens<'_>) -> Result<(), MergeError> {
    let name = || release.name(tokens);
    let Some(date) = release.date.map(|at| &tokens[at]) else {
        return Err(MergeError::NoDate(name()));
    };
    match date.kind {
        Kind::Null => Err(MergeError::NullDate(name())),
        Kind::Scalar if date.text.starts_with('"') => Ok(()),
        _ => Err(MergeError::DateOfOtherKind(name(), Token::describe(date))),
    }
}
