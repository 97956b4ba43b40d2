//! Describes a failed connection: which server could not be reached, why, and what to do about it.
//!
//! The messages name hosts and ports, and never a user, a password, a path or a query. Errors of
//! reqwest are not shown themselves, because they show whole URLs.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};
use url::Url;

use crate::config;
use crate::error::{Error, Kind};
use crate::http::causes::{describe, describe_causes, list_causes};
use crate::http::failure::Failure;
use crate::http::proxy::{self, Proxy};
use crate::http::public_host::NotPublicError;
use crate::http::target::TargetPolicy;
use crate::json::shorten;

/// A message names at most this many of the names for which a certificate is valid.
const MAX_NAMES: usize = 5;

// hyper-util does not export the errors of its tunnels, so they are recognized by their texts. The
// integration tests fail if another version writes other texts.
const PROXY_UNREACHABLE: [&str; 2] = [
    "tunnel error: failed to create underlying connection",
    "SOCKS error: failed to create underlying connection",
];
const PROXY_WANTS_CREDENTIALS: &str = "tunnel error: proxy authorization required";
const TUNNEL_REFUSED: &str = "tunnel error: unsuccessful";
const TUNNEL: &str = "tunnel error: ";
const SOCKS: &str = "SOCKS error: ";

// hyper tells by a type that it cannot parse the head of an answer, and by this text what is wrong.
const NOT_HTTP: &str = "invalid HTTP version parsed";

// rustls does not export this error of webpki.
const AUTHORITY_AS_SERVER: &str = "CaUsedAsEndEntity";

/// The server of a request.
#[derive(Clone, Copy)]
pub(super) struct Server<'a> {
    pub(super) url: &'a Url,
    pub(super) policy: &'a TargetPolicy,
    pub(super) limits: &'a config::Fetch,
    /// True if the source cannot be fetched without this server. It is the source's own host or
    /// its token server.
    pub(super) is_essential: bool,
}

impl Server<'_> {
    /// Makes a failure of an error of the connection.
    pub(super) fn explain(self, error: &reqwest::Error) -> Failure {
        if let Some(why) = find_cause::<NotPublicError>(error) {
            // a retry is useful, because a DNS server may give wrong addresses for a while
            return Failure::Connection(Error::new(Kind::HostRefused, why.to_string()));
        }
        let proxy = proxy::find(self.url);
        if let Some(why) = find_cause::<rustls::Error>(error) {
            return self.explain_tls(why, self.name_tls_server(error, proxy.as_ref()));
        }
        let message = match (proxy, find_text(error, TUNNEL), find_text(error, SOCKS)) {
            (Some(proxy), Some(text), _) | (Some(proxy), None, Some(text)) => {
                self.explain_proxy(error, &proxy, &text)
            }
            (proxy, ..) => self.explain_direct(error, proxy.as_ref()),
        };
        Failure::Connection(Error::environment(message))
    }

    /// Makes a failure of a server that sent no head of a response in time.
    pub(super) fn explain_silence(self) -> Failure {
        let Self { limits, .. } = self;
        Failure::Connection(Error::environment(format!(
            "{} gave no answer within {:?}, the limit of `{}`",
            self.name(),
            limits.read_timeout,
            limits.read_timeout_key()
        )))
    }

    fn name(self) -> String {
        self.policy.shown_host(self.url)
    }

    /// Returns the name of the server whose TLS failed. A proxy may use TLS too.
    fn name_tls_server(self, error: &reqwest::Error, proxy: Option<&Proxy>) -> String {
        let is_unreachable = has_text(error, PROXY_UNREACHABLE[0]);
        match proxy {
            Some(proxy) if is_unreachable || self.url.scheme() == "http" => proxy.to_string(),
            _ => self.name(),
        }
    }

    /// Describes an error of a tunnel through a proxy. `text` is the library's.
    fn explain_proxy(self, error: &reqwest::Error, proxy: &Proxy, text: &str) -> String {
        let name = self.name();
        if PROXY_UNREACHABLE.contains(&text) {
            return self.explain_unreachable(error, &proxy.to_string());
        }
        match text {
            PROXY_WANTS_CREDENTIALS => format!(
                "{proxy} refused the tunnel to {name}: status 407, it asks for a user and a \
                 password, or refuses those in `{}`",
                proxy.variable
            ),
            // the library does not tell the status
            TUNNEL_REFUSED => format!(
                "{proxy} refused the tunnel to {name}: its status is neither 200 nor 407, for \
                 example 403 for a host or port that it does not allow"
            ),
            _ => format!("{proxy} opened no connection to {name}: {text}"),
        }
    }

    /// Describes an error without a tunnel. A request in clear text goes to a proxy without a
    /// tunnel.
    fn explain_direct(self, error: &reqwest::Error, proxy: Option<&Proxy>) -> String {
        let is_to_proxy = self.url.scheme() == "http" && error.is_connect();
        match proxy {
            Some(proxy) if is_to_proxy && !proxy.is_socks => {
                self.explain_unreachable(error, &proxy.to_string())
            }
            _ => self.explain_unreachable(error, &self.name()),
        }
    }

    fn explain_unreachable(self, error: &reqwest::Error, name: &str) -> String {
        if error.is_dns() {
            return format!(
                "cannot find the address of {name}: {}",
                describe_cause(error)
            );
        }
        if !error.is_connect() {
            let hint = match self.url.scheme() == "http" && has_text(error, NOT_HTTP) {
                true => "; its answer is not HTTP, so it may expect https on this port",
                false => "",
            };
            return format!(
                "send the request to {name}: {}{hint}",
                describe_causes(error)
            );
        }
        if has_timed_out(error) {
            let limit = self.limits.connect_timeout;
            return format!(
                "no connection to {name} within {limit:?}, the limit of `fetch.connect_timeout`"
            );
        }
        format!("cannot connect to {name}: {}", describe_cause(error))
    }

    /// A wrong certificate is no outage. Somebody has to renew it or to trust it, so no attempt
    /// follows. If the source can do without the server, only what leads there is given up.
    fn explain_tls(self, error: &rustls::Error, name: String) -> Failure {
        let certificate = match error {
            rustls::Error::InvalidCertificate(error) => describe_certificate(error, &name),
            rustls::Error::NoCertificatesPresented => format!("{name} sends no certificate"),
            _ => {
                let message = describe_handshake(error, &name);
                return Failure::Connection(Error::environment(message));
            }
        };
        let kind = match self.is_essential {
            true => Kind::Config,
            false => Kind::HostRefused,
        };
        Failure::Final(Error::new(kind, certificate))
    }
}

/// Describes why a certificate is not trusted.
fn describe_certificate(error: &CertificateError, name: &str) -> String {
    let certificate = format!("the certificate of {name}");
    match error {
        CertificateError::UnknownIssuer => format!(
            "{certificate} is of an authority that this machine does not trust; {}; or else the \
             server does not send the intermediate certificate of its authority, which browsers \
             fetch and other programs do not",
            describe_certificate_file(std::env::var_os("SSL_CERT_FILE"))
        ),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "{certificate} expired at {}; by this machine's clock it is {}",
            show_time(*not_after),
            show_time(*time)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "{certificate} is not valid before {}; by this machine's clock it is {}",
            show_time(*not_before),
            show_time(*time)
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!(
                "{certificate} is valid for {}, and not for this name",
                list_names(presented)
            )
        }
        CertificateError::Other(_) if error.to_string().contains(AUTHORITY_AS_SERVER) => format!(
            "{certificate} is that of an authority and not of a server, as self-signed \
             certificates often are; it is not accepted even if `SSL_CERT_FILE` names it, so the \
             server needs one that an authority has signed"
        ),
        error => format!("{certificate} is not accepted: {error}"),
    }
}

/// Says what `SSL_CERT_FILE` has to do with an authority that is not trusted. A file that cannot be
/// read is otherwise ignored.
fn describe_certificate_file(path: Option<OsString>) -> String {
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return "`SSL_CERT_FILE` names the file of a private authority".into();
    };
    let shown = path.display();
    match std::fs::read(&path) {
        Err(error) => format!("`SSL_CERT_FILE` names {shown}, which cannot be read: {error}"),
        Ok(content) => match memchr::memmem::find(&content, b"-----BEGIN CERTIFICATE-----") {
            None => format!("`SSL_CERT_FILE` names {shown}, which has no certificate in PEM"),
            Some(_) => format!("`SSL_CERT_FILE` names {shown}, which does not have it"),
        },
    }
}

/// Lists the names of a certificate. rustls writes each as `DnsName("a.example")`.
fn list_names(presented: &[String]) -> String {
    let names = presented.iter().take(MAX_NAMES).map(|name| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"').to_owned()
    });
    let names: Vec<String> = names.collect();
    // a server that nobody trusts may have put anything into its certificate
    let listed = shorten(&names.join(", "));
    match presented.len() - names.len() {
        _ if names.is_empty() => "no name".into(),
        0 => listed,
        more => format!("{listed} and {more} other names"),
    }
}

/// Describes a handshake that failed for another reason than a certificate.
fn describe_handshake(error: &rustls::Error, name: &str) -> String {
    use AlertDescription as Alert;
    match error {
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )
        | rustls::Error::AlertReceived(Alert::ProtocolVersion) => {
            format!("{name} speaks only TLS 1.1 or older, which is not supported")
        }
        rustls::Error::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity) => {
            format!(
                "{name} refused the TLS handshake ({error}); it may know only ciphers that are \
                 too old, only TLS 1.1 or older, or not this name of a host"
            )
        }
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => {
            format!("{name} is not a name that its server knows ({error})")
        }
        rustls::Error::AlertReceived(Alert::CertificateRequired) => {
            format!("{name} asks for a certificate of the client, which is not supported")
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => format!(
            "{name} does not answer in TLS ({error}); it may expect http and not https on this port"
        ),
        error => format!("the TLS connection to {name} failed: {error}"),
    }
}

fn show_time(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "an unknown time".into(), |time| time.to_string())
}

fn find_cause<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    list_causes(error).find_map(|cause| cause.downcast_ref::<E>())
}

/// Returns the text of the first cause that begins with a text.
fn find_text(error: &reqwest::Error, start: &str) -> Option<String> {
    list_causes(error)
        .skip(1)
        .map(ToString::to_string)
        .find(|text| text.starts_with(start))
}

fn has_text(error: &reqwest::Error, text: &str) -> bool {
    find_text(error, text).is_some()
}

/// Returns true if a time limit of this program passed. The operating system has one too, and
/// says so by a code of its own.
fn has_timed_out(error: &reqwest::Error) -> bool {
    let is_of_system = list_causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.raw_os_error().is_some());
    error.is_timeout() && !is_of_system
}

/// Returns the text of the innermost cause, such as `Connection refused (os error 111)`.
fn describe_cause(error: &reqwest::Error) -> String {
    let last = list_causes(error).skip(1).last();
    last.map_or_else(|| "the reason is unknown".into(), describe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_certificates_that_is_ignored_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let check = |name: &str, content: Option<&str>, expected: &str| {
            let path = directory.path().join(name);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let said = describe_certificate_file(Some(path.clone().into()));
            let named = format!("`SSL_CERT_FILE` names {}, which {expected}", path.display());
            assert!(said.starts_with(&named), "{said}");
        };
        check("missing", None, "cannot be read: ");
        check(
            "key",
            Some("-----BEGIN PRIVATE KEY-----"),
            "has no certificate",
        );
        check(
            "other",
            Some("-----BEGIN CERTIFICATE-----"),
            "does not have it",
        );
        for unset in [None, Some(OsString::new())] {
            assert!(describe_certificate_file(unset).contains("a private authority"));
        }
    }
}
