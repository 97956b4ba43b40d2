//! Tests the content encodings of bodies: what their first bytes prove is read, also if the header
//! says something else. Everything else is kept in quarantine.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::harness::{Ingest, SOURCE};
use crate::publisher::{Encoding, Publisher, Reply, package, release, zip};

/// A response by the values of its `Content-Encoding`, and its body.
#[derive(Clone)]
struct Case {
    named: &'static [&'static str],
    body: Bytes,
}

impl Case {
    fn new(named: &'static [&'static str], body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { named, body }
    }

    fn reply(&self) -> Reply {
        let reply = Reply::json(self.body.clone());
        let named = self.named.iter();
        named.fold(reply, |reply, name| reply.header("content-encoding", name))
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

async fn encode(encoding: Encoding, content: &[u8]) -> Vec<u8> {
    let reply = Reply::json(content.to_vec()).with_encoding(encoding);
    reply.encoded_body().await.to_vec()
}

/// Returns cases that are read. The release of each is its number.
async fn readable_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |named, encode: &dyn Fn(&[u8]) -> Vec<u8>| {
        let page = package(&[release(cases.len())], "");
        cases.push(Case::new(named, encode(page.as_bytes())));
    };
    let plain = |content: &[u8]| content.to_vec();
    let twice = |content: &[u8]| gzip(&gzip(content));
    let with_mark = |content: &[u8]| [b"\xEF\xBB\xBF", content].concat();
    let members = |content: &[u8]| {
        let (first, second) = content.split_at(content.len() / 2);
        [gzip(first), gzip(second)].concat()
    };
    let padded = |padding: &'static [u8]| move |content: &[u8]| [&gzip(content), padding].concat();
    // No encoding at all.
    for named in [
        &["UTF-8"][..],
        &["utf8"],
        &["ISO-8859-1"],
        &["none"],
        &["identity"],
        &[""],
        &["identity, utf-8"],
        &["gzip"],
        &["br"],
        &["zstd"],
        &["deflate"],
        &["gzip, br"],
        &["gzip", "gzip"],
        // Names that are not known.
        &["aws-chunked"],
        &["binary"],
        &["a, b, c, d, e, f"],
    ] {
        add(named, &plain);
    }
    add(&["gzip"], &with_mark);
    for named in [
        &["gzip"][..],
        &["GZip"],
        &["x-gzip"],
        &["identity, gzip"],
        &["gzip, identity"],
        &["gzip, UTF-8"],
        &["gzip, gzip"],
        &["gzip", "gzip"],
        &["deflate"],
    ] {
        add(named, &gzip);
    }
    add(&["gzip, gzip"], &twice);
    add(&["gzip", "gzip"], &twice);
    add(&["gzip"], &members);
    add(&["gzip"], &padded(&[0; 700]));
    add(&["gzip"], &padded(b"\n"));
    add(&["gzip"], &padded(b"\r\n"));
    add(&["deflate"], &zlib);
    add(&["deflate"], &raw_deflate);
    add(&["deflate, gzip"], &|content| gzip(&zlib(content)));
    add(&["gzip"], &|content| zip(&[("a.json", content)]));
    for (named, encoding) in [
        (&["br"][..], Encoding::Brotli),
        (&["zstd"], Encoding::Zstd),
        (&["gzip, zstd"], Encoding::Zstd),
    ] {
        let page = package(&[release(cases.len())], "");
        cases.push(Case::new(named, encode(encoding, page.as_bytes()).await));
    }
    cases
}

/// Serves an index of the cases at `/index`, and each case at its number.
async fn serve_cases(cases: Vec<Case>) -> Publisher {
    let cases = Arc::new(cases);
    Publisher::serve(move |request| match request.path() {
        "/index" => {
            let files: Vec<String> = (0..cases.len()).map(|i| format!("\"/{i}\"")).collect();
            // An index is read like a page.
            Case::new(&["UTF-8"], format!("{{\"files\":[{}]}}", files.join(","))).reply()
        }
        path => cases[path[1..].parse::<usize>().unwrap()].reply(),
    })
    .await
}

async fn prepare_cases(publisher: &Publisher, table: &str) -> Ingest {
    let mut ingest = Ingest::new().await;
    let index = publisher.url("/index");
    let axis = format!("{table}\naxis.file = {{ url = {index:?}, each = \"/files/*\" }}");
    ingest.declare_as(SOURCE, "{axis.file|raw}", &axis);
    ingest
}

const STORED: &str = "select release_id from ocds.release order by release_id::int";

#[tokio::test]
async fn a_body_is_read_if_its_bytes_prove_what_it_is() {
    let cases = readable_cases().await;
    let expected: Vec<String> = (0..cases.len()).map(|i| i.to_string()).collect();
    let requests = cases.len() + 1;
    let publisher = serve_cases(cases).await;
    let ingest = prepare_cases(&publisher, "").await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.column(STORED).await, expected, "{}", ran.stderr);
    assert_eq!(publisher.requests().len(), requests);
}

#[tokio::test]
async fn a_downloaded_file_is_read_by_the_same_rules_of_gzip() {
    let is_decoded = |name: &&str| ["br", "zstd", "deflate"].iter().any(|it| name.contains(it));
    let mut cases = readable_cases().await;
    cases.retain(|case| !case.named.iter().any(is_decoded));
    let count = cases.len();
    assert!(count > 15, "{count}");
    let publisher = serve_cases(cases).await;
    let ingest = prepare_cases(&publisher, "page = { mode = \"file\" }").await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, count, "{}", ran.stderr);
}

#[tokio::test]
async fn a_body_that_its_bytes_do_not_explain_is_kept() {
    let page = package(&[release(1)], "");
    let packed = gzip(page.as_bytes());
    let corrupt = "not what its content encoding says";
    let unknown = "its content encoding is not one that was asked for";
    let noise: Vec<u8> = (0..200_u8).rev().collect();
    let brotli = encode(Encoding::Brotli, page.as_bytes()).await;
    let cases = [
        (
            Case::new(&["gzip"], [&packed, &b"more"[..]].concat()),
            corrupt,
        ),
        // Padding is the end.
        (
            Case::new(&["gzip"], [&packed, &b"\0"[..], &packed].concat()),
            corrupt,
        ),
        (
            Case::new(&["gzip"], packed[..packed.len() - 9].to_vec()),
            corrupt,
        ),
        (
            Case::new(&["gzip, gzip"], gzip(&packed[..packed.len() - 9])),
            corrupt,
        ),
        (Case::new(&["gzip"], noise.clone()), corrupt),
        (Case::new(&["deflate"], noise.clone()), corrupt),
        (Case::new(&["zstd"], packed.clone()), corrupt),
        (
            Case::new(&["br"], [&brotli, &b"more"[..]].concat()),
            corrupt,
        ),
        (Case::new(&["compress"], noise.clone()), unknown),
        (Case::new(&["gzip, compress"], noise.clone()), unknown),
    ];
    for (case, message) in cases {
        let reply = case.reply();
        let publisher = Publisher::serve(move |_| reply.clone()).await;
        let mut ingest = Ingest::with_source(&publisher, "").await;
        ingest.configure("[fetch]\nattempts = 2");
        ingest.run(&[]).await.expect(4);
        assert_eq!(ingest.count("release").await, 0);
        assert_eq!(publisher.requests().len(), 2);
        let told = "select message from ocds.quarantine";
        assert_eq!(ingest.column(told).await, [message], "{:?}", case.named);
        if message == unknown {
            // The bytes are kept as they were served.
            let served: String = case.body.iter().map(|byte| format!("{byte:02x}")).collect();
            let kept = "select encode(document, 'hex') from ocds.quarantine";
            assert_eq!(ingest.value(kept).await, served);
        }
    }
}

#[tokio::test]
async fn the_answer_to_a_request_for_a_token_is_read_by_the_same_rules() {
    let answer = r#"{"access_token":"t","expires_in":3600}"#;
    let publisher = Publisher::serve(move |request| match request.path() {
        "/token" => Case::new(&["gzip", "UTF-8"], answer).reply(),
        _ if request.header("authorization") != Some("Bearer t") => Reply::status(401),
        _ => Reply::json(package(&[release(1)], "")),
    })
    .await;
    let auth = format!(
        "auth = {{ mode = \"oauth2\", url = {:?}, client_id = \"me\", client_secret = \"{{env.SECRET}}\" }}",
        publisher.url("/token")
    );
    let mut ingest = Ingest::with_source(&publisher, &auth).await;
    ingest.set_env("SECRET", "hunter2");
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 1);
}

#[tokio::test]
async fn a_second_encoding_expands_no_further_than_the_first() {
    // 64 MB of padding, which decode to nothing, take 64 kB here.
    let bomb = gzip(&[gzip(b"{}"), vec![0; 64 << 20]].concat());
    let reply = Case::new(&["gzip, gzip"], bomb).reply();
    let publisher = Publisher::serve(move |_| reply.clone()).await;
    let mut ingest = Ingest::with_source(&publisher, "").await;
    ingest.configure("[fetch]\nmax_decoded_bytes = 1048576");
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log("fetch.max_decoded_bytes");
    assert_eq!(publisher.requests().len(), 1);
}

#[tokio::test]
async fn members_of_gzip_that_bring_nothing_end_soon() {
    // Without a limit, millions of them would take minutes.
    let bomb = gzip(&gzip(b"").repeat(3 << 20));
    let reply = Case::new(&["gzip, gzip"], bomb).reply();
    let publisher = Publisher::serve(move |_| reply.clone()).await;
    let ingest = Ingest::with_source(&publisher, "").await;
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log("not what its content encoding says");
}
