//! Tests hostile publishers: every answer leads to a clear error or to quarantine, within a
//! memory limit. When the publisher behaves again, the next run stores everything.
//!
//! `defects` tests mistakes of publishers; `fetch` tests limits, loops and repeated errors;
//! `slow` tests slow servers.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;

use crate::dice::random_text;
use crate::harness::{Ingest, LINK, NUMBER, SOURCE, UNTIL_EMPTY};
use crate::publisher::{Encoding, Feed, Publisher, Reply, Request, package, pages, release, zip};

/// The maximum memory of a run. The program alone takes 40 MB, and [`LIMITS`] allows for a body,
/// its decompressed content, and copies of what is stored.
const MAX_BYTES: usize = 200 << 20;

/// The maximum memory with two texts of 10 MB on one page. Each is in the body, the columns, the
/// row and the message to the server, and a refused one is sent again.
const MAX_BYTES_OF_TEXTS: usize = 300 << 20;

/// The number of attempts for a page.
const ATTEMPTS: usize = 2;

/// The limits for silence, and for the whole of one page.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
const PAGE_TIMEOUT: Duration = Duration::from_secs(3);

/// The time that a busy machine may need for a run, from its first request, if the run waits only
/// some milliseconds between attempts.
const SLACK: Duration = Duration::from_secs(30);

/// Limits that make attacks short.
const LIMITS: &str = r#"
[fetch]
attempts = 2
max_body_bytes = 16777216
max_decoded_bytes = 33554432
min_bytes_per_minute = 0

[sink]
max_bad_ratio = 1
"#;

/// The number of concurrent attacks, because most of their time is waiting.
const AT_ONCE: usize = 4;

const IDS: &str = "select release_id from ocds.release order by release_id::int";

/// An attack in place of the second page of three, described in a sentence, and its expected
/// result.
struct Attack {
    what: &'static str,
    /// Further keys of the source.
    table: String,
    answer: Box<dyn Fn(&Request) -> Reply + Send + Sync>,
    /// The exit code.
    code: i32,
    /// The log contains this.
    says: &'static str,
    /// The number of requests that the attack answers.
    requests: usize,
    /// The number of requests that are sent once more at once, which is no attempt.
    resent: usize,
    /// The duration of one request, if a time limit ends it.
    lasts: Duration,
    /// The number of stored releases, of which the first page has two.
    stored: usize,
    /// The number of runs until everything is stored.
    runs: usize,
}

/// Answers each request for the second page in this way, which ends the run.
fn attack(
    what: &'static str,
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    says: &'static str,
) -> Attack {
    Attack {
        what,
        table: String::new(),
        answer: Box::new(answer),
        code: 3,
        says,
        requests: ATTEMPTS,
        resent: 0,
        lasts: Duration::ZERO,
        stored: 2,
        runs: 1,
    }
}

fn wire_attack(what: &'static str, bytes: impl Into<Vec<u8>>, says: &'static str) -> Attack {
    let reply = Reply::verbatim(bytes.into());
    attack(what, move |_| reply.clone(), says)
}

/// Sends some bytes, and then other bytes repeatedly.
fn endless_attack(what: &'static str, bytes: &str, again: &str, says: &'static str) -> Attack {
    let reply = Reply::endless(bytes.to_owned(), again.to_owned());
    attack(what, move |_| reply.clone(), says)
}

/// Serves a good second page with this next link. The resumed run requests the second page once
/// more, and the run after that does not.
fn link_attack(what: &'static str, link: &str, says: &'static str) -> Attack {
    let next = serde_json::Value::from(link);
    let items = [release(2), release(3)];
    let page = package(&items, &format!(r#","links":{{"next":{next}}}"#));
    let attack = attack(what, move |_| Reply::json(page.clone()), says);
    Attack {
        stored: 4,
        runs: 2,
        ..attack.expect_end(1, 4)
    }
}

impl Attack {
    fn with_keys(mut self, table: &str) -> Self {
        self.table = table.to_owned();
        self
    }

    /// Expects this number of answers and this exit code.
    fn expect_end(mut self, requests: usize, code: i32) -> Self {
        (self.requests, self.code) = (requests, code);
        self
    }

    /// Expects that the first request is sent once more at once, because the connection has brought
    /// an answer before.
    fn expect_resent(mut self) -> Self {
        self.resent = 1;
        self
    }

    /// Expects that this time limit, and no other, ends each answer.
    fn expect_duration(mut self, limit: Duration) -> Self {
        self.lasts = limit;
        self
    }

    async fn check(self) {
        let Self { what, answer, .. } = self;
        let feed = Feed::link(pages(3, 2));
        let good = feed.clone();
        let publisher = Publisher::serve(move |request| {
            let is_root = request.path() == "/";
            match request.query("page").as_deref() {
                None | Some("3") if is_root => feed.reply(request),
                _ => answer(request),
            }
        })
        .await;
        let mut ingest = Ingest::new().await;
        ingest.configure(LIMITS);
        // The other limits leave enough time on a busy machine.
        let (read, page) = match self.lasts.is_zero() {
            true => (SLACK, SLACK),
            false => (READ_TIMEOUT, PAGE_TIMEOUT),
        };
        ingest.configure(&format!(
            "[fetch]\nread_timeout = \"{read:?}\"\npage_timeout = \"{page:?}\""
        ));
        ingest.declare(&publisher, &format!("{LINK}\n{}", self.table));
        let (ran, bytes) = ingest.start_run(&[]).wait_with_peak().await;
        let ended = Instant::now();
        assert_eq!(ran.code, Some(self.code), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(self.says), "{what}: {}", ran.stderr);
        let is_tried_again = ran.stderr.contains("no page after 2 attempts: ");
        assert_eq!(is_tried_again, self.requests == ATTEMPTS, "{what}");
        assert_eq!(ran.report()["verdict"], "truncated", "{what}");
        assert!(bytes < MAX_BYTES, "{what}: {bytes} bytes of memory");
        // The first page, and the answers of the attack.
        let requests = publisher.requests();
        assert_eq!(requests.len(), 1 + self.requests + self.resent, "{what}");
        let took = ended - requests[0].at;
        let most = self.lasts * u32::try_from(self.requests).unwrap() + SLACK;
        assert!(took < most, "{what}: {took:?}, and not {most:?}");
        expect_printable(&ran.stderr, what);
        assert_eq!(ingest.count("release").await, self.stored, "{what}");

        publisher.set_script(move |request| good.reply(request));
        ingest.configure("[fetch]\nread_timeout = \"60s\"\npage_timeout = \"5m\"");
        for _ in 1..self.runs {
            ingest.run(&[]).await.expect(self.code);
        }
        // a link that is refused on three days makes a run begin anew
        let days = "update ocds.run set refused_days = 3 where refused_answer is not null";
        ingest.execute(days).await;
        ingest.run(&[]).await.expect(0);
        let ids: Vec<String> = (0..6).map(|id| id.to_string()).collect();
        assert_eq!(ingest.column(IDS).await, ids, "{what}");
    }
}

async fn check(attacks: impl IntoIterator<Item = Attack>) {
    let attacks = futures::stream::iter(attacks).map(Attack::check);
    attacks.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Checks that a text is short, and has no control characters except line ends.
#[track_caller]
fn expect_printable(text: &str, what: &str) {
    let acts = |it: char| {
        it.is_control() && it != '\n'
            || matches!(it, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    assert!(!text.contains(acts), "{what}: {text:?}");
    assert!(text.len() < 10_000, "{what}: {} bytes", text.len());
}

#[tokio::test]
async fn a_link_to_a_forbidden_host_is_refused_and_not_stored() {
    let other = Feed::link(pages(1, 1)).serve().await;
    let port = other.url("/").split(':').nth(2).unwrap().to_owned();
    let there = |host: &str| format!("http://{host}:{port}");
    let scheme = "the link to it is not http or https";
    let unnamed = "which `http.allow_hosts` does not name";
    let any = "http.allow_hosts = [\"*\"]";
    let private = "which is not public: `http.allow_hosts` has to name it";
    let mut attacks = vec![
        link_attack("a file", "file:///etc/passwd", scheme),
        link_attack("another host", "http://user:word@other.example/", unnamed),
        link_attack("another port", &there("127.0.0.1"), unnamed),
        link_attack("a service of clouds", "http://169.254.169.254/", unnamed),
        link_attack("no host", "http://\u{1b}[31m\u{202e}/", "is not a URL"),
        link_attack(
            "a long host",
            &format!("http://{}.example/", "a".repeat(60_000)),
            unnamed,
        ),
        link_attack(
            "a long link",
            &format!("?page={}", "a".repeat(1 << 20)),
            "is longer than 65534 bytes",
        ),
    ];
    // The unit tests of addresses cover other spellings.
    for host in ["2130706433", "[::ffff:127.0.0.1]", "localhost"] {
        attacks.push(link_attack("a host of our own", &there(host), private).with_keys(any));
    }
    for host in ["169.254.169.254", "metadata.internal"] {
        let url = format!("http://{host}/");
        attacks.push(link_attack("a host of our network", &url, private).with_keys(any));
    }
    for url in [
        "file:///etc/passwd",
        "http://169.254.169.254/",
        &there("localhost"),
    ] {
        let url = url.to_owned();
        let redirect = move |_: &Request| Reply::redirect(302, &url);
        let attack = attack(
            "a redirect to where nobody may go",
            redirect,
            "a redirect leads to",
        );
        attacks.push(attack.expect_end(1, 4).with_keys(any));
    }
    check(attacks).await;
    assert_eq!(other.targets(), [""; 0]);
}

#[tokio::test]
async fn an_endless_or_invalid_answer_ends_in_time() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = format!("{ok}transfer-encoding: chunked\r\n\r\n");
    let page = package(&[release(2), release(3)], "");
    let headers: String = (0..5_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = "a".repeat(10 << 20);
    let slow = Reply::json(page.clone()).drip(1, Duration::from_millis(50));
    let far = Reply::status(503).header("retry-after", "1000000000");
    let sized = |length: &str| format!("{ok}content-length: {length}\r\n\r\n{page}");
    let redirect = |to: &[u8]| {
        [
            b"HTTP/1.1 302 Found\r\nlocation: ",
            to,
            b"\r\ncontent-length: 0\r\n\r\n",
        ]
        .concat()
    };
    let head = "message head is too large";
    let length = "invalid content-length parsed";
    let header = "invalid HTTP header parsed";
    check([
        wire_attack(
            "thousands of headers",
            format!("{ok}{headers}\r\n{page}"),
            head,
        ),
        wire_attack(
            "a header of 10 MB",
            format!("{ok}x: {long}\r\n\r\n{page}"),
            head,
        ),
        endless_attack("headers without end", ok, &"x: 1\r\n".repeat(1_000), head),
        endless_attack(
            "a header without end",
            &format!("{ok}x: "),
            &long[..1 << 16],
            head,
        ),
        endless_attack(
            "a status without end",
            "HTTP/1.1 200 ",
            &long[..1 << 16],
            head,
        ),
        endless_attack(
            "a size of a chunk without end",
            &format!("{chunked}4;"),
            &long[..1 << 16],
            "chunk extensions over limit",
        ),
        // A limit of their number, not a time limit.
        endless_attack(
            "trailers without end",
            &format!("{chunked}2\r\n{{}}\r\n0\r\n"),
            &"x: 1\r\n".repeat(1_000),
            "chunk trailers count overflow",
        ),
        // Only the time limit: interim responses are not part of the answer.
        endless_attack(
            "answers that go before the answer",
            "",
            "HTTP/1.1 103 Early Hints\r\n\r\n",
            "gave no answer within 2s, the limit of `fetch.read_timeout`",
        )
        .expect_duration(READ_TIMEOUT),
        attack(
            "a body byte by byte",
            move |_| slow.clone(),
            "not whole within 3s",
        )
        .expect_duration(PAGE_TIMEOUT),
        wire_attack(
            "less than was announced",
            sized("99999"),
            "end of file before message length reached",
        ),
        // The largest number does not mean a length there.
        wire_attack(
            "a length beyond all numbers",
            sized("18446744073709551615"),
            head,
        ),
        wire_attack("a length below zero", sized("-20"), length),
        wire_attack("two lengths", sized("20\r\ncontent-length: 30"), length),
        wire_attack(
            "what is no answer",
            b"\0\x1b[2Jhello\r\n\r\n".to_vec(),
            "invalid HTTP version parsed",
        ),
        wire_attack("nothing", "", "connection closed before message completed").expect_resent(),
        wire_attack(
            "a header with an escape sequence",
            format!("{ok}etag: \"\x1b[31m\"\r\n\r\n{page}"),
            header,
        ),
        wire_attack(
            "a redirect to bytes",
            redirect(b"/\xff\xfe"),
            "more than 10 redirects in a row",
        )
        .expect_end(11, 4),
        wire_attack(
            "a redirect to no host",
            redirect(b"http://"),
            "a redirect leads to what is not a URL",
        )
        .expect_end(1, 4),
        wire_attack(
            "a redirect with an escape sequence",
            redirect(b"http://a\x1b[31m/"),
            header,
        ),
        attack(
            "redirects without end",
            |request| Reply::redirect(302, &format!("{}x", request.path())),
            "more than 10 redirects in a row",
        )
        .expect_end(11, 4),
        attack(
            "a wish to be left alone for 31 years",
            move |_| far.clone(),
            "fetch.longest_retry_after",
        )
        .expect_end(1, 4),
    ])
    .await;
}

/// A body that affects only its own page: a sentence, the body or the whole answer, and the
/// message.
type Body = (&'static str, Reply, &'static str);

/// Serves these bodies as every second page of a feed, which is then read to its end.
async fn check_bodies(bodies: Vec<Body>) {
    let count = bodies.len();
    let good = move |number: usize| match number {
        number if number > 2 * count + 1 => Reply::json(package(&[], "")),
        number => Reply::json(package(&[release(number)], "")),
    };
    let number = |request: &Request| request.query("page").unwrap().parse::<usize>().unwrap();
    let bodies = Arc::new(bodies);
    let served = Arc::clone(&bodies);
    let publisher = Publisher::serve(move |request| match number(request) {
        number if number % 2 == 0 && number <= 2 * count => served[number / 2 - 1].1.clone(),
        number => good(number),
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.configure(LIMITS);
    ingest.configure("[fetch]\nattempts = 1");
    ingest.declare(&publisher, UNTIL_EMPTY);
    let (ran, bytes) = ingest.start_run(&[]).wait_with_peak().await;
    let ran = ran.expect(4);
    assert!(bytes < MAX_BYTES, "{bytes} bytes of memory");
    assert_eq!(ran.report()["unreadable_pages"], count);
    for (index, (what, _, says)) in bodies.iter().enumerate() {
        let page = 2 * (index + 1);
        let kept = format!(
            "select reason || ' ' || message from ocds.quarantine where page_number = {page}"
        );
        let kept = ingest.value(&kept).await;
        assert!(kept.starts_with("unreadable-page "), "{what}: {kept}");
        assert!(kept.contains(says), "{what}: {kept}");
        assert!(kept.len() < 1_000, "{what}: {kept}");
    }
    let odd = (1..=2 * count + 1).step_by(2).map(|id| id.to_string());
    assert_eq!(ingest.column(IDS).await, odd.collect::<Vec<_>>());

    publisher.set_script(move |request| good(number(request)));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 2 * count + 1);
}

/// Returns a package of two releases with this additional member at its end.
fn package_with(member: &str) -> Reply {
    Reply::json(package(
        &[release(900), release(901)],
        &format!(",{member}"),
    ))
}

#[tokio::test]
async fn a_malicious_body_affects_only_its_page_and_takes_little_memory() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let arrays = deep("[", "]");
    let objects = deep("{\"a\":", "}");
    let whole = |text: String| Reply::json(text);
    let chunk = format!("10000\r\n{}\r\n", "[".repeat(1 << 16));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    check_bodies(vec![
        (
            "arrays around a page",
            package_with(&format!("\"a\":{arrays}")),
            "",
        ),
        (
            "objects around a page",
            package_with(&format!("\"a\":{objects}")),
            "",
        ),
        ("objects as a page", whole(objects), ""),
        ("arrays that are not closed", whole("[".repeat(1 << 20)), ""),
        (
            "objects that are not closed",
            whole("{\"a\":".repeat(1 << 18)),
            "",
        ),
        (
            "arrays that were never opened",
            whole("]".repeat(1 << 20)),
            "",
        ),
        (
            "a release that is not closed",
            whole(format!(
                "{{\"releases\":[{{\"ocid\":\"o\",\"a\":{}",
                "[".repeat(1 << 20)
            )),
            "",
        ),
        (
            "a body without end",
            Reply::endless(head, chunk),
            "fetch.max_body_bytes",
        ),
        (
            "a length that is not of JSON's end",
            Reply::verbatim(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n{}",
                package(&[release(900)], "")
            )),
            "ends in the middle",
        ),
        (
            "a number around a page that no number is",
            package_with("\"a\":1e131071"),
            "",
        ),
        (
            "more items than a page has",
            whole(format!("[{}1]", "1,".repeat(1 << 20))),
            "a page of more than 1000000 items",
        ),
    ])
    .await;
}

async fn encode_bytes(content: &[u8], encoding: Encoding) -> Vec<u8> {
    let reply = Reply::status(200)
        .body(content.to_vec())
        .with_encoding(encoding);
    reply.encoded_body().await.to_vec()
}

/// Encodes bytes as zstd, in one uncompressed block with a window of 128 MiB.
fn encode_with_large_window(content: &[u8]) -> Vec<u8> {
    let mut frame = b"\x28\xb5\x2f\xfd\x00".to_vec();
    frame.push((27 - 10) << 3);
    let block = u32::try_from(content.len()).unwrap() << 3 | 1;
    frame.extend(&block.to_le_bytes()[..3]);
    frame.extend(content);
    frame
}

/// Makes the only member of a zip file claim another size.
fn claim_size(mut archive: Vec<u8>, size: u32) -> Vec<u8> {
    let directory = archive.windows(4).rposition(|it| it == b"PK\x01\x02");
    let directory = directory.unwrap();
    for at in [22, directory + 24] {
        archive[at..at + 4].copy_from_slice(&size.to_le_bytes());
    }
    archive
}

/// Returns the fields of a member's header, from the required version to the sizes.
fn make_header_fields(method: u16, content: &[u8], [packed, unpacked]: [u32; 2]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let mut fields = vec![45, 0, 0, 0];
    fields.extend(method.to_le_bytes());
    fields.extend([0, 0, 0x21, 0x5d]);
    for number in [crc.sum(), packed, unpacked] {
        fields.extend(number.to_le_bytes());
    }
    fields
}

/// Makes a zip file whose directory lists one member of a mebibyte this many times.
fn zip_with_overlaps(times: u16) -> Vec<u8> {
    let content = vec![b' '; 1 << 20];
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&content).unwrap();
    let packed = packed.finish().unwrap();
    let sizes = [packed.len(), content.len()].map(|size| u32::try_from(size).unwrap());
    let fields = make_header_fields(8, &content, sizes);
    let mut archive = [b"PK\x03\x04", &fields[..], b"\x06\0\0\0a.json"].concat();
    archive.extend(packed);
    let begins = u32::try_from(archive.len()).unwrap();
    for _ in 0..times {
        archive.extend(
            [
                b"PK\x01\x02\x2d\0",
                &fields[..],
                b"\x06\0",
                &[0; 16],
                b"a.json",
            ]
            .concat(),
        );
    }
    let length = u32::try_from(archive.len()).unwrap() - begins;
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([times.to_le_bytes(), times.to_le_bytes()].concat());
    archive.extend([length.to_le_bytes(), begins.to_le_bytes()].concat());
    archive.extend([0, 0]);
    archive
}

/// Makes a zip64 file with one member, which claims a size and a number of members.
fn zip64_with_claims(content: &[u8], bytes: u64, members: u64) -> Vec<u8> {
    let extra = [
        &b"\x01\0\x10\0"[..],
        &bytes.to_le_bytes(),
        &bytes.to_le_bytes(),
    ]
    .concat();
    let fields = make_header_fields(0, content, [u32::MAX; 2]);
    let named = [b"\x06\0\x14\0a.json", &extra[..]].concat();
    let mut archive = [b"PK\x03\x04", &fields[..], &named].concat();
    archive.extend(content);
    let begins = archive.len() as u64;
    archive.extend([b"PK\x01\x02\x2d\0", &fields[..], b"\x06\0\x14\0", &[0; 14]].concat());
    archive.extend([b"a.json", &extra[..]].concat());
    let ends = archive.len() as u64;
    archive.extend(b"PK\x06\x06");
    archive.extend(44_u64.to_le_bytes());
    archive.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [members, members, ends - begins, begins] {
        archive.extend(number.to_le_bytes());
    }
    archive.extend(b"PK\x06\x07\0\0\0\0");
    archive.extend(ends.to_le_bytes());
    archive.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
    archive.extend([0xff; 12]);
    archive.extend([0, 0]);
    archive
}

#[tokio::test]
async fn archive_members_with_dangerous_names_are_read_and_not_written() {
    let names = [
        "../../../../../../tmp/ocds-ingest-escaped.json",
        "/tmp/ocds-ingest-escaped.json",
        "..\\..\\ocds-ingest-escaped.json",
        "C:\\ocds-ingest-escaped.json",
        "a/../../b.json",
        "./.json",
        "~/.profile",
        "nul",
    ];
    let texts: Vec<String> = (0..names.len())
        .map(|it| package(&[release(it)], ""))
        .collect();
    let members: Vec<(&str, &[u8])> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    let archive = zip(&members);
    let publisher = Publisher::serve(move |_| Reply::json(archive.clone())).await;
    let ingest = Ingest::with_source(&publisher, "").await;
    let files = |ingest: &Ingest| std::fs::read_dir(ingest.directory.path()).unwrap().count();
    let before = files(&ingest);
    let load = ["load", SOURCE, &publisher.url("/a.zip"), "--json"];
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, names.len());
    ingest.call(&load).await.expect(0);
    assert_eq!(ingest.count("quarantine").await, 0);
    assert_eq!(files(&ingest), before);
    assert!(!std::path::Path::new("/tmp/ocds-ingest-escaped.json").exists());
}

/// Texts with a special meaning in SQL, `COPY`, log formats or shells.
const SPECIAL_TEXTS: [&str; 24] = [
    "'); drop table ocds.release; --",
    "'; drop table ocds.release; select '",
    "\"; drop table ocds.release; --",
    "$1",
    "$$",
    "$q$",
    "\\",
    "\\'",
    "\\.",
    "\\N",
    "\\x41",
    "'",
    "''",
    "\"",
    "`id`",
    "$(id)",
    "%s%n%00",
    "{0} {env.HOME} {item}",
    "{\"a\",null}",
    "/* */ -- ;",
    "null",
    "a\tb\r\nc\u{b}",
    "\u{1f600}\u{202e}\u{feff}",
    " a ",
];

#[tokio::test]
async fn dangerous_texts_are_stored_as_data() {
    let long = "'".repeat(500);
    let meant: Vec<&str> = SPECIAL_TEXTS.into_iter().chain([&*long]).collect();
    let item = |text: &str| {
        let organisation = serde_json::json!({"id": text, "name": text});
        serde_json::json!({
            "ocid": text, "id": text, "date": "2026-01-01T00:00:00Z", "tag": [text],
            "initiationType": text, "language": text, "buyer": organisation,
            "tender": {
                "id": text, "title": text, "status": text, "procurementMethod": text,
                "mainProcurementCategory": text, "value": {"amount": 1, "currency": text},
            },
            "awards": [{"id": text, "suppliers": [organisation]}],
            text: {text: [text]},
        })
        .to_string()
    };
    let items: Vec<String> = meant.iter().map(|text| item(text)).collect();
    // None of these is stored, and all are in quarantine.
    let refused = meant
        .iter()
        .map(|&text| serde_json::json!({"ocid": text, "id": {text: text}}).to_string());
    let refused: Vec<String> = refused.collect();
    let index = serde_json::to_string(&SPECIAL_TEXTS).unwrap();
    for method in ["upsert", "copy", "row"] {
        let (items, refused) = (items.clone(), refused.clone());
        let (index, next) = (index.clone(), meant.clone().join(""));
        let publisher = Publisher::serve(move |request| {
            let reply = match (request.path(), request.query("after")) {
                ("/index", _) => Reply::json(index.clone()),
                (_, None) => {
                    let link = serde_json::json!({"next": format!("?after={next}")});
                    Reply::json(package(&items, &format!(r#","links":{link}"#)))
                }
                _ => Reply::json(package(&refused, "")),
            };
            reply.header("etag", "\"'); drop table ocds.page; --\"")
        })
        .await;
        let mut ingest = Ingest::new().await;
        ingest.configure(LIMITS);
        ingest.configure(&format!("[sink]\nmethod = {method:?}"));
        let url = publisher.url("/of/{axis.buyer}");
        let axis = publisher.url("/index");
        ingest.declare_as(
            SOURCE,
            &url,
            &format!("{LINK}\naxis.buyer = {{ url = {axis:?}, each = \"/*\" }}"),
        );
        for _ in 0..2 {
            ingest.run(&[]).await.expect(0);
        }
        let mut expected: Vec<Option<&str>> = meant.iter().map(|it| Some(*it)).collect();
        expected.sort_unstable();
        for column in [
            "ocid",
            "release_id",
            "tag[1]",
            "initiation_type",
            "language",
            "buyer_id",
            "buyer_name",
            "tender_id",
            "tender_title",
            "tender_status",
            "procurement_method",
            "main_procurement_category",
            "tender_currency",
            "supplier_names[1]",
            "data #>> '{tender,title}'",
            "data -> ocid -> ocid ->> 0",
        ] {
            let sql = format!("select {column} from ocds.release");
            let rows = ingest.client.query(&sql, &[]).await.unwrap();
            let mut stored: Vec<Option<&str>> = rows.iter().map(|row| row.get(0)).collect();
            stored.sort_unstable();
            assert_eq!(stored, expected, "{method}: {column}");
        }
        let sql = "select distinct ocid from ocds.quarantine";
        let rows = ingest.client.query(sql, &[]).await.unwrap();
        let mut kept: Vec<Option<&str>> = rows.iter().map(|row| row.get(0)).collect();
        kept.sort_unstable();
        assert_eq!(kept, expected, "{method}");
        ingest.call(&["quarantine", "replay"]).await.expect(0);
        let chains = "page where run_id = (select max(run_id) from ocds.page)";
        assert!(
            ingest.count(chains).await >= SPECIAL_TEXTS.len(),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_decompression_bomb_affects_only_its_page_and_takes_little_memory() {
    let bomb = vec![b' '; 40 << 20];
    let gzip = encode_bytes(&bomb, Encoding::Gzip).await;
    let zip_bomb = zip(&[("a.json", &bomb)]);
    let page = package(&[release(900)], "");
    let members: Vec<String> = (0..10_001).map(|n| n.to_string()).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|it| (&**it, &b"{}"[..])).collect();
    let three = zip(&[("c.json", page.as_bytes())]);
    let three = zip(&[("a.zip", &zip(&[("b.zip", &three)]))]);
    let body = |bytes: Vec<u8>| Reply::json(bytes);
    let over = "the limit of `fetch.max_";
    let mut bodies = Vec::new();
    for (name, encoding) in [
        ("gzip", Encoding::Gzip),
        ("br", Encoding::Brotli),
        ("zstd", Encoding::Zstd),
    ] {
        // Compressed once, and not for each request. Each has another document.
        let bomb = encode_bytes(&[name.as_bytes(), &bomb].concat(), encoding).await;
        let reply = Reply::json(bomb).header("content-encoding", name);
        bodies.push(("a body packed on its way", reply, "fetch.max_decoded_bytes"));
    }
    let far =
        Reply::json(encode_with_large_window(page.as_bytes())).header("content-encoding", "zstd");
    let encoding = "not what its content encoding says";
    bodies.push(("a body that could refer back by 128 MiB", far, encoding));
    bodies.extend([
        (
            "gzip in gzip",
            body(encode_bytes(&gzip, Encoding::Gzip).await),
            over,
        ),
        ("gzip in zip", body(zip(&[("a.gz", &gzip)])), over),
        (
            "zip in gzip",
            body(encode_bytes(&zip_bomb, Encoding::Gzip).await),
            over,
        ),
        ("zip in zip", body(zip(&[("a.zip", &zip_bomb)])), over),
        (
            "three archives",
            body(three),
            "an archive within an archive within an archive",
        ),
        (
            "a size that is a lie",
            body(claim_size(zip_bomb.clone(), 10)),
            "a member that is damaged",
        ),
        (
            "a size beyond memory",
            body(claim_size(zip(&[("a.json", b"nothing")]), u32::MAX - 1)),
            "",
        ),
        ("many members", body(zip(&members)), "fetch.max_members"),
        (
            "members that are the same bytes",
            body(zip_with_overlaps(2_000)),
            over,
        ),
        (
            "a directory of more members than there are bytes",
            body(zip64_with_claims(page.as_bytes(), u64::MAX >> 1, 1 << 40)),
            "a zip file that is damaged or cut short",
        ),
        (
            "a member of more bytes than there are",
            body(zip64_with_claims(page.as_bytes(), u64::MAX >> 1, 1)),
            "",
        ),
        ("gzip", body(gzip), over),
        ("zip", body(zip_bomb), over),
    ]);
    check_bodies(bodies).await;
    // Quarantine has one row for equal documents. The first byte of this one declares a window of
    // brotli that is larger than RFC 7932 allows.
    let far = b"\x11\x9e\x01\x02";
    let unasked = "its content encoding is not one that was asked for";
    let named = |names: &[&str]| {
        let reply = Reply::json(far.to_vec());
        let named = |reply: Reply, name: &&str| reply.header("content-encoding", name);
        names.iter().fold(reply, named)
    };
    for body in [
        (
            "a body that could refer back by 1 GiB",
            named(&["br"]),
            encoding,
        ),
        ("gzip, three times", named(&["gzip, gzip, gzip"]), encoding),
        ("gzip, twice", named(&["gzip", "gzip"]), encoding),
        ("gzip and brotli", named(&["gzip,br"]), encoding),
        ("deflate", named(&["deflate"]), encoding),
        ("gzip with a parameter", named(&["gzip;q=1"]), unasked),
        (
            "six times gzip",
            named(&["gzip,gzip,gzip", "gzip,gzip,gzip"]),
            unasked,
        ),
    ] {
        check_bodies(vec![body]).await;
    }
}

#[tokio::test]
async fn a_malicious_item_is_rejected_alone_and_takes_little_memory() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let with = |member: String| format!(r#"{{"ocid":"o","id":"ID",{member}}}"#).into_bytes();
    let value = |value: &str| with(format!("\"a\":{value}"));
    let key = |ocid: &str, id: &str| format!(r#"{{"ocid":"{ocid}","id":"{id}"}}"#).into_bytes();
    let random = random_text(0, 10_000);
    let many: Vec<String> = (0..20_000).map(|n| format!("\"k{n}\":1")).collect();
    let indexed = format!(
        r#""buyer":{{"id":"{0}","name":"{0}"}},"tender":{{"id":"{0}"}}"#,
        &random[..6_000]
    );
    // A sentence, an item, and the reason if it is rejected.
    let cases = [
        ("arrays in it", value(&deep("[", "]")), "too-deep"),
        ("objects in it", value(&deep("{\"a\":", "}")), "too-deep"),
        (
            "an array in its place",
            deep("[", "]").into_bytes(),
            "not-an-object",
        ),
        ("an ocid too long for an index", key(&random, "1"), "54000"),
        ("an id too long for an index", key("o", &random), "54000"),
        (
            "an id that is long and of one letter",
            key("o", &"i".repeat(10_000)),
            "",
        ),
        ("an ocid of 10 MB", key(&random.repeat(1_000), "1"), "54000"),
        (
            "a title of 10 MB",
            with(format!(
                r#""tender":{{"title":"{}"}}"#,
                "t".repeat(10_000_000)
            )),
            "",
        ),
        ("indexed texts of 6 KB", with(indexed), ""),
        (
            "a number as long as the server takes",
            value("1e131071"),
            "large-number",
        ),
        (
            "a number of as many places",
            value("-1e-16383"),
            "large-number",
        ),
        (
            "an exponent beyond all numbers",
            value("1e-99999999999999999999"),
            "large-number",
        ),
        (
            "a number of 140,000 digits",
            value(&"9".repeat(140_000)),
            "22003",
        ),
        (
            "a number of 20,000 places",
            value(&format!("0.{}1", "0".repeat(20_000))),
            "22003",
        ),
        (
            "a number as its id",
            br#"{"ocid":"o","id":2e131071}"#.to_vec(),
            "large-number",
        ),
        (
            "one key 5,000 times",
            value(&format!("{}1", "1,\"a\":".repeat(5_000))),
            "",
        ),
        ("20,000 keys", with(many.join(",")), ""),
        (
            "a key of 1 MB",
            with(format!("\"{}\":1", "k".repeat(1 << 20))),
            "",
        ),
        (
            "a key that is no text",
            b"{\"ocid\":\"o\",\"a\xff\":1,\"id\":\"x\"}".to_vec(),
            "invalid-utf8",
        ),
        (
            "an ocid that is no text",
            b"{\"ocid\":\"\xff\",\"id\":\"x\"}".to_vec(),
            "invalid-utf8",
        ),
        (
            "an ocid that a terminal obeys",
            key(r"\u001b[2J\r\n\u202e", "1"),
            "",
        ),
    ];
    let mut body = br#"{"releases":["#.to_vec();
    for (index, (_, item, _)) in cases.iter().enumerate() {
        let id = format!("\"id\":\"{index}\"");
        let at = item.windows(9).position(|it| it == b"\"id\":\"ID\"");
        match at {
            Some(at) => body.extend([&item[..at], id.as_bytes(), &item[at + 9..]].concat()),
            None => body.extend(item),
        }
        body.push(b',');
    }
    body.extend(release(900).as_bytes());
    body.extend(b"]}");
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let mut ingest = Ingest::new().await;
    ingest.configure(LIMITS);
    ingest.configure("[fetch]\nmax_body_bytes = 33554432");
    ingest.declare(&publisher, "");
    let (ran, bytes) = ingest.start_run(&[]).wait_with_peak().await;
    ran.expect(0);
    assert!(bytes < MAX_BYTES_OF_TEXTS, "{bytes} bytes of memory");
    let refused = "select concat_ws(' ', reason, sqlstate) from ocds.quarantine where pointer = ";
    for (index, (what, _, why)) in cases.iter().enumerate() {
        let refused = ingest
            .column(&format!("{refused}'/releases/{index}'"))
            .await;
        match *why {
            "" => assert_eq!(refused, [""; 0], "{what}"),
            why => assert!(refused[0].contains(why), "{what}: {refused:?}"),
        }
    }
    let stored = cases.iter().filter(|(.., why)| why.is_empty()).count();
    assert_eq!(ingest.count("release").await, stored + 1);

    publisher.set_script(|_| Reply::json(package(&[release(900), release(901)], "")));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, stored + 2);
}

#[tokio::test]
async fn a_page_of_twenty_thousand_items_takes_little_memory() {
    let items: Vec<String> = (0..20_000)
        .map(|id| format!(r#"{{"ocid":"o","id":"{id}"}}"#))
        .collect();
    let body = package(&items, "");
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let ingest = Ingest::with_source(&publisher, "").await;
    let (ran, bytes) = ingest.start_run(&[]).wait_with_peak().await;
    ran.expect(0);
    assert_eq!(ingest.count("release").await, 20_000);
    assert!(bytes < MAX_BYTES, "{bytes} bytes of memory");
}

#[tokio::test]
async fn an_endless_feed_ends_at_its_page_limit() {
    // Always new items, and no end.
    let script = |request: &Request| {
        let page = request.page();
        let link = format!(r#","links":{{"next":"?page={}"}}"#, page + 1);
        Reply::json(package(&[release(page)], &link))
    };
    let publisher = Publisher::serve(script).await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[fetch]\nmax_pages = 5");
    let says = "zambia has more than 5 pages, the limit of `fetch.max_pages`";
    // It ends in the same way until the limit is raised.
    for _ in 0..3 {
        let ran = ingest.run(&[]).await.expect(4);
        assert_eq!(ran.report()["verdict"], "truncated");
        ran.expect_log(says);
        assert_eq!(ingest.count("release").await, 5);
        assert_eq!(publisher.requests().len(), 5);
    }
    ingest.configure("[fetch]\nmax_pages = 7");
    ingest.run(&[]).await.expect(4);
    assert_eq!(ingest.count("release").await, 7);
    assert_eq!(publisher.requests().len(), 7);
    // A feed with exactly this number of pages is complete.
    publisher.set_script(|request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        let next = match page {
            9 => "null".to_owned(),
            page => format!("\"?page={}\"", page + 1),
        };
        Reply::json(package(
            &[release(page)],
            &format!(r#","links":{{"next":{next}}}"#),
        ))
    });
    ingest.configure("[fetch]\nmax_pages = 9");
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 9);

    // Numbered pages are not fetched beyond the limit either.
    let publisher = Publisher::serve(|request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        Reply::json(package(&[release(page)], r#","total_pages":1000000000"#))
    })
    .await;
    let mut ingest =
        Ingest::with_source(&publisher, &format!("{NUMBER}\nhttp.concurrency = 4")).await;
    ingest.configure("[fetch]\nmax_pages = 5");
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log(says);
    assert_eq!(ingest.count("release").await, 5);
    assert_eq!(publisher.requests().len(), 5);
}

#[tokio::test]
async fn an_index_entry_with_a_forbidden_host_is_rejected_alone() {
    let other = Feed::link(pages(1, 1)).serve().await;
    let there = other.url("/").replace("127.0.0.1", "localhost");
    let index = format!(r#"["/1","{there}","/elsewhere","file:///etc/passwd","/2"]"#);
    let to = there.clone();
    let publisher = Publisher::serve(move |request| match request.path() {
        "/" => Reply::json(index.clone()),
        "/elsewhere" => Reply::redirect(302, &to),
        path => Reply::json(package(&[release(path[1..].parse().unwrap())], "")),
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.configure(LIMITS);
    let table = "detail = { each = \"/*\", url = \"{item|raw}\" }\nhttp.allow_hosts = [\"*\"]";
    ingest.declare(&publisher, table);
    let ran = ingest.run(&[]).await;
    assert_eq!(ingest.column(IDS).await, ["1", "2"], "{}", ran.stderr);
    let kept = "select message from ocds.quarantine order by pointer";
    let kept = ingest.column(kept).await;
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(
        kept[0].contains("a redirect leads to host `localhost:"),
        "{kept:?}"
    );
    assert_eq!(other.targets(), [""; 0]);
    ran.expect(0);

    // The run fails if all of them lead there, for example to a login form.
    let index = r#"["/a","/b","/c","/1"]"#;
    publisher.set_script(move |request| match request.path() {
        "/" => Reply::json(index),
        "/1" => Reply::json(package(&[release(1)], "")),
        _ => Reply::redirect(302, &there),
    });
    let ran = ingest.run(&["--restart"]).await.expect(4);
    let says = "which is not public: `http.allow_hosts` has to name it, and not only `*` \
                for 3 items in a row";
    ran.expect_log(says);
    assert_eq!(other.targets(), [""; 0]);
}

#[tokio::test]
async fn a_redirect_to_another_origin_gets_no_credentials() {
    let secret = "s3cret-of-the-environment";
    let other = Feed::link(pages(1, 1)).serve().await;
    let there = other.url("/");
    for (allowed, status) in [(false, 302), (true, 302), (true, 307), (true, 308)] {
        let to = there.replace("http://", "http://user:word@");
        let publisher = Publisher::serve(move |_| Reply::redirect(status, &to)).await;
        let mut ingest = Ingest::new().await;
        ingest.set_env("HOSTILE_KEY", secret);
        let hosts = match allowed {
            true => format!(
                "allow_hosts = [{:?}]",
                there.trim_start_matches("http://").trim_end_matches('/')
            ),
            false => String::new(),
        };
        let table = format!(
            "method = \"POST\"\nbody = {{ json = {{ key = \"{{env.HOSTILE_KEY}}\" }} }}\n\
             auth = {{ mode = \"basic\", user = \"u\", password = \"{{env.HOSTILE_KEY}}\" }}\n\
             [sources.{SOURCE}.http]\n{hosts}\nheaders = {{ x-key = \"{{env.HOSTILE_KEY}}\" }}"
        );
        ingest.declare(&publisher, &table);
        let before = other.requests().len();
        // The same host with another port is another origin.
        let ran = ingest.run(&[]).await.expect(if allowed { 0 } else { 4 });
        assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
        let told = other.requests().split_off(before);
        assert_eq!(told.len(), usize::from(allowed), "{status}");
        for request in &told {
            assert!(!format!("{request:?}").contains(secret), "{request:?}");
            for name in ["authorization", "x-key", "cookie", "referer"] {
                assert_eq!(request.header(name), None, "{status}: {name}");
            }
            assert_eq!(request.body, "", "{status}");
        }
        let asked = publisher.requests().remove(0);
        assert!(asked.body.contains(secret) && asked.header("authorization").is_some());
    }
    // The origin's own server gets no credentials either.
    let publisher = Publisher::serve(|request| match request.path() {
        "/" => {
            let host = request.header("host").unwrap();
            Reply::redirect(302, &format!("http://user:word@{host}/there"))
        }
        _ => Reply::json(package(&[release(1)], "")),
    })
    .await;
    let ingest = Ingest::with_source(&publisher, "").await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(publisher.requests()[1].header("authorization"), None);
}

#[tokio::test]
async fn text_of_publishers_is_escaped_for_terminals() {
    let evil = r"\u001b]0;owned\u0007\u001b[2J\r\nERROR all is lost\u202e\u200b";
    let named = format!("\u{1b}[31m\n\u{202e}{}.json", "n".repeat(200));
    let no_id = format!(r#"{{"ocid":"{evil}","tender":{{"title":"\u001b[31m"}}}}"#);
    // As raw bytes, because JSON would escape them.
    let raw = "{\"ocid\":\"o\",\"title\":\"\u{1b}[31m\u{202e}\r\n\"}";
    let members = [
        ("a.json", package(&[release(1), no_id, raw.to_owned()], "")),
        (&*named, "\u{1b}[2Jnot JSON".to_owned()),
    ];
    let members = members
        .each_ref()
        .map(|(name, text)| (*name, text.as_bytes()));
    let archive = zip(&members);
    let link = r#"{"releases":[],"links":{"next":"http://\u202e\u001b[31m\n.example/"}}"#;
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        None => Reply::json(archive.clone()),
        _ => Reply::json(link),
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.configure(LIMITS);
    ingest.declare(&publisher, "");
    let mut shown = Vec::new();
    let ran = ingest.call(&["run", SOURCE]).await.expect(0);
    shown.extend([ran.text(), ran.stderr]);
    ingest.declare(&publisher, &format!("{LINK}\nquery = {{ page = \"2\" }}"));
    for arguments in [
        &["run", SOURCE][..],
        &["-vv", "run", SOURCE],
        &["status"],
        &["quarantine", "list"],
    ] {
        let ran = ingest.call(arguments).await;
        shown.extend([ran.text(), ran.stderr]);
    }
    let ids = ingest
        .column("select id from ocds.quarantine order by id")
        .await;
    assert_eq!(ids.len(), 3);
    for id in &ids {
        let ran = ingest.call(&["quarantine", "show", id]).await.expect(0);
        shown.extend([ran.text(), ran.stderr]);
    }
    for text in &shown {
        let acts =
            |it: char| it.is_control() && it != '\n' || matches!(it, '\u{200b}' | '\u{202e}');
        assert!(!text.contains(acts), "{text:?}");
        assert!(
            !text.lines().any(|line| line.starts_with("ERROR")),
            "{text}"
        );
    }
    assert!(
        shown.concat().contains(r"\u{1b}[31m\n\u{202e}"),
        "{shown:?}"
    );
    // The original document can be shown on request.
    let of_raw = "select id from ocds.quarantine where reason = 'invalid-json'";
    let id = ingest.value(of_raw).await;
    let ran = ingest.call(&["quarantine", "show", "--raw", &id]).await;
    assert_eq!(ran.text(), raw);
}

#[tokio::test]
async fn headers_and_statuses_of_servers_are_escaped_for_terminals() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\nERROR all is lost\u{202e}\u{200b}\u{9b}31m";
    let json = serde_json::json!({"error": evil, evil: evil}).to_string();
    let page = format!("<html><title>{evil}</title>{evil}</html>");
    let answers = [
        ("an error", Reply::status(500).body(evil)),
        (
            "an error of JSON",
            Reply::json(json.clone()).with_status(400),
        ),
        ("an error that is none", Reply::json(json.clone())),
        ("a web page", Reply::status(200).body(page)),
        ("no JSON", Reply::json(evil)),
        (
            "a type",
            Reply::status(200)
                .header("content-type", "text/\u{202e}html")
                .body(evil),
        ),
        (
            "a wish",
            Reply::status(429).header("retry-after", "\u{202e}\u{9b}31m"),
        ),
        (
            "a redirect",
            Reply::redirect(302, "http://\u{202e}.example/\u{9b}31m"),
        ),
        (
            "a reason",
            Reply::verbatim(format!("HTTP/1.1 500 {evil}\r\ncontent-length: 0\r\n\r\n")),
        ),
        ("no HTTP", Reply::verbatim(evil)),
        (
            "a tag",
            Reply::json("[]").header("etag", "\"\u{202e}\u{9b}31m\""),
        ),
    ];
    let token = "auth = { mode = \"oauth2\", url = \"HOST/token\", client_id = \"me\", \
                 client_secret = \"you\" }";
    let index = "axis.file = { url = \"HOST/index\", each = \"/*\" }";
    let items = "detail = { each = \"/*\", url = \"HOST/{item}\" }";
    let tables = [
        ("/", ""),
        ("/", token),
        ("/of/{axis.file}", index),
        ("/index", items),
    ];
    for (what, answer) in answers {
        let named = serde_json::to_string(&[evil, &evil.repeat(2)]).unwrap();
        let publisher = Publisher::serve(move |request| match request.path() {
            "/index" => Reply::json(named.clone()),
            _ => answer.clone(),
        })
        .await;
        let mut ingest = Ingest::new().await;
        ingest.configure(LIMITS);
        ingest.configure("[fetch]\nattempts = 1");
        let mut shown = Vec::new();
        for (path, table) in tables {
            let host = publisher.url("");
            let url = publisher.url(path);
            let table = format!("[sources.{SOURCE}]\nurl = {url:?}\n{table}");
            ingest.configure_as("source.toml", &table.replace("HOST", &host));
            let ran = ingest.call(&["-vvv", "run", SOURCE, "--restart"]).await;
            shown.extend([ran.text(), ran.stderr]);
        }
        for arguments in [&["status"][..], &["quarantine", "list"]] {
            let ran = ingest.call(arguments).await.expect(0);
            shown.extend([ran.text(), ran.stderr]);
        }
        for text in &shown {
            let acts =
                |it: char| it.is_control() && it != '\n' || matches!(it, '\u{200b}' | '\u{202e}');
            let at = text.find(acts);
            let around = at.map(|at| text[..at].chars().rev().take(300).collect::<String>());
            assert_eq!(around, None, "{what}: {text:?}");
            let is_forged = |line: &str| line.starts_with("ERROR all");
            assert!(!text.lines().any(is_forged), "{what}: {text}");
        }
    }
}
