//! Tests the proxies that the environment names: which requests go to them, and what is said
//! about one that cannot be reached or refuses.
//!
//! `userinfo` tests that nothing shows the password of a proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::{Ingest, ProgramOutput, SOURCE};
use crate::publisher::{Publisher, Reply, package, release};

/// A name that no resolver knows (RFC 6761).
const UNKNOWN: &str = "publisher.invalid";

async fn run_at(url: &str, environment: &[(&str, &str)]) -> (Ingest, ProgramOutput) {
    let mut ingest = Ingest::new().await;
    ingest.configure("[fetch]\nattempts = 1");
    ingest.declare_as(SOURCE, url, "");
    for (name, value) in environment {
        ingest.set_env(name, value);
    }
    let ran = ingest.run(&[]).await;
    (ingest, ran)
}

/// Returns an address that refuses connections while the socket exists, because no other process
/// can take its port.
fn closed_address() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_named_with_its_port() {
    let (_reserved, closed) = closed_address();
    for (url, says) in [
        (
            format!("http://{closed}/path?query=secret"),
            format!("cannot connect to {closed}: Connection refused"),
        ),
        (
            format!("https://{closed}/path"),
            format!("cannot connect to {closed}: Connection refused"),
        ),
        (
            format!("https://me:hunter@{UNKNOWN}/path"),
            format!("cannot find the address of {UNKNOWN}:443: failed to lookup address"),
        ),
    ] {
        let (ingest, ran) = run_at(&url, &[]).await;
        let ran = ran.expect(3);
        ran.expect_log(&format!("fetch page 1 of {SOURCE}: {says}"));
        for hidden in ["path", "secret", "hunter"] {
            assert!(!ran.stderr.contains(hidden), "{}", ran.stderr);
        }
        let kept = ingest.value("select error from ocds.request").await;
        assert!(kept.starts_with(&says), "{kept}");
    }
}

#[tokio::test]
async fn a_host_whose_name_shows_a_secret_is_not_named() {
    let to = "http://s3cret-hunter.publisher.invalid/";
    let publisher = Publisher::serve(move |_| Reply::redirect(302, to)).await;
    let mut ingest = Ingest::new().await;
    ingest.set_env("PUBLISHER_KEY", "s3cret-hunter");
    let table = "http.headers = { x-key = \"{env.PUBLISHER_KEY}\" }\nhttp.allow_hosts = [\"*\"]";
    ingest.declare(&publisher, table);
    let ran = ingest.run(&[]).await.expect(4);
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    ran.expect_log("shows a secret");
}

#[tokio::test]
async fn a_proxy_that_cannot_be_reached_is_named() {
    let (_reserved, closed) = closed_address();
    let proxy = format!("http://me:hunter@{closed}");
    let (http, https) = ("http://a.invalid/", "https://a.invalid/");
    let socks = format!("socks5h://{closed}");
    for (url, environment, says) in [
        (
            https,
            vec![("HTTPS_PROXY", &*proxy)],
            format!("cannot connect to the proxy {closed} of `HTTPS_PROXY`: Connection refused"),
        ),
        (
            http,
            vec![("all_proxy", &*proxy)],
            format!("cannot connect to the proxy {closed} of `all_proxy`: Connection refused"),
        ),
        (
            http,
            vec![("HTTP_PROXY", &*proxy), ("NO_PROXY", "b.invalid")],
            format!("cannot connect to the proxy {closed} of `HTTP_PROXY`: Connection refused"),
        ),
        (
            http,
            vec![("HTTP_PROXY", &*proxy), ("NO_PROXY", "a.invalid")],
            "cannot find the address of a.invalid:80: ".into(),
        ),
        (
            https,
            vec![("HTTPS_PROXY", &*proxy), ("NO_PROXY", "a.invalid")],
            "cannot find the address of a.invalid:443: ".into(),
        ),
        (
            https,
            vec![("HTTPS_PROXY", "http://proxy.invalid:3128")],
            "cannot find the address of the proxy proxy.invalid:3128 of `HTTPS_PROXY`: ".into(),
        ),
        (
            http,
            vec![("ALL_PROXY", &*socks)],
            format!("cannot connect to the proxy {closed} of `ALL_PROXY`: SOCKS error"),
        ),
    ] {
        let (_, ran) = run_at(url, &environment).await;
        let ran = ran.expect(3);
        ran.expect_log(&format!("fetch page 1 of {SOURCE}: {says}"));
        assert!(!ran.stderr.contains("hunter"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_a_tunnel_is_named() {
    for (status, says) in [
        (
            407,
            "status 407, it asks for a user and a password, or refuses those in `HTTPS_PROXY`",
        ),
        (403, "its status is neither 200 nor 407"),
        (502, "its status is neither 200 nor 407"),
    ] {
        let proxy = Publisher::serve(move |_| Reply::status(status)).await;
        let (_, ran) = run_at("https://a.invalid/", &[("HTTPS_PROXY", &proxy.url(""))]).await;
        let ran = ran.expect(3);
        let address = proxy.address();
        let refused = format!(
            "the proxy {address} of `HTTPS_PROXY` refused the tunnel to a.invalid:443: {says}"
        );
        ran.expect_log(&refused);
        assert_eq!(proxy.targets(), ["a.invalid:443"]);
    }
    let proxy = Publisher::serve(|_| Reply::verbatim("")).await;
    let (_, ran) = run_at("https://a.invalid/", &[("HTTPS_PROXY", &proxy.url(""))]).await;
    ran.expect(3)
        .expect_log("opened no connection to a.invalid:443: tunnel error: ");
}

#[tokio::test]
async fn a_proxy_that_would_be_ignored_ends_the_command() {
    let publisher = Publisher::serve(|_| Reply::json(package(&[release(1)], ""))).await;
    for (proxy, says) in [
        (
            "ftp://127.0.0.1:1",
            "its scheme is none of http, https, socks5 and socks5h",
        ),
        ("http://", "it is not a URL"),
    ] {
        let (_, ran) = run_at(&publisher.url("/"), &[("ALL_PROXY", proxy)]).await;
        let said = format!("the proxy that the environment's ALL_PROXY names: {says}");
        ran.expect(2).expect_log(&said);
        assert_eq!(publisher.targets(), [""; 0]);
    }
}

#[tokio::test]
async fn each_form_of_no_proxy_excepts_what_it_is_documented_to_except() {
    let proxy = Publisher::serve(|_| Reply::json(package(&[release(1)], ""))).await;
    let (_reserved, closed) = closed_address();
    let port = closed.port();
    let address = format!("http://{closed}/");
    let name = "http://data.publisher.invalid/";
    let with_port = format!("127.0.0.1:{port}");
    for (url, exceptions, is_excepted) in [
        (name, "data.publisher.invalid", true),
        (name, "publisher.invalid", true),
        (name, ".publisher.invalid", true),
        (name, "a.example, PUBLISHER.invalid ,b.example", true),
        (name, "ta.publisher.invalid", false),
        (name, "*", true),
        (name, "*.publisher.invalid", false),
        (name, "data.publisher.invalid:80", false),
        (&*address, "127.0.0.1", true),
        (&*address, "127.0.0.0/8", true),
        (&*address, "10.0.0.0/8", false),
        (&*address, "*", false),
        (&*address, &*with_port, false),
    ] {
        let environment = [("HTTP_PROXY", &*proxy.url("")), ("NO_PROXY", exceptions)];
        let (_, ran) = run_at(url, &environment).await;
        let code = if is_excepted { 3 } else { 0 };
        assert_eq!(ran.code, Some(code), "{url} {exceptions}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_variable_in_upper_case_counts_before_the_one_in_lower_case() {
    let proxy = Publisher::serve(|_| Reply::json(package(&[release(1)], ""))).await;
    let url = &*proxy.url("");
    let (_reserved, closed) = closed_address();
    let closed = format!("http://{closed}");
    for (environment, code) in [
        (vec![("HTTP_PROXY", url), ("http_proxy", &*closed)], 0),
        (vec![("HTTP_PROXY", &*closed), ("http_proxy", url)], 3),
        (vec![("http_proxy", url), ("ALL_PROXY", &*closed)], 0),
        (vec![("HTTPS_PROXY", &*closed), ("all_proxy", url)], 0),
        // An empty one hides the one in lower case too.
        (vec![("HTTP_PROXY", ""), ("http_proxy", url)], 3),
    ] {
        let (_, ran) = run_at("http://publisher.invalid/", &environment).await;
        assert_eq!(ran.code, Some(code), "{environment:?}: {}", ran.stderr);
    }
}

/// A SOCKS5 proxy (RFC 1928), which leads each name to one server.
struct Socks {
    address: SocketAddr,
    /// The hosts of the requests, and the users.
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// Decides which requests the proxy lets through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Open,
    /// It wants the user `me` with the password `hun@ter`.
    Credentials,
    /// It refuses each request, by the rule set.
    Refuses,
}

impl Socks {
    async fn start(server: SocketAddr, rule: Rule) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_socks(stream, server, rule, Arc::clone(&log)));
            }
        });
        Self {
            address,
            asked,
            task,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Socks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection. Returns `None` when it has ended.
async fn serve_socks(
    mut client: TcpStream,
    server: SocketAddr,
    rule: Rule,
    asked: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let [5, methods] = read_bytes(&mut client).await? else {
        panic!("not SOCKS5")
    };
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered).await.ok()?;
    let method = if rule == Rule::Credentials { 2 } else { 0 };
    if !offered.contains(&method) {
        return client.write_all(&[5, 0xFF]).await.ok();
    }
    client.write_all(&[5, method]).await.ok()?;
    if rule == Rule::Credentials {
        let [1] = read_bytes(&mut client).await? else {
            panic!("another version of RFC 1929")
        };
        let user = read_text(&mut client).await?;
        let password = read_text(&mut client).await?;
        let is_right = user == "me" && password == "hun@ter";
        asked.lock().unwrap().push(user);
        client.write_all(&[1, u8::from(!is_right)]).await.ok()?;
        is_right.then_some(())?;
    }
    // version, CONNECT, reserved, kind of address
    let [5, 1, 0, kind] = read_bytes(&mut client).await? else {
        panic!("another request than CONNECT")
    };
    let host = match kind {
        1 => std::net::Ipv4Addr::from(read_bytes::<4>(&mut client).await?).to_string(),
        3 => read_text(&mut client).await?,
        kind => panic!("an address of kind {kind}"),
    };
    let port = u16::from_be_bytes(read_bytes(&mut client).await?);
    asked.lock().unwrap().push(format!("{host}:{port}"));
    let answer = if rule == Rule::Refuses { 2 } else { 0 };
    client
        .write_all(&[5, answer, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .ok()?;
    if rule == Rule::Refuses {
        // The client reads the answer before the connection ends.
        tokio::time::sleep(Duration::from_secs(1)).await;
        return None;
    }
    let mut server = TcpStream::connect(server).await.ok()?;
    tokio::io::copy_bidirectional(&mut client, &mut server)
        .await
        .ok()
        .map(|_| ())
}

async fn read_bytes<const N: usize>(stream: &mut TcpStream) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

/// Reads a text that begins with its length.
async fn read_text(stream: &mut TcpStream) -> Option<String> {
    let [length] = read_bytes(stream).await?;
    let mut text = vec![0; length.into()];
    stream.read_exact(&mut text).await.ok()?;
    Some(String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn a_socks_proxy_resolves_names_if_its_scheme_says_so() {
    let publisher = Publisher::serve(|_| Reply::json(package(&[release(1)], ""))).await;
    let address = publisher.address();
    let local = format!("http://localhost:{}/", address.port());
    let unknown = format!("http://{UNKNOWN}/");
    for (scheme, url, code, asked) in [
        ("socks5h", &*unknown, 0, Some(format!("{UNKNOWN}:80"))),
        ("socks5", &*local, 0, Some(address.to_string())),
        ("socks5", &*unknown, 3, None),
    ] {
        let proxy = Socks::start(address, Rule::Open).await;
        let variable = format!("{scheme}://{}", proxy.address);
        let (ingest, ran) = run_at(url, &[("ALL_PROXY", &variable)]).await;
        let ran = ran.expect(code);
        assert_eq!(proxy.asked(), Vec::from_iter(asked), "{scheme} {url}");
        match code {
            0 => assert_eq!(ingest.count("release").await, 1),
            _ => ran.expect_log(&format!("cannot find the address of {UNKNOWN}:80: ")),
        }
    }
}

#[tokio::test]
async fn a_socks_proxy_gets_the_credentials_of_its_url() {
    let publisher = Publisher::serve(|_| Reply::json(package(&[release(1)], ""))).await;
    for (user, code, says) in [
        ("me:hun%40ter@", 0, ""),
        ("me:hunter@", 3, "SOCKS error: credentials not accepted"),
        ("", 3, "SOCKS error: "),
    ] {
        let proxy = Socks::start(publisher.address(), Rule::Credentials).await;
        let variable = format!("socks5h://{user}{}", proxy.address);
        let url = format!("http://{UNKNOWN}/");
        let (_, ran) = run_at(&url, &[("ALL_PROXY", &variable)]).await;
        let ran = ran.expect(code);
        match code {
            0 => assert_eq!(proxy.asked(), ["me", &format!("{UNKNOWN}:80")]),
            _ => ran.expect_log(&format!(
                "the proxy {} of `ALL_PROXY` opened no connection to {UNKNOWN}:80: {says}",
                proxy.address
            )),
        }
        assert!(!ran.stderr.contains("hun"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_socks_proxy_that_refuses_is_named() {
    let publisher = Publisher::serve(|_| Reply::status(500)).await;
    let proxy = Socks::start(publisher.address(), Rule::Refuses).await;
    let variable = format!("socks5h://{}", proxy.address);
    let url = format!("https://{UNKNOWN}/");
    let (_, ran) = run_at(&url, &[("ALL_PROXY", &variable)]).await;
    let says = format!(
        "the proxy {} of `ALL_PROXY` opened no connection to {UNKNOWN}:443: SOCKS error: ",
        proxy.address
    );
    ran.expect(3).expect_log(&says);
    assert_eq!(publisher.targets(), [""; 0]);
}
