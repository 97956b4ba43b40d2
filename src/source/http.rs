//! Limits and rules for requests to a source's server: the key `http = { … }` of a source.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::json::Pointer;

/// The limits and rules for requests to a source's server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// The highest request rate, such as `12/120s`.
    pub rate: Option<Rate>,
    /// The largest number of concurrent requests. A run begins with one. While the server
    /// throttles requests, fewer are sent.
    pub concurrency: usize,
    /// The longest time that a page may take, which is also the longest time that the server may
    /// send nothing. It replaces `fetch.page_timeout` and `fetch.read_timeout`.
    #[serde(with = "humantime_serde::option")]
    pub timeout: Option<Duration>,
    /// Status codes that are retried besides 408, 429 and 5xx. They may include a success status,
    /// because some servers answer 202 until a page is ready.
    pub retry_status: Vec<u16>,
    /// Status codes that mean that there is no data, for example in a window or for a value of
    /// an axis. They may include a success status such as 204. The body of such a response is
    /// not read.
    pub empty_status: Vec<u16>,
    /// The shortest wait after a retryable status without `Retry-After`.
    #[serde(with = "humantime_serde::option")]
    pub retry_wait: Option<Duration>,
    /// The number of attempts for a page. It replaces `fetch.attempts`.
    pub retry_max: Option<NonZeroU32>,
    /// A condition under which a response with status 200 says that there is no data. It means
    /// the same as a status of `empty_status`, and is tested before `fail_if`.
    pub empty_if: Option<Condition>,
    /// A condition that makes a response with status 200 a failed attempt.
    pub fail_if: Option<Condition>,
    /// The way past a stretch of positions that the server answers with errors (5xx). `None` ends
    /// the run there.
    pub skip_errors: Option<SkipErrors>,
    /// The members by which an envelope reports an error. If one of them reports an error and the
    /// page has no items, the response is a failed attempt and not an empty page. An empty list
    /// switches this off.
    pub error_members: Vec<String>,
    /// Media types that are never a page, such as `text/html`.
    pub reject_content_type: Vec<String>,
    /// True if redirects are followed. If false, a redirect is a failure like any other
    /// unexpected status.
    pub redirects: bool,
    /// True if conditional requests are used for the pages before the first changed page. They
    /// send the `ETag` and the `Last-Modified` of the previous run. Some servers send the same
    /// values although the page has changed, and their sources must set this to false.
    pub conditional: bool,
    /// True if an archive that has arrived whole is accepted although its server announced more
    /// bytes. Some servers announce a length that the file does not have.
    pub accept_short_archive: bool,
    /// True if cookies that the source's own host sets are sent back to it, until the end of the
    /// run.
    pub cookies: bool,
    /// The version of HTTP. `None` lets the server choose between HTTP/2 and HTTP/1.1.
    pub version: Option<HttpVersion>,
    /// Headers of each request. Values may contain `{env.NAME}`.
    pub headers: BTreeMap<String, String>,
    /// The `User-Agent` header. It replaces `fetch.user_agent`.
    pub user_agent: Option<UserAgent>,
    /// Other hosts that links and redirects may lead to, as `host` or `host:port`. `*` allows
    /// every host that has a public name and public addresses. Other hosts get neither
    /// `{env.NAME}` values nor `headers`. The hosts in the source's own URLs are always allowed.
    pub allow_hosts: Vec<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            rate: None,
            concurrency: 1,
            timeout: None,
            retry_status: Vec::new(),
            empty_status: Vec::new(),
            retry_wait: None,
            retry_max: None,
            empty_if: None,
            fail_if: None,
            skip_errors: None,
            error_members: ERROR_MEMBERS.map(str::to_owned).into(),
            reject_content_type: Vec::new(),
            redirects: true,
            conditional: true,
            accept_short_archive: false,
            cookies: false,
            version: None,
            headers: BTreeMap::new(),
            user_agent: None,
            allow_hosts: Vec::new(),
        }
    }
}

/// The members by which an envelope usually reports an error. `message` is not one of them,
/// because many publishers write one into every page.
const ERROR_MEMBERS: [&str; 4] = ["error", "errors", "errorCode", "fault"];

impl Http {
    /// Returns true if `error_members` has its default value.
    pub(super) fn has_usual_error_members(&self) -> bool {
        self.error_members == ERROR_MEMBERS
    }

    /// Returns the member by which an envelope reports an error, if it reports one.
    pub(crate) fn find_error_member(&self, envelope: &Value) -> Option<&str> {
        let reports_error = |name: &&String| envelope.get(name).is_some_and(is_error);
        Some(self.error_members.iter().find(reports_error)?)
    }
}

/// Returns true if the value of an error member reports an error. Besides the values that
/// [`is_present`] excludes, publishers write 0 and `"0"` if there is no error.
fn is_error(value: &Value) -> bool {
    is_present(value) && to_number(value) != Some(0.0)
}

/// A version of HTTP that a source may require.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.1, for servers whose HTTP/2 is slow or broken.
    #[serde(rename = "1.1")]
    Http1,
}

impl HttpVersion {
    /// Returns the version as the configuration writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "1.1",
        }
    }
}

/// The way past a stretch of positions that the server answers with errors. The positions are
/// numbers: page numbers, offsets, tokens, or a parameter of links.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipErrors {
    /// The query parameter of links that is the position. Only feeds of links have one.
    pub param: Option<String>,
    /// A run continues at most this far behind the first position that can be read.
    pub step: NonZeroU64,
    /// The longest stretch that is skipped.
    pub most: u64,
}

/// The `User-Agent` of a browser, because some servers reject all other programs. It is that of a
/// Firefox release with long-term support, as organisations use it.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A `User-Agent` header. The word `browser` in the configuration becomes the `User-Agent` of a
/// web browser.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct UserAgent(String);

impl UserAgent {
    /// Returns the value of the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for UserAgent {
    fn from(text: String) -> Self {
        match text.as_str() {
            "browser" => Self(BROWSER.into()),
            _ => Self(text),
        }
    }
}

/// A condition on a member of a page.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "ConditionTable")]
pub struct Condition {
    pointer: Pointer,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// The member exists, and is not `null`, `false` or empty.
    Present,
    /// The member is a number, or a number as text, of at least this value.
    Min(f64),
    /// The member equals this value.
    Equals(Value),
}

impl Condition {
    /// Returns true if the page meets the condition. `page` is the document without its items.
    #[must_use]
    pub fn is_met(&self, page: &Value) -> bool {
        let Some(value) = self.pointer.get(page) else {
            return false;
        };
        match &self.test {
            Test::Present => is_present(value),
            Test::Min(min) => to_number(value).is_some_and(|value| value >= *min),
            Test::Equals(Value::Number(wanted)) => {
                value.is_number() && to_number(value) == wanted.as_f64()
            }
            Test::Equals(wanted) => value == wanted,
        }
    }
}

/// Returns false if the member counts as absent. Publishers write `"error": null`, `false`, `""`
/// or `[]` if there is no error.
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(entries) => !entries.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn to_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer, test } = self;
        match test {
            Test::Present => write!(f, "{pointer} is there"),
            Test::Min(min) => write!(f, "{pointer} is at least {min}"),
            Test::Equals(value) => write!(f, "{pointer} is {value}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionTable {
    pointer: Pointer,
    min: Option<f64>,
    equals: Option<Value>,
}

impl TryFrom<ConditionTable> for Condition {
    type Error = String;

    fn try_from(table: ConditionTable) -> Result<Self, String> {
        let test = match (table.min, table.equals) {
            (None, None) => Test::Present,
            (Some(min), None) => Test::Min(min),
            (None, Some(value)) => Test::Equals(value),
            (Some(_), Some(_)) => return Err("declare only one of `min` and `equals`".into()),
        };
        let pointer = table.pointer;
        Ok(Self { pointer, test })
    }
}

/// A request rate, such as `12/120s` (twelve requests in two minutes) or `5/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate {
    /// The number of requests in each period.
    pub requests: NonZeroU32,
    /// The length of a period.
    pub period: Duration,
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a rate such as 12/120s or 5/s");
        let (requests, period) = text.split_once('/').ok_or_else(invalid)?;
        let unit = period.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u64 = match &period[..period.len() - unit.len()] {
            "" => 1,
            number => number.parse().map_err(|_| invalid())?,
        };
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(invalid()),
        };
        let period = number.checked_mul(seconds).filter(|period| *period > 0);
        let period = period.ok_or_else(invalid)?;
        Ok(Self {
            requests: requests.trim().parse().map_err(|_| invalid())?,
            period: Duration::from_secs(period),
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s", self.requests, self.period.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_tests_a_member_of_the_page() {
        for (table, page, expected) in [
            ("{}", json!({"error": "x"}), true),
            ("{}", json!({"error": {"code": 0}}), true),
            ("{}", json!({"error": 0}), true),
            ("{}", json!({"error": null}), false),
            ("{}", json!({"error": ""}), false),
            ("{}", json!({"error": []}), false),
            ("{}", json!({"error": false}), false),
            ("{}", json!({}), false),
            ("{}", json!([]), false),
            ("{ min = 400 }", json!({"error": 404}), true),
            ("{ min = 400 }", json!({"error": "500"}), true),
            ("{ min = 400 }", json!({"error": 200}), false),
            ("{ min = 400 }", json!({"error": "none"}), false),
            ("{ equals = true }", json!({"error": true}), true),
            ("{ equals = true }", json!({"error": "true"}), false),
            ("{ equals = 1 }", json!({"error": 1.0}), true),
            ("{ equals = \"E\" }", json!({"error": "E"}), true),
            ("{ equals = \"E\" }", json!({"error": "e"}), false),
        ] {
            let mut table: toml::Table = format!("it = {table}").parse().unwrap();
            let mut it = table.remove("it").unwrap();
            it.as_table_mut()
                .unwrap()
                .insert("pointer".into(), "/error".into());
            let condition: Condition = it.try_into().unwrap();
            assert_eq!(condition.is_met(&page), expected, "{condition}: {page}");
        }
    }

    #[test]
    fn an_envelope_reports_an_error_by_a_member_that_is_not_empty() {
        for (envelope, expected) in [
            (json!({"error": "no such page"}), Some("error")),
            (json!({"error": {"code": 0}}), Some("error")),
            (json!({"errors": ["x"], "message": "x"}), Some("errors")),
            (json!({"errorCode": 500}), Some("errorCode")),
            (json!({"errorCode": "E12"}), Some("errorCode")),
            (json!({"fault": true}), Some("fault")),
            (json!({"error": null, "errors": [], "fault": false}), None),
            (json!({"error": "", "errors": {}, "errorCode": 0}), None),
            (json!({"errorCode": "0"}), None),
            (json!({"message": "Internal error", "Error": "x"}), None),
            (json!([{"error": "x"}]), None),
            (json!(null), None),
        ] {
            let found = Http::default();
            assert_eq!(found.find_error_member(&envelope), expected, "{envelope}");
        }
        let http = Http {
            error_members: vec!["problem".into()],
            ..Http::default()
        };
        assert_eq!(http.find_error_member(&json!({"error": "x"})), None);
        assert!(http.find_error_member(&json!({"problem": "x"})).is_some());
    }
}
