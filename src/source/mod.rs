//! A source: the feed of one publisher, as a table in the configuration declares it.
//!
//! Every value here is parsed: a pointer is a `Pointer` and a rate is a `Rate`. An unknown key or
//! a value that is not valid is an error of [`crate::config`]. Nothing here sends a request.

mod auth;
mod axis;
mod compile;
mod decode;
mod detail;
mod http;
mod items;
mod overwrite;
mod page;
mod pick;
mod repair;
mod request;
mod stored_text;
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
pub use self::compile::{AbsentReleases, Compile, CompileRules, MergeRule};
pub use self::decode::{Charset, Container, Decode};
pub use self::detail::Detail;
pub use self::http::{Condition, Http, HttpVersion, Rate, SkipErrors, UserAgent};
pub use self::items::{Items, Kind, OcidPattern, Version};
pub use self::overwrite::Overwrite;
pub use self::page::{LinkPlace, LinkStop, Pagination, Size, Stop};
pub use self::pick::{Filter, Pick, PickMethod, Picked, WildcardPointer};
pub use self::repair::Repair;
pub use self::request::{Body, Method};
pub(crate) use self::stored_text::remove_user_from_value;
pub use self::template::{Escaping, Template, Values, Variable};
pub use self::window::{Basis, CalendarSpan, Moment, Order, SplitWhen, Unit, Window};

/// The status of every ordinary page. A source must not give it another meaning.
const PAGE_STATUS: u16 = 200;

/// A publisher's feed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The name of the source, in the database and on the command line. It is the key of the
    /// source's table in the configuration.
    #[serde(skip)]
    pub name: String,
    /// The place where the source is declared.
    #[serde(skip)]
    pub origin: Origin,
    /// The publisher's name. Only people read it.
    #[serde(default)]
    pub publisher: String,
    /// The country or region that the data is about. Only people read it.
    #[serde(default)]
    pub country: String,
    /// The licence of the data, if known.
    #[serde(default)]
    pub licence: String,
    /// A web page that describes the feed.
    #[serde(default)]
    pub landing_page: String,
    /// The date when the publisher stopped, if it has stopped.
    pub retired: Option<Date>,
    /// The template of a page's URL, which is `http` or `https`.
    pub url: Template,
    /// The HTTP method, if it is declared. [`Source::method`] returns the one that is used.
    pub method: Option<Method>,
    /// Query parameters that are added to the URL.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// The body of each request.
    pub body: Option<Body>,
    /// The kind of pagination: how one page leads to the next.
    #[serde(default)]
    pub page: Pagination,
    /// The windows of time. The source is fetched one window at a time.
    pub window: Option<Window>,
    /// Further dimensions of the feed, by name. The feed is fetched once for each value.
    #[serde(default)]
    pub axis: BTreeMap<String, Axis>,
    /// Documents that a page only names. Each of them is fetched with a request of its own.
    pub detail: Option<Detail>,
    /// The place of the items on a page, and their kind.
    #[serde(default)]
    pub items: Items,
    /// Says which of several contents of one release is kept, if it is declared.
    /// [`Source::overwrite`] returns what is used.
    pub overwrite: Option<Overwrite>,
    /// Says whether and how the releases of each process become its current state.
    #[serde(default)]
    pub compile: Compile,
    /// The IANA time zone of dates without an offset.
    #[serde(default = "utc", deserialize_with = "time_zone")]
    pub zone: TimeZone,
    /// The credentials for the publisher's server.
    pub auth: Option<Auth>,
    /// The decoding of response bodies to JSON.
    #[serde(default)]
    pub decode: Decode,
    /// The limits and rules for requests to the publisher's server.
    #[serde(default)]
    pub http: Http,
}

impl Source {
    /// Creates a source that is a single document at `url`. All other fields have their
    /// defaults.
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
            overwrite: None,
            compile: Compile::default(),
            zone: utc(),
            auth: None,
            decode: Decode::default(),
            http: Http::default(),
        }
    }

    /// Returns the HTTP method of a page request. Without a declared method it is `POST` if
    /// there is a body, and `GET` otherwise.
    #[must_use]
    pub fn method(&self) -> Method {
        Method::choose(self.method, self.body.is_some())
    }

    /// Returns the time zone in which the dates of windows are written.
    #[must_use]
    pub fn window_zone(&self) -> &TimeZone {
        let zone = self.window.as_ref().and_then(|window| window.zone.as_ref());
        zone.unwrap_or(&self.zone)
    }

    /// Returns the smallest unit of the dates in the requests. Windows begin and end on this
    /// unit.
    #[must_use]
    pub fn window_unit(&self) -> Unit {
        let Some(window) = &self.window else {
            return Unit::Second;
        };
        let templates = self.page_templates();
        let formats = templates.iter().flat_map(|it| it.date_formats());
        let units = formats.map(|format| Unit::from_format(format.unwrap_or(&window.format)));
        let smallest = units.min();
        smallest.unwrap_or_else(|| Unit::from_format(&window.format))
    }

    /// Returns the declaration after all defaults are applied, by its keys in the configuration.
    /// It has no password and no body of a token request. Other secrets are `{env.NAME}`.
    #[must_use]
    pub fn declaration(&self) -> Vec<(&'static str, serde_json::Value)> {
        stored_text::write_declaration(self)
    }

    /// Returns the parts of the declaration that page numbers and cursors depend on, as text. A
    /// run is resumed only if the text is the same as when the run began. The text begins with
    /// [`Source::scope`].
    #[must_use]
    pub fn definition(&self) -> String {
        format!("{} {}", self.scope(), stored_text::write_pages(self))
    }

    /// Returns the parts of the declaration that identify the feed, as text. A watermark is
    /// valid only for the scope in which it was reached.
    #[must_use]
    pub fn scope(&self) -> String {
        stored_text::write_scope(self).to_string()
    }

    /// Checks the rules that involve more than one key. If a template has the variable of the
    /// page, this also removes the page parameter from the query.
    ///
    /// # Errors
    ///
    /// Returns the key and the reason as a clause.
    pub fn validate(&mut self) -> Result<(), (String, String)> {
        let known = self.known_variables();
        let is_known = |key: &str, variable: &Variable| match key {
            "detail.url" | "detail.body" if *variable == Variable::Item => true,
            key if key.starts_with("axis.") => {
                matches!(variable, Variable::Axis(name) if self.is_independent_axis(name))
            }
            _ => known.contains(variable),
        };
        let reject = |key: &str, why: String| Err((key.to_owned(), why));
        for (key, template) in self.templates() {
            if let Some(unknown) = template.variables().find(|it| !is_known(&key, it)) {
                return reject(&key, format!("{unknown} {}", explain_unknown(unknown)));
            }
        }
        if let Some(key) = self.find_ambiguous_url() {
            return reject(&key, ENCODING_ADVICE.into());
        }
        if self.http.allow_hosts.iter().any(|host| host.contains('@')) {
            let why = "contains an `@`: write only the host, without a user";
            return reject("http.allow_hosts", why.into());
        }
        if self.http.concurrency == 0 {
            return reject("http.concurrency", "must be at least 1".into());
        }
        for (key, statuses) in self.declared_statuses() {
            if statuses.contains(&PAGE_STATUS) {
                let why =
                    format!("must not contain {PAGE_STATUS}, the status of every ordinary page");
                return reject(&key, why);
            }
        }
        let named = self.page_variables();
        let is_named = |variable: &Variable| named.contains(variable);
        if let Some(window) = &self.window {
            let has_end = is_named(&Variable::To);
            if !has_end && !is_named(&Variable::From) {
                let why = "no part of the request contains {from} or {to}";
                return reject("window", why.into());
            }
            // links and tokens lead past the end of a window
            let has_end = has_end || self.page.link_stop().is_some();
            if let Err(why) = window.check(self.window_unit(), &self.zone, has_end) {
                return reject("window", why);
            }
        }
        for (name, axis) in &self.axis {
            if let Axis::Values(values) = axis {
                let distinct: BTreeSet<&String> = values.iter().collect();
                if values.is_empty() || distinct.len() < values.len() {
                    let why = "must be a list of distinct texts, with at least one".into();
                    return reject(&format!("axis.{name}"), why);
                }
            }
        }
        for name in self.axis.keys() {
            let variable = Variable::Axis(name.clone());
            let mut indexes = self.axis.values().filter_map(Axis::index);
            let is_of_index = indexes.any(|index| index.variables().any(|it| *it == variable));
            if !is_named(&variable) && !is_of_index {
                let why = format!("no part of the request contains {{axis.{name}}}");
                return reject(&format!("axis.{name}"), why);
            }
        }
        if self.page == Pagination::File {
            let is_get = self.method() == Method::Get && self.body.is_none();
            if self.detail.is_some() || !is_get {
                let why = "mode `file` needs a GET request, and cannot be used with `detail`";
                return reject("page.mode", why.into());
            }
            if self.http.empty_if.is_some() {
                let why = "cannot be used with mode `file`; `http.empty_status` can";
                return reject("http.empty_if", why.into());
            }
        }
        let skip = self.http.skip_errors.as_ref();
        if let Some(why) = skip.and_then(|skip| self.check_skip_errors(skip)) {
            return reject("http.skip_errors", why.into());
        }
        if self.page.is_change_feed() && (self.window.is_some() || !self.axis.is_empty()) {
            let why = "a feed of changes cannot have a `window` or an `axis`";
            return reject("page.stop", why.into());
        }
        let of_page = [Variable::Page, Variable::Offset, Variable::Token];
        if of_page.iter().any(is_named) {
            self.page.remove_param();
        }
        Ok(())
    }

    /// Returns why the source cannot skip errors in this way.
    fn check_skip_errors(&self, skip: &SkipErrors) -> Option<&'static str> {
        let is_plain = self.window.is_none() && self.axis.is_empty() && self.detail.is_none();
        if !is_plain {
            return Some("cannot be used with `window`, `axis` or `detail`");
        }
        let is_link = matches!(self.page, Pagination::Link { .. });
        match &self.page {
            Pagination::Single { .. } | Pagination::File => Some("needs a `page` that leads on"),
            _ if is_link != skip.param.is_some() => {
                Some("needs `param` if pages are links, and only then")
            }
            Pagination::Offset { size, .. } if !skip.step.get().is_multiple_of(*size) => {
                Some("needs a `step` that is a multiple of `page.size`")
            }
            _ => None,
        }
    }

    /// Returns true if the requests contain both the start and the end of a window. The
    /// response then holds data of that window only.
    #[must_use]
    pub fn has_from_and_to(&self) -> bool {
        let named = self.page_variables();
        named.contains(&Variable::From) && named.contains(&Variable::To)
    }

    /// Returns the key of the first URL in which the user or the password is not
    /// percent-encoded. In such a URL the end of the user can only be guessed, and a wrong
    /// guess would send a part of the password to a DNS server as a host name.
    fn find_ambiguous_url(&self) -> Option<String> {
        let templates = self.templates().into_iter();
        let urls = templates.filter(|(key, _)| key == "url" || key.ends_with(".url"));
        let urls = urls.map(|(key, template)| (key, template.as_str()));
        let auth = self.auth.iter().flat_map(Auth::texts);
        let auth = auth.filter(|(key, _)| key == "url");
        let auth = auth.map(|(key, text)| (format!("auth.{key}"), text));
        let mut urls = urls.chain(auth);
        let ambiguous = urls.find(|(_, url)| has_unclear_userinfo(url));
        ambiguous.map(|(key, _)| key)
    }

    /// Returns all declared status codes with a special meaning, by key.
    fn declared_statuses(&self) -> Vec<(String, Vec<u16>)> {
        let stop = |page: &Pagination| page.stop_status().into_iter().collect::<Vec<_>>();
        let mut named: Vec<(String, Vec<u16>)> = vec![
            ("http.empty_status".into(), self.http.empty_status.clone()),
            ("http.retry_status".into(), self.http.retry_status.clone()),
            ("page.status".into(), stop(&self.page)),
        ];
        if let Some(window) = &self.window {
            let statuses = window.split_when.status.clone();
            named.push(("window.split_when.status".into(), statuses));
        }
        for (name, axis) in &self.axis {
            if let Axis::Index(index) = axis {
                named.push((format!("axis.{name}.page.status"), stop(&index.page)));
            }
        }
        named
    }

    /// Returns true if the source has this axis, and if its values do not depend on those of
    /// another axis.
    fn is_independent_axis(&self, name: &str) -> bool {
        let axis = self.axis.get(name);
        axis.is_some_and(|axis| {
            axis.index()
                .is_none_or(|it| it.variables().next().is_none())
        })
    }

    fn page_templates(&self) -> Vec<&Template> {
        let body = self.body.iter().flat_map(Body::templates);
        std::iter::once(&self.url)
            .chain(self.query.values())
            .chain(body)
            .collect()
    }

    fn page_variables(&self) -> BTreeSet<&Variable> {
        let templates = self.page_templates().into_iter();
        templates.flat_map(Template::variables).collect()
    }

    /// Returns the templates of all requests, with their keys.
    #[must_use]
    pub fn templates(&self) -> Vec<(String, &Template)> {
        let mut templates = vec![("url".to_owned(), &self.url)];
        let query = self.query.iter();
        templates.extend(query.map(|(name, it)| (format!("query.{name}"), it)));
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

    /// Returns the scheme, host and port of each URL that the source declares: its own URL, and
    /// those of its axes and details. It leaves out a URL if a variable may be part of the
    /// host.
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

    /// Returns the variables that the templates of a page request may name.
    fn known_variables(&self) -> BTreeSet<Variable> {
        let mut of_page = BTreeSet::new();
        if self.window.is_some() {
            of_page.extend([Variable::From, Variable::To]);
        }
        match self.page {
            Pagination::Number { .. } => of_page.insert(Variable::Page),
            Pagination::Offset { .. } => of_page.insert(Variable::Offset),
            Pagination::Token { .. } => of_page.insert(Variable::Token),
            Pagination::Single { .. } | Pagination::File | Pagination::Link { .. } => false,
        };
        of_page.extend(self.axis.keys().cloned().map(Variable::Axis));
        of_page
    }
}

fn explain_unknown(variable: &Variable) -> String {
    match variable {
        Variable::From | Variable::To => "needs a `window`".into(),
        Variable::Page => "needs `page.mode` \"number\"".into(),
        Variable::Offset => "needs `page.mode` \"offset\"".into(),
        Variable::Token => "needs `page.mode` \"token\"".into(),
        Variable::Item => "can be used in `detail` only".into(),
        Variable::Axis(name) => format!("needs an `axis.{name}`"),
    }
}

/// Returns an error for the first given key that a mode does not allow. `allowed` is a text of
/// keys, separated by spaces.
fn allow_only(given: &[(&str, bool)], allowed: &str, table: &str) -> Result<(), String> {
    let is_allowed = |key: &str| allowed.split(' ').any(|it| it == key);
    let is_misplaced = |(key, given): &&(&str, bool)| *given && !is_allowed(key);
    match given.iter().find(is_misplaced) {
        Some((key, _)) => Err(format!("`{key}` cannot be used in this {table} mode")),
        None => Ok(()),
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

/// The place where a source is declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The source is declared in a configuration file or in the environment.
    #[default]
    Configuration,
    /// The source is declared in a file of `config/sources`, which is built into the program.
    BuiltIn,
}
