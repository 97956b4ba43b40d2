//! Tests statuses that a source declares: their declared meaning counts, whatever they normally
//! mean, and whatever body comes with them. Tests also what is shown of the body of other
//! statuses, and of a body that is no page.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::harness::{Ingest, ProgramOutput, SOURCE};
use crate::publisher::{Encoding, Publisher, Reply, Request, package, release};

/// Statuses of each class that a publisher may use for an empty answer.
const EMPTY: [u16; 10] = [201, 202, 203, 204, 205, 206, 302, 404, 429, 503];

fn page_reply(i: usize) -> Reply {
    Reply::json(package(&[release(i)], ""))
}

/// Returns an answer whose body has a release, unless the status allows no body.
fn reply_with_status(status: u16, i: usize) -> Reply {
    match status {
        204 => Reply::status(204),
        205 => Reply::status(205),
        302 => Reply::redirect(302, "/elsewhere"),
        _ => page_reply(i).with_status(status),
    }
}

/// Declares a feed of three days, with one page for each.
fn define_days(publisher: &Publisher, rest: &str) -> String {
    format!(
        "url = \"{}\"\nwindow = {{ from = \"2024-01-01\", until = \"2024-01-04\", \
         step = \"1d\", format = \"%Y-%m-%d\" }}\n{rest}",
        publisher.url("/day?from={from}&to={to}")
    )
}

/// Returns the requested day, 1 to 3.
fn requested_day(request: &Request) -> usize {
    request.query("from").unwrap()[8..].parse().unwrap()
}

#[tokio::test]
async fn a_window_with_an_empty_status_is_empty_whatever_its_body() {
    for status in EMPTY {
        let publisher = Publisher::serve(move |request| match requested_day(request) {
            2 => reply_with_status(status, 2),
            day => page_reply(day),
        })
        .await;
        let table = define_days(&publisher, &format!("http.empty_status = [{status}]"));
        let ingest = Ingest::with_definition(&table).await;
        for _ in 0..2 {
            ingest.run(&[]).await.expect(0);
        }
        assert_eq!(ingest.count("release").await, 2, "{status}");
        assert_eq!(ingest.count("quarantine").await, 0, "{status}");
        let targets: BTreeSet<String> = publisher.targets().into_iter().collect();
        assert_eq!(targets.len(), 3, "{status}: {targets:?}");
    }
}

#[tokio::test]
async fn a_body_that_says_in_words_that_there_is_no_data_is_empty() {
    let words = r#"{"code":"204","text":"no contracts on this day"}"#;
    let empty_if = r#"http.empty_if = { pointer = "/code", equals = "204" }"#;
    for (table, code) in [
        (empty_if.to_owned(), 0),
        // it is tested before `fail_if`
        (
            format!("{empty_if}\nhttp.fail_if = {{ pointer = \"/code\", min = 1 }}"),
            0,
        ),
        (String::new(), 4),
    ] {
        let publisher = Publisher::serve(move |request| match requested_day(request) {
            2 => Reply::json(words),
            day => page_reply(day),
        })
        .await;
        let ingest = Ingest::with_definition(&define_days(&publisher, &table)).await;
        for _ in 0..2 {
            ingest.run(&[]).await.expect(code);
        }
        assert_eq!(ingest.count("release").await, 2, "{table}");
        let quarantined = usize::from(code != 0);
        assert_eq!(ingest.count("quarantine").await, quarantined, "{table}");
        // the watermark moves past the empty window, or stays before the unreadable one
        let targets: BTreeSet<String> = publisher.targets().into_iter().collect();
        assert_eq!(targets.len(), 3, "{table}: {targets:?}");
    }
}

#[tokio::test]
async fn a_page_that_says_in_words_that_there_is_no_data_ends_only_a_chain_without_a_total() {
    let empty_if = r#"http.empty_if = { pointer = "/status", equals = "nothing" }"#;
    for (page, code) in [
        (r#"{ mode = "number" }"#, 0),
        (r#"{ mode = "link", pointer = "/links/next" }"#, 0),
        (r#"{ mode = "number", total_pages = "/pages" }"#, 4),
    ] {
        let publisher = Publisher::serve(move |request| match request.page() {
            3 => Reply::json(r#"{"status":"nothing"}"#),
            page => {
                let next = page + 1;
                let links = format!(r#","pages":4,"links":{{"next":"?page={next}"}}"#);
                Reply::json(package(&[release(page)], &links))
            }
        })
        .await;
        let table = format!("page = {page}\n{empty_if}");
        let ingest = Ingest::with_source(&publisher, &table).await;
        let ran = ingest.run(&[]).await.expect(code);
        assert_eq!(ingest.count("release").await, 2, "{page}");
        if code != 0 {
            ran.expect_log("page 3 of zambia says by `http.empty_if` that there is no data");
        }
    }
}

#[tokio::test]
async fn an_undeclared_status_without_a_body_fails_with_advice() {
    for (status, rest) in [
        (204, ""),
        (205, ""),
        (202, ""),
        (204, "page = { mode = \"file\" }"),
    ] {
        let publisher = Publisher::serve(move |request| match requested_day(request) {
            2 => Reply::status(status),
            day => page_reply(day),
        })
        .await;
        let ingest = Ingest::with_definition(&define_days(&publisher, rest)).await;
        let ran = ingest.run(&[]).await.expect(4);
        let said = format!("status {status}");
        ran.expect_log(&said);
        ran.expect_log("`http.empty_status`");
    }
}

#[tokio::test]
async fn a_window_that_became_empty_is_empty_on_a_conditional_request() {
    let publisher =
        Publisher::serve(|request| page_reply(requested_day(request)).with_etag(request)).await;
    let table = define_days(&publisher, "http.empty_status = [204]");
    let ingest = Ingest::with_definition(&table).await;
    ingest.run(&[]).await.expect(0);
    publisher.set_script(|request| match requested_day(request) {
        2 => Reply::status(204),
        day => page_reply(day).with_etag(request),
    });
    ingest.run(&[]).await.expect(0);
    let asked = publisher.requests();
    assert!(asked.iter().any(|it| it.header("if-none-match").is_some()));
    assert_eq!(ingest.count("release").await, 3);
}

#[tokio::test]
async fn a_declared_status_ends_a_chain_like_an_empty_page() {
    let number = r#"page = { mode = "number", stop = "empty" }"#;
    let link = r#"page = { mode = "link", pointer = "/links/next" }"#;
    let token = r#"page = { mode = "token", param = "page", pointer = "/links/token" }"#;
    for (status, table, code) in [
        (204, format!("{number}\nhttp.empty_status = [204]"), 0),
        (404, format!("{number}\nhttp.empty_status = [404]"), 0),
        (204, r#"page = { mode = "number", status = 204 }"#.into(), 0),
        (204, format!("{link}\nhttp.empty_status = [204]"), 0),
        (204, format!("{token}\nhttp.empty_status = [204]"), 0),
        // A page behind a link is missing, so it is not the end.
        (404, format!("{link}\nhttp.empty_status = [404]"), 4),
        (204, format!("{link}\nhttp.empty_status = [202]"), 4),
    ] {
        let publisher = Publisher::serve(move |request| match request.page() {
            3 => Reply::status(status),
            page => {
                let next = page + 1;
                let links = format!(r#","links":{{"next":"?page={next}","token":"{next}"}}"#);
                Reply::json(package(&[release(page)], &links))
            }
        })
        .await;
        let ingest =
            Ingest::with_definition(&format!("url = \"{}\"\n{table}", publisher.url("/"))).await;
        ingest.run(&[]).await.expect(code);
        assert_eq!(ingest.count("release").await, 2, "{status}, {table}");
    }
}

#[tokio::test]
async fn a_declared_status_ends_an_index() {
    for (status, page_and_rest) in [
        (
            404,
            r#"page = { mode = "number", status = 404 } }"#.to_owned(),
        ),
        (
            204,
            r#"page = { mode = "number", status = 204 } }"#.to_owned(),
        ),
        (
            204,
            "page = { mode = \"number\", stop = \"empty\" } }\nhttp.empty_status = [204]"
                .to_owned(),
        ),
    ] {
        let publisher = Publisher::serve(move |request| match request.path() {
            "/index" if request.page() > 2 => Reply::status(status),
            "/index" => Reply::json(json!([request.page()]).to_string()),
            path => page_reply(path[1..].parse().unwrap()),
        })
        .await;
        let ingest = Ingest::with_definition(&format!(
            "url = \"{}\"\naxis.file = {{ url = \"{}\", each = \"/*\", {page_and_rest}",
            publisher.url("/{axis.file}"),
            publisher.url("/index"),
        ))
        .await;
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 2, "{status}");
    }
}

#[tokio::test]
async fn an_item_with_an_empty_success_status_has_no_releases() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/index" => Reply::json(r#"["1","2","3"]"#),
        "/2" => Reply::status(204),
        // A missing item is still kept as missing.
        "/3" => Reply::status(404),
        _ => page_reply(1),
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\ndetail = {{ each = \"/*\", url = \"{}\" }}\nhttp.empty_status = [204, 404]",
        publisher.url("/index"),
        publisher.url("/{item}"),
    ))
    .await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ingest.count("release").await, 1);
    assert_eq!(
        ingest
            .column("select reason || pointer from ocds.quarantine")
            .await,
        ["missing-document3"]
    );
}

#[tokio::test]
async fn a_file_with_an_empty_status_is_empty() {
    let file = "page = { mode = \"file\" }";
    for status in EMPTY {
        let publisher = Publisher::serve(move |request| match requested_day(request) {
            2 => reply_with_status(status, 2),
            day => page_reply(day),
        })
        .await;
        let rest = format!("{file}\nhttp.empty_status = [{status}]");
        let ingest = Ingest::with_definition(&define_days(&publisher, &rest)).await;
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 2, "{status}");
    }
}

#[tokio::test]
async fn a_partial_file_is_not_empty_although_206_is_an_empty_status() {
    let whole = package(&(0..4_000).map(release).collect::<Vec<_>>(), "");
    let served = whole.clone();
    let publisher = Publisher::serve(move |request| {
        let reply = |status| Reply::status(status).header("etag", "\"a\"");
        let range = request.header("range").map(str::to_owned);
        let Some(range) = range else {
            return reply(200).body(served.clone()).cut_after(served.len() / 2);
        };
        let from = range.strip_prefix("bytes=").unwrap().trim_end_matches('-');
        let from: usize = from.parse().unwrap();
        let range = format!("bytes {from}-{}/{}", served.len() - 1, served.len());
        let reply = reply(206).header("content-range", &range);
        reply.body(served[from..].to_owned())
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\npage = {{ mode = \"file\" }}\nhttp.empty_status = [206]",
        publisher.url("/")
    ))
    .await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 4_000);
    assert_eq!(publisher.requests().len(), 2);
}

#[tokio::test]
async fn a_page_that_is_not_ready_is_fetched_again() {
    for status in [202, 302] {
        let publisher = Publisher::serve(move |request| match request.nth {
            0 => reply_with_status(status, 7),
            _ => page_reply(1),
        })
        .await;
        let ingest = Ingest::with_definition(&format!(
            "url = \"{}\"\nhttp.retry_status = [{status}]",
            publisher.url("/")
        ))
        .await;
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 1, "{status}");
        assert_eq!(publisher.targets(), ["/", "/"], "{status}");
    }
}

#[tokio::test]
async fn a_window_can_be_split_by_a_success_status() {
    let publisher = Publisher::serve(|request| {
        let to: usize = request.query("to").unwrap()[8..].parse().unwrap();
        match to - requested_day(request) {
            1 => page_reply(requested_day(request)),
            _ => page_reply(7).with_status(206),
        }
    })
    .await;
    let table = define_days(&publisher, "").replace(
        "step = \"1d\"",
        "step = \"1mo\", split_when = { status = [206] }",
    );
    let ingest = Ingest::with_definition(&table).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 3);
}

#[tokio::test]
async fn the_status_of_a_token_server_has_no_declared_meaning() {
    for status in [302, 503] {
        let publisher = Publisher::serve(move |request| match request.path() {
            "/token" => Reply::status(status),
            _ => page_reply(1),
        })
        .await;
        let ingest = Ingest::with_definition(&format!(
            "url = \"{}\"\nhttp = {{ redirects = false, empty_status = [{status}] }}\n\
             auth = {{ mode = \"token\", url = \"{}\", pointer = \"/token\" }}",
            publisher.url("/"),
            publisher.url("/token"),
        ))
        .await;
        let code = if status == 503 { 3 } else { 4 };
        let ran = ingest.run(&[]).await.expect(code);
        let said = format!("ask for a token: status {status}");
        ran.expect_log(&said);
    }
}

#[tokio::test]
async fn status_200_cannot_have_another_meaning() {
    for (table, key) in [
        ("http.empty_status = [204, 200]", "http.empty_status"),
        ("http.retry_status = [200]", "http.retry_status"),
        ("page = { mode = \"number\", status = 200 }", "page.status"),
    ] {
        let ingest =
            Ingest::with_definition(&format!("url = \"http://127.0.0.1:1/\"\n{table}")).await;
        let ran = ingest.call(&["status"]).await.expect(2);
        let said = format!("key `sources.{SOURCE}.{key}`: must not contain 200");
        ran.expect_log(&said);
    }
}

/// Runs a feed of one page, which always gets this answer.
async fn run_with_answer(reply: Reply, rest: &str) -> (Ingest, ProgramOutput) {
    let publisher = Publisher::serve(move |_| reply.clone()).await;
    let mut ingest = Ingest::new().await;
    ingest.set_env("PUBLISHER_KEY", "s3cret-hunter");
    ingest.configure("[fetch]\nattempts = 2");
    let headers = "http.headers = { x-key = \"{env.PUBLISHER_KEY}\" }";
    ingest.declare(&publisher, &format!("{headers}\n{rest}"));
    let ran = ingest.run(&[]).await;
    (ingest, ran)
}

const REQUEST_ERRORS: &str = "select error from ocds.request order by id";

#[tokio::test]
async fn what_a_server_says_about_a_status_is_shown_everywhere() {
    for (reply, says) in [
        (
            Reply::status(404).body("\n no such process\nat line 3"),
            "status 404: no such process",
        ),
        (
            Reply::json(r#"{"status":403,"error":{"message":"wrong \"key\""}}"#).with_status(403),
            "status 403: wrong \"key\"",
        ),
        (
            Reply::status(400).body(
                "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title>",
            ),
            "status 400: 400 The plain HTTP request was sent to HTTPS port",
        ),
        (
            Reply::status(410)
                .body("gone for good")
                .with_encoding(Encoding::Gzip),
            "status 410: gone for good",
        ),
        // Without a location, a redirect is a status like others.
        (
            Reply::status(302).body("look elsewhere"),
            "status 302: look elsewhere",
        ),
        (
            Reply::json(r#"{"message":"no\u0000such page"}"#).with_status(404),
            "status 404: no such page",
        ),
        // An answer without an explanation.
        (Reply::status(404).body("<html><p>nothing"), "status 404"),
        (Reply::status(404).body(&b"\0\x01\xff"[..]), "status 404"),
        // Secrets and control characters of a terminal are not shown.
        (
            Reply::status(401).body("the key s3cret-hunter is \u{1b}[31mwrong"),
            "status 401: the key {env.PUBLISHER_KEY} is \\x1b[31mwrong",
        ),
        (
            Reply::json(r#"{"message":"s3cret\u002dhunter"}"#).with_status(401),
            "status 401: {env.PUBLISHER_KEY}",
        ),
    ] {
        let (ingest, ran) = run_with_answer(reply, "").await;
        let ran = ran.expect(4);
        ran.expect_log(&format!("fetch page 1 of {SOURCE}: {says}"));
        let kept = ingest.column(REQUEST_ERRORS).await;
        assert_eq!(kept, [says.replace("\\x1b", "\u{1b}")], "{}", ran.stderr);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn what_a_server_says_about_a_status_is_shown_before_a_retry() {
    let reply = Reply::status(503).body("<!doctype html><TITLE>Down &amp; out</TITLE>");
    let (ingest, ran) = run_with_answer(reply, "").await;
    let ran = ran.expect(3);
    ran.expect_log(&format!(
        "page 1 of {SOURCE}: status 503: Down & out; asking again in"
    ));
    ran.expect_log("status 503 after 2 attempts: Down & out");
    assert_eq!(
        ingest.column(REQUEST_ERRORS).await,
        ["status 503: Down & out"; 2]
    );
    let reply = Reply::status(429)
        .header("retry-after", "99999")
        .body("slow down");
    let (_, ran) = run_with_answer(reply, "").await;
    let ran = ran.expect(4);
    ran.expect_log("status 429, rate limited until ");
    ran.expect_log("resumable: slow down");
}

#[tokio::test]
async fn an_error_text_that_never_ends_does_not_hold_the_request() {
    let head = "HTTP/1.1 404 Not Found\r\n";
    let second = Duration::from_secs(1);
    for (reply, says) in [
        // Its beginning is enough.
        (
            Reply::endless(format!("{head}\r\nno such page\n"), "more ".repeat(1_000)),
            "status 404: no such page",
        ),
        (
            Reply::dripping(format!("{head}\r\nno such page\n"), " ", second / 10),
            "status 404",
        ),
        (
            Reply::dripping(format!("{head}content-length: 9\r\n\r\n"), " ", 60 * second),
            "status 404",
        ),
    ] {
        let (ingest, ran) = run_with_answer(reply, "").await;
        let ran = ran.expect(4);
        assert_eq!(
            ingest.column(REQUEST_ERRORS).await,
            [says],
            "{}",
            ran.stderr
        );
        let took = "select milliseconds < 10000 from ocds.request";
        assert_eq!(ingest.value(took).await, "t");
    }
}

#[tokio::test]
async fn the_body_of_a_declared_status_is_not_read() {
    let head = "HTTP/1.1 404 Not Found\r\n\r\nnothing here\n";
    let reply = Reply::dripping(head, " ", Duration::from_secs(60));
    let (ingest, ran) = run_with_answer(
        reply,
        "http.empty_status = [404]\npage = { mode = \"number\" }",
    )
    .await;
    ran.expect(0);
    assert_eq!(ingest.column(REQUEST_ERRORS).await, ["status 404"]);
    assert_eq!(ingest.value("select bytes from ocds.request").await, "0");
}

#[tokio::test]
async fn what_a_token_server_says_is_shown() {
    let reply = Reply::json(r#"{"error":"invalid_client","error_description":"unknown client"}"#);
    let publisher = Publisher::serve(move |_| reply.clone().with_status(400)).await;
    let mut ingest = Ingest::new().await;
    let url = publisher.url("/token");
    let auth = format!("auth = {{ mode = \"token\", url = \"{url}\", pointer = \"/token\" }}");
    ingest.declare(&publisher, &auth);
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log("ask for a token: status 400: unknown client");
}

#[tokio::test]
async fn a_page_that_is_another_kind_of_file_is_described() {
    let html = "<!DOCTYPE html>\n<html><head><title>\n Maintenance,\n key s3cret-hunter </title>";
    let html_says = "an HTML page: Maintenance, key {env.PUBLISHER_KEY}";
    for (body, says) in [
        (Bytes::from(html), html_says),
        (
            Bytes::from("<?xml version=\"1.0\"?><Error/>"),
            "an XML document: <Error>",
        ),
        (Bytes::from("%PDF-1.7\n"), "a PDF file"),
        (Bytes::from(" \n"), "the body is empty"),
    ] {
        for rest in ["", "page = { mode = \"file\" }"] {
            let reply = Reply::status(200).body(body.clone());
            let (ingest, ran) = run_with_answer(reply, rest).await;
            let ran = ran.expect(4);
            let says = match rest {
                "" => says,
                _ => says.strip_prefix("the body is ").unwrap_or(says),
            };
            let logged = format!("page 1 is in the quarantine: {says}");
            ran.expect_log(&logged);
            let kept = ingest.value("select message from ocds.quarantine").await;
            assert!(kept.ends_with(says), "{kept}");
            assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
            match rest {
                "" => {
                    ran.expect_log(&format!("page 1 of {SOURCE}: {says}; asking again in"));
                    assert_eq!(ingest.column(REQUEST_ERRORS).await, [says, says]);
                }
                _ => ran.expect_log(&format!("cannot be read to its end: {says}")),
            }
            let ended = &ran.report()["missing"];
            assert!(ended.to_string().contains(says), "{ended}");
        }
    }
}
