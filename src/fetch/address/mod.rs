//! How a page is asked for, and which hosts may be asked.
//!
//! One host is home: the one that the source's URL names or, where the URL is a
//! value of an axis, the one that the axis's index is on. Secrets and configured
//! headers go there and nowhere else. Other hosts are asked only if a URL of the source,
//! of one of its axes or of its details writes them out, or if `http.allow_hosts` names
//! them. Those that only its `*` allows have to be of the public internet. A user and a password that a link or a redirect has are
//! left out: who asks is what the source says. Nothing here connects.

use bytes::Bytes;
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::Value;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::fetch::scope::Scope;
use crate::http::auth::credentials;
use crate::http::host::{Hosts, check_length, is_downgrade, is_http};
use crate::http::secret::{Secrets, decode};
use crate::page::{Cursor, Position};
use crate::redact::{Redactor, TOKEN};
use crate::source::{Body, Detail, Index, Method, Place, Source, Template, Values};
use crate::userinfo::{ENCODE, has_unclear_userinfo};

/// What is stored and shown of a URL that shows a secret in the name of its host. No host
/// has this name (RFC 6761), so that a link which became it is refused.
const HOST_WITH_SECRET: &str = "https://host-with-a-secret.invalid/";

/// Turns positions in a feed into requests.
#[derive(Debug)]
pub(crate) struct Address {
    hosts: Hosts,
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
    secrets: Secrets,
}

/// What is asked of a publisher, secrets and all.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Sent>,
    /// Whether its query may be a secret that nobody declared.
    pub(crate) is_signed: bool,
}

/// The body of a request.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

#[derive(Debug)]
struct Dates {
    format: String,
    zone: TimeZone,
}

struct Credential {
    name: String,
    value: String,
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
    pub(crate) fn new(source: &Source, secrets: Secrets) -> Result<Self> {
        let nothing = Values::default();
        let reveal = |template: &Template, place| {
            template.render(&nothing, place, |name| secrets.of(name).to_owned())
        };
        let hosts = Hosts::new(source, &|template| reveal(template, Place::Url))?;
        let home = hosts.home();
        if home.password().is_some() || !home.username().is_empty() {
            // which becomes a header, and a page may show the headers of its request
            let password = decode(home.password().unwrap_or_default());
            let sent = credentials(&decode(home.username()), &password);
            secrets.redactor().add_token(sent);
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
            hosts,
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
            secrets,
        })
    }

    /// How a page is asked for.
    ///
    /// # Errors
    /// [`Kind::Refused`]: the page before names a next one that may not be
    /// asked for, because of its scheme, its host or its length.
    pub(crate) fn of(&self, scope: &Scope, position: &Position) -> Result<Ask> {
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

    /// Whether a page is asked for by a link that had a token in it when it was stored, and
    /// none is known yet.
    pub(crate) fn lacks_token(&self, position: &Position) -> bool {
        let Cursor::Link(link) = &position.cursor else {
            return false;
        };
        link.contains(TOKEN) && self.redactor().newest_token().is_none()
    }

    /// How a file is asked for that somebody has named.
    pub(crate) fn of_file(&self, url: &Url) -> Ask {
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
    pub(crate) fn of_item(
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
    pub(crate) fn of_index(&self, index: &Index, position: &Position) -> Result<Ask> {
        let scope = Scope::default();
        let rendering = self.rendering(&scope, Some(&position.cursor), None);
        let url = match &position.cursor {
            Cursor::Link(link) => self.linked(link)?,
            cursor => {
                let text = rendering.text(&index.url, Place::Url);
                if has_unclear_userinfo(&text) {
                    return Err(Error::config(format!("the URL of an axis: {ENCODE}")));
                }
                let url = Url::parse(&text);
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
        let home = self.hosts.home();
        let joined = home.join(&rendering.text(&self.url, Place::Url));
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
            self.hosts.set_user(&mut url);
            return Ok(url);
        }
        if templates.any(|template| self.secrets.is_in(template.as_str())) {
            return Err(refused(&format!("{what} takes a secret to another host")));
        }
        self.elsewhere(what, url)
    }

    /// A URL on another host, if that may be asked. A name that shows a secret is not
    /// even looked up, for everybody on the way to a name server could read it.
    fn elsewhere(&self, what: &str, url: Url) -> Result<Url> {
        if self.shows_secret_in_host(&url) {
            return Err(refused(&format!(
                "{what} shows a secret in the name of its host"
            )));
        }
        self.hosts.elsewhere(what, url)
    }

    /// Says that a host shows a secret which the source does not name itself.
    fn shows_secret_in_host(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.is_stranger(url) && self.secrets.redactor().is_in_host(host)
    }

    /// Whether the source's URL is http.
    pub(crate) fn is_clear_text(&self) -> bool {
        self.hosts.home().scheme() == "http"
    }

    /// Whether a URL is on the host that may be sent secrets.
    pub(crate) fn is_home(&self, url: &Url) -> bool {
        self.hosts.is_home(url)
    }

    /// Whether a host is asked only because any host of the public internet is.
    pub(crate) fn is_stranger(&self, url: &Url) -> bool {
        self.hosts.is_stranger(url)
    }

    /// Whether there may be such hosts.
    pub(crate) fn may_meet_strangers(&self) -> bool {
        self.hosts.may_meet_strangers()
    }

    /// Where a server may send a request on to, from one URL to another.
    ///
    /// # Errors
    /// [`Kind::Misled`]: the other URL may not be asked for.
    pub(crate) fn redirected(&self, from: &Url, to: Url) -> Result<Url> {
        let misled = |refused: Error| Error::new(Kind::Misled, refused.to_string());
        self.permitted_redirect(from, to).map_err(misled)
    }

    fn permitted_redirect(&self, from: &Url, mut to: Url) -> Result<Url> {
        if !is_http(&to) {
            return Err(refused("a redirect leads to what is not http or https"));
        }
        if is_downgrade(from, &to) {
            return Err(refused("a redirect leads from https to http"));
        }
        check_length("a redirect", &to)?;
        if self.is_home(&to) {
            self.hosts.set_user(&mut to);
            return Ok(to);
        }
        if self.secrets.is_in(&self.secrets.redact(&to)) {
            return Err(refused("a redirect takes a secret to another host"));
        }
        self.elsewhere("a redirect", to)
    }

    /// Whether a text holds one of the secrets.
    pub(crate) fn holds_secret(&self, text: &str) -> bool {
        self.secrets.are_in(text)
    }

    /// A URL for storing and showing, with placeholders in place of secrets.
    pub(crate) fn redact(&self, url: &Url) -> String {
        if self.shows_secret_in_host(url) {
            return HOST_WITH_SECRET.into();
        }
        match self.hosts.without_user(url) {
            Some(url) => self.secrets.redact(&url),
            None => String::new(),
        }
    }

    /// A link as it is stored; one that is no URL of http or https, and so is not
    /// followed, is kept as it was served.
    pub(crate) fn redact_link(&self, link: &str) -> String {
        match Url::parse(link) {
            Ok(url) if is_http(&url) => self.redact(&url),
            _ => self.secrets.redact_text(link),
        }
    }

    /// What finds the source's secrets.
    pub(crate) fn redactor(&self) -> &Redactor {
        self.secrets.redactor()
    }

    /// What a page says around its items, as it is stored.
    pub(crate) fn redact_value(&self, value: &mut Value) {
        self.secrets.redact_value(value);
    }

    fn linked(&self, link: &str) -> Result<Url> {
        let mut url =
            Url::parse(link).map_err(|e| refused("the link to it is not a URL").with_source(e))?;
        if !is_http(&url) {
            return Err(refused("the link to it is not http or https"));
        }
        check_length("the link to it", &url)?;
        self.hosts.upgrade(&mut url);
        if self.is_home(&url) {
            return self.with_credentials(link, url.scheme());
        }
        if self.secrets.is_in(link) {
            return Err(refused("the link to it takes a secret to another host"));
        }
        self.elsewhere("the link to it", url)
    }

    /// Only for a link to the home host: its host is looked at before any value
    /// is put into it. Values go into the link as it is stored, since a placeholder
    /// in the path of a URL is no longer one.
    fn with_credentials(&self, link: &str, scheme: &str) -> Result<Url> {
        if let Some(placeholder) = self.secrets.find_token_servers(link) {
            return Err(refused(&format!(
                "the link to it asks for `{placeholder}`, which only the server of tokens is sent"
            )));
        }
        let mut url = Url::parse(&self.secrets.reveal_link(link))
            .map_err(|e| refused("the link to it is not a URL").with_source(e))?;
        // Cannot fail between http and https.
        let _ = url.set_scheme(scheme);
        self.hosts.set_user(&mut url);
        self.add_credentials(&mut url);
        Ok(url)
    }

    fn add_credentials(&self, url: &mut Url) {
        for Credential { name, value } in &self.credentials {
            if !url.query_pairs().any(|(present, _)| present == *name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
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

pub(crate) fn refused(why: &str) -> Error {
    Error::new(Kind::Refused, why)
}

#[cfg(test)]
mod tests;
