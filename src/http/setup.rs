//! Prepares the client of a source: its connections, limits, paces and headers.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

use crate::config;
use crate::error::{Error, Result};
use crate::http::body;
use crate::http::cookies::HomeCookies;
use crate::http::header::secret_header;
use crate::http::pace::Pace;
use crate::http::proxy;
use crate::http::public_host::Resolver;
use crate::http::secret::{Audience, Declaration, Secrets};
use crate::http::target::TargetPolicy;
use crate::source::{self, Detail, HttpVersion, Source, UserAgent};

/// The number of bytes that a server may send over HTTP/2 before we have read them: of one
/// response, and of all responses of a connection. hyper's own 2 MiB bring at most 10 MB/s from a
/// server that is 200 ms away. The memory of a pod is computed with the second value, in
/// `config/kubernetes/ocds-ingest.toml`.
const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// The largest head of a response over HTTP/2, in bytes. hyper's own 16 KiB are too few for some
/// servers, and over HTTP/1.1 a head may be larger too.
const MAX_HEADER_LIST: u32 = 256 << 10;

/// The most headers of a response. reqwest's default of 100 is less than what browsers and curl
/// accept. Memory for all of them is reserved while a response is parsed, some 70 bytes each.
const MAX_HEADERS: usize = 1_000;

/// Returns the configured limits, in which the source's own values replace the defaults.
pub(super) fn source_limits(limits: &config::Fetch, source: &Source) -> config::Fetch {
    let http = &source.http;
    config::Fetch {
        timeout_source: http.timeout.map(|_| source.name.clone()),
        attempts: http.retry_max.map_or(limits.attempts, NonZeroU32::get),
        page_timeout: http.timeout.unwrap_or(limits.page_timeout),
        read_timeout: http.timeout.unwrap_or(limits.read_timeout),
        ..limits.clone()
    }
}

/// Makes the connections of a source. `resolver` looks up names; without it, the system does.
pub(super) fn build_client(
    source: &Source,
    limits: &config::Fetch,
    policy: &TargetPolicy,
    cookies: Option<Arc<HomeCookies>>,
    resolver: Option<Resolver>,
) -> Result<reqwest::Client> {
    let user_agent = source
        .http
        .user_agent
        .as_ref()
        .map_or(&*limits.user_agent, UserAgent::as_str);
    let user_agent = HeaderValue::from_str(user_agent).map_err(|e| {
        Error::config(format!("the user agent of {} is not a header", source.name)).with_source(e)
    })?;
    // reqwest needs one cryptography provider for the whole process; this fails if the program
    // has already set a provider, which is then used
    let _ = rustls::crypto::ring::default_provider().install_default();
    proxy::check(|name| std::env::var(name).ok())?;
    let builder = || {
        let accept_encoding = HeaderValue::from_static(body::ACCEPT_ENCODING);
        let builder = match &resolver {
            Some(resolver) => reqwest::Client::builder().dns_resolver(resolver.clone()),
            None => reqwest::Client::builder(),
        };
        let builder = match &cookies {
            Some(cookies) => builder.cookie_provider(Arc::clone(cookies)),
            None => builder,
        };
        let builder = match source.http.version {
            Some(HttpVersion::Http1) => builder.http1_only(),
            None => builder,
        };
        builder
            .user_agent(user_agent.clone())
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, accept_encoding)]))
            // there is no read timeout here, because it would count the time in which bytes that
            // have arrived are not read yet
            .connect_timeout(limits.connect_timeout)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(MAX_HEADER_LIST)
            // this crate follows redirects and retries by itself, because it checks hosts and
            // counts requests
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // Browsers and curl accept all three. Lines that are no header stay an error, because
            // reqwest would skip one silently, and the skipped line may hold the body's length.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_max_headers(MAX_HEADERS)
    };
    let error = match builder().build() {
        Ok(client) => return Ok(client),
        Err(error) => error,
    };
    // A small machine may have no root certificates. Then no server can be verified, but a feed
    // in clear text, such as the demonstration's, needs no certificate.
    if policy.own_url().scheme() == "http"
        && let Ok(client) = builder().tls_certs_only([]).build()
    {
        return Ok(client);
    }
    Err(Error::environment(
        "set up TLS; this machine may lack the certificates of authorities (package \
         ca-certificates), or `SSL_CERT_FILE` or `SSL_CERT_DIR` names files without any",
    )
    .with_source(error.without_url()))
}

pub(super) fn build_detail_pace(source: &Source, detail: &Detail) -> Option<Pace> {
    let rate = detail.rate?;
    let concurrency = detail
        .concurrency
        .map_or(source.http.concurrency, NonZeroUsize::get);
    Some(Pace::new(Some(rate), concurrency))
}

/// Lists the texts of a source that may contain `{env.NAME}`, and the servers that may get their
/// values.
pub(super) fn list_secret_texts(source: &Source) -> impl Iterator<Item = Declaration<'_>> {
    let name = &source.name;
    let to_home = move |key: String, text| Declaration {
        key: format!("sources.{name}.{key}"),
        text,
        audience: Audience::Home,
        is_secret: true,
    };
    let templates = source.templates().into_iter();
    let templates = templates.map(move |(key, template)| to_home(key, template.as_str()));
    let headers = source.http.headers.iter();
    let headers = headers.map(move |(key, text)| to_home(format!("http.headers.{key}"), text));
    let audience = match source.auth {
        Some(source::Auth::Token(_) | source::Auth::OAuth2(_)) => Audience::TokenServer,
        Some(source::Auth::Basic { .. }) | None => Audience::Home,
    };
    let auth = source.auth.iter().flat_map(source::Auth::texts);
    let auth = auth.map(move |(key, text)| Declaration {
        audience,
        is_secret: !matches!(&*key, "user" | "client_id"),
        ..to_home(format!("auth.{key}"), text)
    });
    templates.chain(headers).chain(auth)
}

/// Makes the configured headers with their values, which `Debug` does not show.
pub(super) fn build_headers(source: &Source, secrets: &Secrets) -> Result<HeaderMap> {
    let headers = source.http.headers.iter().map(|(name, text)| {
        let key = format!("sources.{}.http.headers.{name}", source.name);
        let wrong = || Error::config(format!("key `{key}`: is not an HTTP header"));
        secret_header(name, &secrets.reveal(text)).ok_or_else(wrong)
    });
    headers.collect()
}
