//! Recognizes a response with status 200 that is an error.
//!
//! Without this check, an error object instead of a page would often look like a page without
//! items, and so like the end of the feed.

use serde_json::Value;

use crate::source::Http;

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

/// Says what the error is, as a clause, if the source declares that a page with this envelope is
/// an error.
pub(crate) fn find_error_in_envelope(http: &Http, envelope: &Value) -> Option<String> {
    let fail_if = http.fail_if.as_ref()?;
    let message = || format!("an error by `http.fail_if`, since {fail_if}");
    fail_if.is_failure(envelope).then(message)
}

/// Says what the error is, as a clause, if the source declares that this body is an error. The
/// body is not a page.
pub(crate) fn find_error_in_body(http: &Http, body: &[u8]) -> Option<String> {
    http.fail_if.as_ref()?;
    let body = body.get(..MAX_BYTES.min(body.len()))?;
    let value = serde_json::from_slice(body).ok()?;
    find_error_in_envelope(http, &value)
}
