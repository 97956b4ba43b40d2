//! Where a page is asked for, and which hosts may be asked.
//!
//! One host is home: the one that the source's URL names. Secrets and configured
//! headers go there and nowhere else; other hosts are asked only if
//! `http.allow_hosts` names them. Nothing here connects.

use serde_json::Value;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::fetch::secret::Secrets;
use crate::page::{Cursor, Position};
use crate::source::{Pagination, Source};

/// Turns positions in a feed into URLs.
#[derive(Debug)]
pub(super) struct Address {
    home: Home,
    /// The query parameters that hold a secret, revealed: like headers, they go
    /// with each request to the home host, also where a link leaves them out.
    credentials: Vec<Credential>,
    /// The query parameter that tells numbered pages apart.
    param: Option<String>,
    allow_hosts: Vec<String>,
    secrets: Secrets,
}

/// The source's URL with its query, revealed.
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

impl Address {
    /// The addresses of a source.
    ///
    /// # Errors
    /// The source's URL is not an http or https URL.
    pub(super) fn new(source: &Source, secrets: Secrets) -> Result<Self> {
        let key = format!("key `sources.{}.url`", source.name);
        let mut home = Url::parse(&secrets.reveal(&source.url))
            .map_err(|e| Error::config(format!("{key}: is not a URL")).with_source(e))?;
        if !is_http(&home) {
            return Err(Error::config(format!("{key}: is not http or https")));
        }
        home.set_fragment(None);
        let mut credentials = Vec::new();
        for (name, declared) in &source.query {
            let value = secrets.reveal(declared);
            set_parameter(&mut home, name, &value);
            if secrets.is_in(declared) {
                let name = name.clone();
                credentials.push(Credential { name, value });
            }
        }
        Ok(Self {
            home: Home(home),
            credentials,
            param: match &source.page {
                Pagination::Number { param, .. } | Pagination::Offset { param, .. } => {
                    Some(param.clone())
                }
                Pagination::Single | Pagination::Link { .. } => None,
            },
            allow_hosts: source.http.allow_hosts.clone(),
            secrets,
        })
    }

    /// The URL of a page, secrets and all.
    ///
    /// # Errors
    /// [`Kind::Truncated`]: the page before names a next one that may not be
    /// asked for, because of its scheme or its host.
    pub(super) fn of(&self, position: &Position) -> Result<Url> {
        let (Cursor::Number(count) | Cursor::Offset(count)) = &position.cursor else {
            return match &position.cursor {
                Cursor::Link(link) => self.linked(link),
                _ => Ok(self.home.0.clone()),
            };
        };
        let mut url = self.home.0.clone();
        if let Some(param) = &self.param {
            set_parameter(&mut url, param, &count.to_string());
        }
        Ok(url)
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

    /// Whether a server may send a request on from one URL to another.
    ///
    /// # Errors
    /// [`Kind::Truncated`]: the other URL may not be asked for.
    pub(super) fn check_redirect(&self, from: &Url, to: &Url) -> Result<()> {
        if !is_http(to) || is_downgrade(from, to) {
            return Err(refused("a redirect leads from https to another scheme"));
        }
        if self.is_home(to) || self.is_allowed(to) {
            return Ok(());
        }
        Err(other_host("a redirect", to))
    }

    /// A URL for storing and showing, with placeholders in place of secrets.
    pub(super) fn redact(&self, url: &Url) -> String {
        self.secrets.redact(url)
    }

    /// A link as it is stored; one that is no URL is kept as it was served.
    pub(super) fn redact_link(&self, link: &str) -> String {
        match Url::parse(link) {
            Ok(url) => self.secrets.redact(&url),
            Err(_) => self.secrets.redact_text(link),
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
        // A server behind a proxy that ends TLS writes links with http. Asking
        // there would show in clear text what the source's URL keeps secret.
        let is_upgraded = is_same_host(&self.home.0, &url) && is_downgrade(&self.home.0, &url);
        if is_upgraded {
            // Cannot fail between these two schemes.
            let _ = url.set_scheme("https");
        }
        if self.is_home(&url) {
            return self.with_credentials(url);
        }
        if self.secrets.is_in(link) {
            return Err(refused("the link to it takes a secret to another host"));
        }
        if self.is_allowed(&url) {
            return Ok(url);
        }
        Err(other_host("the link to it", &url))
    }

    /// Only for a URL on the home host: its host is looked at before any value
    /// is put into it.
    fn with_credentials(&self, url: Url) -> Result<Url> {
        let mut url = Url::parse(&self.secrets.reveal_url(url.as_str()))
            .map_err(|e| refused("the link to it is not a URL").with_source(e))?;
        let home = &self.home.0;
        if url.username().is_empty() {
            // Neither fails for http and https.
            let _ = url.set_username(home.username());
            let _ = url.set_password(home.password());
        }
        for Credential { name, value } in &self.credentials {
            if !url.query_pairs().any(|(present, _)| present == *name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(url)
    }

    /// An allowed host is written `host`, any port, or `host:port`.
    fn is_allowed(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        self.allow_hosts.iter().any(|allowed| {
            allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&with_port)
        })
    }
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn is_downgrade(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() != "https"
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

fn refused(why: &str) -> Error {
    Error::new(Kind::Truncated, why)
}

fn other_host(what: &str, url: &Url) -> Error {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Error::new(
        Kind::Truncated,
        format!("{what} leads to host `{host}{port}`, which `http.allow_hosts` does not name"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(table: &str) -> Address {
        let mut source: Source = toml::from_str(table).unwrap();
        source.name = "zambia".into();
        let declared = [("x".to_owned(), "{env.KEY}")];
        let secrets = Secrets::look_up(declared, |_| Some("s3cr&t".into())).unwrap();
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
        let url = address(FEED).of(&Position {
            number: 3,
            cursor: Cursor::Number(3),
        });
        assert_eq!(
            url.unwrap().as_str(),
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
            replaced.of(&position).unwrap().as_str(),
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
            assert_eq!(address.of(&link(stored)).unwrap().as_str(), expected);
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
            let error = address.of(&link(stored)).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.kind(), Kind::Truncated);
        }
    }

    #[test]
    fn redirects_stay_on_the_host_and_never_give_up_encryption() {
        let address = address(FEED);
        let check = |from: &str, to: &str| {
            address
                .check_redirect(&Url::parse(from).unwrap(), &Url::parse(to).unwrap())
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
    fn a_feed_in_clear_text_may_be_upgraded_and_stays_home() {
        let address = address(r#"url = "http://feed.example/api""#);
        let secure = Url::parse("https://feed.example/api").unwrap();
        assert!(address.is_home(&secure));
        assert!(
            address
                .check_redirect(&Url::parse("http://feed.example/").unwrap(), &secure)
                .is_ok()
        );
    }

    #[test]
    fn what_is_stored_and_shown_has_no_secret() {
        let address = address(FEED);
        let url = address
            .of(&Position {
                number: 1,
                cursor: Cursor::Number(1),
            })
            .unwrap();
        assert_eq!(
            address.redact(&url),
            "https://feed.example/api?limit=100&key={env.KEY}&order=asc&page=1"
        );
        assert_eq!(
            address.redact_link("not a url s3cr&t"),
            "not a url {env.KEY}"
        );
        assert!(!format!("{address:?}").contains("s3cr"));
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
