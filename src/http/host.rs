//! Which hosts a source may be requested on, by which schemes, and as which user.
//!
//! Nothing here knows secrets: the caller checks first that none goes to another host.

use url::Url;

use crate::error::{Error, Kind, Result};
use crate::source::{Axis, Source, Template};
use crate::userinfo::{ENCODING_ADVICE, has_unclear_userinfo, hide_userinfo};

/// The longest URL that is requested: the most that an HTTP request line can hold.
pub(crate) const MOST_URL_BYTES: usize = 65_534;

/// How many characters of a host's name are shown; no valid name has more.
const SHOWN_OF_HOST: usize = 255;

/// Stands for any host of the public internet in `http.allow_hosts`.
const ANY_HOST: &str = "*";

pub(super) struct Hosts {
    /// The source's URL with its query, revealed, as far as it is the same for all its pages.
    home: Url,
    allowed: Vec<String>,
    /// The origins that the source's own URLs write out. They are requested as allowed hosts
    /// are, and get no secret: only home does.
    declared: Vec<Url>,
}

impl Hosts {
    /// The hosts of a source; `reveal` fills in the secrets of a template.
    pub(super) fn new(source: &Source, reveal: &dyn Fn(&Template) -> String) -> Result<Self> {
        Ok(Self {
            home: home(source, reveal)?,
            allowed: source.http.allow_hosts.clone(),
            declared: source.declared_origins(),
        })
    }

    pub(super) fn home(&self) -> &Url {
        &self.home
    }

    /// The URL is on the host that may get secrets: the source's own, by name and port, and
    /// encrypted if the source's URL is.
    pub(super) fn is_home(&self, url: &Url) -> bool {
        let home = self.home();
        is_same_host(home, url) && !is_downgrade(home, url)
    }

    /// Permits a URL on another host than home, without its user.
    pub(super) fn permit_other_host(&self, what: &str, mut url: Url) -> Result<Url> {
        if !self.is_named(&url) && has_unclear_userinfo(url.as_str()) {
            // what looks like the host may be part of a password, and would be shown
            return Err(refused(&format!(
                "{what} has a user or a password that is not percent-encoded"
            )));
        }
        if self.is_allowed(&url) {
            clear_user(&mut url);
            return Ok(url);
        }
        Err(self.other_host(what, &url))
    }

    /// Upgrades a link to https if the source declares its host with https, home above all. A
    /// server behind a proxy that ends TLS writes links with http, and a request there would
    /// send in clear text what the source's URL keeps secret.
    pub(super) fn upgrade(&self, url: &mut Url) {
        let is_encrypted = |declared| is_same_host(declared, url) && is_downgrade(declared, url);
        let is_declared_encrypted =
            !self.is_declared(url) && self.declared.iter().any(is_encrypted);
        if is_encrypted(self.home()) || is_declared_encrypted {
            // Cannot fail between these two schemes.
            let _ = url.set_scheme("https");
        }
    }

    pub(super) fn set_user(&self, url: &mut Url) {
        let home = self.home();
        // Neither fails for http and https.
        let _ = url.set_username(home.username());
        let _ = url.set_password(home.password());
    }

    /// The host is requested only because `*` allows any host of the public internet.
    pub(super) fn is_allowed_by_wildcard(&self, url: &Url) -> bool {
        !is_same_host(self.home(), url) && !self.is_named(url) && !self.is_declared(url)
    }

    /// Removes the user and password of a URL, for storing and showing. Where they end is
    /// certain only on hosts that the source names.
    pub(super) fn remove_user(&self, url: &Url) -> Option<Url> {
        let is_certain = self.is_home(url) || self.is_named(url);
        if !is_certain && has_unclear_userinfo(url.as_str()) {
            return Url::parse(&hide_userinfo(url.as_str())).ok();
        }
        let mut url = url.clone();
        clear_user(&mut url);
        Some(url)
    }

    pub(super) fn has_wildcard(&self) -> bool {
        self.allowed.iter().any(|allowed| allowed == ANY_HOST)
    }

    fn is_allowed(&self, url: &Url) -> bool {
        // a wildcard does not cover another port of home, because home's name may lead to this
        // machine
        let is_elsewhere = url.host_str() != self.home().host_str();
        let is_by_wildcard = self.has_wildcard() && is_elsewhere && may_be_public(url);
        self.is_named(url) || self.is_declared(url) || is_by_wildcard
    }

    /// One of the source's own URLs has this host and port, and is not encrypted where this URL
    /// is in clear text.
    fn is_declared(&self, url: &Url) -> bool {
        let mut declared = self.declared.iter();
        declared.any(|declared| is_same_host(declared, url) && !is_downgrade(declared, url))
    }

    /// An allowed host is named `host`, for any port, or `host:port`.
    fn is_named(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        self.allowed.iter().any(|allowed| {
            allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&with_port)
        })
    }

    fn other_host(&self, what: &str, url: &Url) -> Error {
        let host = url.host_str().unwrap_or_default();
        let host: String = host.chars().take(SHOWN_OF_HOST).collect();
        let port = url.port().map(|port| format!(":{port}"));
        let port = port.unwrap_or_default();
        let why = match self.has_wildcard() {
            true => "which is not public: `http.allow_hosts` has to name it, and not only `*`",
            false => "which `http.allow_hosts` does not name",
        };
        refused(&format!("{what} leads to host `{host}{port}`, {why}"))
    }
}

/// The URL that is home: the source's own, or that of the index out of which the URLs of its
/// pages are picked.
fn home(source: &Source, reveal: &dyn Fn(&Template) -> String) -> Result<Url> {
    let key = format!("key `sources.{}.url`", source.name);
    let revealed = reveal(&source.url);
    if has_unclear_userinfo(&revealed) {
        return Err(Error::config(format!("{key}: {ENCODING_ADVICE}")));
    }
    let home = match Url::parse(&revealed) {
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

pub(super) fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

pub(super) fn is_downgrade(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() != "https"
}

/// Both have the same name and port; the default ports of http and https count as the same.
fn is_same_host(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str() && one.port() == other.port()
}

/// The host has a name that may be public: no address, and no name of this machine or its
/// network. Where the name leads is not known yet.
fn may_be_public(url: &Url) -> bool {
    let Some(url::Host::Domain(name)) = url.host() else {
        return false;
    };
    let name = name.trim_end_matches('.');
    let local = [
        ".local",
        ".localhost",
        ".internal",
        ".lan",
        ".home.arpa",
        ".invalid",
    ];
    name.contains('.')
        && !local
            .iter()
            .any(|end| name.to_ascii_lowercase().ends_with(end))
}

fn clear_user(url: &mut Url) {
    // Neither fails for http and https.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

pub(super) fn check_length(what: &str, url: &Url) -> Result<()> {
    if url.as_str().len() <= MOST_URL_BYTES {
        return Ok(());
    }
    Err(refused(&format!(
        "{what} is longer than {MOST_URL_BYTES} bytes"
    )))
}

pub(crate) fn refused(why: &str) -> Error {
    Error::new(Kind::LinkRefused, why)
}
