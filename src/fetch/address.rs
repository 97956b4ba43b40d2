//! How a page is asked for, and which hosts may be asked.
//!
//! One host is home: the one that the source's URL names or, where the URL is a
//! value of an axis, the one that the axis's index is on. Secrets and configured
//! headers go there and nowhere else; other hosts are asked only if
//! `http.allow_hosts` names them, and those that only its `*` allows only if they may
//! be of the public internet. A user and a password that a link or a redirect has are
//! left out: who asks is what the source says. Nothing here connects.

use bytes::Bytes;
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::Value;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::fetch::auth::credentials;
use crate::fetch::scope::Scope;
use crate::fetch::secret::{Secrets, decode};
use crate::page::{Cursor, Position};
use crate::source::{Axis, Body, Detail, Index, Method, Place, Source, Template, Values};

/// The longest URL that is asked for; it is what an HTTP request line can have.
const MOST_URL_BYTES: usize = 65_534;

/// How much of a host's name is shown, which is longer than any name is.
const SHOWN_OF_HOST: usize = 255;

/// What stands for any host of the public internet.
const ANY_HOST: &str = "*";

/// Turns positions in a feed into requests.
#[derive(Debug)]
pub(super) struct Address {
    home: Home,
    url: Template,
    method: Method,
    query: Vec<(String, Template)>,
    body: Option<Body>,
    /// How dates of a window are written.
    dates: Dates,
    /// The query parameters that hold a secret, revealed: like headers, they go
    /// with each request to the home host, also where a link leaves them out.
    credentials: Vec<Credential>,
    /// The query parameter that tells pages apart.
    param: Option<String>,
    allow_hosts: Vec<String>,
    secrets: Secrets,
}

/// What is asked of a publisher, secrets and all.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Sent>,
    /// Whether its query may be a secret that nobody declared.
    pub(super) is_signed: bool,
}

/// The body of a request.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) media_type: &'static str,
    pub(super) bytes: Bytes,
}

#[derive(Debug)]
struct Dates {
    format: String,
    zone: TimeZone,
}

/// The source's URL with its query, revealed, as far as it is the same for all
/// its pages.
struct Home(Url);

struct Credential {
    name: String,
    value: String,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.host_str().unwrap_or_default())
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// The values of one request, with the dates that they borrow.
struct Rendering<'a> {
    address: &'a Address,
    scope: &'a Scope,
    cursor: Option<&'a Cursor>,
    item: Option<&'a str>,
    dates: Option<(Zoned, Zoned)>,
}

impl Address {
    /// The addresses of a source.
    ///
    /// # Errors
    /// The source's URL is not an http or https URL.
    pub(super) fn new(source: &Source, secrets: Secrets) -> Result<Self> {
        let nothing = Values::default();
        let reveal = |template: &Template, place| {
            template.render(&nothing, place, |name| secrets.of(name).to_owned())
        };
        let home = home(source, &|template| reveal(template, Place::Url))?;
        if home.password().is_some() || !home.username().is_empty() {
            // which becomes a header, and a page may show the headers of its request
            let password = decode(home.password().unwrap_or_default());
            let sent = credentials(&decode(home.username()), &password);
            secrets.obtained().remember(sent);
        }
        let credentials = source
            .query
            .iter()
            .filter(|(_, declared)| secrets.is_in(declared.as_str()))
            .map(|(name, declared)| Credential {
                name: name.clone(),
                value: reveal(declared, Place::Plain),
            });
        let window = source.window.as_ref();
        Ok(Self {
            credentials: credentials.collect(),
            home: Home(home),
            url: source.url.clone(),
            method: source.method(),
            query: source
                .query
                .iter()
                .map(|(name, template)| (name.clone(), template.clone()))
                .collect(),
            body: source.body.clone(),
            dates: Dates {
                format: window.map_or_else(String::new, |window| window.format.clone()),
                zone: source.window_zone().clone(),
            },
            param: source.page.param().map(str::to_owned),
            allow_hosts: source.http.allow_hosts.clone(),
            secrets,
        })
    }

    /// How a page is asked for.
    ///
    /// # Errors
    /// [`Kind::Refused`]: the page before names a next one that may not be
    /// asked for, because of its scheme, its host or its length.
    pub(super) fn of(&self, scope: &Scope, position: &Position) -> Result<Ask> {
        let mut cursor = &position.cursor;
        while let Cursor::Detail { index, .. } = cursor {
            cursor = index;
        }
        let rendering = self.rendering(scope, Some(cursor), None);
        let body = self.body.as_ref().map(|body| rendering.body(body));
        let url = match cursor {
            Cursor::Link(link) => self.linked(link)?,
            _ => self.page_url(&rendering, cursor)?,
        };
        Ok(Ask {
            method: self.method,
            url,
            body,
            is_signed: false,
        })
    }

    /// How a file is asked for that somebody has named.
    pub(super) fn of_file(&self, url: &Url) -> Ask {
        let mut url = url.clone();
        if self.is_home(&url) {
            self.add_credentials(&mut url);
        }
        Ask {
            method: Method::Get,
            url,
            body: None,
            is_signed: true,
        }
    }

    /// How what a page of an index names is asked for; the page came from `url`.
    ///
    /// # Errors
    /// [`Kind::Refused`]: it is on a host that may not be asked.
    pub(super) fn of_item(
        &self,
        detail: &Detail,
        scope: &Scope,
        url: &Url,
        item: &str,
    ) -> Result<Ask> {
        let rendering = self.rendering(scope, None, Some(item));
        let joined = url.join(&rendering.text(&detail.url, Place::Url));
        let url = joined.map_err(|e| refused("what the index names has no URL").with_source(e))?;
        let templates = detail.body.iter().flat_map(Body::templates);
        let templates = templates.chain(std::iter::once(&detail.url));
        let mut url = self.permitted(url, "the index", templates)?;
        if self.is_home(&url) {
            self.add_credentials(&mut url);
        }
        Ok(Ask {
            method: detail.method,
            url,
            body: detail.body.as_ref().map(|body| rendering.body(body)),
            is_signed: false,
        })
    }

    /// How a page of an axis's index is asked for.
    ///
    /// # Errors
    /// [`Kind::Config`]: it has no URL. [`Kind::Refused`]: it is on a host that
    /// may not be asked.
    pub(super) fn of_index(&self, index: &Index, position: &Position) -> Result<Ask> {
        let scope = Scope::default();
        let rendering = self.rendering(&scope, Some(&position.cursor), None);
        let url = match &position.cursor {
            Cursor::Link(link) => self.linked(link)?,
            cursor => {
                let url = Url::parse(&rendering.text(&index.url, Place::Url));
                let mut url =
                    url.map_err(|e| Error::config("the URL of an axis is none").with_source(e))?;
                if let (Some(param), Some(count)) = (index.page.param(), count_of(cursor)) {
                    set_parameter(&mut url, param, &count);
                }
                let templates = index.body.iter().flat_map(Body::templates);
                self.permitted(url, "an axis", templates.chain(std::iter::once(&index.url)))?
            }
        };
        Ok(Ask {
            method: index.method,
            url,
            body: index.body.as_ref().map(|body| rendering.body(body)),
            is_signed: false,
        })
    }

    fn rendering<'a>(
        &'a self,
        scope: &'a Scope,
        cursor: Option<&'a Cursor>,
        item: Option<&'a str>,
    ) -> Rendering<'a> {
        let zoned = |instant: jiff::Timestamp| instant.to_zoned(self.dates.zone.clone());
        Rendering {
            address: self,
            scope,
            cursor,
            item,
            dates: scope
                .window
                .map(|window| (zoned(window.from), zoned(window.to))),
        }
    }

    /// The URL of a page that is not led to by a link.
    fn page_url(&self, rendering: &Rendering<'_>, cursor: &Cursor) -> Result<Url> {
        let joined = self.home.0.join(&rendering.text(&self.url, Place::Url));
        let mut url = joined.map_err(|e| refused("its URL is none").with_source(e))?;
        url.set_fragment(None);
        for (name, template) in &self.query {
            set_parameter(&mut url, name, &rendering.text(template, Place::Plain));
        }
        if let (Some(param), Some(count)) = (&self.param, count_of(cursor)) {
            set_parameter(&mut url, param, &count);
        }
        let templates = std::iter::once(&self.url).chain(self.query.iter().map(|(_, it)| it));
        let templates = templates.chain(self.body.iter().flat_map(Body::templates));
        self.permitted(url, "its URL", templates)
    }

    /// A URL that may be asked for, by these templates: on the home host, or on
    /// one that is allowed and is sent no secret.
    fn permitted<'t>(
        &self,
        mut url: Url,
        what: &str,
        mut templates: impl Iterator<Item = &'t Template>,
    ) -> Result<Url> {
        if !is_http(&url) {
            return Err(refused(&format!("{what} is not http or https")));
        }
        check_length(what, &url)?;
        if self.is_home(&url) {
            self.set_user(&mut url);
            return Ok(url);
        }
        if templates.any(|template| self.secrets.is_in(template.as_str())) {
            return Err(refused(&format!("{what} takes a secret to another host")));
        }
        if self.is_allowed(&url) {
            remove_user(&mut url);
            return Ok(url);
        }
        Err(self.other_host(what, &url))
    }

    /// Whether the source's URL is http.
    pub(super) fn is_clear_text(&self) -> bool {
        self.home.0.scheme() == "http"
    }

    /// Whether a URL is on the host that may be sent secrets: the source's own,
    /// by name and port, and not in clear text if the source's is encrypted.
    pub(super) fn is_home(&self, url: &Url) -> bool {
        let home = &self.home.0;
        is_same_host(home, url) && !is_downgrade(home, url)
    }

    /// Where a server may send a request on to, from one URL to another.
    ///
    /// # Errors
    /// [`Kind::Refused`]: the other URL may not be asked for.
    pub(super) fn redirected(&self, from: &Url, mut to: Url) -> Result<Url> {
        if !is_http(&to) {
            return Err(refused("a redirect leads to what is not http or https"));
        }
        if is_downgrade(from, &to) {
            return Err(refused("a redirect leads from https to http"));
        }
        check_length("a redirect", &to)?;
        if self.is_home(&to) {
            self.set_user(&mut to);
            return Ok(to);
        }
        if self.secrets.is_in(&self.secrets.redact(&to)) {
            return Err(refused("a redirect takes a secret to another host"));
        }
        if self.is_allowed(&to) {
            remove_user(&mut to);
            return Ok(to);
        }
        Err(self.other_host("a redirect", &to))
    }

    /// Whether a host is asked only because any host of the public internet is.
    pub(super) fn is_stranger(&self, url: &Url) -> bool {
        !is_same_host(&self.home.0, url) && !self.is_named(url)
    }

    /// Whether there may be such hosts.
    pub(super) fn may_meet_strangers(&self) -> bool {
        self.allow_hosts.iter().any(|allowed| allowed == ANY_HOST)
    }

    /// Whether a text holds one of the secrets.
    pub(super) fn holds_secret(&self, text: &str) -> bool {
        self.secrets.are_in(text)
    }

    /// A URL for storing and showing, with placeholders in place of secrets.
    pub(super) fn redact(&self, url: &Url) -> String {
        self.secrets.redact(url)
    }

    /// A link as it is stored; one that is no URL of http or https, and so is not
    /// followed, is kept as it was served.
    pub(super) fn redact_link(&self, link: &str) -> String {
        match Url::parse(link) {
            Ok(url) if is_http(&url) => self.secrets.redact(&url),
            _ => self.secrets.redact_text(link),
        }
    }

    /// What a page says around its items, as it is stored.
    pub(super) fn redact_value(&self, value: &mut Value) {
        self.secrets.redact_value(value);
    }

    fn linked(&self, link: &str) -> Result<Url> {
        let mut url =
            Url::parse(link).map_err(|e| refused("the link to it is not a URL").with_source(e))?;
        if !is_http(&url) {
            return Err(refused("the link to it is not http or https"));
        }
        check_length("the link to it", &url)?;
        // A server behind a proxy that ends TLS writes links with http. Asking
        // there would show in clear text what the source's URL keeps secret.
        let is_upgraded = is_same_host(&self.home.0, &url) && is_downgrade(&self.home.0, &url);
        if is_upgraded {
            // Cannot fail between these two schemes.
            let _ = url.set_scheme("https");
        }
        if self.is_home(&url) {
            return self.with_credentials(link, url.scheme());
        }
        if self.secrets.is_in(link) {
            return Err(refused("the link to it takes a secret to another host"));
        }
        if self.is_allowed(&url) {
            remove_user(&mut url);
            return Ok(url);
        }
        Err(self.other_host("the link to it", &url))
    }

    /// Only for a link to the home host: its host is looked at before any value
    /// is put into it. Values go into the link as it is stored, since a placeholder
    /// in the path of a URL is no longer one.
    fn with_credentials(&self, link: &str, scheme: &str) -> Result<Url> {
        let mut url = Url::parse(&self.secrets.reveal_url(link))
            .map_err(|e| refused("the link to it is not a URL").with_source(e))?;
        // Cannot fail between http and https.
        let _ = url.set_scheme(scheme);
        self.set_user(&mut url);
        self.add_credentials(&mut url);
        Ok(url)
    }

    /// Asks as the user that the source's URL has, if it has one.
    fn set_user(&self, url: &mut Url) {
        let home = &self.home.0;
        // Neither fails for http and https.
        let _ = url.set_username(home.username());
        let _ = url.set_password(home.password());
    }

    fn add_credentials(&self, url: &mut Url) {
        for Credential { name, value } in &self.credentials {
            if !url.query_pairs().any(|(present, _)| present == *name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
    }

    fn is_allowed(&self, url: &Url) -> bool {
        // at another port of home a name is not looked at, for it may lead anywhere
        let is_elsewhere = url.host_str() != self.home.0.host_str();
        let may_be_met = self.may_meet_strangers() && is_elsewhere && may_be_public(url);
        self.is_named(url) || may_be_met
    }

    /// An allowed host is named `host`, any port, or `host:port`.
    fn is_named(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        self.allow_hosts.iter().any(|allowed| {
            allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&with_port)
        })
    }

    fn other_host(&self, what: &str, url: &Url) -> Error {
        let host = url.host_str().unwrap_or_default();
        let host: String = host.chars().take(SHOWN_OF_HOST).collect();
        let port = url.port().map(|port| format!(":{port}"));
        let port = port.unwrap_or_default();
        let why = match self.may_meet_strangers() {
            true => "which is not public: `http.allow_hosts` has to name it, and not only `*`",
            false => "which `http.allow_hosts` does not name",
        };
        refused(&format!("{what} leads to host `{host}{port}`, {why}"))
    }
}

impl Rendering<'_> {
    fn text(&self, template: &Template, place: Place) -> String {
        template.render(&self.values(), place, |name| self.secret(name))
    }

    fn body(&self, body: &Body) -> Sent {
        Sent {
            media_type: body.media_type(),
            bytes: body
                .render(&self.values(), &|name| self.secret(name))
                .into(),
        }
    }

    fn secret(&self, name: &str) -> String {
        self.address.secrets.of(name).to_owned()
    }

    fn values(&self) -> Values<'_> {
        let mut values = Values {
            from: self.dates.as_ref().map(|(from, _)| from),
            to: self.dates.as_ref().map(|(_, to)| to),
            format: &self.address.dates.format,
            item: self.item,
            axes: Some(&self.scope.axes),
            ..Values::default()
        };
        match self.cursor {
            Some(Cursor::Number(number)) => values.page = Some(*number),
            Some(Cursor::Offset(offset)) => values.offset = Some(*offset),
            Some(Cursor::Token(token)) => values.token = Some(token),
            Some(Cursor::Start | Cursor::Link(_) | Cursor::Piece(_) | Cursor::Detail { .. })
            | None => {}
        }
        values
    }
}

/// What a parameter that tells pages apart is set to.
fn count_of(cursor: &Cursor) -> Option<String> {
    match cursor {
        Cursor::Number(count) | Cursor::Offset(count) => Some(count.to_string()),
        Cursor::Token(token) => Some(token.clone()),
        Cursor::Start | Cursor::Link(_) | Cursor::Piece(_) | Cursor::Detail { .. } => None,
    }
}

/// The URL that is home: the source's own, or that of the index which the URLs of
/// its pages are picked out of.
fn home(source: &Source, reveal: &dyn Fn(&Template) -> String) -> Result<Url> {
    let key = format!("key `sources.{}.url`", source.name);
    let home = match Url::parse(&reveal(&source.url)) {
        Ok(home) => home,
        Err(error) => {
            let begins_with = |name: &str| {
                let text = source.url.as_str();
                let rest = text
                    .strip_prefix("{axis.")
                    .and_then(|it| it.strip_prefix(name));
                rest.is_some_and(|rest| rest.starts_with(['|', '}']))
            };
            let axis = source.axis.iter().find(|(name, _)| begins_with(name));
            let url = axis.and_then(|(_, axis)| match axis {
                Axis::Index(index) => Url::parse(&reveal(&index.url)).ok(),
                Axis::Values(values) => Url::parse(values.first()?).ok(),
            });
            url.ok_or_else(|| Error::config(format!("{key}: is not a URL")).with_source(error))?
        }
    };
    if !is_http(&home) {
        return Err(Error::config(format!("{key}: is not http or https")));
    }
    Ok(home)
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn is_downgrade(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() != "https"
}

/// Whether a host has a name of the public internet: no address, and no name of
/// this machine or its network. Where the name leads is not known yet.
fn may_be_public(url: &Url) -> bool {
    let Some(url::Host::Domain(name)) = url.host() else {
        return false;
    };
    let name = name.trim_end_matches('.');
    let local = [".local", ".localhost", ".internal", ".lan", ".home.arpa"];
    name.contains('.')
        && !local
            .iter()
            .any(|end| name.to_ascii_lowercase().ends_with(end))
}

/// The same name and port, the default ports of http and https being the same.
fn is_same_host(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str() && one.port() == other.port()
}

/// Sets one query parameter and leaves the others as they are.
fn set_parameter(url: &mut Url, name: &str, value: &str) {
    let is_present = url.query_pairs().any(|(present, _)| present == name);
    if is_present {
        let others: Vec<(String, String)> = url
            .query_pairs()
            .into_owned()
            .filter(|(present, _)| present != name)
            .collect();
        url.query_pairs_mut().clear().extend_pairs(others);
    }
    url.query_pairs_mut().append_pair(name, value);
}

fn remove_user(url: &mut Url) {
    // Neither fails for http and https.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

fn check_length(what: &str, url: &Url) -> Result<()> {
    if url.as_str().len() <= MOST_URL_BYTES {
        return Ok(());
    }
    Err(refused(&format!(
        "{what} is longer than {MOST_URL_BYTES} bytes"
    )))
}

fn refused(why: &str) -> Error {
    Error::new(Kind::Refused, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(table: &str) -> Address {
        address_by(table, "s3cr&t")
    }

    fn address_by(table: &str, key: &str) -> Address {
        let mut source: Source = toml::from_str(table).unwrap();
        source.name = "zambia".into();
        source.settle().unwrap();
        let declared = [("x".to_owned(), "{env.KEY}")];
        let secrets = Secrets::look_up(declared, |_| Some(key.into())).unwrap();
        Address::new(&source, secrets).unwrap()
    }

    fn link(url: &str) -> Position {
        Position {
            number: 2,
            cursor: Cursor::Link(url.into()),
        }
    }

    const FEED: &str = r#"
        url = "https://feed.example/api?limit=100"
        query = { key = "{env.KEY}", order = "asc" }
        page = { mode = "number", param = "page" }
        http = { allow_hosts = ["files.example", "other.example:8443"] }
    "#;

    #[test]
    fn a_numbered_page_is_a_query_parameter_beside_the_declared_ones() {
        let ask = address(FEED).of(
            &Scope::default(),
            &Position {
                number: 3,
                cursor: Cursor::Number(3),
            },
        );
        assert_eq!(
            ask.unwrap().url.as_str(),
            "https://feed.example/api?limit=100&key=s3cr%26t&order=asc&page=3"
        );
        let replaced = address(
            r#"
            url = "https://feed.example/api?page=1&limit=5"
            page = { mode = "number" }
        "#,
        );
        let position = Position {
            number: 2,
            cursor: Cursor::Number(2),
        };
        assert_eq!(
            replaced
                .of(&Scope::default(), &position)
                .unwrap()
                .url
                .as_str(),
            "https://feed.example/api?limit=5&page=2"
        );
    }

    #[test]
    fn credentials_go_with_links_of_the_home_host_and_filters_do_not() {
        let address = address(FEED);
        for (stored, expected) in [
            (
                "https://feed.example/api?after=9",
                "https://feed.example/api?after=9&key=s3cr%26t",
            ),
            (
                "https://feed.example/api?key={env.KEY}&after=9",
                "https://feed.example/api?key=s3cr%26t&after=9",
            ),
            (
                "http://feed.example/api?after=9",
                "https://feed.example/api?after=9&key=s3cr%26t",
            ),
            ("https://files.example/9", "https://files.example/9"),
            (
                "https://other.example:8443/9",
                "https://other.example:8443/9",
            ),
        ] {
            let ask = address.of(&Scope::default(), &link(stored)).unwrap();
            assert_eq!(ask.url.as_str(), expected);
        }
    }

    #[test]
    fn a_link_elsewhere_is_refused_by_name() {
        let address = address(FEED);
        for (stored, expected) in [
            (
                "https://evil.example/9",
                "the link to it leads to host `evil.example`, which `http.allow_hosts` does not name",
            ),
            (
                "https://feed.example:444/9",
                "the link to it leads to host `feed.example:444`, which `http.allow_hosts` does not name",
            ),
            (
                "https://other.example/9",
                "the link to it leads to host `other.example`, which `http.allow_hosts` does not name",
            ),
            (
                "https://files.example/?k={env.KEY}",
                "the link to it takes a secret to another host",
            ),
            (
                "https://{env.KEY}.evil.example/",
                "the link to it takes a secret to another host",
            ),
            (
                "ftp://feed.example/9",
                "the link to it is not http or https",
            ),
            ("next", "the link to it is not a URL"),
        ] {
            let error = address.of(&Scope::default(), &link(stored)).err().unwrap();
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.kind(), Kind::Refused);
        }
    }

    #[test]
    fn redirects_stay_on_the_host_and_never_give_up_encryption() {
        let address = address(FEED);
        let check = |from: &str, to: &str| {
            address
                .redirected(&Url::parse(from).unwrap(), Url::parse(to).unwrap())
                .is_ok()
        };
        assert!(check("https://feed.example/a", "https://feed.example/b"));
        assert!(check("https://feed.example/a", "https://files.example/b"));
        assert!(check("http://files.example/a", "https://files.example/b"));
        assert!(!check("https://feed.example/a", "https://evil.example/b"));
        assert!(!check("https://feed.example/a", "http://feed.example/b"));
        assert!(!check("https://files.example/a", "http://files.example/b"));
        assert!(!check("https://feed.example/a", "file:///etc/passwd"));
    }

    #[test]
    fn the_source_s_own_name_at_another_port_is_not_any_host() {
        // its name may come to lead to this machine, where other things listen
        let address = address(
            r#"
            url = "https://feed.example/api"
            http = { allow_hosts = ["*"] }
        "#,
        );
        let asked = |url: &str| address.of(&Scope::default(), &link(url)).is_ok();
        assert!(asked("https://feed.example/b") && asked("https://other.example:9200/"));
        assert!(!asked("https://feed.example:9200/") && !asked("http://feed.example:6379/"));
    }

    #[test]
    fn any_host_is_one_that_may_be_public() {
        let address = address(
            r#"
            url = "http://10.1.1.1:8080/api"
            http = { allow_hosts = ["*", "intranet", "[fd00::7]:81"] }
        "#,
        );
        for (host, is_asked, is_stranger) in [
            ("feed.example", true, true),
            ("feed.example:8443", true, true),
            // the source names them
            ("10.1.1.1:8080", true, false),
            ("intranet", true, false),
            ("intranet:99", true, false),
            ("[fd00::7]:81", true, false),
            // addresses, however they are written, are named or not asked
            ("10.1.1.1:8081", false, true),
            ("[fd00::7]", false, true),
            ("8.8.8.8", false, true),
            ("127.0.0.1", false, true),
            ("127.1", false, true),
            ("2130706433", false, true),
            ("0x7f.1", false, true),
            ("0177.0.0.1", false, true),
            ("0", false, true),
            ("169.254.169.254", false, true),
            ("[::]", false, true),
            ("[::1]", false, true),
            ("[::ffff:169.254.169.254]", false, true),
            ("[fd00:ec2::254]", false, true),
            ("[fe80::1]", false, true),
            // and so are names that no other network has
            ("localhost", false, true),
            ("LOCALHOST.", false, true),
            ("feed.localhost", false, true),
            ("metadata.google.internal", false, true),
            ("printer.local", false, true),
            ("router.lan.", false, true),
            ("kubernetes", false, true),
        ] {
            let url = format!("http://{host}/");
            let asked = address.of(&Scope::default(), &link(&url));
            assert_eq!(asked.is_ok(), is_asked, "{host}");
            if let Some(error) = asked.err() {
                let why = "which is not public: `http.allow_hosts` has to name it";
                assert!(error.to_string().contains(why), "{error}");
            }
            let url = Url::parse(&url).unwrap();
            assert_eq!(address.is_stranger(&url), is_stranger, "{host}");
            let home = Url::parse("http://10.1.1.1:8080/").unwrap();
            assert_eq!(address.redirected(&home, url).is_ok(), is_asked, "{host}");
        }
        for scheme in ["file", "data", "ftp", "ws", "gopher", "javascript"] {
            let stored = format!("{scheme}://feed.example/");
            assert!(address.of(&Scope::default(), &link(&stored)).is_err());
        }
    }

    #[test]
    fn who_asks_is_what_the_source_says() {
        let address = address(
            r#"
            url = "http://us:ours@feed.example/api"
            http = { allow_hosts = ["files.example"] }
        "#,
        );
        let home = Url::parse("http://feed.example/").unwrap();
        for (url, asked) in [
            ("http://feed.example/2", "http://us:ours@feed.example/2"),
            (
                "http://them:x@feed.example/2",
                "http://us:ours@feed.example/2",
            ),
            ("http://them:x@files.example/2", "http://files.example/2"),
        ] {
            let by_link = address.of(&Scope::default(), &link(url)).unwrap();
            assert_eq!(by_link.url.as_str(), asked);
            let redirected = address.redirected(&home, Url::parse(url).unwrap());
            assert_eq!(redirected.unwrap().as_str(), asked);
        }
    }

    #[test]
    fn what_is_too_long_to_be_asked_for_is_refused_by_its_length() {
        let long = format!("https://feed.example/?{}", "a".repeat(MOST_URL_BYTES));
        let error = address(FEED).of(&Scope::default(), &link(&long)).err();
        let error = error.unwrap();
        assert_eq!(
            error.to_string(),
            "the link to it is longer than 65534 bytes"
        );
        let host = format!("https://{}.example/", "a".repeat(9_000));
        let error = address(FEED).of(&Scope::default(), &link(&host)).err();
        assert!(error.unwrap().to_string().len() < 400);
    }

    #[test]
    fn a_feed_in_clear_text_may_be_upgraded_and_stays_home() {
        let address = address(r#"url = "http://feed.example/api""#);
        let secure = Url::parse("https://feed.example/api").unwrap();
        assert!(address.is_home(&secure));
        assert!(
            address
                .redirected(&Url::parse("http://feed.example/").unwrap(), secure)
                .is_ok()
        );
    }

    #[test]
    fn what_is_stored_and_shown_has_no_secret() {
        let address = address(FEED);
        let first = Position {
            number: 1,
            cursor: Cursor::Number(1),
        };
        let ask = address.of(&Scope::default(), &first).unwrap();
        assert_eq!(
            address.redact(&ask.url),
            "https://feed.example/api?limit=100&key={env.KEY}&order=asc&page=1"
        );
        assert_eq!(
            address.redact_link("not a url s3cr&t"),
            "not a url {env.KEY}"
        );
        assert!(!format!("{address:?}").contains("s3cr"));
    }

    #[test]
    fn a_link_with_a_scheme_and_no_path_is_refused_and_ends_no_program() {
        let address = address(FEED);
        for (served, shown) in [
            ("x:", "x:"),
            ("x://host", "x://host"),
            ("x://a:b@host", "x://host"),
            ("mailto:", "mailto:"),
            ("data:?s3cr&t", "data:?{env.KEY}"),
        ] {
            let stored = address.redact_link(served);
            assert_eq!(stored, shown);
            let error = address
                .of(&Scope::default(), &link(&stored))
                .err()
                .expect("it is not followed");
            assert_eq!(error.kind(), Kind::Refused, "{served}");
        }
    }

    #[test]
    fn a_secret_within_a_url_changes_nothing_around_it() {
        let table = r#"
            url = "https://feed.example/{env.KEY}/api?key={env.KEY}&limit=9"
            detail = { each = "/*", url = "/{item}?key={env.KEY}&full=1" }
            axis = { kind = { url = "https://feed.example/kinds?key={env.KEY}&all=1", each = "/*" } }
            query = { kind = "{axis.kind}" }
        "#;
        let address = address_by(table, "a&b#c+d%26 e/f");
        let axes = crate::fetch::Axes::from([("kind".into(), "x".into())]);
        let scope = Scope {
            axes: axes.into(),
            ..Scope::default()
        };
        let start = Position {
            number: 1,
            cursor: Cursor::Start,
        };
        let source: Source = toml::from_str(table).unwrap();
        let (detail, Axis::Index(index)) = (source.detail.unwrap(), &source.axis["kind"]) else {
            panic!("the axis has an index");
        };
        let page = address.of(&scope, &start).unwrap().url;
        let item = address.of_item(&detail, &scope, &page, "7").unwrap().url;
        let kinds = address.of_index(index, &start).unwrap().url;
        for (url, stored) in [
            (
                page,
                "https://feed.example/{env.KEY}/api?key={env.KEY}&limit=9&kind=x",
            ),
            (item, "https://feed.example/7?key={env.KEY}&full=1"),
            (kinds, "https://feed.example/kinds?key={env.KEY}&all=1"),
        ] {
            let encoded = stored.replace("{env.KEY}", "a%26b%23c%2Bd%2526%20e%2Ff");
            assert_eq!(url.as_str(), encoded);
            assert_eq!(address.redact(&url), stored);
            // where it is echoed as a part of a URL
            let path = encoded.strip_prefix("https://feed.example/").unwrap();
            let hidden = stored.strip_prefix("https://feed.example/").unwrap();
            assert_eq!(address.redact_link(path), hidden);
            assert_eq!(address.of(&scope, &link(stored)).unwrap().url, url);
        }
    }

    #[test]
    fn a_secret_that_is_echoed_as_it_is_does_not_stay_in_a_link() {
        for key in ["ab+cd/ef==", "s3cr&t", "a=b"] {
            let address = address_by(FEED, key);
            let served = format!("https://feed.example/api?page=2&key={key}&limit=100");
            let stored = address.redact_link(&served);
            let expected = "https://feed.example/api?page=2&key={env.KEY}&limit=100";
            assert_eq!(stored, expected, "{key}");
            // it is asked by as it should have been written
            let asked = address.of(&Scope::default(), &link(&stored)).unwrap().url;
            assert!(asked.query_pairs().any(|(_, value)| value == key));
        }
        // what is a space may be no secret
        let address = address_by(FEED, "+");
        let served = "https://feed.example/api?q=a+b";
        assert_eq!(address.redact_link(served), served);
    }

    #[test]
    fn a_url_that_begins_with_a_secret_begins_as_that_says() {
        let address = address_by(r#"url = "{env.KEY}/api""#, "https://feed.example/v1");
        let first = Position {
            number: 1,
            cursor: Cursor::Start,
        };
        let ask = address.of(&Scope::default(), &first).unwrap();
        assert_eq!(ask.url.as_str(), "https://feed.example/v1/api");
    }

    #[test]
    fn a_source_url_is_http() {
        for url in ["ftp://feed.example/", "feed.example", ""] {
            let source: Source = toml::from_str(&format!("url = {url:?}")).unwrap();
            let error = Address::new(&source, Secrets::default()).unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
        }
    }
}
