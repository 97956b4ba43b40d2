//! Configures TLS to the server by libpq's options `sslmode`, `sslrootcert`, `sslcert` and
//! `sslkey`.
//!
//! This module differs from libpq in the following points:
//!
//! - Nothing is read from `~/.postgresql`.
//! - `verify-ca` and `verify-full` without `sslrootcert` trust the machine's own roots.
//! - The host's name must be among the certificate's subject alternative names.
//! - Revocation lists are not read, and keys with a passphrase cannot be used.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres::config::SslMode as WireMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// The message of the error that a server without TLS causes if the connection needs TLS.
pub(super) const NO_TLS: &str = "server does not support TLS";

/// The values of libpq's option `sslmode`. They say how TLS protects a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    /// TLS is never used.
    Disable,
    /// TLS is used if the server offers it. Otherwise plain text is sent. This is the default.
    Prefer,
    /// TLS is always used, but the server is not verified. If `sslrootcert` names a file, this
    /// mode is the same as [`SslMode::VerifyCa`].
    Require,
    /// TLS is always used, and a trusted root must have signed the server's certificate.
    VerifyCa,
    /// TLS is always used, a trusted root must have signed the server's certificate, and the
    /// certificate must name the host.
    VerifyFull,
}

/// The root certificates by which the server's certificate is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Roots {
    /// The option `sslrootcert` is not set.
    Unset,
    /// The machine's own roots are used, because the URL says `sslrootcert=system`.
    System,
    /// The certificates of this PEM file are used.
    File(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verification {
    Nothing,
    Chain,
    ChainAndName,
}

#[derive(Clone, Debug)]
pub(crate) struct TlsOptions {
    pub(super) mode: SslMode,
    roots: Roots,
    client_certificate: Option<ClientCertificate>,
}

/// The files with which the client authenticates.
#[derive(Clone, Debug)]
struct ClientCertificate {
    certificate: PathBuf,
    key: PathBuf,
}

impl TlsOptions {
    /// Parses the four TLS options of libpq. Options that contradict each other are an error.
    pub(crate) fn parse(
        mode: Option<&str>,
        root: Option<PathBuf>,
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> Result<Self> {
        let roots = match root {
            None => Roots::Unset,
            Some(file) if file.as_os_str() == "system" => Roots::System,
            Some(file) => Roots::File(file),
        };
        let mode = match (mode, &roots) {
            (None, Roots::System) => SslMode::VerifyFull,
            (None, _) => SslMode::Prefer,
            (Some(name), _) => parse_mode(name)?,
        };
        // This is libpq's rule, because anybody can get a certificate from a public root.
        if roots == Roots::System && mode < SslMode::VerifyFull {
            return Err(Error::config(
                "the database's URL: sslrootcert=system needs sslmode=verify-full",
            ));
        }
        let client_certificate = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            _ => {
                let message = "the database's URL: sslcert and sslkey must both be set";
                return Err(Error::config(message));
            }
        };
        Ok(Self {
            mode,
            roots,
            client_certificate,
        })
    }

    pub(crate) fn wire_mode(&self) -> WireMode {
        match self.mode {
            SslMode::Disable => WireMode::Disable,
            SslMode::Prefer => WireMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => WireMode::Require,
        }
    }

    pub(crate) fn mode_name(&self) -> &'static str {
        MODES[self.mode as usize].0
    }

    fn verification(&self) -> Verification {
        match (self.mode, &self.roots) {
            (SslMode::Disable, _) => Verification::Nothing,
            (SslMode::Prefer | SslMode::Require, Roots::File(_)) => Verification::Chain,
            (SslMode::Prefer | SslMode::Require, _) => Verification::Nothing,
            (SslMode::VerifyCa, _) => Verification::Chain,
            (SslMode::VerifyFull, _) => Verification::ChainAndName,
        }
    }

    /// Reads the certificate files, and builds the connector that begins TLS on a connection. An
    /// error names the file.
    pub(crate) fn build_connector(&self) -> Result<MakeRustlsConnect> {
        let provider = Arc::new(ring::default_provider());
        let verifier = self.build_verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::unexpected("set up TLS").with_source(e))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.client_certificate {
            Some(client_certificate) if self.mode != SslMode::Disable => {
                let (chain, key) = client_certificate.load()?;
                builder.with_client_auth_cert(chain, key).map_err(|e| {
                    Error::config(format!(
                        "sslcert {} and sslkey {}",
                        client_certificate.certificate.display(),
                        client_certificate.key.display()
                    ))
                    .with_source(e)
                })?
            }
            _ => builder.with_no_client_auth(),
        };
        // The server requires this protocol name if the URL says `sslnegotiation=direct`.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(MakeRustlsConnect::new(config))
    }

    fn build_verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>> {
        let build_chain = || {
            let roots = Arc::new(self.roots.load()?);
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
                .build()
                .map_err(|e| Error::config("use the root certificates").with_source(e))
        };
        let chain = match self.verification() {
            Verification::Nothing => None,
            Verification::Chain => Some(build_chain()?),
            Verification::ChainAndName => return Ok(build_chain()?),
        };
        let provider = Arc::clone(provider);
        Ok(Arc::new(AnyNameVerifier { chain, provider }))
    }
}

/// The names of the modes, in the order of [`SslMode`].
const MODES: [(&str, SslMode); 5] = [
    ("disable", SslMode::Disable),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

fn parse_mode(name: &str) -> Result<SslMode> {
    let found = MODES.iter().find(|(known, _)| *known == name);
    found.map(|(_, mode)| *mode).ok_or_else(|| {
        Error::config(
            "the database's URL: sslmode is disable, prefer, require, verify-ca or verify-full",
        )
    })
}

impl Roots {
    fn load(&self) -> Result<RootCertStore> {
        let mut store = RootCertStore::empty();
        let Roots::File(file) = self else {
            let native = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(native.certs);
            if store.is_empty() {
                return Err(Error::config(
                    "this machine has no root certificates: install ca-certificates or set sslrootcert",
                ));
            }
            return Ok(store);
        };
        for certificate in read_certificates("sslrootcert", file)? {
            store.add(certificate).map_err(|e| {
                Error::config(format!("sslrootcert {}", file.display())).with_source(e)
            })?;
        }
        Ok(store)
    }
}

impl ClientCertificate {
    fn load(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        check_key_is_private(&self.key)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|e| {
            let file = self.key.display();
            Error::config(format!("sslkey {file}: not a PEM key without a passphrase"))
                .with_source(e)
        })?;
        Ok((read_certificates("sslcert", &self.certificate)?, key))
    }
}

/// Returns an error if others may read a private key. By libpq's rule, the mode of the file is at
/// most 0600, or 0640 if root owns the file.
fn check_key_is_private(key: &Path) -> Result<()> {
    let metadata = std::fs::metadata(key)
        .map_err(|e| Error::config(format!("sslkey {}", key.display())).with_source(e))?;
    let forbidden = if metadata.uid() == 0 { 0o027 } else { 0o077 };
    if metadata.mode() & forbidden == 0 {
        return Ok(());
    }
    Err(Error::config(format!(
        "sslkey {} may be read by others: `chmod` it to 0600 (or 0640 if root owns it)",
        key.display()
    )))
}

fn read_certificates(option: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let file_error = || Error::config(format!("{option} {}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| file_error().with_source(e))?;
    if certificates.is_empty() {
        return Err(file_error().with_source("it has no PEM certificate"));
    }
    Ok(certificates)
}

/// Accepts a certificate for any host name. With a `chain`, a trusted root must have signed the
/// certificate. Without a `chain`, any certificate is accepted.
///
/// The signature of the handshake is always checked. Without this check, an attacker could send a
/// copy of the server's certificate. SCRAM's channel binding, which protects the password under
/// `sslmode=require`, would then protect nothing.
#[derive(Debug)]
struct AnyNameVerifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyNameVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The verifier checks the name last. So if only the name is wrong, the chain is correct.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Returns true if the connection failed because of the TLS configuration of the client or of the
/// server. A retry is useless then.
pub(crate) fn is_refusal(error: &tokio_postgres::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if cause.to_string() == NO_TLS {
            return true;
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            // An `io::Error` does not return the error that it wraps as its source.
            let wrapped = io.get_ref().and_then(|inner| inner.downcast_ref());
            match wrapped {
                Some(
                    rustls::Error::InvalidCertificate(_)
                    | rustls::Error::AlertReceived(_)
                    | rustls::Error::PeerIncompatible(_),
                ) => return true,
                Some(_) => return false,
                // If a host name is not valid, rustls reports this kind of error.
                None if io.kind() == ErrorKind::InvalidInput => return true,
                None => {}
            }
        }
        next = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_verifies_what_libpq_does() {
        use Verification::{Chain, ChainAndName, Nothing};
        use WireMode::{Disable, Prefer, Require};
        for (mode, root, wire, verification) in [
            (None, None, Prefer, Nothing),
            (None, Some("ca.pem"), Prefer, Chain),
            (None, Some("system"), Require, ChainAndName),
            (Some("disable"), None, Disable, Nothing),
            (Some("disable"), Some("ca.pem"), Disable, Nothing),
            (Some("prefer"), None, Prefer, Nothing),
            (Some("require"), None, Require, Nothing),
            (Some("require"), Some("ca.pem"), Require, Chain),
            (Some("verify-ca"), None, Require, Chain),
            (Some("verify-ca"), Some("ca.pem"), Require, Chain),
            (Some("verify-full"), None, Require, ChainAndName),
            (Some("verify-full"), Some("ca.pem"), Require, ChainAndName),
            (Some("verify-full"), Some("system"), Require, ChainAndName),
        ] {
            let tls = TlsOptions::parse(mode, root.map(PathBuf::from), None, None).expect("a mode");
            assert_eq!(tls.wire_mode(), wire, "{mode:?} {root:?}");
            assert_eq!(tls.verification(), verification, "{mode:?} {root:?}");
        }
    }

    #[test]
    fn contradicting_options_are_refused() {
        let path = |name: &str| Some(PathBuf::from(name));
        for (mode, root, certificate, key) in [
            (Some("allow"), None, None, None),
            (Some("require"), path("system"), None, None),
            (Some("require"), None, path("client.crt"), None),
            (Some("require"), None, None, path("client.key")),
        ] {
            let error = TlsOptions::parse(mode, root, certificate, key).expect_err("refused");
            assert_eq!(error.kind(), crate::error::Kind::Config);
        }
    }

    #[test]
    fn a_missing_root_file_is_named() {
        let tls = TlsOptions::parse(Some("verify-full"), Some("/no/such.pem".into()), None, None);
        let Err(error) = tls.expect("options").build_connector() else {
            panic!("a root certificate was read from nowhere");
        };
        assert!(error.chain().contains("sslrootcert /no/such.pem"));
    }
}
