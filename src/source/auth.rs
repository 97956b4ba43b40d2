//! Credentials: the key `auth = { … }` of a source.
//!
//! All texts in `auth` may contain `{env.NAME}`, and secrets should be written like that. A
//! header or a query parameter that never changes needs no `auth`. It can be declared in
//! `http.headers` or `query`, which may contain `{env.NAME}` too.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Method, allow_only};
use crate::json::Pointer;

/// The credentials for a source's server. They are sent only to the host of the source's URL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "AuthTable")]
pub enum Auth {
    /// The server gets a user and a password (HTTP Basic authentication).
    Basic {
        /// The user's name, which the server knows.
        user: String,
        /// The password, which may be empty.
        password: String,
    },
    /// The server gets a token, which an endpoint issues.
    Token(Token),
    /// The server gets a token, which an endpoint issues for OAuth 2.0 client credentials (RFC
    /// 6749, section 4.4).
    OAuth2(OAuth2),
}

/// A request for a token. The response is JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The URL of the endpoint. It may be on any host, because the source declares it.
    pub url: String,
    /// The HTTP method.
    pub method: Method,
    /// The body of the request. It is JSON if it begins like JSON, and a form otherwise. Values
    /// are encoded for that format.
    pub body: Option<String>,
    /// Headers of the request.
    pub headers: BTreeMap<String, String>,
    /// The pointer to the token in the response.
    pub pointer: Pointer,
    /// The word before the token in the `Authorization` header. If it is empty, the header has
    /// only the token.
    pub scheme: String,
    /// The time after which a new token is requested. By default it is the `expires_in` of the
    /// response. If that is missing too, the token is used until the server rejects it.
    pub refresh: Option<Duration>,
}

/// OAuth 2.0 client credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// The token endpoint.
    pub url: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// The way to send the id and the secret.
    pub credentials: Credentials,
    /// The requested scope.
    pub scope: Option<String>,
    /// The time after which a new token is requested, as for [`Token::refresh`].
    pub refresh: Option<Duration>,
}

/// The way to send a client's id and secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// The server gets the id and the secret as the user and the password of HTTP Basic
    /// authentication. RFC 6749 requires every server to support this.
    Basic,
    /// The server gets the id and the secret as fields of the form in the body.
    Body,
}

impl Auth {
    /// Returns the texts that may contain `{env.NAME}`, with their keys.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, &str)> {
        match self {
            Auth::Basic { user, password } => {
                vec![("user".into(), user), ("password".into(), password)]
            }
            Auth::Token(token) => {
                let headers = token.headers.iter();
                let headers = headers.map(|(name, text)| (format!("headers.{name}"), &**text));
                std::iter::once(("url".to_owned(), &*token.url))
                    .chain(token.body.as_deref().map(|body| ("body".to_owned(), body)))
                    .chain(headers)
                    .collect()
            }
            Auth::OAuth2(oauth2) => vec![
                ("url".into(), &oauth2.url),
                ("client_id".into(), &oauth2.client_id),
                ("client_secret".into(), &oauth2.client_secret),
            ],
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthTable {
    mode: Mode,
    user: Option<String>,
    password: Option<String>,
    url: Option<String>,
    method: Option<Method>,
    body: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    pointer: Option<Pointer>,
    scheme: Option<String>,
    #[serde(default, with = "humantime_serde::option")]
    refresh: Option<Duration>,
    client_id: Option<String>,
    client_secret: Option<String>,
    credentials: Option<Credentials>,
    scope: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Basic,
    Token,
    OAuth2,
}

impl TryFrom<AuthTable> for Auth {
    type Error = String;

    fn try_from(table: AuthTable) -> Result<Self, String> {
        match table.mode {
            Mode::Basic => {
                table.allow_only("user password")?;
                Ok(Auth::Basic {
                    user: table.user.ok_or("mode `basic` needs `user`")?,
                    password: table.password.ok_or("mode `basic` needs `password`")?,
                })
            }
            Mode::Token => {
                table.allow_only("url method body headers pointer scheme refresh")?;
                table.into_token().map(Auth::Token)
            }
            Mode::OAuth2 => {
                table.allow_only("url client_id client_secret credentials scope refresh")?;
                table.into_oauth2().map(Auth::OAuth2)
            }
        }
    }
}

impl AuthTable {
    fn into_token(self) -> Result<Token, String> {
        if self.method == Some(Method::Get) && self.body.is_some() {
            return Err("`body` cannot be used with method `GET`".into());
        }
        Ok(Token {
            url: self.url.ok_or("mode `token` needs `url`")?,
            method: Method::choose(self.method, self.body.is_some()),
            body: self.body,
            headers: self.headers.unwrap_or_default(),
            pointer: self.pointer.ok_or(
                "mode `token` needs `pointer`, the JSON Pointer to the token in the response",
            )?,
            scheme: self.scheme.unwrap_or_else(|| "Bearer".into()),
            refresh: self.refresh,
        })
    }

    fn into_oauth2(self) -> Result<OAuth2, String> {
        Ok(OAuth2 {
            url: self.url.ok_or("mode `oauth2` needs `url`")?,
            client_id: self.client_id.ok_or("mode `oauth2` needs `client_id`")?,
            client_secret: self
                .client_secret
                .ok_or("mode `oauth2` needs `client_secret`")?,
            credentials: self.credentials.unwrap_or(Credentials::Basic),
            scope: self.scope,
            refresh: self.refresh,
        })
    }

    fn allow_only(&self, allowed: &str) -> Result<(), String> {
        let given = [
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("url", self.url.is_some()),
            ("method", self.method.is_some()),
            ("body", self.body.is_some()),
            ("headers", self.headers.is_some()),
            ("pointer", self.pointer.is_some()),
            ("scheme", self.scheme.is_some()),
            ("refresh", self.refresh.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("credentials", self.credentials.is_some()),
            ("scope", self.scope.is_some()),
        ];
        allow_only(&given, allowed, "auth")
    }
}
