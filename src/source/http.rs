//! How a source's server wants to be asked: `http = { … }`.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::json::Pointer;

/// How a source's server wants to be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// At most so many requests in so long, `12/120s`.
    pub rate: Option<Rate>,
    /// How many requests may be under way at once. Fewer are while the server asks
    /// for that, or becomes slow.
    pub concurrency: usize,
    /// How long a page may take, and the server be silent, instead of
    /// `fetch.page_timeout` and `fetch.read_timeout`.
    #[serde(with = "humantime_serde::option")]
    pub timeout: Option<Duration>,
    /// Status codes that are worth another try, beside 408, 429 and 5xx. A success may be
    /// one of them: some servers answer 202 until a page is ready.
    pub retry_status: Vec<u16>,
    /// Status codes that say that there is nothing: in a window, say, or for a
    /// value of an axis. A success may be one of them, such as 204. Its body is not read.
    pub empty_status: Vec<u16>,
    /// The least wait after such a status that comes without `Retry-After`.
    #[serde(with = "humantime_serde::option")]
    pub retry_wait: Option<Duration>,
    /// How many times a page is asked for, instead of `fetch.attempts`.
    pub retry_max: Option<NonZeroU32>,
    /// What makes an answer with status 200 a failed attempt.
    pub fail_if: Option<FailIf>,
    /// Media types that no page has, such as `text/html`.
    pub reject_content_type: Vec<String>,
    /// Whether redirects are followed; else one is a failure by its status.
    pub redirects: bool,
    /// Whether pages of an unchanged beginning are asked for only if they have changed,
    /// by the `ETag` and `Last-Modified` that they came with. Some servers say both of
    /// what has changed.
    pub conditional: bool,
    /// Headers sent with each request; values may hold `{env.NAME}`.
    pub headers: BTreeMap<String, String>,
    /// Sent instead of the name of this program.
    pub user_agent: Option<UserAgent>,
    /// Other hosts that a next link or a redirect may lead to, as `host` or
    /// `host:port`, or `*` for all that are public by their names and addresses. They
    /// are sent neither `{env.NAME}` values nor `headers`. The hosts that the source's
    /// own URLs write out are allowed without being named here.
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
            fail_if: None,
            reject_content_type: Vec::new(),
            redirects: true,
            conditional: true,
            headers: BTreeMap::new(),
            user_agent: None,
            allow_hosts: Vec::new(),
        }
    }
}

/// What a browser calls itself: some servers answer nobody else. The version is
/// one with support for years, as an organisation's browser may be.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A `User-Agent`; `browser` stands for that of one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct UserAgent(String);

impl UserAgent {
    /// As it is sent.
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

/// What makes an answer with status 200 a failed attempt: a member of the page.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "FailIfTable")]
pub struct FailIf {
    pointer: Pointer,
    test: Test,
}

/// What the member has to be.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// There, and not `null`, `false` or empty.
    Present,
    /// A number, or the text of one, of at least this.
    Min(f64),
    /// This very value.
    Equals(Value),
}

impl FailIf {
    /// Whether a page, its items aside, is a failure.
    #[must_use]
    pub fn holds(&self, page: &Value) -> bool {
        let Some(value) = self.pointer.get(page) else {
            return false;
        };
        match &self.test {
            Test::Present => is_something(value),
            Test::Min(min) => number(value).is_some_and(|value| value >= *min),
            Test::Equals(Value::Number(wanted)) => {
                value.is_number() && number(value) == wanted.as_f64()
            }
            Test::Equals(wanted) => value == wanted,
        }
    }
}

/// Publishers write `"error": null`, `false`, `""` and `[]` where there is none.
fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(entries) => !entries.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

impl fmt::Display for FailIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer, test } = self;
        match test {
            Test::Present => write!(f, "{pointer} is there"),
            Test::Min(min) => write!(f, "{pointer} is at least {min}"),
            Test::Equals(value) => write!(f, "{pointer} is {value}"),
        }
    }
}

/// `fail_if = { … }` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailIfTable {
    pointer: Pointer,
    min: Option<f64>,
    equals: Option<Value>,
}

impl TryFrom<FailIfTable> for FailIf {
    type Error = String;

    fn try_from(table: FailIfTable) -> Result<Self, String> {
        let test = match (table.min, table.equals) {
            (None, None) => Test::Present,
            (Some(min), None) => Test::Min(min),
            (None, Some(value)) => Test::Equals(value),
            (Some(_), Some(_)) => return Err("name one of `min` and `equals`".into()),
        };
        let pointer = table.pointer;
        Ok(Self { pointer, test })
    }
}

/// A request rate, written `12/120s` (twelve in two minutes) or `5/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate {
    /// How many requests.
    pub requests: NonZeroU32,
    /// In how long.
    pub period: Duration,
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate such as 12/120s or 5/s");
        let (requests, period) = text.split_once('/').ok_or_else(wrong)?;
        let (number, unit) = period.split_at(
            period
                .find(|c: char| !c.is_ascii_digit())
                .ok_or_else(wrong)?,
        );
        let number: u64 = if number.is_empty() {
            1
        } else {
            number.parse().map_err(|_| wrong())?
        };
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let period = number
            .checked_mul(seconds)
            .filter(|s| *s > 0)
            .ok_or_else(wrong)?;
        Ok(Self {
            requests: requests.trim().parse().map_err(|_| wrong())?,
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
    fn a_page_fails_by_the_member_that_is_pointed_at() {
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
            let fail_if: FailIf = it.try_into().unwrap();
            assert_eq!(fail_if.holds(&page), expected, "{fail_if}: {page}");
        }
    }
}
