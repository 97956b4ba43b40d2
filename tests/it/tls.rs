//! Tests which server a source trusts: the certificate decides, and the server receives nothing
//! before that.
//!
//! `database` tests the database's certificates.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::database::make_certificates;
use crate::faults::clock;
use crate::harness::{Ingest, LINK, SOURCE};
use crate::publisher::{Feed, Publisher, Reply, package, release, short_pages};

/// The number of attempts for a page.
const ATTEMPTS: usize = 4;

/// A publisher behind TLS, with a certificate for `localhost`.
struct TlsPublisher {
    publisher: Publisher,
    port: u16,
    /// The number of connections, and the number of clients that trusted the certificate.
    met: Arc<AtomicUsize>,
    believed: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl TlsPublisher {
    async fn start(keys: &Path) -> Self {
        Self::start_as(keys, "server").await
    }

    /// Serves with the certificate of this name.
    async fn start_as(keys: &Path, name: &str) -> Self {
        let file = |ending| keys.join(format!("{name}.{ending}"));
        let certificate = CertificateDer::from_pem_file(file("crt")).unwrap();
        let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let publisher = Feed::link(short_pages(3, 2, 1)).serve().await;
        let behind = publisher.address();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (met, believed) = (Arc::default(), Arc::default());
        let (meets, believes) = (Arc::clone(&met), Arc::clone(&believed));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                AtomicUsize::fetch_add(&meets, 1, Relaxed);
                let (acceptor, believes) = (acceptor.clone(), Arc::clone(&believes));
                tokio::spawn(async move {
                    let Ok(mut here) = acceptor.accept(stream).await else {
                        return;
                    };
                    AtomicUsize::fetch_add(&believes, 1, Relaxed);
                    let mut there = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        });
        Self {
            publisher,
            port,
            met,
            believed,
            task,
        }
    }
}

impl Drop for TlsPublisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The requested host, the server's certificate, the trusted authority, the time since the
/// certificate was made, and the message if the program does not trust it.
struct Case {
    host: &'static str,
    certificate: &'static str,
    authority: &'static str,
    days_later: i32,
    says: Option<&'static str>,
}

impl Case {
    async fn check(&self, keys: &Path) {
        let Self { host, says, .. } = *self;
        let secure = TlsPublisher::start_as(keys, self.certificate).await;
        let mut ingest = Ingest::new().await;
        let authority = keys.join(format!("{}.crt", self.authority));
        ingest.set_env("SSL_CERT_FILE", authority.to_str().unwrap());
        if self.days_later != 0 {
            clock::fake_clock(&mut ingest, &format!("{:+}d", self.days_later));
        }
        // A secret that no other server may receive.
        ingest.set_env("PUBLISHER_KEY", "s3cret");
        let url = format!("https://{host}:{}/", secure.port);
        let table = format!("{LINK}\nhttp.headers = {{ x-key = \"{{env.PUBLISHER_KEY}}\" }}");
        ingest.declare_as(SOURCE, &url, &table);
        ingest.configure(&format!("[fetch]\nattempts = {ATTEMPTS}"));
        let ran = ingest.run(&[]).await;
        let believed = secure.believed.load(Relaxed);
        let Some(says) = says else {
            let ran = ran.expect(0);
            assert_eq!(ran.report()["retries"], 0, "{}", ran.stderr);
            assert_eq!(ingest.count("release").await, 5);
            assert_eq!(secure.publisher.requests().len(), 3);
            assert!(believed > 0);
            return;
        };
        // Nobody but a person can change it, so there is one attempt.
        let ran = ran.expect(2);
        let ended = format!(
            "fetch page 1 of {SOURCE}: the certificate of {host}:{} ",
            secure.port
        );
        ran.expect_log(&ended);
        ran.expect_log(says);
        // Only the code that ends the run logs the error.
        assert_eq!(ran.stderr.matches("ERROR").count(), 1, "{}", ran.stderr);
        assert_eq!(secure.met.load(Relaxed), 1, "{}", ran.stderr);
        assert_eq!(believed, 0, "{}", ran.stderr);
        assert_eq!(secure.publisher.targets(), [""; 0]);
        assert_eq!(ingest.count("release").await, 0);
    }
}

#[tokio::test]
async fn a_publisher_with_an_untrusted_certificate_gets_no_request() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path();
    make_certificates(keys);
    let believed = Case {
        host: "localhost",
        certificate: "server",
        authority: "ca",
        days_later: 0,
        says: None,
    };
    believed.check(keys).await;
    for case in [
        Case {
            authority: "other",
            says: Some(
                "which does not have it; or else the server does not send the intermediate \
                 certificate of its authority",
            ),
            ..believed
        },
        Case {
            host: "127.0.0.1",
            says: Some("is valid for localhost, and not for this name"),
            ..believed
        },
        Case {
            days_later: 3,
            says: Some(" expired at 2"),
            ..believed
        },
        Case {
            days_later: -3,
            says: Some(" is not valid before 2"),
            ..believed
        },
        Case {
            certificate: "other",
            says: Some("is that of an authority and not of a server"),
            ..believed
        },
    ] {
        case.check(keys).await;
    }
}

/// Returns a TLS record in which a server selects a version, and a cipher suite with AES.
fn server_hello(version: u16) -> Vec<u8> {
    let version = version.to_be_bytes();
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    // No session; TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA; no compression.
    hello.extend([0, 0xc0, 0x13, 0]);
    let mut record = vec![22];
    record.extend(version);
    let length = u16::try_from(hello.len()).unwrap();
    record.extend((length + 4).to_be_bytes());
    record.extend([2, 0]);
    record.extend(length.to_be_bytes());
    record.extend(hello);
    record
}

#[tokio::test]
async fn a_server_with_an_old_or_no_tls_version_gets_no_request() {
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let old = "speaks only TLS 1.1 or older, which is not supported";
    // An alert of the highest level, with its number.
    let alert = |number| vec![21, 3, 3, 0, 2, 2, number];
    for (what, said, says) in [
        ("SSL 3.0", server_hello(0x300), old),
        ("TLS 1.0", server_hello(0x301), old),
        ("TLS 1.1", server_hello(0x302), old),
        ("an alert about the version", alert(70), old),
        (
            "an alert about the ciphers",
            alert(40),
            "refused the TLS handshake (received fatal alert: HandshakeFailure)",
        ),
        (
            "an alert about the name",
            alert(112),
            "is not a name that its server knows",
        ),
        (
            "an alert about the client",
            alert(116),
            "asks for a certificate of the client, which is not supported",
        ),
        (
            "HTTP in clear text",
            b"HTTP/1.1 302 Found\r\nlocation: http://localhost/\r\n\r\n".to_vec(),
            "does not answer in TLS (received corrupt message of type InvalidContentType); it may \
             expect http and not https on this port",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<std::sync::Mutex<Vec<u8>>> = Arc::default();
        let log = Arc::clone(&heard);
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut hello = vec![0; 16 << 10];
                let read = stream.read(&mut hello).await.unwrap();
                assert_eq!(hello[..read].first(), Some(&22));
                let _ = stream.write_all(&said).await;
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                log.lock().unwrap().extend(rest);
            }
        });
        let mut ingest = Ingest::new().await;
        let authority = directory.path().join("ca.crt");
        ingest.set_env("SSL_CERT_FILE", authority.to_str().unwrap());
        ingest.set_env("PUBLISHER_KEY", "s3cret");
        let table = "http.headers = { x-key = \"{env.PUBLISHER_KEY}\" }";
        ingest.declare_as(SOURCE, &format!("https://localhost:{port}/"), table);
        // This may be a server that is being set up, so it is tried again.
        let ran = ingest.run(&[]).await.expect(3);
        let says = format!("localhost:{port} {says}");
        assert!(ran.stderr.contains(&says), "{what}: {}", ran.stderr);
        assert_eq!(
            ran.stderr.matches("asking again").count(),
            ATTEMPTS - 1,
            "{what}"
        );
        assert_eq!(ingest.count("release").await, 0, "{what}");
        // At most an alert, which is a record of seven bytes.
        let heard = heard.lock().unwrap();
        assert!(heard.len() <= 7 * ATTEMPTS, "{what}: {heard:?}");
        server.abort();
    }
}

#[tokio::test]
async fn links_and_redirects_from_https_to_http_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path();
    make_certificates(keys);
    let clear = Feed::link(short_pages(3, 2, 1)).serve().await;
    let there = clear.url("/").replace("127.0.0.1", "localhost");
    let secure = TlsPublisher::start(keys).await;
    let here = format!("http://localhost:{}/there", secure.port);
    let redirect = "a redirect leads from https to http";
    for (to, hosts, by_link, says) in [
        (&here, "", false, redirect),
        (&there, "\"localhost\"", false, redirect),
        // This one is requested over https.
        (&here, "", true, ""),
    ] {
        let served = to.clone();
        secure
            .publisher
            .set_script(move |request| match request.path() {
                "/" if by_link => {
                    let link = format!(r#","links":{{"next":"{served}"}}"#);
                    Reply::json(package(&[release(0)], &link))
                }
                "/" => Reply::redirect(302, &served),
                _ => Reply::json(package(&[release(1)], "")),
            });
        let mut ingest = Ingest::new().await;
        let authority = keys.join("ca.crt");
        ingest.set_env("SSL_CERT_FILE", authority.to_str().unwrap());
        let url = format!("https://localhost:{}/", secure.port);
        let table = format!("{LINK}\nhttp.allow_hosts = [{hosts}]");
        ingest.declare_as(SOURCE, &url, &table);
        let ran = ingest.run(&[]).await;
        let is_refused = !says.is_empty();
        let ran = ran.expect(if is_refused { 4 } else { 0 });
        ran.expect_log(says);
        let stored = if is_refused { 0 } else { 2 };
        assert_eq!(ingest.count("release").await, stored, "{to}");
    }
    assert_eq!(clear.targets(), [""; 0]);
    // All requests came through TLS.
    assert!(secure.believed.load(Relaxed) > 0);
}

#[tokio::test]
async fn a_request_in_clear_text_to_a_tls_port_is_said_to_be_one() {
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let secure = TlsPublisher::start(directory.path()).await;
    let mut ingest = Ingest::new().await;
    ingest.configure("[fetch]\nattempts = 1");
    ingest.declare_as(SOURCE, &format!("http://localhost:{}/", secure.port), "");
    let ran = ingest.run(&[]).await.expect(3);
    let says = format!("send the request to localhost:{}: ", secure.port);
    ran.expect_log(&says);
    ran.expect_log("its answer is not HTTP, so it may expect https on this port");
}

#[tokio::test]
async fn an_untrusted_certificate_of_another_host_ends_only_what_leads_there() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path();
    make_certificates(keys);
    let secure = TlsPublisher::start(keys).await;
    let there = format!("https://localhost:{}/there", secure.port);
    let says = format!(
        "the certificate of localhost:{} is of an authority",
        secure.port
    );
    let untrusted = keys.join("other.crt");
    let declare = async |url: &str, rest: &str| {
        let mut ingest = Ingest::new().await;
        ingest.set_env("SSL_CERT_FILE", untrusted.to_str().unwrap());
        let table = format!("http.allow_hosts = [\"localhost\"]\n{rest}");
        ingest.declare_as(SOURCE, url, &table);
        ingest
    };
    let link = there.clone();
    let publisher = Publisher::serve(move |request| match request.path() {
        "/link" => {
            let links = format!(r#","links":{{"next":"{link}"}}"#);
            Reply::json(package(&[release(0)], &links))
        }
        "/redirect" => Reply::redirect(302, &link),
        "/index" => Reply::json(format!(r#"["/1", "{link}", "/2"]"#)),
        path => Reply::json(package(&[release(path[1..].parse().unwrap())], "")),
    })
    .await;
    for (path, rest, stored) in [("/link", LINK, 1), ("/redirect", "", 0)] {
        let before = secure.met.load(Relaxed);
        let ingest = declare(&publisher.url(path), rest).await;
        let ran = ingest.run(&[]).await.expect(4);
        ran.expect_log(&says);
        assert_eq!(ingest.count("release").await, stored, "{path}");
        assert_eq!(secure.met.load(Relaxed) - before, 1, "{path}");
    }
    // Of several documents, only the one there is missing.
    let detail = "detail = { each = \"/*\" }";
    let ingest = declare(&publisher.url("/index"), detail).await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ingest.count("release").await, 2);
    let kept = ingest
        .value("select reason || ' ' || message from ocds.quarantine")
        .await;
    assert!(kept.starts_with("unfetched-document "), "{kept}");
    assert!(kept.contains(&says), "{kept}");
}

#[tokio::test]
async fn an_untrusted_certificate_of_the_token_server_ends_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path();
    make_certificates(keys);
    let secure = TlsPublisher::start(keys).await;
    let publisher = Publisher::serve(|_| Reply::json(package(&[release(1)], ""))).await;
    let mut ingest = Ingest::new().await;
    let untrusted = keys.join("other.crt");
    ingest.set_env("SSL_CERT_FILE", untrusted.to_str().unwrap());
    let auth = format!(
        "auth = {{ mode = \"token\", url = \"https://localhost:{}/\", pointer = \"/token\" }}",
        secure.port
    );
    ingest.declare(&publisher, &auth);
    let ran = ingest.run(&[]).await.expect(2);
    let says = format!(
        "ask for a token: the certificate of localhost:{} is of",
        secure.port
    );
    ran.expect_log(&says);
    assert_eq!(secure.met.load(Relaxed), 1);
    assert_eq!(publisher.targets(), [""; 0]);
}
