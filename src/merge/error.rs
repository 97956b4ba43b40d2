//! Why releases cannot be merged.

use std::fmt;

use crate::json::shorten;

/// Why the releases of a process cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeError {
    /// There is no release to merge.
    NoReleases,
    /// The releases have this many bytes together, which is 4 GiB or more.
    TooLarge(usize),
    /// A release is not JSON.
    NotJson {
        /// The number of the release, from 0.
        index: usize,
        /// The position of the first byte that is not JSON.
        at: usize,
        /// A clause that says what is wrong there.
        reason: &'static str,
    },
    /// A release is a JSON value of another kind.
    NotAnObject {
        /// The number of the release, from 0.
        index: usize,
        /// The kind of the value, with an article.
        found: &'static str,
    },
    /// A release has no `ocid`, or one that is neither a string nor a number.
    NoOcid {
        /// The number of the release, from 0.
        index: usize,
    },
    /// One of several releases has no `date`.
    NoDate(ReleaseName),
    /// The `date` of one of several releases is `null`.
    NullDate(ReleaseName),
    /// The `date` of one of several releases is not a string. Its kind is given with an article.
    DateOfOtherKind(ReleaseName, &'static str),
    /// The `id` of an entry of an array is an object or an array. The place is that of the array,
    /// and the kind is that of the `id`.
    IdOfOtherKind(Box<ValueAt>),
    /// Two releases have values of different kinds in one place, such as a scalar and an object.
    KindsDiffer {
        /// The value of the earlier release.
        earlier: Box<ValueAt>,
        /// The value of the later release.
        later: Box<ValueAt>,
    },
}

/// A value that cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueAt {
    /// The names of the members that lead to the value, such as `awards/7/value`. Entries of arrays
    /// are named by their `id`.
    pub place: String,
    /// The kind of the value, with an article.
    pub kind: &'static str,
    /// The release that has the value.
    pub release: ReleaseName,
}

/// A release, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseName {
    /// The number of the release among those that are merged, from 0.
    pub index: usize,
    /// The `id` of the release, if it has one.
    pub id: Option<String>,
    /// The `date` of the release, if it has one.
    pub date: Option<String>,
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "release {}", shorten(id))?,
            None => write!(f, "release number {} without an id", self.index + 1)?,
        }
        match &self.date {
            Some(date) => write!(f, " of {}", shorten(date)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ValueAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = shorten(&self.place);
        write!(f, "{place} is {} in {}", self.kind, self.release)
    }
}

/// Displays as one lower-case clause.
impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReleases => f.write_str("there is no release to merge"),
            Self::TooLarge(bytes) => {
                write!(
                    f,
                    "the releases have {bytes} bytes together, and fewer than 4 GiB can be merged"
                )
            }
            Self::NotJson { index, at, reason } => {
                write!(
                    f,
                    "release number {} is not JSON at byte {at}: {reason}",
                    index + 1
                )
            }
            Self::NotAnObject { index, found } => {
                write!(
                    f,
                    "release number {} is {found} and not an object",
                    index + 1
                )
            }
            Self::NoOcid { index } => {
                write!(
                    f,
                    "release number {} has no ocid that is a string or a number",
                    index + 1
                )
            }
            Self::NoDate(release) => {
                write!(
                    f,
                    "{release} has no date, so its place among the others is not known"
                )
            }
            Self::NullDate(release) => {
                write!(
                    f,
                    "the date of {release} is null, so its place among the others is not known"
                )
            }
            Self::DateOfOtherKind(release, kind) => {
                write!(f, "the date of {release} is {kind} and not a string")
            }
            Self::IdOfOtherKind(id) => {
                let (place, release) = (shorten(&id.place), &id.release);
                let found = id.kind;
                write!(
                    f,
                    "an entry of {place} has {found} as its id in {release}, \
                     and an id must be a string or a number"
                )
            }
            Self::KindsDiffer { earlier, later } => {
                write!(f, "{later}, but {earlier}")
            }
        }
    }
}

impl std::error::Error for MergeError {}
