//! How a source's server wants to be asked: `http = { … }`.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

/// How a source's server wants to be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// At most so many requests in so long, `12/120s`.
    pub rate: Option<Rate>,
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// Status codes that are worth another try, beside 408, 429 and 5xx.
    pub retry_status: Vec<u16>,
    /// Status codes that say that there is nothing: in a window, say, or for a
    /// value of an axis.
    pub empty_status: Vec<u16>,
    /// Headers sent with each request; values may hold `{env.NAME}`.
    pub headers: BTreeMap<String, String>,
    /// Sent instead of the name of this program.
    pub user_agent: Option<String>,
    /// Other hosts that a next link or a redirect may lead to, as `host` or
    /// `host:port`, or `*` for all. They are sent neither `{env.NAME}` values nor `headers`.
    pub allow_hosts: Vec<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            rate: None,
            concurrency: 1,
            retry_status: Vec::new(),
            empty_status: Vec::new(),
            headers: BTreeMap::new(),
            user_agent: None,
            allow_hosts: Vec::new(),
        }
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
