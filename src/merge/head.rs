//! Reads the members of a release that say which release it is, and sorts releases by them.

use crate::merge::error::{MergeError, ReleaseName};
use crate::merge::tokens::{Kind, Token, Tokens};

/// A release, with the indexes of the tokens that say which release it is.
#[derive(Clone, Debug)]
pub(super) struct Head<'t> {
    /// The number of the release among those that are merged, as they were given.
    index: usize,
    text: &'t str,
    /// The token of the release itself.
    pub(super) release: usize,
    pub(super) has_white_space: bool,
    pub(super) ocid: usize,
    pub(super) id: Option<usize>,
    pub(super) date: Option<usize>,
    pub(super) tag: Option<usize>,
}

impl<'t> Head<'t> {
    /// Reads a release to the end of the tokens.
    pub(super) fn read(
        tokens: &mut Tokens<'t>,
        text: &'t str,
        index: usize,
    ) -> Result<Self, MergeError> {
        let read = tokens.read(text);
        let (release, has_white_space) = read.map_err(|error| MergeError::NotJson {
            index,
            at: error.at,
            reason: error.reason(),
        })?;
        let token = &tokens[release];
        if token.kind != Kind::Object {
            let found = token.describe();
            return Err(MergeError::NotAnObject { index, found });
        }
        let [mut ocid, mut id, mut date, mut tag] = [None; 4];
        for (at, member) in tokens.children(release) {
            // If a member is repeated, the last one counts.
            match member.name.raw() {
                "ocid" => ocid = Some(at),
                "id" => id = Some(at),
                "date" => date = Some(at),
                "tag" => tag = Some(at),
                _ => {}
            }
        }
        let is_string = |at: &usize| tokens[*at].text.starts_with('"');
        Ok(Self {
            index,
            text,
            release,
            has_white_space,
            ocid: ocid.filter(is_string).ok_or(MergeError::NoOcid { index })?,
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

    fn sort_key<'k>(&self, tokens: &'k Tokens<'t>) -> [&'k str; 3] {
        let text = |at: Option<usize>| at.map_or("", |at| tokens[at].text);
        [text(self.date), text(self.id), self.text]
    }
}

/// Sorts releases by `date`, then by `id`, then by their texts.
pub(super) fn sort<'t>(heads: &mut [Head<'t>], tokens: &Tokens<'t>) -> Result<(), MergeError> {
    if heads.len() > 1 {
        for head in heads.iter() {
            check_date(head, tokens)?;
        }
    }
    heads.sort_by(|a, b| a.sort_key(tokens).cmp(&b.sort_key(tokens)));
    Ok(())
}

fn check_date(head: &Head<'_>, tokens: &Tokens<'_>) -> Result<(), MergeError> {
    let name = || head.name(tokens);
    let Some(date) = head.date.map(|at| &tokens[at]) else {
        return Err(MergeError::NoDate(name()));
    };
    match date.kind {
        Kind::Null => Err(MergeError::NullDate(name())),
        Kind::Scalar if date.text.starts_with('"') => Ok(()),
        _ => Err(MergeError::DateOfOtherKind(name(), Token::describe(date))),
    }
}
