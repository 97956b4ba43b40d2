//! Recognizes a response with status 200 that is an error, or that says that there is no data.
//!
//! Without this check, an error object instead of a page would often look like a page without
//! items, and so like the end of the feed.

use serde_json::Value;

use crate::page::Undecodable;
use crate::source::{Condition, Http};

/// A body that is no page is searched for an error only if it has at most this many bytes.
const MAX_BYTES: usize = 64 << 10;

/// Fails if `http.reject_content_type` names the media type. The error is a clause.
pub(crate) fn check_content_type(http: &Http, content_type: Option<&str>) -> Result<(), String> {
    let media_type = content_type.and_then(|it| it.split(';').next());
    let is_refused =
        |refused: &&String| media_type.is_some_and(|it| it.trim().eq_ignore_ascii_case(refused));
    match http.reject_content_type.iter().find(is_refused) {
        Some(named) => Err(format!(
            "of type {named}, which `http.reject_content_type` names"
        )),
        None => Ok(()),
    }
}

/// Checks what the envelope of a page with `items` items says.
///
/// # Errors
///
/// Returns [`Undecodable::NoData`] if it says that there is no data, by `http.empty_if`. Fails
/// with a clause if it reports an error: by `http.fail_if`, or by a member of
/// `http.error_members` if there are no items. An error beside an empty list would otherwise look
/// like the end of the feed.
pub(crate) fn check_envelope(
    http: &Http,
    envelope: &Value,
    items: usize,
) -> Result<(), Undecodable> {
    check_declared(http, envelope)?;
    match http.find_error_member(envelope).filter(|_| items == 0) {
        Some(member) => Err(Undecodable::Unreadable(format!(
            "an error, since it has no items and its `{member}` is there, \
             which `http.error_members` names"
        ))),
        None => Ok(()),
    }
}

/// Checks a body that is no page, as [`check_envelope`] checks a page. Error members are left out,
/// because such a body is unreadable in any case.
pub(crate) fn check_body(http: &Http, body: &[u8]) -> Result<(), Undecodable> {
    let is_declared = http.empty_if.is_some() || http.fail_if.is_some();
    if !is_declared || body.len() > MAX_BYTES {
        return Ok(());
    }
    match serde_json::from_slice(body) {
        Ok(value) => check_declared(http, &value),
        Err(_) => Ok(()),
    }
}

/// Checks the conditions that the source declares. `empty_if` comes first, so that `fail_if` may
/// be wider.
fn check_declared(http: &Http, envelope: &Value) -> Result<(), Undecodable> {
    let is_met = |condition: &&Condition| condition.is_met(envelope);
    if http.empty_if.as_ref().is_some_and(|it| it.is_met(envelope)) {
        return Err(Undecodable::NoData);
    }
    match http.fail_if.as_ref().filter(is_met) {
        Some(condition) => Err(Undecodable::Unreadable(format!(
            "an error by `http.fail_if`, since {condition}"
        ))),
        None => Ok(()),
    }
}
