//! The source: a publisher's feed, as its table in the configuration declares it.
//!
//! Everything here is parsed: a pointer is a pointer and a rate is a rate, and
//! a key that is unknown or does not fit is an error of [`crate::config`].
//! Nothing here fetches.

mod http;
mod page;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;

pub use self::http::{Http, Rate};
pub use self::page::{Pagination, Stop};
use crate::json::ItemsAt;

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
