//! Tests the heads of responses that are not as the standards want them, and that browsers and
//! curl accept. No length of a body may get lost by that.

use std::time::Duration;

use crate::harness::{Ingest, SOURCE};
use crate::publisher::{Publisher, Reply, package, release};

fn page(head: &str, body: &str) -> Reply {
    Reply::verbatim(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}"))
}

#[tokio::test]
async fn odd_headers_are_read_and_their_length_counts() {
    let all: String = (0..8).map(|i| release(i) + "\n").collect();
    let half = &all[..all.len() / 2];
    let length = all.len();
    let many: String = (0..900).map(|i| format!("x-header-{i}: {i}\r\n")).collect();
    for head in [
        format!("content-length : {length}"),
        format!("content-length\t: {length}"),
        format!("content-length:\r\n {length}"),
        format!("x-folded: a,\r\n\tb\r\n c\r\ncontent-length: {length}"),
        format!("{many}content-length: {length}"),
        format!("content-length: {length}\r\nx-latin: caf\u{e9}"),
    ] {
        let (cut, whole) = (page(&head, half), page(&head, &all));
        let publisher = Publisher::serve(move |request| match request.nth {
            0 => cut.clone(),
            _ => whole.clone(),
        })
        .await;
        let ingest = Ingest::with_source(&publisher, "").await;
        let ran = ingest.run(&[]).await.expect(0);
        let what = &head[head.len().saturating_sub(60)..];
        assert_eq!(ran.counts(), "8 inserted", "{what}");
        assert_eq!(publisher.requests().len(), 2, "{what}");
    }
}

#[tokio::test]
async fn a_line_that_is_no_header_is_an_error_because_it_may_be_a_length() {
    let body = release(1);
    let length = body.len() + 1;
    let no_header = "invalid HTTP header parsed";
    for (head, message) in [
        (
            format!("Warning in line 3\r\ncontent-length: {}", body.len()),
            no_header,
        ),
        (format!("content length: {length}"), no_header),
        (format!("content-length: \u{1}{length}"), no_header),
        (
            format!("content-length: {}\r\n {length}", body.len()),
            "invalid content-length parsed",
        ),
    ] {
        let reply = page(&head, &body);
        let publisher = Publisher::serve(move |_| reply.clone()).await;
        let ingest = Ingest::with_source(&publisher, "").await;
        let ran = ingest.run(&[]).await.expect(3);
        ran.expect_log(message);
        assert_eq!(ingest.count("release").await, 0, "{head}");
    }
}

#[tokio::test]
async fn redirects_and_links_in_any_charset_are_followed() {
    let redirect = |location: &[u8]| {
        let head = b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: ";
        let tail = b"\r\nconnection: close\r\n\r\n";
        Reply::verbatim([head, location, tail].concat())
    };
    for (location, target) in [
        (
            "/caf\u{e9} 1?q=\u{e9} 2".as_bytes(),
            "/caf%C3%A9%201?q=%C3%A9%202",
        ),
        // Latin-1
        (b"/caf\xE9 1?q=\xE9 2", "/caf%E9%201?q=%E9%202"),
        (b"caf\xE9%20", "/caf%E9%20"),
    ] {
        let reply = redirect(location);
        let publisher = Publisher::serve(move |request| match request.target.as_str() {
            "/" => reply.clone(),
            _ => Reply::json(package(&[release(1)], "")),
        })
        .await;
        let ingest = Ingest::with_source(&publisher, "").await;
        ingest.run(&[]).await.expect(0);
        assert_eq!(publisher.targets(), ["/", target]);
    }

    let first = package(&[release(0), release(1)], "");
    let head = format!(
        "content-length: {}\r\nlink: </p\u{e9}>; rel=\"next\"\r\nconnection: close",
        first.len()
    );
    let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{first}");
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let publisher = Publisher::serve(move |request| match request.target.as_str() {
        "/" => Reply::verbatim(latin.clone()),
        _ => Reply::json(package(&[release(2)], "")),
    })
    .await;
    let link = r#"page = { mode = "link_header" }"#;
    let ingest = Ingest::with_source(&publisher, link).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(publisher.targets(), ["/", "/p%E9"]);
}

#[tokio::test]
async fn a_status_above_599_is_a_refusal_and_no_outage() {
    for status in [600, 999] {
        let publisher = Publisher::serve(move |_| Reply::status(status)).await;
        let mut ingest = Ingest::new().await;
        ingest.declare_as(SOURCE, &publisher.url("/"), "");
        let ran = ingest.run(&[]).await.expect(4);
        ran.expect_log(&format!("status {status}"));
        assert_eq!(publisher.requests().len(), 1);
        let load = ["load", SOURCE, &publisher.url("/f.json")];
        ingest.call(&load).await.expect(4);
        assert_eq!(publisher.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_part_of_a_second_in_retry_after_is_rounded_up() {
    let publisher = Publisher::serve(|request| match request.nth {
        0 => Reply::status(429).header("retry-after", "0.2"),
        _ => Reply::json(package(&[release(1)], "")),
    })
    .await;
    let ingest = Ingest::with_source(&publisher, "").await;
    ingest.run(&[]).await.expect(0);
    let requests = publisher.requests();
    let waited = requests[1].at - requests[0].answered_at.unwrap();
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
}
