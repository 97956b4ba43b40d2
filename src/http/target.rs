//! Decides what may be requested on which host, and hides secrets in what is shown.
//!
//! The source's own host is the host of the source's URL. If that URL is a value of an axis, it
//! is the host of the axis's index. Secrets and configured headers go only to this host. Other
//! hosts are requested only if a URL of the source, of its axes or of its details writes them
//! out, or if `http.allow_hosts` names them. A host that only `*` in that list allows must be on
//! the public internet. A user and a password in a link or a redirect are removed, because only
//! the source declares who logs in. Nothing here connects.

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::http::auth::basic_credentials;
use crate::http::host::{Hosts, check_length, is_downgrade, is_http, link_error};
use crate::http::secret::Secrets;
use crate::percent::percent_decode;
use crate::redact::{Redactor, TOKEN_PLACEHOLDER};
use crate::source::{Escaping, Method, Source, Template, Values};

/// This replaces a URL that shows a secret in the name of its host, when it is stored or shown.
/// No host has this name (RFC 6761), so a link with it is refused.
const HOST_WITH_SECRET: &str = "https://host-with-a-secret.invalid/";

/// A URL, method and body to request, with their secrets.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<RequestBody>,
    /// True if the query may be a secret that no source declares.
    pub(crate) is_signed: bool,
}

#[derive(Clone)]
pub(crate) struct RequestBody {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

/// Decides which URLs one source may request, and hides the source's secrets in what is stored or
/// shown.
pub(crate) struct TargetPolicy {
    pub(super) hosts: Hosts,
    /// The query parameters that hold a secret, with their values. Like headers, they go with
    /// each request to the source's own host, even if a link leaves them out.
    credentials: Vec<(String, String)>,
    secrets: Secrets,
}

/// Shows the names of secrets, and no values.
impl std::fmt::Debug for TargetPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.secrets.fmt(f)
    }
}

impl TargetPolicy {
    pub(super) fn new(source: &Source, secrets: Secrets) -> Result<Self> {
        let nothing = Values::default();
        let reveal = |template: &Template, place| {
            template.render(&nothing, place, |name| secrets.value(name).to_owned())
        };
        let hosts = Hosts::new(source, &|template| reveal(template, Escaping::Url))?;
        let own_url = &hosts.own_url;
        if own_url.password().is_some() || !own_url.username().is_empty() {
            // the user and the password become a header, and a page may show the headers of its
            // request
            let password = percent_decode(own_url.password().unwrap_or_default());
            let sent = basic_credentials(&percent_decode(own_url.username()), &password);
            secrets.redactor.add_token(sent);
        }
        let credentials = source
            .query
            .iter()
            .filter(|(_, declared)| secrets.is_in_template(declared.as_str()))
            .map(|(name, declared)| (name.clone(), reveal(declared, Escaping::Plain)));
        Ok(Self {
            credentials: credentials.collect(),
            hosts,
            secrets,
        })
    }

    pub(crate) fn own_url(&self) -> &Url {
        &self.hosts.own_url
    }

    /// Returns the value of an environment variable that the source declares.
    pub(crate) fn secret(&self, name: &str) -> &str {
        self.secrets.value(name)
    }

    /// Permits a URL that was made from templates. It must be on the source's own host, or on an
    /// allowed host if no template holds a secret. `what` names the URL in an error.
    pub(crate) fn permit<'t>(
        &self,
        mut url: Url,
        what: &str,
        mut templates: impl Iterator<Item = &'t Template>,
    ) -> Result<Url> {
        if !is_http(&url) {
            return Err(link_error(&format!("{what} is not http or https")));
        }
        check_length(what, &url)?;
        if self.hosts.is_home(&url) {
            self.hosts.set_user(&mut url);
            return Ok(url);
        }
        if templates.any(|template| self.secrets.is_in_template(template.as_str())) {
            let message = format!("{what} takes a secret to another host");
            return Err(link_error(&message));
        }
        self.permit_other_host(what, url)
    }

    /// Permits a link of a page. If the link leads to the source's own host, the source's
    /// credentials are added to it.
    pub(crate) fn permit_link(&self, link: &str) -> Result<Url> {
        let mut url = Url::parse(link)
            .map_err(|e| link_error("the link to it is not a URL").with_source(e))?;
        if !is_http(&url) {
            return Err(link_error("the link to it is not http or https"));
        }
        check_length("the link to it", &url)?;
        self.hosts.upgrade(&mut url);
        if self.hosts.is_home(&url) {
            return self.reveal_link(link, url.scheme());
        }
        if self.secrets.is_in_template(link) {
            return Err(link_error("the link to it takes a secret to another host"));
        }
        self.permit_other_host("the link to it", url)
    }

    pub(super) fn permit_redirect(&self, from: &Url, mut to: Url) -> Result<Url> {
        let refuse = |why: &str| Error::new(Kind::HostRefused, why.to_owned());
        if !is_http(&to) {
            return Err(refuse("a redirect leads to what is not http or https"));
        }
        if is_downgrade(from, &to) {
            return Err(refuse("a redirect leads from https to http"));
        }
        let refuse_redirect = |error: Error| refuse(&error.to_string());
        check_length("a redirect", &to).map_err(refuse_redirect)?;
        if self.hosts.is_home(&to) {
            self.hosts.set_user(&mut to);
            return Ok(to);
        }
        if self.secrets.is_in_template(&self.secrets.redact_url(&to)) {
            return Err(refuse("a redirect takes a secret to another host"));
        }
        self.permit_other_host("a redirect", to)
            .map_err(refuse_redirect)
    }

    /// Permits a URL on a host other than the source's own. If the name of the host shows a
    /// secret, it is not even looked up, because everybody on the way to the name server could
    /// read it.
    fn permit_other_host(&self, what: &str, url: Url) -> Result<Url> {
        if self.has_secret_in_host(&url) {
            let message = format!("{what} shows a secret in the name of its host");
            return Err(link_error(&message));
        }
        self.hosts.permit_other_host(what, url)
    }

    /// Returns true if the host shows a secret and the source does not name this host itself.
    fn has_secret_in_host(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.hosts.is_unnamed(url) && self.secrets.redactor.has_value_in_host(host)
    }

    /// Fills in the placeholders of a link to the source's own host. This happens before the link
    /// is parsed, because parsing encodes the braces of a placeholder in a path.
    fn reveal_link(&self, link: &str, scheme: &str) -> Result<Url> {
        if let Some(placeholder) = self.secrets.find_token_server_placeholder(link) {
            return Err(link_error(&format!(
                "the link to it asks for `{placeholder}`, which only the server of tokens is sent"
            )));
        }
        let mut url = Url::parse(&self.secrets.reveal_link(link))
            .map_err(|e| link_error("the link to it is not a URL").with_source(e))?;
        // cannot fail between http and https
        let _ = url.set_scheme(scheme);
        self.hosts.set_user(&mut url);
        self.add_credentials(&mut url);
        Ok(url)
    }

    /// Adds the query parameters that hold a secret to a URL, if it is on the source's own host.
    pub(crate) fn add_credentials(&self, url: &mut Url) {
        if !self.hosts.is_home(url) {
            return;
        }
        for (name, value) in &self.credentials {
            if !url.query_pairs().any(|(present, _)| present == *name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
    }

    /// Returns true if the text holds the placeholder of a token but no token has been issued
    /// yet, so the text cannot be completed.
    pub(crate) fn is_token_missing(&self, text: &str) -> bool {
        text.contains(TOKEN_PLACEHOLDER) && self.redactor().newest_token().is_none()
    }

    pub(crate) fn has_secret(&self, text: &str) -> bool {
        self.secrets.is_value_in(text)
    }

    /// Returns the URL as it is stored and shown, with placeholders in place of secrets.
    pub(crate) fn redact_url(&self, url: &Url) -> String {
        if self.has_secret_in_host(url) {
            return HOST_WITH_SECRET.into();
        }
        match self.hosts.remove_user(url) {
            Some(url) => self.secrets.redact_url(&url),
            None => String::new(),
        }
    }

    /// Returns the host and port of a URL as messages show them.
    pub(super) fn shown_host(&self, url: &Url) -> String {
        if self.has_secret_in_host(url) {
            return "a host whose name shows a secret".into();
        }
        let url = self.hosts.remove_user(url);
        let host = url.as_ref().and_then(Url::host_str);
        let port = url.as_ref().and_then(Url::port_or_known_default);
        match (host, port) {
            (Some(host), Some(port)) => {
                let host = format!("{host}:{port}");
                self.redactor().redact_text(&host).into_owned()
            }
            _ => "a host whose name is unclear".into(),
        }
    }

    /// Returns a link as it is stored. A link that is not http or https is never followed, so it
    /// keeps its form, with placeholders in place of secrets.
    pub(crate) fn redact_link(&self, link: &str) -> String {
        match Url::parse(link) {
            Ok(url) if is_http(&url) => self.redact_url(&url),
            _ => self.secrets.redact_text(link),
        }
    }

    pub(crate) fn redact_json(&self, value: &mut Value) {
        self.secrets.redact_json(value);
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.secrets.redactor
    }
}

#[cfg(test)]
pub(crate) mod tests;
