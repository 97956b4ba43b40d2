//! Recognises single releases that merging leaves as they are.

use std::collections::HashSet;

use crate::json::{Kind, Tokens};

/// The number of entries up to which ids are compared with each other.
const MAX_COMPARED: usize = 8;

/// Returns true if a single release, which is all that `tokens` have, is its own compiled release
/// but for its `id` and its `tag`. Returns false if that is not certain: if the release has `null`,
/// an empty object or array, or an array with repeated ids.
///
/// Most releases are like this, and then nothing has to be merged, written and stored.
pub(crate) fn is_own_merge(tokens: &Tokens<'_>) -> bool {
    const ROOT: usize = 0;
    let is_member = |name: &'static str| {
        let member = tokens.member(ROOT, name);
        member.is_some_and(|(_, token)| token.kind == Kind::Scalar && token.text.starts_with('"'))
    };
    if tokens[ROOT].kind != Kind::Object || !is_member("ocid") || !is_member("date") {
        return false;
    }
    (ROOT..tokens[ROOT].next).all(|at| {
        let token = &tokens[at];
        match token.kind {
            Kind::Null | Kind::Repeated => false,
            Kind::Scalar => true,
            Kind::Object => !token.is_empty(at),
            Kind::Objects => !token.is_empty(at) && has_distinct_ids(tokens, at),
            Kind::Mixed => true,
        }
    })
}

/// Returns true if no two entries of an array have the same id, and each id is a scalar.
fn has_distinct_ids(tokens: &Tokens<'_>, array: usize) -> bool {
    let mut ids = Vec::new();
    for (entry, _) in tokens.children(array) {
        if let Some((_, id)) = tokens.member(entry, "id") {
            if id.kind != Kind::Scalar {
                return false;
            }
            ids.push(id.content());
        }
    }
    if ids.len() <= MAX_COMPARED {
        return ids.iter().enumerate().all(|(n, id)| !ids[..n].contains(id));
    }
    let mut seen = HashSet::new();
    ids.into_iter().all(|id| seen.insert(id))
}
