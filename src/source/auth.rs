//! Who asks: `auth = { … }`.
//!
//! All of its texts may hold `{env.NAME}`, and secrets should. A header or a query
//! parameter that is always the same needs none of this: `http.headers` and
//! `query` hold `{env.NAME}` too.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::Method;
use crate::json::Pointer;

/// How a source's server is told who asks. What it is told is sent to the host of
/// the source's URL and to no other.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "AuthTable")]
pub enum Auth {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password; may be empty.
        password: String,
    },
    /// A token that an endpoint hands out.
    Token(Token),
    /// A token by OAuth 2.0 client credentials (RFC 6749, section 4.4).
    OAuth2(OAuth2),
}

/// A token that an endpoint hands out in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Where it is asked for; on another host, too, since it is declared.
    pub url: String,
    /// How.
    pub method: Method,
    /// What is sent: JSON if it begins like it, else a form. Values are encoded
    /// as each needs them.
    pub body: Option<String>,
    /// Headers of the request.
    pub headers: BTreeMap<String, String>,
    /// Where in the answer the token is.
    pub pointer: Pointer,
    /// What precedes the token in `Authorization`; empty for the token alone.
    pub scheme: String,
    /// How long a token is used; else as long as `expires_in` in the answer says,
    /// else until it is refused.
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
    /// How the two are sent.
    pub credentials: Credentials,
    /// What is asked for.
    pub scope: Option<String>,
    /// See [`Token::refresh`].
    pub refresh: Option<Duration>,
}

/// How a client's id and secret are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// As user and password, which the standard asks of every server.
    Basic,
    /// In the form.
    Body,
}

impl Auth {
    /// Its texts that may hold `{env.NAME}`, with their keys.
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

/// `auth = { … }` as written.
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
                table.only(&["user", "password"])?;
                Ok(Auth::Basic {
                    user: table.user.ok_or("mode `basic` needs `user`")?,
                    password: table.password.ok_or("mode `basic` needs `password`")?,
                })
            }
            Mode::Token => {
                table.only(&[
                    "url", "method", "body", "headers", "pointer", "scheme", "refresh",
                ])?;
                table.token().map(Auth::Token)
            }
            Mode::OAuth2 => {
                table.only(&[
                    "url",
                    "client_id",
                    "client_secret",
                    "credentials",
                    "scope",
                    "refresh",
                ])?;
                table.oauth2().map(Auth::OAuth2)
            }
        }
    }
}

impl AuthTable {
    fn token(self) -> Result<Token, String> {
        let method = match (self.method, &self.body) {
            (Some(Method::Get), Some(_)) => return Err("`GET` has no `body`".into()),
            (Some(method), _) => method,
            (None, Some(_)) => Method::Post,
            (None, None) => Method::Get,
        };
        Ok(Token {
            url: self.url.ok_or("mode `token` needs `url`")?,
            method,
            body: self.body,
            headers: self.headers.unwrap_or_default(),
            pointer: self
                .pointer
                .ok_or("mode `token` needs `pointer`, where in the answer the token is")?,
            scheme: self.scheme.unwrap_or_else(|| "Bearer".into()),
            refresh: self.refresh,
        })
    }

    fn oauth2(self) -> Result<OAuth2, String> {
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

    /// Refuses the keys that the mode has no use for, by name.
    fn only(&self, allowed: &[&str]) -> Result<(), String> {
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
        let superfluous = |(key, given): &&(&str, bool)| *given && !allowed.contains(key);
        match given.iter().find(superfluous) {
            Some((key, _)) => Err(format!("`{key}` has no meaning in this auth mode")),
            None => Ok(()),
        }
    }
}
