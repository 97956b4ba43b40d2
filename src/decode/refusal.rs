//! Signs that an answer with status 200 is an error.
//!
//! An error object in place of a page would often look like a page without items, and so like
//! the end of the feed.

use serde_json::Value;

use crate::source::Http;

/// The largest body that is searched for an error if it is not a page.
const MOST_BYTES: usize = 64 << 10;

/// Checks that the source does not refuse the media type. The error is a clause.
pub(crate) fn check_type(http: &Http, content_type: Option<&str>) -> Result<(), String> {
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

/// The envelope of a page is an error by the source's declaration: a clause.
pub(crate) fn refuse_envelope(http: &Http, envelope: &Value) -> Option<String> {
    let fail_if = http.fail_if.as_ref()?;
    let message = || format!("an error by `http.fail_if`, since {fail_if}");
    fail_if.is_failure(envelope).then(message)
}

/// A body that is no page is an error by the source's declaration: a clause.
pub(crate) fn refuse_body(http: &Http, body: &[u8]) -> Option<String> {
    http.fail_if.as_ref()?;
    let body = body.get(..MOST_BYTES.min(body.len()))?;
    let value = serde_json::from_slice(body).ok()?;
    refuse_envelope(http, &value)
}
