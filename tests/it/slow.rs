//! Tests servers that send almost nothing for ever. A limit ends each of them, in a body of any
//! kind, before a body, or around one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::http::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use h2::Ping;
use h2::server::SendResponse;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::database::make_certificates;
use crate::harness::{Ingest, ProgramOutput, SOURCE};
use crate::lengths::accept_http_2;
use crate::publisher::{Publisher, Reply, Request, package, release};

/// Limits that end a slow answer soon. A page's time limit is not among them, because files have
/// none.
const LIMITS: &str = r#"
[fetch]
attempts = 2
connect_timeout = "2s"
read_timeout = "2s"
page_timeout = "1h"
min_bytes_per_minute = 1000000
max_body_bytes = 16777216
max_file_bytes = 16777216
"#;

/// Limits under which a busy machine can read everything that a good server sends.
const PATIENT: &str = "[fetch]\nread_timeout = \"60s\"\nattempts = 4";

/// The pause between two bytes.
const PAUSE: Duration = Duration::from_millis(20);

/// The number of concurrent attacks, because most of their time is waiting.
const AT_ONCE: usize = 4;

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// The messages about a body that is too slow, and about one that does not come.
const SLOW: &str = "which is less than 1000000 a minute, the limit of `fetch.min_bytes_per_minute`";
const SILENT: &str = "the server sent nothing for 2s, the limit of `fetch.read_timeout`";
const NO_ANSWER: &str = "gave no answer within 2s, the limit of `fetch.read_timeout`";

/// Sends bytes at once, and then others one by one without end.
fn drip_reply(head: &str, drip: &str) -> Reply {
    Reply::dripping(head.to_owned(), drip.to_owned(), PAUSE)
}

async fn prepare_ingest() -> Ingest {
    let mut ingest = Ingest::new().await;
    ingest.configure(LIMITS);
    ingest
}

/// Runs a source or loads a file.
async fn run_or_load(ingest: &Ingest, file: Option<&str>) -> ProgramOutput {
    match file {
        Some(url) => ingest.call(&["load", SOURCE, url, "--json"]).await,
        None => ingest.run(&[]).await,
    }
}

#[tokio::test]
async fn a_slow_body_of_any_kind_is_ended() {
    let token = "auth = { mode = \"oauth2\", url = \"HOST/slow\", client_id = \"me\", \
                 client_secret = \"you\" }";
    let cases = [
        ("a page", "/slow", "", false),
        (
            "an index of items",
            "/slow",
            "detail = { each = \"/*\", url = \"HOST/{item}\" }",
            false,
        ),
        (
            "an item",
            "/index",
            "detail = { each = \"/*\", url = \"HOST/{item}\" }",
            false,
        ),
        (
            "an index of an axis",
            "/{axis.file|raw}",
            "axis.file = { url = \"HOST/slow\", each = \"/*\" }",
            false,
        ),
        ("a token", "/", token, false),
        (
            "a file of a source",
            "/slow",
            "page = { mode = \"file\" }",
            false,
        ),
        ("a file that is loaded", "/", "", true),
    ];
    let attacks = cases.into_iter().map(async |(what, path, table, is_file)| {
        let publisher = Publisher::serve(|request| match request.path() {
            "/slow" => drip_reply(&format!("{OK}\r\n"), " "),
            "/index" => Reply::json("[\"slow\"]"),
            _ => Reply::json(package(&[release(1)], "")),
        })
        .await;
        let mut ingest = prepare_ingest().await;
        let host = publisher.url("");
        ingest.declare_as(SOURCE, &publisher.url(path), &table.replace("HOST", &host));
        let file = publisher.url("/slow");
        let ran = run_or_load(&ingest, is_file.then_some(&*file)).await;
        assert_eq!(ran.code, Some(3), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(SLOW), "{what}: {}", ran.stderr);
        let asked = publisher
            .targets()
            .iter()
            .filter(|it| *it == "/slow")
            .count();
        assert_eq!(asked, 2, "{what}: {:?}", publisher.targets());
        assert_eq!(ingest.count("release").await, 0, "{what}");
        // When the server is fast again, everything is stored.
        publisher.set_script(move |request| match request.path() {
            "/slow" if request.method == "POST" => Reply::json("{\"access_token\":\"t\"}"),
            "/slow" if what.starts_with("an index") => Reply::json("[\"good\"]"),
            "/index" => Reply::json("[\"slow\"]"),
            _ => Reply::json(package(&[release(1)], "")),
        });
        ingest.configure(PATIENT);
        let ran = run_or_load(&ingest, is_file.then_some(&*file)).await;
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert_eq!(ingest.count("release").await, 1, "{what}");
    });
    futures::stream::iter(attacks)
        .map(Box::pin)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

/// An answer that never ends, described in a sentence, and the message.
type Drip = (&'static str, Reply, &'static str);

/// Gives each answer to a request for a page, and for a file.
async fn check_drips(drips: impl IntoIterator<Item = Drip>) {
    let attacks = drips.into_iter().map(async |(what, reply, says)| {
        let publisher = Publisher::serve(move |_| reply.clone()).await;
        for file in [None, Some(&*publisher.url("/file"))] {
            let before = publisher.requests().len();
            let mut ingest = prepare_ingest().await;
            ingest.declare(&publisher, "");
            let ran = run_or_load(&ingest, file).await;
            assert_eq!(ran.code, Some(3), "{what}: {}", ran.stderr);
            assert!(ran.stderr.contains(says), "{what}: {}", ran.stderr);
            assert_eq!(publisher.requests().len() - before, 2, "{what}");
        }
    });
    futures::stream::iter(attacks)
        .map(Box::pin)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn slow_data_around_a_body_is_ended() {
    let encoded = format!("{OK}content-encoding: gzip\r\n\r\n");
    check_drips([
        ("a status", drip_reply("HTTP/1.1 200 ", "a"), NO_ANSWER),
        ("a header", drip_reply(&format!("{OK}x: "), "a"), NO_ANSWER),
        ("headers", drip_reply(OK, "x: 1\r\n"), NO_ANSWER),
        (
            "answers that go before the answer",
            drip_reply("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
            NO_ANSWER,
        ),
        (
            "a body without a length",
            drip_reply(&format!("{OK}\r\n"), " "),
            SLOW,
        ),
        (
            "a body with a length",
            drip_reply(&format!("{OK}content-length: 1000000\r\n\r\n"), " "),
            SLOW,
        ),
        ("chunks of a byte", drip_reply(CHUNKED, "1\r\n \r\n"), SLOW),
        (
            "chunks of a byte with extensions",
            drip_reply(CHUNKED, "1;a=b\r\n \r\n"),
            SLOW,
        ),
        (
            "an extension of a chunk",
            drip_reply(&format!("{CHUNKED}1;"), "a"),
            SILENT,
        ),
        (
            "the size of a chunk",
            drip_reply(&format!("{CHUNKED}1"), " "),
            SILENT,
        ),
        (
            "trailers",
            drip_reply(&format!("{CHUNKED}1\r\n \r\n0\r\n"), "x: 1\r\n"),
            SILENT,
        ),
        // Deflate blocks without content.
        (
            "gzip that comes to nothing",
            Reply::dripping(
                [encoded.as_bytes(), GZIP].concat(),
                &b"\0\0\0\xff\xff"[..],
                PAUSE,
            ),
            SLOW,
        ),
    ])
    .await;
}

/// The beginning of a gzip file.
const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff";

#[tokio::test]
async fn fast_gzip_data_without_content_is_ended_by_a_size_limit() {
    let head = format!("{OK}content-encoding: gzip\r\n\r\n");
    let head = [head.as_bytes(), GZIP].concat();
    let nothing = b"\0\0\0\xff\xff".repeat(10_000);
    let publisher = Publisher::serve(move |_| Reply::endless(head.clone(), nothing.clone())).await;
    let url = publisher.url("/file.gz");
    for (file, key) in [
        (None, "fetch.max_body_bytes"),
        (Some(&*url), "fetch.max_file_bytes"),
    ] {
        let before = publisher.requests().len();
        let mut ingest = prepare_ingest().await;
        ingest.declare(&publisher, "");
        let ran = run_or_load(&ingest, file).await.expect(4);
        let kept = ingest.value("select message from ocds.quarantine").await;
        let says = format!("larger than 16777216 bytes, the limit of `{key}`");
        assert!(kept.contains(&says), "{kept}: {}", ran.stderr);
        assert_eq!(publisher.requests().len() - before, 1);
    }
}

#[tokio::test]
async fn slow_redirects_are_counted_and_their_bodies_are_not_read() {
    let publisher = Publisher::serve(|request| {
        let to = format!("{}x", request.path());
        let head = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\n\r\n");
        drip_reply(&head, " ")
    })
    .await;
    let url = publisher.url("/file");
    for file in [None, Some(&*url)] {
        let before = publisher.requests().len();
        let mut ingest = prepare_ingest().await;
        ingest.declare(&publisher, "");
        let ran = run_or_load(&ingest, file).await.expect(4);
        let says = "more than 10 redirects in a row";
        ran.expect_log(says);
        assert_eq!(publisher.requests().len() - before, 11);
    }
}

/// Serves a file. Each connection sends this many of the requested bytes, and then is slow.
fn serve_stalling(content: Bytes, at_once: usize) -> impl Fn(&Request) -> Reply {
    move |request| {
        let range = request.header("range");
        let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        let from: usize = from.map_or(0, |from| from.parse().unwrap());
        let (status, last) = (if from > 0 { 206 } else { 200 }, content.len() - 1);
        let head = format!(
            "HTTP/1.1 {status} scripted\r\netag: \"same\"\r\ncontent-length: {}\r\n\
             content-range: bytes {from}-{last}/{}\r\n\r\n",
            content.len() - from,
            content.len()
        );
        let end = content.len().min(from + at_once);
        let rest = match end == content.len() {
            true => Bytes::new(),
            false => content.slice(end..),
        };
        let head = [head.as_bytes(), &content[from..end]].concat();
        Reply::dripping(head, rest, PAUSE)
    }
}

#[tokio::test]
async fn a_download_that_keeps_stalling_fails_unless_it_makes_progress() {
    let lines: String = (0..16_000).map(|i| release(i) + "\n").collect();
    let content = Bytes::from(lines);
    // Each connection brings a megabyte.
    assert!(content.len() > 2 << 20);
    for (at_once, code) in [(50_000, 3), (3 << 19, 0)] {
        let publisher = Publisher::serve(serve_stalling(content.clone(), at_once)).await;
        let ingest = {
            let mut ingest = prepare_ingest().await;
            ingest.declare(&publisher, "");
            ingest
        };
        let url = publisher.url("/file.jsonl");
        let ran = run_or_load(&ingest, Some(&url)).await.expect(code);
        let requests = publisher.requests();
        let ranges: Vec<_> = requests.iter().map(|it| it.header("range")).collect();
        ran.expect_log(SLOW);
        assert!(ranges.iter().skip(1).all(Option::is_some), "{ranges:?}");
        match code {
            0 => assert_eq!(ingest.count("release").await, 16_000),
            // One attempt follows the other, however often the download resumed.
            _ => assert_eq!(requests.len(), 2, "{ranges:?}"),
        }
    }
}

#[tokio::test]
async fn a_slow_body_is_read_completely_without_a_minimum_speed() {
    let page = Reply::json(package(&[release(1)], "")).drip(2, PAUSE);
    let publisher = Publisher::serve(move |_| page.clone()).await;
    for (speed, code) in [(1_000_000, 3), (0, 0)] {
        let mut ingest = prepare_ingest().await;
        ingest.configure(&format!(
            "[fetch]\nread_timeout = \"500ms\"\nmin_bytes_per_minute = {speed}\nattempts = {}",
            if code == 0 { 20 } else { 2 }
        ));
        ingest.declare(&publisher, "");
        let ran = ingest.run(&[]).await;
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    }
}

/// A frame that a server sends for ever over HTTP/2.
#[derive(Clone, Copy, Debug)]
enum Endless {
    /// Data frames without content.
    Data,
    /// Pings, and no answer.
    Pings,
    /// The head of an answer, and then pings.
    Head,
}

/// Answers the requests of one connection endlessly.
async fn serve_endless(stream: TcpStream, keys: Arc<tempfile::TempDir>, endless: Endless) {
    let Ok(stream) = accept_http_2(keys.path()).accept(stream).await else {
        return;
    };
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut tasks = JoinSet::new();
    let mut pings = connection.ping_pong().unwrap();
    tasks.spawn(async move {
        while !matches!(endless, Endless::Data) && pings.ping(Ping::opaque()).await.is_ok() {
            tokio::time::sleep(PAUSE).await;
        }
    });
    while let Some(Ok((_, respond))) = connection.accept().await {
        tasks.spawn(send_endless(respond, endless));
    }
}

async fn send_endless(mut respond: SendResponse<Bytes>, endless: Endless) {
    let mut body = match endless {
        Endless::Pings => return std::future::pending().await,
        Endless::Data | Endless::Head => respond.send_response(Response::new(()), false).unwrap(),
    };
    loop {
        tokio::time::sleep(PAUSE).await;
        if matches!(endless, Endless::Data) && body.send_data(Bytes::new(), false).is_err() {
            return;
        }
    }
}

/// A server that handles all connections in one way, until it is dropped.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    async fn serve<F>(converse: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Relaxed);
                open.spawn(converse(stream));
            }
        });
        Self {
            port,
            connections,
            task,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn empty_http_2_frames_do_not_extend_time_limits() {
    let keys = Arc::new(tempfile::tempdir().unwrap());
    make_certificates(keys.path());
    for (endless, says) in [
        (Endless::Data, SILENT),
        (Endless::Pings, NO_ANSWER),
        (Endless::Head, SILENT),
    ] {
        let kept = Arc::clone(&keys);
        let server =
            Server::serve(move |stream| serve_endless(stream, Arc::clone(&kept), endless)).await;
        let url = format!("https://localhost:{}/file", server.port);
        for file in [None, Some(&*url)] {
            let mut ingest = prepare_ingest().await;
            let authority = keys.path().join("ca.crt");
            ingest.set_env("SSL_CERT_FILE", authority.to_str().unwrap());
            ingest.declare_as(SOURCE, &url, "");
            let ran = run_or_load(&ingest, file).await;
            assert_eq!(ran.code, Some(3), "{endless:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(says), "{endless:?}: {}", ran.stderr);
        }
    }
}

#[tokio::test]
async fn a_slow_tls_handshake_is_ended() {
    // The header of a record of 16 kB, and its content byte by byte.
    let server = Server::serve(async |mut stream: TcpStream| {
        let mut sent = stream
            .write_all(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
            .await;
        while sent.is_ok() {
            tokio::time::sleep(PAUSE).await;
            sent = stream.write_all(b"\0").await;
        }
    })
    .await;
    let url = format!("https://127.0.0.1:{}/file", server.port);
    for file in [None, Some(&*url)] {
        let before = server.connections.load(Relaxed);
        let mut ingest = prepare_ingest().await;
        ingest.configure("[fetch]\nconnect_timeout = \"1s\"");
        ingest.declare_as(SOURCE, &url, "");
        let ran = run_or_load(&ingest, file).await.expect(3);
        let says = format!(
            "no connection to 127.0.0.1:{} within 1s, the limit of `fetch.connect_timeout`",
            server.port
        );
        ran.expect_log(&says);
        assert_eq!(server.connections.load(Relaxed) - before, 2);
    }
}

#[tokio::test]
async fn a_time_limit_is_called_by_the_key_that_sets_it() {
    const SECOND: Duration = Duration::from_secs(1);
    let page = package(&[release(1)], "");
    let silent = Reply::json(page.clone()).delay(60 * SECOND);
    let head = format!("{OK}content-length: 100\r\n\r\n{{");
    let stalling = Reply::dripping(head, " ", 60 * SECOND);
    let slow = Reply::json(page).drip(1, SECOND / 5);
    for (reply, says) in [
        (&silent, "gave no answer within 1s"),
        (&stalling, "the server sent nothing for 1s"),
        (&slow, "the answer is not whole within 1s"),
    ] {
        let reply = reply.clone();
        let publisher = Publisher::serve(move |_| reply.clone()).await;
        let fetch = match says.contains("whole") {
            true => "page_timeout = \"1s\"",
            false => "read_timeout = \"1s\"",
        };
        for (fetch, table, key) in [
            (
                fetch,
                "",
                format!("fetch.{}", fetch.replace(" = \"1s\"", "")),
            ),
            (
                "",
                "http.timeout = \"1s\"",
                format!("sources.{SOURCE}.http.timeout"),
            ),
        ] {
            let mut ingest = Ingest::new().await;
            ingest.configure(&format!(
                "[fetch]\nattempts = 1\nmin_bytes_per_minute = 0\n{fetch}"
            ));
            ingest.declare(&publisher, table);
            let ran = ingest.run(&[]).await.expect(3);
            // With the source's timeout, the limits of the page and of the silence are the same.
            let says = if table.is_empty() { says } else { "" };
            ran.expect_log(&format!("{says}, the limit of `{key}`"));
        }
    }
}
