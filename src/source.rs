//! The source: a publisher's feed, as its table in the configuration declares it.
//!
//! Everything here is parsed: a pointer is a pointer and a rate is a rate, and
//! a key that is unknown or does not fit is an error of [`crate::config`].
//! Nothing here fetches.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::json::{ItemsAt, Pointer};

/// A publisher's feed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The name it is stored and asked for under; the key of its table.
    #[serde(skip)]
    pub name: String,
    /// Where it is declared.
    #[serde(skip)]
    pub origin: Origin,
    /// The publisher's name, for people.
    #[serde(default)]
    pub publisher: String,
    /// The country or region published about, for people.
    #[serde(default)]
    pub country: String,
    /// The licence of the data, where known.
    #[serde(default)]
    pub licence: String,
    /// Where people read about the feed.
    #[serde(default)]
    pub landing_page: String,
    /// The URL of the first page, `http` or `https`; may hold `{env.NAME}`.
    pub url: String,
    /// Query parameters added to the URL; values may hold `{env.NAME}`.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// How one page leads to the next.
    #[serde(default)]
    pub page: Pagination,
    /// Where a page's releases are; the first that fits a page is used.
    #[serde(default = "default_items")]
    pub items: Vec<ItemsAt>,
    /// The IANA time zone of dates that carry no offset.
    #[serde(default = "utc", deserialize_with = "time_zone")]
    pub zone: TimeZone,
    /// How its server wants to be asked.
    #[serde(default)]
    pub http: Http,
}

impl Source {
    /// A source that is one document at a URL, for all else to be filled in.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            name: String::new(),
            origin: Origin::Configuration,
            publisher: String::new(),
            country: String::new(),
            licence: String::new(),
            landing_page: String::new(),
            url: url.into(),
            query: BTreeMap::new(),
            page: Pagination::default(),
            items: default_items(),
            zone: utc(),
            http: Http::default(),
        }
    }

    /// What the numbers and cursors of the source's pages depend on, as text: a
    /// run is resumed only under the definition it began with.
    #[must_use]
    pub fn definition(&self) -> String {
        format!("{} {:?} {:?}", self.url, self.query, self.page)
    }
}

/// Release packages, bare arrays, single releases.
fn default_items() -> Vec<ItemsAt> {
    ["/releases/*", "/*", ""]
        .map(|at| ItemsAt::parse(at).expect("a valid pointer"))
        .to_vec()
}

fn utc() -> TimeZone {
    TimeZone::UTC
}

fn time_zone<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZone::get(&name).map_err(|_| {
        serde::de::Error::custom(format!("`{name}` is not a time zone such as Europe/London"))
    })
}

/// Where a source is declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// In a configuration file or the environment.
    #[default]
    Configuration,
    /// In a file of `config/sources`, built into the program.
    BuiltIn,
}

/// How one page leads to the next, and how the last one is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PageTable")]
pub enum Pagination {
    /// One document is the whole feed.
    #[default]
    Single,
    /// A member of the body is the URL of the next page; the last page has none.
    Link {
        /// Where the URL is: text, or absent, `null` or empty on the last page.
        pointer: Pointer,
    },
    /// A query parameter is the page's number.
    Number {
        /// The query parameter's name.
        param: String,
        /// The number of the first page.
        start: u64,
        /// How the last page is known.
        stop: Stop,
    },
    /// A query parameter is how many items come before the page.
    Offset {
        /// The query parameter's name.
        param: String,
        /// The offset of the first page.
        start: u64,
        /// How many items a page has; what an offset grows by.
        size: u64,
        /// How the last page is known.
        stop: Stop,
    },
}

/// How the last page of a numbered feed is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A member of the body is the number of pages.
    TotalPages(Pointer),
    /// A member of the body is the number of items.
    TotalItems {
        /// Where the number of items is.
        pointer: Pointer,
        /// How many items a full page has.
        size: u64,
    },
    /// The page after the last is one without items.
    Empty,
}

/// `page = { … }` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageTable {
    mode: Mode,
    pointer: Option<Pointer>,
    param: Option<String>,
    start: Option<u64>,
    size: Option<u64>,
    total_pages: Option<Pointer>,
    total_items: Option<Pointer>,
    stop: Option<StopWord>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    None,
    Link,
    Number,
    Offset,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StopWord {
    NoLink,
    Empty,
}

impl TryFrom<PageTable> for Pagination {
    type Error = String;

    fn try_from(table: PageTable) -> Result<Self, String> {
        match table.mode {
            Mode::None => table.only(&[]).map(|()| Pagination::Single),
            Mode::Link => {
                table.only(&["pointer", "stop"])?;
                if table.stop == Some(StopWord::Empty) {
                    return Err("mode `link` stops by `no_link`".into());
                }
                let pointer = table
                    .pointer
                    .ok_or("mode `link` needs `pointer`, where the next URL is")?;
                Ok(Pagination::Link { pointer })
            }
            Mode::Number => {
                table.only(&[
                    "param",
                    "start",
                    "size",
                    "total_pages",
                    "total_items",
                    "stop",
                ])?;
                Ok(Pagination::Number {
                    start: table.start.unwrap_or(1),
                    stop: table.stop()?,
                    param: table.param.unwrap_or_else(|| "page".into()),
                })
            }
            Mode::Offset => {
                table.only(&[
                    "param",
                    "start",
                    "size",
                    "total_pages",
                    "total_items",
                    "stop",
                ])?;
                let size = table
                    .size
                    .filter(|size| *size > 0)
                    .ok_or("mode `offset` needs `size`, the items of a page")?;
                Ok(Pagination::Offset {
                    start: table.start.unwrap_or(0),
                    size,
                    stop: table.stop()?,
                    param: table.param.unwrap_or_else(|| "offset".into()),
                })
            }
        }
    }
}

impl PageTable {
    /// Refuses the keys that the mode has no use for, by name.
    fn only(&self, allowed: &[&str]) -> Result<(), String> {
        let given = [
            ("pointer", self.pointer.is_some()),
            ("param", self.param.is_some()),
            ("start", self.start.is_some()),
            ("size", self.size.is_some()),
            ("total_pages", self.total_pages.is_some()),
            ("total_items", self.total_items.is_some()),
            ("stop", self.stop.is_some()),
        ];
        match given
            .iter()
            .find(|(key, given)| *given && !allowed.contains(key))
        {
            Some((key, _)) => Err(format!("`{key}` has no meaning in this page mode")),
            None => Ok(()),
        }
    }

    fn stop(&self) -> Result<Stop, String> {
        match (&self.total_pages, &self.total_items, self.stop) {
            (Some(pointer), None, None) => Ok(Stop::TotalPages(pointer.clone())),
            (None, Some(pointer), None) => Ok(Stop::TotalItems {
                pointer: pointer.clone(),
                size: self
                    .size
                    .filter(|size| *size > 0)
                    .ok_or("`total_items` needs `size`, the items of a page")?,
            }),
            (None, None, None | Some(StopWord::Empty)) => Ok(Stop::Empty),
            (None, None, Some(StopWord::NoLink)) => {
                Err("`no_link` is how mode `link` stops".into())
            }
            _ => Err("name one of `total_pages`, `total_items` and `stop`".into()),
        }
    }
}

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
    /// Headers sent with each request; values may hold `{env.NAME}`.
    pub headers: BTreeMap<String, String>,
    /// Sent instead of the name of this program.
    pub user_agent: Option<String>,
    /// Other hosts that a next link or a redirect may lead to, as `host` or
    /// `host:port`. They are sent neither `{env.NAME}` values nor `headers`.
    pub allow_hosts: Vec<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            rate: None,
            concurrency: 1,
            retry_status: Vec::new(),
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
