//! The `Authorization` header of requests to the source's own host, and the token in it.
//!
//! Nothing here connects: the client requests the token and passes the response back. A source
//! has one token at a time. While one request for a token is under way, all other requests wait
//! for its response. A token is renewed before it expires, and once for each attempt that is
//! answered 401.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::error::{Error, Result};
use crate::http::header::{empty_length, secret_header};
use crate::http::secret::Secrets;
use crate::json::Pointer;
use crate::redact::Redactor;
use crate::source::{self, Credentials, Method, OAuth2, Source, Token};
use crate::userinfo::{ENCODING_ADVICE, has_unclear_userinfo};

/// A token is renewed this long before it expires, because it must still be valid when the
/// request arrives. A token with a short life is renewed after nine tenths of its life.
const MARGIN: Duration = Duration::from_secs(30);

/// The longest token that is accepted, in bytes. Servers accept no longer header. The limit also
/// bounds the search for the token in everything that the source serves.
const MAX_TOKEN_BYTES: usize = 8 << 10;

/// The longest time for which a token is used, whatever its server says. It keeps sums of times
/// within the range of the clock.
const MAX_TOKEN_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) enum Auth {
    /// The source declares no `auth`, so no `Authorization` header is added here.
    Open,
    Fixed(HeaderValue),
    Token(Box<TokenIssuer>),
}

/// Requests tokens from one server and keeps the newest token.
pub(super) struct TokenIssuer {
    request: TokenRequest,
    pointer: Pointer,
    scheme: String,
    refresh: Option<Duration>,
    /// Receives each token, because the redactor hides it in everything that is stored or shown.
    redactor: Redactor,
    /// The lock is held while a token is requested, so that other requests wait for the token.
    current: Mutex<Option<CurrentToken>>,
}

struct TokenRequest {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<SecretString>,
}

struct CurrentToken {
    header: HeaderValue,
    /// The token is renewed at this time. If it is `None`, the token is renewed only after a
    /// server has refused it.
    renew_at: Option<Instant>,
}

pub(super) enum Authorization<'a> {
    Ready(Option<HeaderValue>),
    NeedsToken(TokenRenewal<'a>),
}

/// The exclusive right to request a token. It holds the lock on the current token.
pub(super) struct TokenRenewal<'a> {
    issuer: &'a TokenIssuer,
    current: MutexGuard<'a, Option<CurrentToken>>,
}

impl Auth {
    pub(super) fn new(source: &Source, secrets: &Secrets) -> Result<Self> {
        let key = |key: &str| format!("key `sources.{}.auth{key}`", source.name);
        let Some(auth) = &source.auth else {
            return Ok(Auth::Open);
        };
        let mut headers = source.http.headers.keys();
        if headers.any(|name| name.eq_ignore_ascii_case(AUTHORIZATION.as_str())) {
            let message = format!("{}: `http.headers` has an Authorization too", key(""));
            return Err(Error::config(message));
        }
        let (request, pointer, scheme, refresh) = match auth {
            source::Auth::Basic { user, password } => {
                let (user, password) = (secrets.reveal(user), secrets.reveal(password));
                // The password is hidden like a token, because some pages show the headers of
                // their request.
                secrets
                    .redactor
                    .add_token(basic_credentials(&user, &password));
                return Ok(Auth::Fixed(build_basic_header(&user, &password)));
            }
            source::Auth::Token(token) => (
                TokenRequest::from_token(token, secrets).map_err(|e| e.context(key("")))?,
                token.pointer.clone(),
                token.scheme.clone(),
                token.refresh,
            ),
            source::Auth::OAuth2(oauth2) => (
                TokenRequest::from_oauth2(oauth2, secrets).map_err(|e| e.context(key("")))?,
                Pointer::parse("/access_token").map_err(Error::config)?,
                "Bearer".to_owned(),
                oauth2.refresh,
            ),
        };
        Ok(Auth::Token(Box::new(TokenIssuer {
            request,
            pointer,
            scheme,
            refresh,
            redactor: secrets.redactor.clone(),
            current: Mutex::new(None),
        })))
    }

    /// Returns the header to send now, or the right to request a token. Waits while another
    /// request renews the token.
    pub(super) async fn prepare_authorization(&self) -> Authorization<'_> {
        let issuer = match self {
            Auth::Open => return Authorization::Ready(None),
            Auth::Fixed(header) => return Authorization::Ready(Some(header.clone())),
            Auth::Token(issuer) => issuer,
        };
        let current = issuer.current.lock().await;
        match &*current {
            Some(token) if token.renew_at.is_none_or(|at| Instant::now() < at) => {
                Authorization::Ready(Some(token.header.clone()))
            }
            _ => Authorization::NeedsToken(TokenRenewal { issuer, current }),
        }
    }

    /// Discards the token in a header that was answered 401, unless a newer token has replaced it
    /// already. Returns false if the header held no token.
    pub(super) async fn discard_token(&self, sent: Option<&HeaderValue>) -> bool {
        let (Auth::Token(issuer), Some(sent)) = (self, sent) else {
            return false;
        };
        issuer
            .current
            .lock()
            .await
            .take_if(|current| current.header == *sent);
        true
    }
}

impl<'a> TokenRenewal<'a> {
    pub(super) fn url(&self) -> &'a Url {
        &self.issuer.request.url
    }

    pub(super) fn method(&self) -> Method {
        self.issuer.request.method
    }

    pub(super) fn request(&self, http: &reqwest::Client) -> reqwest::RequestBuilder {
        let TokenRequest {
            url,
            method,
            headers,
            body,
        } = &self.issuer.request;
        let request = match method {
            Method::Get => http.get(url.clone()),
            Method::Post => http.post(url.clone()),
        };
        let mut request = request.headers(headers.clone());
        let body = body.as_ref().map(SecretString::expose_secret);
        if *method == Method::Post && body.is_none_or(str::is_empty) {
            request = request.headers(empty_length());
        }
        match body {
            Some(body) => request.body(body.to_owned()),
            None => request,
        }
    }

    /// Reads the token in the response of the token server, and keeps it. The error is a clause
    /// that shows no value.
    pub(super) fn read_token(mut self, answer: &[u8]) -> Result<HeaderValue, String> {
        let TokenIssuer {
            pointer,
            scheme,
            refresh,
            redactor,
            ..
        } = self.issuer;
        let answer: Value =
            serde_json::from_slice(answer).map_err(|_| "the answer is not JSON".to_owned())?;
        let token = match pointer.get(&answer) {
            Some(Value::String(token)) => token.trim(),
            _ => "",
        };
        if token.is_empty() {
            return Err(format!("the answer has no token at {pointer}"));
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(format!(
                "the token at {pointer} is longer than {MAX_TOKEN_BYTES} bytes"
            ));
        }
        let header = format!("{scheme} {token}");
        let mut header = HeaderValue::from_str(header.trim_start())
            .map_err(|_| "the token does not fit a header".to_owned())?;
        header.set_sensitive(true);
        redactor.add_token(SecretString::from(token));
        let lifetime = refresh.or_else(|| read_lifetime(&answer));
        *self.current = Some(CurrentToken {
            header: header.clone(),
            renew_at: lifetime.map(|lifetime| Instant::now() + lifetime.min(MAX_TOKEN_LIFETIME)),
        });
        Ok(header)
    }
}

/// Returns how long a token may be sent, from the `expires_in` of the token server's response.
/// `expires_in` is a number of seconds, which some servers write as text.
fn read_lifetime(answer: &Value) -> Option<Duration> {
    let seconds = match answer.get("expires_in")? {
        Value::Number(seconds) => seconds.as_f64()?,
        Value::String(seconds) => seconds.parse().ok()?,
        _ => return None,
    };
    let lifetime = Duration::try_from_secs_f64(seconds).ok()?;
    Some(lifetime - MARGIN.min(lifetime / 10))
}

impl TokenRequest {
    fn from_token(token: &Token, secrets: &Secrets) -> Result<Self> {
        let is_json = |body: &&String| body.trim_start().starts_with(['{', '[']);
        let json = token.body.as_ref().filter(is_json).is_some();
        let body = token.body.as_ref().map(|body| match json {
            true => secrets.reveal_json(body),
            false => secrets.reveal_form(body),
        });
        let mut headers = accept_json();
        if body.is_some() {
            headers.insert(CONTENT_TYPE, if json { JSON } else { FORM });
        }
        for (name, text) in &token.headers {
            let wrong = || Error::config(format!("`headers.{name}` is not an HTTP header"));
            let header = secret_header(name, &secrets.reveal(text));
            let (name, value) = header.ok_or_else(wrong)?;
            headers.insert(name, value);
        }
        Ok(Self {
            url: parse_endpoint(&token.url, secrets)?,
            method: token.method,
            headers,
            body: body.map(SecretString::from),
        })
    }

    fn from_oauth2(oauth2: &OAuth2, secrets: &Secrets) -> Result<Self> {
        let id = secrets.reveal(&oauth2.client_id);
        let secret = secrets.reveal(&oauth2.client_secret);
        let mut headers = accept_json();
        headers.insert(CONTENT_TYPE, FORM);
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        match oauth2.credentials {
            Credentials::Basic => {
                // RFC 6749, section 2.3.1: the id and the secret are form-encoded before they are
                // encoded as a header
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                headers.insert(
                    AUTHORIZATION,
                    build_basic_header(&encoded(&id), &encoded(&secret)),
                );
            }
            Credentials::Body => {
                form.append_pair("client_id", &id);
                form.append_pair("client_secret", &secret);
            }
        }
        if let Some(scope) = &oauth2.scope {
            form.append_pair("scope", scope);
        }
        Ok(Self {
            url: parse_endpoint(&oauth2.url, secrets)?,
            method: Method::Post,
            headers,
            body: Some(SecretString::from(form.finish())),
        })
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

fn accept_json() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, JSON)])
}

fn parse_endpoint(url: &str, secrets: &Secrets) -> Result<Url> {
    let revealed = secrets.reveal_endpoint(url);
    if has_unclear_userinfo(&revealed) {
        return Err(Error::config(format!("`url`: {ENCODING_ADVICE}")));
    }
    let url =
        Url::parse(&revealed).map_err(|e| Error::config("`url` is not a URL").with_source(e))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(Error::config("`url` is not http or https")),
    }
}

/// Encodes a user and a password for an HTTP header, in base64.
pub(super) fn basic_credentials(user: &str, password: &str) -> SecretString {
    let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
    SecretString::from(credentials)
}

fn build_basic_header(user: &str, password: &str) -> HeaderValue {
    let credentials = basic_credentials(user, password);
    let value = HeaderValue::from_str(&format!("Basic {}", credentials.expose_secret()));
    let mut value = value.expect("base64 fits a header");
    value.set_sensitive(true);
    value
}
