//! A scripted publisher: a small local HTTP/1.1 server that answers by a script and records its
//! requests.
//!
//! A script is a function from a request to a [`Reply`]. A reply may be late, slow, encoded or
//! incomplete, and a [`Gate`] holds it back until the test opens the gate. [`Feed`] answers as a
//! correct publisher does; scripts wrap it to misbehave sometimes:
//!
//! ```ignore
//! let feed = Feed::link(pages(3, 2));
//! let publisher = Publisher::serve(move |request| match request.nth {
//!     0 => Reply::status(503),
//!     _ => feed.reply(request),
//! }).await;
//! ```

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use async_compression::Level;
use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::harness::TEST_TIMEOUT;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) at: Instant,
    /// The time of the answer, if there was one.
    pub(crate) answered_at: Option<Instant>,
    /// The number of earlier requests for the same target.
    pub(crate) nth: usize,
    /// The position among all requests, counted from 1.
    pub(crate) number: usize,
}

impl Request {
    /// Returns the value of a header. The name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Returns the decoded value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Returns the number of the requested page, 1 if there is none.
    pub(crate) fn page(&self) -> usize {
        self.query("page").map_or(1, |page| page.parse().unwrap())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Returns the whole request, as a server in debugging mode would show it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "method": self.method, "target": self.target, "headers": self.headers, "body": self.body
        })
    }
}

/// The content encoding of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoding {
    Gzip,
    Brotli,
    Zstd,
}

/// The position at which a body stops.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Bytes(usize),
    Percent(usize),
}

impl Cut {
    /// Returns the number of bytes that are sent.
    fn count_sent(self, bytes: usize) -> usize {
        match self {
            Self::Bytes(most) => most.min(bytes),
            Self::Percent(percent) => bytes * percent / 100,
        }
    }
}

/// An answer and its faults.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    encoding: Option<Encoding>,
    delay: Duration,
    gate: Option<(Gate, usize)>,
    cut_after: Option<Cut>,
    drip: Option<(usize, Duration)>,
    verbatim: Option<Verbatim>,
}

/// Raw bytes instead of an answer.
#[derive(Clone, Debug)]
struct Verbatim {
    bytes: Bytes,
    /// Bytes that are repeated until the client disconnects.
    endless: Bytes,
    /// The pause after each of the repeated bytes.
    pause: Duration,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            encoding: None,
            delay: Duration::ZERO,
            gate: None,
            cut_after: None,
            drip: None,
            verbatim: None,
        }
    }

    /// Sends these bytes and closes the connection.
    pub(crate) fn verbatim(bytes: impl Into<Bytes>) -> Self {
        Self::endless(bytes, Bytes::new())
    }

    /// Sends these bytes, and then repeats the others without end.
    pub(crate) fn endless(bytes: impl Into<Bytes>, again: impl Into<Bytes>) -> Self {
        Self::dripping(bytes, again, Duration::ZERO)
    }

    /// Sends these bytes at once, and then repeats the others one by one, without end.
    pub(crate) fn dripping(
        bytes: impl Into<Bytes>,
        again: impl Into<Bytes>,
        pause: Duration,
    ) -> Self {
        let verbatim = Verbatim {
            bytes: bytes.into(),
            endless: again.into(),
            pause,
        };
        Self {
            verbatim: Some(verbatim),
            ..Self::status(200)
        }
    }

    pub(crate) fn json(body: impl Into<Bytes>) -> Self {
        Self::status(200)
            .header("content-type", "application/json")
            .body(body)
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::status(status).header("location", to)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = Some(encoding);
        self
    }

    /// Returns the encoded body, which is also the content of a compressed file.
    pub(crate) async fn encoded_body(&self) -> Bytes {
        encode_body(self).await
    }

    /// Adds a tag of the body. A request with this tag gets 304 instead.
    pub(crate) fn with_etag(self, request: &Request) -> Self {
        let digest = blake3::hash(&self.body).to_hex();
        let tag = format!("\"{}\"", &digest[..16]);
        self.with_validator(request, "if-none-match", ("etag", &tag))
    }

    /// Adds the time of the last change. A request with this time gets 304 instead.
    pub(crate) fn with_last_modified(self, request: &Request, time: &str) -> Self {
        self.with_validator(request, "if-modified-since", ("last-modified", time))
    }

    fn with_validator(
        self,
        request: &Request,
        condition: &str,
        (name, value): (&str, &str),
    ) -> Self {
        if self.status != 200 {
            return self;
        }
        match request.header(condition) {
            Some(known) if known == value => Self::status(304).header(name, value),
            _ => self.header(name, value),
        }
    }

    /// Delays the answer.
    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Delays the answer until a gate is open up to this number.
    pub(crate) fn hold_at(mut self, gate: &Gate, number: usize) -> Self {
        self.gate = Some((gate.clone(), number));
        self
    }

    /// Announces the whole body, and resets the connection after this many bytes, if there are
    /// more.
    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(Cut::Bytes(bytes));
        self
    }

    /// Does the same after a percentage of the encoded body.
    pub(crate) fn cut_at_percent(mut self, percent: usize) -> Self {
        self.cut_after = Some(Cut::Percent(percent));
        self
    }

    /// Sends this many bytes at a time, with a pause after each.
    pub(crate) fn drip(mut self, bytes: usize, pause: Duration) -> Self {
        self.drip = Some((bytes, pause));
        self
    }
}

/// Holds answers back until a test opens it. Each answer has a number, such as that of its page,
/// and the gate is open up to a number.
#[derive(Clone, Debug)]
pub(crate) struct Gate(watch::Sender<usize>);

impl Gate {
    /// Makes a gate that is open up to a number; 0 is before all pages.
    pub(crate) fn open_up_to(number: usize) -> Self {
        Self(watch::Sender::new(number))
    }

    pub(crate) fn move_to(&self, number: usize) {
        self.0.send_replace(number);
    }

    /// Opens the gate for all numbers.
    pub(crate) fn open(&self) {
        self.move_to(usize::MAX);
    }

    async fn wait(&self, number: usize) {
        let mut open = self.0.subscribe();
        let is_open = open.wait_for(|open| number <= *open).await;
        is_open.expect("this answer holds the gate");
    }
}

type Script = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// The server. Dropping it closes all connections.
pub(crate) struct Publisher {
    address: std::net::SocketAddr,
    script: Arc<RwLock<Script>>,
    log: Arc<Mutex<Log>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Log {
    requests: Vec<Request>,
    by_target: HashMap<String, usize>,
}

impl Publisher {
    pub(crate) async fn serve(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let script: Arc<RwLock<Script>> = Arc::new(RwLock::new(Box::new(script)));
        let (accepted, followed) = (Arc::clone(&log), Arc::clone(&script));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                connections.spawn(serve_connection(
                    stream,
                    Arc::clone(&accepted),
                    Arc::clone(&followed),
                ));
            }
        });
        Self {
            address,
            script,
            log,
            task,
        }
    }

    pub(crate) fn set_script(&self, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *self.script.write().unwrap() = Box::new(script);
    }

    /// Waits until this many requests have come.
    pub(crate) async fn wait_for_requests(&self, times: usize) {
        let give_up = Instant::now() + TEST_TIMEOUT;
        while self.log.lock().unwrap().requests.len() < times {
            let targets = self.targets();
            assert!(Instant::now() < give_up, "not {times} times: {targets:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Returns the URL of a path on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all requests so far, in the order of arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().requests.clone()
    }

    /// Returns the targets of all requests so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|request| request.target)
            .collect()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers the requests of one connection, one after the other.
async fn serve_connection(stream: TcpStream, log: Arc<Mutex<Log>>, script: Arc<RwLock<Script>>) {
    // Small writes must leave at once.
    let _ = stream.set_nodelay(true);
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(mut request) = read_request(&mut read).await {
        {
            let mut log = log.lock().unwrap();
            let asked = log.by_target.entry(request.target.clone()).or_default();
            request.nth = *asked;
            *asked += 1;
            request.number = log.requests.len() + 1;
            log.requests.push(request.clone());
        }
        let reply = script.read().unwrap()(&request);
        wait_before_reply(&reply).await;
        log.lock().unwrap().requests[request.number - 1].answered_at = Some(Instant::now());
        if send_reply(&mut write, reply).await.is_none() {
            // Dropping it would close the connection without a reset.
            write.forget();
            return;
        }
    }
}

/// Reads one request, whose body must have a length. Returns `None` if the client is gone.
async fn read_request(read: &mut BufReader<OwnedReadHalf>) -> Option<Request> {
    let mut line = String::new();
    read.read_line(&mut line).await.ok()?;
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        read.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    read.read_exact(&mut body).await.ok()?;
    Some(Request {
        method,
        target,
        headers,
        body: String::from_utf8(body).unwrap(),
        at: Instant::now(),
        answered_at: None,
        nth: 0,
        number: 0,
    })
}

async fn wait_before_reply(reply: &Reply) {
    tokio::time::sleep(reply.delay).await;
    if let Some((gate, number)) = &reply.gate {
        gate.wait(*number).await;
    }
}

/// Sends one reply. Returns `None` if the connection must be closed.
async fn send_reply(write: &mut OwnedWriteHalf, reply: Reply) -> Option<()> {
    let (piece, pause) = reply.drip.unwrap_or((usize::MAX, Duration::ZERO));
    if let Some(verbatim) = &reply.verbatim {
        send_in_pieces(write, &verbatim.bytes, piece, pause).await?;
        let (piece, pause) = match verbatim.pause {
            Duration::ZERO => (piece, pause),
            pause => (1, pause),
        };
        while !verbatim.endless.is_empty() {
            send_in_pieces(write, &verbatim.endless, piece, pause).await?;
        }
        return write.shutdown().await.ok().and(None);
    }
    let body = encode_body(&reply).await;
    let mut head = format!(
        "HTTP/1.1 {} scripted\r\ncontent-length: {}\r\n",
        reply.status,
        body.len()
    );
    if let Some(encoding) = reply.encoding {
        let name = match encoding {
            Encoding::Gzip => "gzip",
            Encoding::Brotli => "br",
            Encoding::Zstd => "zstd",
        };
        write!(head, "content-encoding: {name}\r\n").unwrap();
    }
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head.push_str("\r\n");
    write.write_all(head.as_bytes()).await.ok()?;

    let sent = &body[..reply
        .cut_after
        .map_or(body.len(), |cut| cut.count_sent(body.len()))];
    send_in_pieces(write, sent, piece, pause).await?;
    if sent.len() < body.len() {
        write.flush().await.ok()?;
        wait_until_acknowledged(write.as_ref()).await;
        let _ = write.as_ref().set_zero_linger();
        return None;
    }
    Some(())
}

/// Sends bytes in pieces, with a pause after each.
async fn send_in_pieces(
    write: &mut OwnedWriteHalf,
    bytes: &[u8],
    piece: usize,
    pause: Duration,
) -> Option<()> {
    for piece in bytes.chunks(piece) {
        write.write_all(piece).await.ok()?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    Some(())
}

/// Waits until the sent data has arrived or cannot arrive, because a reset discards data on its
/// way.
async fn wait_until_acknowledged(stream: &TcpStream) {
    let (Ok(here), Ok(there)) = (stream.local_addr(), stream.peer_addr()) else {
        return;
    };
    let ends = format!("{:04X} 0100007F:{:04X} ", here.port(), there.port());
    for _ in 0..1_000 {
        let table = tokio::fs::read_to_string("/proc/net/tcp").await.unwrap();
        let line = table.lines().find(|line| line.contains(&ends));
        // Local address, remote address, state, unacknowledged bytes:unread bytes.
        let queues = line.and_then(|line| line.split_ascii_whitespace().nth(4));
        if queues.is_none_or(|queues| queues.starts_with("00000000:")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn encode_body(reply: &Reply) -> Bytes {
    let Some(encoding) = reply.encoding else {
        return reply.body.clone();
    };
    let mut encoded = Vec::new();
    let out = &mut encoded;
    match encoding {
        Encoding::Gzip => finish_encoder(GzipEncoder::new(out), &reply.body).await,
        Encoding::Brotli => {
            let encoder = BrotliEncoder::with_quality(out, Level::Fastest);
            finish_encoder(encoder, &reply.body).await;
        }
        Encoding::Zstd => finish_encoder(ZstdEncoder::new(out), &reply.body).await,
    }
    encoded.into()
}

async fn finish_encoder(mut encoder: impl tokio::io::AsyncWrite + Unpin, body: &[u8]) {
    encoder.write_all(body).await.unwrap();
    encoder.shutdown().await.unwrap();
}

/// The items of a page as JSON texts.
pub(crate) type Items = Vec<String>;

/// Returns a small, valid release that differs from all others.
pub(crate) fn release(i: usize) -> String {
    format!(
        r#"{{"ocid":"ocds-213czf-{i}","id":"{i}","date":"2026-01-01T00:00:00Z","tag":["tender"],"initiationType":"tender","tender":{{"id":"t{i}","title":"Works {i}"}}}}"#
    )
}

/// Returns pages with this number of releases each.
pub(crate) fn pages(pages: usize, each: usize) -> Vec<Items> {
    (0..pages)
        .map(|page| (page * each..(page + 1) * each).map(release).collect())
        .collect()
}

/// Returns pages of which the last has only some releases, so it is fetched only once.
pub(crate) fn short_pages(count: usize, each: usize, last: usize) -> Vec<Items> {
    let mut pages = pages(count, each);
    pages[count - 1].truncate(last);
    pages
}

/// Returns a package of these items; `extra` has further members, each after a comma.
pub(crate) fn package(items: &[String], extra: &str) -> String {
    format!(
        r#"{{"uri":"https://publisher.example/package","publisher":{{"name":"Scripted"}},"releases":[{}]{extra}}}"#,
        items.join(",")
    )
}

/// Returns a zip file with these members.
pub(crate) fn zip(members: &[(impl AsRef<str>, impl AsRef<[u8]>)]) -> Vec<u8> {
    zip_with_method(CompressionMethod::Deflated, members)
}

/// Compresses the members by this method, or stores them.
pub(crate) fn zip_with_method(
    method: CompressionMethod,
    members: &[(impl AsRef<str>, impl AsRef<[u8]>)],
) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        archive.start_file(name.as_ref(), options).unwrap();
        archive.write_all(content.as_ref()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A correct feed of release packages, at `/` and any other path.
#[derive(Clone)]
pub(crate) struct Feed {
    pages: Vec<Items>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Link,
    Number,
    Offset { size: usize },
}

impl Feed {
    /// Each page has a link to the next one at `/links/next`, as `?page=2`; the last has no
    /// `links`.
    pub(crate) fn link(pages: Vec<Items>) -> Self {
        Self {
            pages,
            kind: Kind::Link,
        }
    }

    /// `?page=1` and following; each page has `/total_pages` and `/total_items`, and a page
    /// without items follows the last.
    pub(crate) fn number(pages: Vec<Items>) -> Self {
        Self {
            pages,
            kind: Kind::Number,
        }
    }

    /// `?offset=0` and following, in steps of the first page's size; each page has
    /// `/total_items`, and a page without items follows the last.
    pub(crate) fn offset(pages: Vec<Items>) -> Self {
        let size = pages.first().map_or(1, Vec::len);
        Self {
            pages,
            kind: Kind::Offset { size },
        }
    }

    pub(crate) async fn serve(self) -> Publisher {
        Publisher::serve(move |request| self.reply(request)).await
    }

    /// Returns a script that holds each page back at a gate, by the page's number.
    pub(crate) fn hold_at(self, gate: &Gate) -> impl Fn(&Request) -> Reply + use<> {
        let gate = gate.clone();
        move |request| self.reply(request).hold_at(&gate, request.page())
    }

    pub(crate) fn reply(&self, request: &Request) -> Reply {
        let number = |name: &str, missing: usize| -> usize {
            request
                .query(name)
                .map_or(missing, |text| text.parse().unwrap_or(missing))
        };
        match self.kind {
            Kind::Link => {
                let page = number("page", 1);
                match self.pages.get(page - 1) {
                    Some(items) if page < self.pages.len() => {
                        let link = format!(r#","links":{{"next":"?page={}"}}"#, page + 1);
                        Reply::json(package(items, &link))
                    }
                    Some(items) => Reply::json(package(items, "")),
                    None => Reply::status(404),
                }
            }
            Kind::Number => self.numbered_page(number("page", 1) - 1),
            Kind::Offset { size } => self.numbered_page(number("offset", 0) / size),
        }
    }

    fn numbered_page(&self, page: usize) -> Reply {
        let items: usize = self.pages.iter().map(Vec::len).sum();
        let totals = format!(
            r#","total_pages":{},"total_items":{items}"#,
            self.pages.len()
        );
        let page = self.pages.get(page).map_or(&[][..], Vec::as_slice);
        Reply::json(package(page, &totals))
    }
}
