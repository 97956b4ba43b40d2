//! Merges the releases of one contracting process into its compiled or its versioned release, by
//! the rules of the Open Contracting Data Standard. It is pure: texts in, text out.
//!
//! ```text
//! releases ──tokens──▶ values in the order of the text ──tree──▶ merged values ──write──▶ text
//!  sorted by date       nothing is copied                one release after the other
//! ```
//!
//! # Rules
//!
//! Releases are sorted by `date` as text; of those with the same date, by `id` and then by their
//! text, so that the order in which they come does not matter. Then one after the other is merged:
//!
//! - `id`, `date` and `tag` of a release are left out. A compiled release has the `id`
//!   `ocid-date` with the last date, that date, and the tag `compiled`.
//! - Objects merge member by member. Arrays of objects merge by the `id` of their entries; an
//!   entry without an `id` is a new one.
//! - Scalars are replaced. So are arrays that the [`Rules`] call whole lists, and arrays of other
//!   values than objects.
//! - `null` removes a scalar or a whole list. An object or an array that merges cannot be removed:
//!   `null` or a scalar after it changes nothing.
//! - An empty object or array changes nothing, and neither does one in which all values are `null`
//!   or empty, but `[]` replaces a whole list. An object, or an entry of an array, is left out if
//!   nothing of it is left.
//! - A scalar that becomes an object, or an object that becomes an array, is an error.
//! - In a versioned release each scalar and each whole list is a list of its versions, with the
//!   release that brought each of them. A version is added when the value changes. `ocid` and the
//!   `id` of an entry are not versioned. An object or an array may follow `null`, which is then
//!   left out, but not a scalar that was removed, because its versions would be lost.
//!
//! Members that no schema knows merge by the same rules, so extensions need no declaration.
//!
//! # Where other programs disagree
//!
//! The standard leaves some cases open, and programs that merge differ in them:
//!
//! - Two ids are the same if their texts are: `1` and `"1"`, but not `1` and `1.0`. A boolean is
//!   its text, and `null` is no `id`. An ocid that is a number is its text.
//! - If a member occurs twice in an object, the last one counts, as in PostgreSQL's `jsonb`.
//! - An array of objects replaces an array of other values, and the other way round. A versioned
//!   release has no form for that, so it is an error there.
//! - Numbers keep their text. The same value in another notation is no new version.
//!
//! # Speed
//!
//! Releases of a process repeat each other, so the node of a value is mostly the one that follows
//! the last found node. Whether a field has a rule is looked up once for each node of the tree.
//! Nothing recurses, so deep nesting needs no stack.

mod compare;
mod error;
mod merger;
mod release_tokens;
mod rules;
mod single;
mod tree;
mod write;

pub use self::error::{MergeError, ReleaseName, ValueAt};
pub use self::rules::{Rule, Rules, is_new_in_merged_release};
pub(crate) use self::single::is_own_merge;

use self::merger::{Merger, Stop};
use self::release_tokens::ReleaseTokens;
use crate::json::Tokens;

/// The form of a merged release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The current value of each field.
    Compiled,
    /// All values of each field, with the releases that brought them.
    Versioned,
}

/// A merged release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The JSON text, without white space between its tokens.
    pub text: String,
    /// Says which entries of arrays were merged although they are of one release.
    pub repeated_ids: Option<RepeatedIds>,
}

/// Entries of arrays that have the `id` of an earlier entry of the same array and release, and were
/// merged into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedIds {
    /// The number of such entries in all releases.
    pub count: usize,
    /// The place of the first one, such as `awards/7/items/1`. Entries of arrays are named by their
    /// `id`.
    pub place: String,
    /// The release of the first one.
    pub release: ReleaseName,
}

/// Merges the releases of one process. The releases may be in any order.
///
/// # Errors
///
/// Fails if there are no releases, if one of them is not a JSON object, has no `ocid`, or has
/// values that cannot be merged with those of an earlier one; and if one of several has no `date`
/// that is a string.
pub fn merge(releases: &[&str], rules: &Rules, form: Form) -> Result<Merged, MergeError> {
    let length: usize = releases.iter().map(|text| text.len()).sum();
    if u32::try_from(length).is_err() {
        return Err(MergeError::TooLarge(length));
    }
    let mut tokens = Tokens::for_length(length);
    let releases = releases.iter().enumerate();
    let releases = releases.map(|(index, text)| ReleaseTokens::read(&mut tokens, text, index));
    let mut releases = releases.collect::<Result<Vec<ReleaseTokens>, MergeError>>()?;
    if releases.is_empty() {
        return Err(MergeError::NoReleases);
    }
    release_tokens::sort(&mut releases, &tokens)?;
    loop {
        match Merger::new(&tokens, &releases, rules, form).merge() {
            Ok(merged) => return Ok(merged),
            // Only the last of several members with one name counts. That is so rare that such
            // members are only looked for where they may be the reason.
            Err(_) if tokens.mark_repeated() => {}
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::RepeatedMember) => unreachable!("repeated members are marked"),
        }
    }
}

#[cfg(test)]
mod tests;
