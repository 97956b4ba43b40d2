//! Decides which hosts a source may be requested on, by which schemes, and as which user.
//!
//! Nothing here knows secrets. The caller first checks that no secret goes to another host.

use url::Url;

use crate::error::{Error, Kind, Result};
use crate::source::{Axis, Source, Template};
use crate::userinfo::{ENCODING_ADVICE, has_unclear_userinfo, hide_userinfo};

/// The longest URL that is requested, in bytes. An HTTP request line can hold no longer one.
pub(crate) const MAX_URL_BYTES: usize = 65_534;

/// Messages show at most this many characters of a host's name. No valid name has more.
const SHOWN_OF_HOST: usize = 255;

/// This entry of `http.allow_hosts` allows any host of the public internet.
const ANY_HOST: &str = "*";

pub(super) struct Hosts {
    /// The source's URL with its secrets filled in; placeholders that differ from page to page
    /// are empty. If the whole URL comes from an axis, this is the URL of the axis's index or the
    /// axis's first value. Its host is the source's own host.
    pub(super) own_url: Url,
    allowed: Vec<String>,
    /// The origins that the source's own URLs write out. They may be requested like allowed
    /// hosts, but get no secret.
    declared: Vec<Url>,
}

impl Hosts {
    /// Collects the hosts of a source. `reveal` fills in the secrets of a template.
    pub(super) fn new(source: &Source, reveal: &dyn Fn(&Template) -> String) -> Result<Self> {
        Ok(Self {
            own_url: parse_own_url(source, reveal)?,
            allowed: source.http.allow_hosts.clone(),
            declared: source.declared_origins(),
        })
    }

    /// Returns true if the URL is on the source's own host, which may get secrets. Name and port
    /// must be equal, and the URL must be encrypted if the source's URL is.
    pub(super) fn is_home(&self, url: &Url) -> bool {
        is_home(&self.own_url, url)
    }

    /// Permits a URL on an allowed host other than the source's own, and removes the user and the
    /// password from the URL.
    pub(super) fn permit_other_host(&self, what: &str, mut url: Url) -> Result<Url> {
        if !self.is_named(&url) && has_unclear_userinfo(url.as_str()) {
            // a part of a password could be taken for the host and be shown in a message
            let message = format!("{what} has a user or a password that is not percent-encoded");
            return Err(link_error(&message));
        }
        if self.is_allowed(&url) {
            clear_user(&mut url);
            return Ok(url);
        }
        Err(self.other_host_error(what, &url))
    }

    /// Upgrades a link from http to https if the source declares the link's host with https. A
    /// server behind a proxy that ends TLS writes links with http. A request to such a link would
    /// send the source's secrets in clear text.
    pub(super) fn upgrade(&self, url: &mut Url) {
        let is_encrypted = |declared| is_same_host(declared, url) && is_downgrade(declared, url);
        let is_declared_encrypted =
            !self.is_declared(url) && self.declared.iter().any(is_encrypted);
        if is_encrypted(&self.own_url) || is_declared_encrypted {
            // cannot fail between http and https
            let _ = url.set_scheme("https");
        }
    }

    pub(super) fn set_user(&self, url: &mut Url) {
        let own_url = &self.own_url;
        // neither fails for http and https
        let _ = url.set_username(own_url.username());
        let _ = url.set_password(own_url.password());
    }

    /// Returns true if the source does not name the host: it is neither its own host, nor allowed
    /// by name, nor written out in its URLs. If `*` is allowed, such a host may be requested.
    pub(super) fn is_unnamed(&self, url: &Url) -> bool {
        !is_same_host(&self.own_url, url) && !self.is_named(url) && !self.is_declared(url)
    }

    /// Removes the user and the password from a URL that is stored or shown. On hosts that the
    /// source does not name, the end of a password may be unclear. Then everything that may
    /// belong to it is hidden.
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
        // a wildcard does not allow another port of the source's own host, because that name may
        // lead to this machine
        let is_elsewhere = url.host_str() != self.own_url.host_str();
        let is_by_wildcard = self.has_wildcard() && is_elsewhere && can_be_public(url);
        self.is_named(url) || self.is_declared(url) || is_by_wildcard
    }

    /// Returns true if one of the source's own URLs has this host and port. A declared https URL
    /// does not cover a URL in clear text.
    fn is_declared(&self, url: &Url) -> bool {
        let mut declared = self.declared.iter();
        declared.any(|declared| is_same_host(declared, url) && !is_downgrade(declared, url))
    }

    /// Returns true if `http.allow_hosts` has the host as `host`, for any port, or as
    /// `host:port`.
    fn is_named(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        self.allowed.iter().any(|allowed| {
            allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&with_port)
        })
    }

    fn other_host_error(&self, what: &str, url: &Url) -> Error {
        let host = url.host_str().unwrap_or_default();
        let host: String = host.chars().take(SHOWN_OF_HOST).collect();
        let port = url.port().map(|port| format!(":{port}"));
        let port = port.unwrap_or_default();
        let why = match self.has_wildcard() {
            true => "which is not public: `http.allow_hosts` has to name it, and not only `*`",
            false => "which `http.allow_hosts` does not name",
        };
        link_error(&format!("{what} leads to host `{host}{port}`, {why}"))
    }
}

/// Returns the URL whose host is the source's own host. It is the source's URL or, if that URL
/// comes from an axis, the URL of the axis's index or the axis's first value.
fn parse_own_url(source: &Source, reveal: &dyn Fn(&Template) -> String) -> Result<Url> {
    let key = format!("key `sources.{}.url`", source.name);
    let revealed = reveal(&source.url);
    if has_unclear_userinfo(&revealed) {
        return Err(Error::config(format!("{key}: {ENCODING_ADVICE}")));
    }
    let own_url = match Url::parse(&revealed) {
        Ok(own_url) => own_url,
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
    if !is_http(&own_url) {
        return Err(Error::config(format!("{key}: is not http or https")));
    }
    Ok(own_url)
}

/// Returns true if the URL is on the host of the source's own URL, and encrypted if that is.
pub(super) fn is_home(own_url: &Url, url: &Url) -> bool {
    is_same_host(own_url, url) && !is_downgrade(own_url, url)
}

pub(super) fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

pub(super) fn is_downgrade(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() != "https"
}

/// Returns true if both URLs have the same host name and port. The default ports of http and
/// https count as the same port.
fn is_same_host(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str() && one.port() == other.port()
}

/// Returns true if the host is a name that may be public. It is not an address, and not a name of
/// this machine or its network. The name is not resolved here.
fn can_be_public(url: &Url) -> bool {
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

/// Removes the user and the password.
pub(crate) fn clear_user(url: &mut Url) {
    // neither fails for http and https, nor where there is a user to remove
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

pub(super) fn check_length(what: &str, url: &Url) -> Result<()> {
    if url.as_str().len() <= MAX_URL_BYTES {
        return Ok(());
    }
    let message = format!("{what} is longer than {MAX_URL_BYTES} bytes");
    Err(link_error(&message))
}

pub(crate) fn link_error(why: &str) -> Error {
    Error::new(Kind::LinkRefused, why)
}
