//! Tests bodies that are shorter than the server announced, however the connection ends. A proxy
//! that loses its server ends an HTTP/2 stream without an error.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::database::make_certificates;
use crate::harness::{Ingest, SOURCE};
use crate::publisher::{Encoding, Publisher, Reply, release};

/// The time for sent data to leave before a stream is reset, because a reset discards it.
const LEAVES: Duration = Duration::from_millis(300);

/// The number of releases in a feed, and the number that arrive before the cut.
const ALL: usize = 1_200;
const HALF: usize = 600;

/// A request over HTTP/2.
#[derive(Clone, Debug)]
pub(crate) struct Http2Request {
    pub(crate) path: String,
    headers: HeaderMap,
    /// The number of earlier requests for the same path.
    pub(crate) nth: usize,
}

impl Http2Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer over HTTP/2.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    /// The reason with which the stream is reset after an incomplete body.
    reset: Option<Reason>,
    is_refused: bool,
}

impl Answer {
    /// Makes an answer with the body, its length and its tag.
    pub(crate) fn whole(body: &str) -> Self {
        let tag = blake3::hash(body.as_bytes()).to_hex();
        Self {
            status: 200,
            headers: vec![
                ("content-length", body.len().to_string()),
                ("etag", format!("\"{}\"", &tag[..16])),
            ],
            body: body.to_owned().into(),
            reset: None,
            is_refused: false,
        }
    }

    /// Refuses the stream before the request is processed.
    pub(crate) fn refused() -> Self {
        Self {
            is_refused: true,
            ..Self::whole("")
        }
    }

    /// Sends only this many bytes of the body, and then ends the stream.
    fn cut_after(mut self, bytes: usize, reset: Reason) -> Self {
        self.body.truncate(bytes);
        self.reset = Some(reset);
        self
    }

    fn without_length(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != "content-length");
        self
    }
}

/// A publisher that speaks HTTP/2 over TLS.
pub(crate) struct Http2Publisher {
    port: u16,
    keys: tempfile::TempDir,
    asked: Arc<Mutex<Vec<Http2Request>>>,
    task: JoinHandle<()>,
}

impl Http2Publisher {
    pub(crate) async fn serve(
        script: impl Fn(&Http2Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let keys = tempfile::tempdir().unwrap();
        make_certificates(keys.path());
        let acceptor = accept_http_2(keys.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Http2Request>>> = Arc::default();
        let log = Arc::clone(&asked);
        let script = Arc::new(script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, log) = (acceptor.clone(), Arc::clone(&log));
                tokio::spawn(serve_connection(acceptor, stream, log, Arc::clone(&script)));
            }
        });
        Self {
            port,
            keys,
            asked,
            task,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Http2Request> {
        self.asked.lock().unwrap().clone()
    }

    /// Prepares a program that trusts this publisher and has it as its source.
    pub(crate) async fn ingest(&self, table: &str) -> Ingest {
        let mut ingest = Ingest::new().await;
        let authority = self.keys.path().join("ca.crt");
        ingest.set_env("SSL_CERT_FILE", authority.to_str().unwrap());
        ingest.configure("[fetch]\nattempts = 3");
        ingest.declare_as(SOURCE, &self.url("/"), table);
        ingest
    }
}

/// Accepts only HTTP/2, with a certificate for `localhost`.
pub(crate) fn accept_http_2(keys: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(keys.join("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(keys.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

impl Drop for Http2Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers the requests of one connection.
async fn serve_connection(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    log: Arc<Mutex<Vec<Http2Request>>>,
    script: Arc<impl Fn(&Http2Request) -> Answer + Send + Sync + 'static>,
) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        let asked = {
            let mut log = log.lock().unwrap();
            let asked = Http2Request {
                nth: log.iter().filter(|known| known.path == path).count(),
                path,
                headers: request.headers().clone(),
            };
            log.push(asked.clone());
            asked
        };
        tokio::spawn(send_answer(respond, script(&asked)));
    }
}

async fn send_answer(mut respond: SendResponse<Bytes>, answer: Answer) {
    if answer.is_refused {
        respond.send_reset(Reason::REFUSED_STREAM);
        return;
    }
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let response = response.body(()).unwrap();
    let mut stream = respond.send_response(response, false).unwrap();
    let is_whole = answer.reset.is_none();
    stream.send_data(answer.body, is_whole).unwrap();
    if let Some(reason) = answer.reset {
        tokio::time::sleep(LEAVES).await;
        stream.send_reset(reason);
    }
}

/// Returns releases, one on each line.
fn release_lines(releases: usize) -> String {
    (0..releases).map(|i| release(i) + "\n").collect()
}

#[tokio::test]
async fn a_page_cut_by_an_http_2_proxy_is_fetched_again() {
    // Other proxies end with CANCEL.
    for reason in [Reason::NO_ERROR, Reason::CANCEL] {
        let (all, half) = (release_lines(ALL), release_lines(HALF).len());
        let publisher = Http2Publisher::serve(move |asked| match asked.nth {
            0 => Answer::whole(&all).cut_after(half, reason),
            _ => Answer::whole(&all),
        })
        .await;
        let ingest = publisher.ingest("").await;
        let ran = ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, ALL, "{}", ran.stderr);
        assert_eq!(ran.report()["retries"], 1, "{}", ran.stderr);
        assert_eq!(ingest.count("quarantine").await, 0);
    }
}

#[tokio::test]
async fn nothing_is_stored_of_a_page_that_is_always_cut() {
    let is_cut = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let cut = Arc::clone(&is_cut);
    let (all, half) = (release_lines(ALL), release_lines(HALF).len());
    let publisher = Http2Publisher::serve(move |_| {
        let whole = Answer::whole(&all);
        match cut.load(std::sync::atomic::Ordering::Relaxed) {
            true => whole.cut_after(half, Reason::NO_ERROR),
            false => whole,
        }
    })
    .await;
    let ingest = publisher.ingest("").await;
    let ran = ingest.run(&[]).await.expect(3);
    let says = format!(
        "the body ended after {half} of the {} bytes",
        release_lines(ALL).len()
    );
    ran.expect_log(&says);
    assert_eq!(publisher.requests().len(), 3);
    for table in ["release", "page", "quarantine"] {
        assert_eq!(ingest.count(table).await, 0, "{table}");
    }
    // Its tag is not kept either, because with it the whole page would count as unchanged.
    is_cut.store(false, std::sync::atomic::Ordering::Relaxed);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, ALL);
    assert_eq!(publisher.requests()[3].header("if-none-match"), None);
}

#[tokio::test]
async fn an_index_cut_by_an_http_2_proxy_is_fetched_again() {
    let index: String = (0..4)
        .map(|i| format!("<a href=\"/{i}.json\">{i}</a>\n"))
        .collect();
    let half = index.len() / 2;
    let publisher = Http2Publisher::serve(move |asked| match (&*asked.path, asked.nth) {
        ("/index", 0) => Answer::whole(&index).cut_after(half, Reason::NO_ERROR),
        ("/index", _) => Answer::whole(&index),
        (path, _) => {
            let number = path.trim_matches(|c: char| !c.is_ascii_digit());
            Answer::whole(&release(number.parse().unwrap()))
        }
    })
    .await;
    let mut ingest = publisher.ingest("").await;
    let table = format!(
        "axis.file = {{ url = {:?}, pattern = 'href=\"([^\"]+)\"' }}",
        publisher.url("/index")
    );
    ingest.declare_as(SOURCE, "{axis.file|raw}", &table);
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 4, "{}", ran.stderr);
}

#[tokio::test]
async fn a_download_cut_by_an_http_2_proxy_resumes_at_the_cut() {
    let (all, half) = (release_lines(ALL), release_lines(HALF).len());
    let publisher = Http2Publisher::serve(move |asked| {
        let whole = Answer::whole(&all);
        let begin = asked.header("range").map(|range| {
            let begin = range.trim_start_matches("bytes=").trim_end_matches('-');
            begin.parse::<usize>().unwrap()
        });
        match (asked.nth, begin) {
            (0, _) => whole.cut_after(half, Reason::NO_ERROR),
            // A part is cut too, and its range shows its length.
            (1, Some(begin)) => make_part(&whole, begin, all.len())
                .without_length()
                .cut_after((all.len() - begin) / 2, Reason::NO_ERROR),
            (_, Some(begin)) => make_part(&whole, begin, all.len()),
            (_, None) => whole,
        }
    })
    .await;
    let ingest = publisher.ingest("").await;
    let load = ["load", SOURCE, &publisher.url("/file.jsonl"), "--json"];
    let ran = ingest.call(&load).await.expect(0);
    assert_eq!(ingest.count("release").await, ALL, "{}", ran.stderr);
    let ranges: Vec<_> = publisher
        .requests()
        .iter()
        .map(|asked| asked.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert_eq!(ranges[0], None);
    // A range repeats the last bytes that have arrived.
    assert_eq!(ranges[1], Some(format!("bytes={}-", half - 4096)));
}

/// Returns the rest of a whole body as a partial answer.
fn make_part(whole: &Answer, begin: usize, total: usize) -> Answer {
    let mut part = whole.clone().without_length();
    part.status = 206;
    part.body = whole.body.slice(begin..);
    let range = format!("bytes {begin}-{}/{total}", total - 1);
    part.headers.push(("content-range", range));
    part.headers
        .push(("content-length", part.body.len().to_string()));
    part
}

#[tokio::test]
async fn a_download_that_is_always_cut_fails() {
    let (all, half) = (release_lines(ALL), release_lines(HALF).len());
    let publisher =
        Http2Publisher::serve(move |_| Answer::whole(&all).cut_after(half, Reason::NO_ERROR)).await;
    let ingest = publisher.ingest("").await;
    let load = ["load", SOURCE, &publisher.url("/file.jsonl"), "--json"];
    let ran = ingest.call(&load).await.expect(3);
    ran.expect_log("the body ended after");
    let complete = "run where state = 'complete'";
    assert_eq!(ingest.count(complete).await, 0);
}

/// Documents a limit: nothing shows that more data should have followed.
#[tokio::test]
async fn a_cut_body_of_lines_without_a_length_looks_whole() {
    let (all, half) = (release_lines(ALL), release_lines(HALF).len());
    let publisher = Http2Publisher::serve(move |_| {
        Answer::whole(&all)
            .without_length()
            .cut_after(half, Reason::NO_ERROR)
    })
    .await;
    let ingest = publisher.ingest("").await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, HALF);
}

/// Runs a source of one page, which gets the first reply once and the other one later.
async fn run_after_reply(first: Reply, whole: Reply) -> (Ingest, Publisher) {
    let publisher = Publisher::serve(move |request| match request.nth {
        0 => first.clone(),
        _ => whole.clone(),
    })
    .await;
    let ingest = Ingest::with_source(&publisher, "").await;
    ingest.run(&[]).await.expect(0);
    (ingest, publisher)
}

#[tokio::test]
async fn an_unexpected_partial_answer_is_not_a_page() {
    let (all, half) = (release_lines(8), release_lines(4));
    let range = |end: usize| format!("bytes 0-{}/{}", end - 1, all.len());
    let partial = |body: &str| {
        let reply = Reply::status(206).header("content-range", &range(body.len()));
        reply.body(body.to_owned())
    };
    let (ingest, publisher) = run_after_reply(partial(&half), Reply::json(all.clone())).await;
    assert_eq!(ingest.count("release").await, 8);
    assert_eq!(publisher.requests().len(), 2);
    // Some servers send the whole body as a part.
    let (ingest, publisher) = run_after_reply(partial(&all), Reply::status(500)).await;
    assert_eq!(ingest.count("release").await, 8);
    assert_eq!(publisher.requests().len(), 1);
}

#[tokio::test]
async fn a_body_of_several_compressed_streams_is_read_to_its_end() {
    let [first, second] = [0..4, 4..8].map(|range| {
        let lines: String = range.map(|i| release(i) + "\n").collect();
        Reply::json(lines)
    });
    for (encoding, name) in [(Encoding::Zstd, "zstd"), (Encoding::Gzip, "gzip")] {
        let first = first.clone().with_encoding(encoding).encoded_body().await;
        let second = second.clone().with_encoding(encoding).encoded_body().await;
        let both = Reply::json([first, second].concat()).header("content-encoding", name);
        let (ingest, publisher) = run_after_reply(both, Reply::status(500)).await;
        assert_eq!(ingest.count("release").await, 8, "{name}");
        assert_eq!(publisher.requests().len(), 1, "{name}");
    }
    // Brotli has only one stream, so the meaning of what follows is unknown.
    let body = first.with_encoding(Encoding::Brotli).encoded_body().await;
    let more = Reply::json([&body[..], b"more"].concat()).header("content-encoding", "br");
    let (ingest, publisher) = run_after_reply(more, Reply::json(release_lines(8))).await;
    assert_eq!(ingest.count("release").await, 8);
    assert_eq!(publisher.requests().len(), 2);
}
