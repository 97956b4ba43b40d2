//! The source: a publisher's feed, as its table in the configuration declares it.
//!
//! Everything here is parsed: a pointer is a pointer and a rate is a rate, and
//! a key that is unknown or does not fit is an error of [`crate::config`].
//! Nothing here fetches.

mod auth;
mod axis;
mod declared;
mod decode;
mod detail;
mod http;
mod items;
mod page;
mod pick;
mod repair;
mod request;
mod template;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use url::Url;

use crate::userinfo::{ENCODING_ADVICE, has_unclear_userinfo};

pub use self::auth::{Auth, Credentials, OAuth2, Token};
pub use self::axis::{Axis, Index};
pub(crate) use self::declared::{value_without_user, without_user};
pub use self::decode::{Charset, Container, Decode};
pub use self::detail::Detail;
pub use self::http::{FailIf, Http, Rate, UserAgent};
pub use self::items::{Items, Kind, Version};
pub use self::page::{LinkStop, Pagination, Size, Stop};
pub use self::pick::{By, Path, Pick, Picked};
pub use self::repair::Repair;
pub use self::request::{Body, Method};
pub use self::template::{Place, Template, Values, Variable};
pub use self::window::{Basis, Moment, Order, SplitWhen, Step, Unit, Window};

/// The status that pages have: it cannot mean anything else.
const USUAL_STATUS: u16 = 200;

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
    /// When the publisher stopped, where it has.
    #[serde(default)]
    pub retired: Option<Date>,
    /// The URL of a page, `http` or `https`.
    pub url: Template,
    /// How it is asked for, if it is said; see [`Source::method`].
    #[serde(default)]
    pub method: Option<Method>,
    /// Query parameters added to the URL.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// What is sent with the request.
    #[serde(default)]
    pub body: Option<Body>,
    /// How one page leads to the next.
    #[serde(default)]
    pub page: Pagination,
    /// The windows of time that it is asked for in.
    #[serde(default)]
    pub window: Option<Window>,
    /// What else it is walked along, by name.
    #[serde(default)]
    pub axis: BTreeMap<String, Axis>,
    /// What is asked for by itself because a page only names it.
    #[serde(default)]
    pub detail: Option<Detail>,
    /// Where a page's items are, and what they are.
    #[serde(default)]
    pub items: Items,
    /// The IANA time zone of dates that carry no offset.
    #[serde(default = "utc", deserialize_with = "time_zone")]
    pub zone: TimeZone,
    /// How its server is told who asks.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// How the bytes of a body become JSON.
    #[serde(default)]
    pub decode: Decode,
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
            retired: None,
            url: Template::literal(url),
            method: None,
            query: BTreeMap::new(),
            body: None,
            page: Pagination::default(),
            window: None,
            axis: BTreeMap::new(),
            detail: None,
            items: Items::default(),
            zone: utc(),
            auth: None,
            decode: Decode::default(),
            http: Http::default(),
        }
    }

    /// How a page is asked for: as it is said, else by `POST` if there is a body.
    #[must_use]
    pub fn method(&self) -> Method {
        Method::or_by_body(self.method, self.body.as_ref())
    }

    /// The zone that the dates of windows are written in.
    #[must_use]
    pub fn window_zone(&self) -> &TimeZone {
        let zone = self.window.as_ref().and_then(|window| window.zone.as_ref());
        zone.unwrap_or(&self.zone)
    }

    /// The smallest part of a date that requests have; windows begin and end
    /// there.
    #[must_use]
    pub fn window_unit(&self) -> Unit {
        let Some(window) = &self.window else {
            return Unit::Second;
        };
        let templates = self.page_templates();
        let formats = templates
            .iter()
            .flat_map(|template| template.date_formats());
        let units = formats.map(|format| Unit::of(format.unwrap_or(&window.format)));
        units.min().unwrap_or_else(|| Unit::of(&window.format))
    }

    /// What the numbers and cursors of the source's pages depend on, as text: a
    /// run is resumed only under the definition it began with. It begins with the
    /// scope.
    #[must_use]
    pub fn definition(&self) -> String {
        format!("{} {}", self.scope(), declared::pages(self))
    }

    /// What the source's feed is, as text: a watermark counts only under the
    /// scope that it was reached in.
    #[must_use]
    pub fn scope(&self) -> String {
        declared::scope(self).to_string()
    }

    /// What no single key can tell by itself. The parameter of a page that a
    /// template names is left out of the query.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub fn settle(&mut self) -> Result<(), (String, String)> {
        let known = self.known_variables();
        let wrong = |key: &str, why: String| Err((key.to_owned(), why));
        for (key, template) in self.templates() {
            let known = match &*key {
                "detail.url" | "detail.body" => &known.with_item,
                key if key.starts_with("axis.") => &known.nothing,
                _ => &known.of_page,
            };
            if let Some(unknown) = template.variables().find(|it| !known.contains(it)) {
                return wrong(&key, format!("{unknown} {}", why_unknown(unknown)));
            }
        }
        if let Some(key) = self.unclear_url() {
            return wrong(&key, ENCODING_ADVICE.into());
        }
        if self.http.allow_hosts.iter().any(|host| host.contains('@')) {
            let why = "has an `@`: a host is named without a user";
            return wrong("http.allow_hosts", why.into());
        }
        if self.http.concurrency == 0 {
            return wrong("http.concurrency", "is at least 1".into());
        }
        for (key, statuses) in self.named_statuses() {
            if statuses.contains(&USUAL_STATUS) {
                let why = format!("has {USUAL_STATUS}, which is the status of every page");
                return wrong(&key, why);
            }
        }
        let named: BTreeSet<Variable> = self
            .page_templates()
            .into_iter()
            .flat_map(Template::variables)
            .cloned()
            .collect();
        let is_named = |variable: &Variable| named.contains(variable);
        if let Some(window) = &self.window {
            let by_both = is_named(&Variable::To);
            if !by_both && !is_named(&Variable::From) {
                return wrong("window", "no {from} or {to} is in a request".into());
            }
            let goes_on = matches!(
                self.page,
                Pagination::Token { .. } | Pagination::Link { .. }
            );
            let unit = self.window_unit();
            if let Err(why) = window.check(unit, &self.zone, by_both || goes_on) {
                return wrong("window", why);
            }
        }
        for (name, axis) in &self.axis {
            if let Axis::Values(values) = axis {
                let distinct: BTreeSet<&String> = values.iter().collect();
                if values.is_empty() || distinct.len() < values.len() {
                    let why = "is a list of texts, each of them once".into();
                    return wrong(&format!("axis.{name}"), why);
                }
            }
        }
        for name in self.axis.keys() {
            if !is_named(&Variable::Axis(name.clone())) {
                return wrong(
                    &format!("axis.{name}"),
                    format!("no {{axis.{name}}} is in a request"),
                );
            }
        }
        if self.page == Pagination::File {
            let is_get = self.method() == Method::Get && self.body.is_none();
            if self.detail.is_some() || !is_get {
                let why = "mode `file` is for what a GET request gives, and no index";
                return wrong("page.mode", why.into());
            }
        }
        if self.page.is_change_feed() && (self.window.is_some() || !self.axis.is_empty()) {
            return wrong(
                "page.stop",
                "a feed of changes has neither windows nor axes".into(),
            );
        }
        if [Variable::Page, Variable::Offset, Variable::Token]
            .iter()
            .any(is_named)
        {
            self.page.without_param();
        }
        Ok(())
    }

    /// Whether its requests tell both where a window begins and where it ends, so
    /// that what answers them is of that window alone.
    #[must_use]
    pub fn is_asked_for_both_ends(&self) -> bool {
        let templates = self.page_templates();
        let is_named = |variable| {
            let mut named = templates.iter().flat_map(|template| template.variables());
            named.any(|it| *it == variable)
        };
        is_named(Variable::From) && is_named(Variable::To)
    }

    /// The key of a URL in which a user or a password is not percent-encoded. Where it
    /// ends is a guess, and a part of it would be asked for as a host.
    fn unclear_url(&self) -> Option<String> {
        let templates = self.templates().into_iter();
        let urls = templates.filter(|(key, _)| key == "url" || key.ends_with(".url"));
        let urls = urls.map(|(key, template)| (key, template.as_str()));
        let auth = self.auth.iter().flat_map(Auth::texts);
        let auth = auth.filter(|(key, _)| key == "url");
        let auth = auth.map(|(key, text)| (format!("auth.{key}"), text));
        let mut unclear = urls
            .chain(auth)
            .filter(|(_, url)| has_unclear_userinfo(url));
        unclear.next().map(|(key, _)| key)
    }

    /// The statuses that mean something, by their keys.
    fn named_statuses(&self) -> Vec<(String, Vec<u16>)> {
        let stop = |page: &Pagination| page.stop_status().into_iter().collect::<Vec<_>>();
        let mut named = vec![
            (
                "http.empty_status".to_owned(),
                self.http.empty_status.clone(),
            ),
            (
                "http.retry_status".to_owned(),
                self.http.retry_status.clone(),
            ),
            ("page.status".to_owned(), stop(&self.page)),
        ];
        if let Some(window) = &self.window {
            let statuses = window.split_when.status.clone();
            named.push(("window.split_when.status".to_owned(), statuses));
        }
        for (name, axis) in &self.axis {
            if let Axis::Index(index) = axis {
                named.push((format!("axis.{name}.page.status"), stop(&index.page)));
            }
        }
        named
    }

    /// The templates that a page is asked for by.
    fn page_templates(&self) -> Vec<&Template> {
        let body = self.body.iter().flat_map(Body::templates);
        std::iter::once(&self.url)
            .chain(self.query.values())
            .chain(body)
            .collect()
    }

    /// All templates of requests, with their keys.
    #[must_use]
    pub fn templates(&self) -> Vec<(String, &Template)> {
        let mut templates = vec![("url".to_owned(), &self.url)];
        templates.extend(
            self.query
                .iter()
                .map(|(name, it)| (format!("query.{name}"), it)),
        );
        let body = self.body.iter().flat_map(Body::templates);
        templates.extend(body.map(|it| ("body".to_owned(), it)));
        for (name, axis) in &self.axis {
            let Axis::Index(index) = axis else { continue };
            templates.push((format!("axis.{name}.url"), &index.url));
            let body = index.body.iter().flat_map(Body::templates);
            templates.extend(body.map(|it| (format!("axis.{name}.body"), it)));
        }
        if let Some(detail) = &self.detail {
            templates.push(("detail.url".to_owned(), &detail.url));
            let body = detail.body.iter().flat_map(Body::templates);
            templates.extend(body.map(|it| ("detail.body".to_owned(), it)));
        }
        templates
    }

    /// The scheme, host and port of each URL that the source writes out: its own, and
    /// those of its axes and of what its index names. A host that a variable may be part
    /// of is not among them.
    #[must_use]
    pub fn declared_origins(&self) -> Vec<Url> {
        let indexes = self.axis.values().filter_map(|axis| match axis {
            Axis::Index(index) => Some(&index.url),
            Axis::Values(_) => None,
        });
        let detail = self.detail.iter().map(|detail| &detail.url);
        std::iter::once(&self.url)
            .chain(indexes)
            .chain(detail)
            .flat_map(|template| template.origins(&self.axis))
            .collect()
    }

    fn known_variables(&self) -> Known {
        let mut of_page = BTreeSet::new();
        if self.window.is_some() {
            of_page.extend([Variable::From, Variable::To]);
        }
        match self.page {
            Pagination::Number { .. } => of_page.insert(Variable::Page),
            Pagination::Offset { .. } => of_page.insert(Variable::Offset),
            Pagination::Token { .. } => of_page.insert(Variable::Token),
            Pagination::Single | Pagination::File | Pagination::Link { .. } => false,
        };
        of_page.extend(self.axis.keys().cloned().map(Variable::Axis));
        let mut with_item = of_page.clone();
        with_item.insert(Variable::Item);
        Known {
            nothing: BTreeSet::new(),
            of_page,
            with_item,
        }
    }
}

/// The variables that a source's templates may name.
struct Known {
    nothing: BTreeSet<Variable>,
    of_page: BTreeSet<Variable>,
    with_item: BTreeSet<Variable>,
}

/// Why a variable has no value in a source.
fn why_unknown(variable: &Variable) -> String {
    match variable {
        Variable::From | Variable::To => "needs a `window`".into(),
        Variable::Page => "needs `page.mode` \"number\"".into(),
        Variable::Offset => "needs `page.mode` \"offset\"".into(),
        Variable::Token => "needs `page.mode` \"token\"".into(),
        Variable::Item => "is known in `detail` alone".into(),
        Variable::Axis(name) => format!("needs an `axis.{name}`"),
    }
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
