//! Checks the proxies that the environment names, and tells which one a request goes to.

use std::borrow::Cow;
use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::error::{Error, Result};
use crate::userinfo::{ENCODING_ADVICE, has_unclear_userinfo};

const VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// The port of a SOCKS proxy whose URL has none.
const SOCKS_PORT: u16 = 1080;

/// A proxy that the environment names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    /// The name of the variable.
    pub(super) variable: &'static str,
    host: String,
    pub(super) is_socks: bool,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} of `{}`", self.host, self.variable)
    }
}

/// Returns the proxy that reqwest chooses for a URL.
pub(super) fn find(url: &Url) -> Option<Proxy> {
    Matcher::from_system().intercept(&url.as_str().parse().ok()?)?;
    name(url, |name| std::env::var(name).ok())
}

/// Returns the proxy that the environment names for a URL. A variable in upper case counts before
/// the same one in lower case, even if it is empty.
fn name(url: &Url, environment: impl Fn(&str) -> Option<String>) -> Option<Proxy> {
    let first = |names: [&'static str; 2]| {
        names
            .into_iter()
            .find_map(|name| Some((name, environment(name)?)))
            .filter(|(_, value)| !value.is_empty())
    };
    let own = match url.scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let (variable, value) = first(own).or_else(|| first(["ALL_PROXY", "all_proxy"]))?;
    let proxy = parse(&value)?;
    let port = proxy.port_or_known_default().unwrap_or(SOCKS_PORT);
    Some(Proxy {
        variable,
        host: format!("{}:{port}", proxy.host_str()?),
        is_socks: proxy.scheme().starts_with("socks"),
    })
}

fn parse(value: &str) -> Option<Url> {
    let url = Url::parse(&add_scheme(value));
    url.ok().filter(Url::has_host)
}

/// Returns the URL of a proxy, in which the scheme may be missing.
fn add_scheme(value: &str) -> Cow<'_, str> {
    match value.contains("://") {
        true => value.into(),
        false => format!("http://{value}").into(),
    }
}

/// Refuses a proxy that reqwest would silently ignore: one of another scheme, one that is not a
/// URL, and one whose user or password is not percent-encoded. Requests would then leave without
/// the proxy, or a part of the password would be looked up as a host.
pub(super) fn check(environment: impl Fn(&str) -> Option<String>) -> Result<()> {
    for name in VARIABLES {
        let value = environment(name).unwrap_or_default();
        if value.is_empty() {
            continue;
        }
        let refuse = |why: &str| {
            let what = format!("the proxy that the environment's {name} names");
            Err(Error::config(format!("{what}: {why}")))
        };
        let url = add_scheme(&value);
        if url.matches('@').count() > 1 || has_unclear_userinfo(&url) {
            return refuse(ENCODING_ADVICE);
        }
        let Some(proxy) = parse(&value) else {
            return refuse("it is not a URL such as `http://proxy.example:3128`");
        };
        if !SCHEMES.contains(&proxy.scheme()) {
            // the scheme is not shown, because it may be a part of a password
            return refuse("its scheme is none of http, https, socks5 and socks5h");
        }
        if !is_understood(&value) {
            return refuse(
                "it is not understood; write it as `http://proxy.example:3128`, in ASCII, with \
                 the scheme in lower case, and with nothing behind the port",
            );
        }
    }
    Ok(())
}

/// Returns true if reqwest understands the proxy. It reads URLs by stricter rules than browsers.
fn is_understood(value: &str) -> bool {
    let url = "http://a.example/".parse();
    let matcher = Matcher::builder().all(value).build();
    url.is_ok_and(|url| matcher.intercept(&url).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_would_be_ignored_is_refused_by_the_name_of_its_variable() {
        for (proxy, expected) in [
            ("http://me:hun%40ter@proxy.example:3128", true),
            ("me:hunter@proxy:3128", true),
            ("me:hunter@proxy:3128/", false),
            ("proxy:3128/", false),
            ("http://proxy:3128/", true),
            ("SOCKS5://proxy:1080", false),
            ("proxy.example", true),
            ("socks5://proxy:1080", true),
            ("socks5h://me:hunter@proxy", true),
            ("", true),
            ("http://me:hun@ter@proxy:3128", false),
            ("http://me:hun/ter@proxy:3128", false),
            ("http://me:hun@ter/hun@proxy:3128", false),
            ("me:hun#ter@proxy:3128", false),
            ("ftp://me:hunter@proxy:21", false),
            ("socks://proxy:1080", false),
            ("http://", false),
            ("proxy.example:port", false),
        ] {
            for variable in VARIABLES {
                let checked = check(|name| (name == variable).then(|| proxy.to_owned()));
                assert_eq!(checked.is_ok(), expected, "{proxy}");
                let Err(error) = checked else { continue };
                assert!(error.to_string().contains(variable), "{error}");
                assert!(!format!("{error:?}").contains("ter@"), "{error:?}");
            }
        }
    }

    #[test]
    fn messages_name_the_proxy_that_a_request_goes_to() {
        let check = |url: &str, environment: &[(&str, &str)], expected: Option<&str>| {
            let found = name(&url.parse().unwrap(), |name| {
                let (_, value) = environment.iter().find(|(known, _)| *known == name)?;
                Some((*value).to_owned())
            });
            let shown = found.as_ref().map(ToString::to_string);
            assert_eq!(shown.as_deref(), expected, "{url} {environment:?}");
        };
        let (http, https) = ("http://a.example/", "https://a.example/");
        check(http, &[], None);
        check(http, &[("HTTPS_PROXY", "p")], None);
        check(
            http,
            &[("HTTP_PROXY", "http://me:hunter@p:3128/x")],
            Some("the proxy p:3128 of `HTTP_PROXY`"),
        );
        check(
            https,
            &[("https_proxy", "p"), ("ALL_PROXY", "q")],
            Some("the proxy p:80 of `https_proxy`"),
        );
        check(
            https,
            &[("all_proxy", "socks5h://q")],
            Some("the proxy q:1080 of `all_proxy`"),
        );
        // an empty variable in upper case hides the one in lower case
        check(http, &[("HTTP_PROXY", ""), ("http_proxy", "p")], None);
    }
}
