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
//! - Scalars are replaced, and so are arrays that the [`Rules`] call whole lists and arrays that
//!   have an entry which is no object.
//! - `null` removes a scalar or a whole list. An object or an array that merges cannot be removed:
//!   `null` or a scalar after it changes nothing.
//! - An empty object or array changes nothing, but `[]` replaces a whole list. An object or an
//!   entry of an array of which nothing is left is left out.
//! - A scalar that becomes an object, or an object that becomes an array, is an error.
//! - In a versioned release each scalar and each whole list is a list of its versions, with the
//!   release that brought each of them. A version is added when the value changes. `ocid` and the
//!   `id` of an entry are not versioned. A `null` before an object or an array is left out.
//!
//! Members that no schema knows merge by the same rules, so extensions need no declaration.
//!
//! # Where other programs disagree
//!
//! The standard does not say what is an `id`, and the programs that merge by it differ. Here two
//! ids are the same if their texts are: `1` and `"1"`, but not `1` and `1.0`. A boolean is its
//! text, and `null` is no `id`. If the same member occurs twice in an object, the last one counts,
//! as in PostgreSQL's `jsonb`. An array of objects that follows a list of scalars replaces it, and
//! the other way round; a versioned release has no form for that, so it is an error there. Numbers keep their text; a version with the same value in another notation is no
//! change.
//!
//! # Speed
//!
//! Releases of a process repeat each other, so the node of a value is mostly the one that follows
//! the last found node. Whether a field has a rule is looked up once for each node of the tree.
//! Nothing recurses, so deep nesting needs no stack.

mod compare;
mod error;
mod head;
mod merger;
mod rules;
mod tokens;
mod tree;
mod write;

pub use self::error::{MergeError, ReleaseName, Side};
pub use self::rules::{Rule, Rules};

use self::head::Head;
use self::merger::Merger;
use self::tokens::Tokens;

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
    /// The arrays in which one release has several entries with the same `id`. These entries were
    /// merged into one.
    pub repeated_ids: Vec<RepeatedId>,
}

/// An array of a release that has several entries with the same `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedId {
    /// The place of the first entry that repeats an `id`, such as `awards/7/items/1`. Entries of
    /// arrays are named by their `id`.
    pub place: String,
    /// The release.
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
    let heads = releases.iter().enumerate();
    let heads = heads.map(|(index, text)| Head::read(&mut tokens, text, index));
    let mut heads = heads.collect::<Result<Vec<Head>, MergeError>>()?;
    if heads.is_empty() {
        return Err(MergeError::NoReleases);
    }
    head::sort(&mut heads, &tokens)?;
    loop {
        let merger = Merger::new(&tokens, &heads, rules, form);
        if let Some(merged) = merger.merge()? {
            return Ok(merged);
        }
        // A member is repeated, which is so rare that it is only looked for now.
        tokens.mark_repeated();
    }
}

#[cfg(test)]
mod tests;
