//! Tests what a run takes for the end of a feed: only what the feed itself shows, and never a
//! pagination that does not match.

use serde_json::{Value, json};

use crate::harness::{Ingest, LINK, SOURCE};
use crate::publisher::{Publisher, Reply, Request, release};

/// The number of pages of the feeds here. Each has two releases.
const PAGES: usize = 3;

/// Returns a page of a feed with these members beside its releases.
fn page(number: usize, members: Value) -> Reply {
    let releases = [2 * number - 1, 2 * number].map(|id| release(id).parse::<Value>().unwrap());
    let mut package = members;
    package["releases"] = match number {
        1..=PAGES => releases.as_slice().into(),
        _ => json!([]),
    };
    Reply::json(package.to_string())
}

/// Serves a feed. `members` returns the members beside the releases of a page.
async fn serve(
    parameter: &'static str,
    members: impl Fn(&Request, usize) -> Value + Send + Sync + 'static,
) -> Publisher {
    Publisher::serve(move |request| {
        let number = request.query(parameter).map_or(1, |it| it.parse().unwrap());
        page(number, members(request, number))
    })
    .await
}

fn next_number(number: usize) -> Option<usize> {
    (number < PAGES).then_some(number + 1)
}

/// Serves a feed that counts its pages in the parameter `page`, and shows more pages in one way.
async fn serve_sign(sign: &'static str) -> Publisher {
    serve("page", move |_, number| {
        let next = next_number(number);
        let link = next.map(|next| format!("/?page={next}"));
        match sign {
            "link" => json!({"paging": {"next_url": link}}),
            "pages" => json!({"meta": {"total_pages": PAGES}}),
            "items" => json!({"total": PAGES * 2}),
            "token" => json!({"nextPageToken": next.map(|next| next.to_string())}),
            "flag" => json!({"hasMore": next.is_some()}),
            _ => json!({}),
        }
    })
    .await
}

/// Declarations that do not lead beyond the first page, or only to a page without items. The feed
/// shows its next page by the sign. Each comes with the text that the program says, and the exit
/// code of a run.
const MISDECLARED: [(&str, &str, &str, i32); 9] = [
    (
        "link",
        "",
        r#"declare `page = { mode = "link", pointer = "/paging/next_url" }`"#,
        2,
    ),
    ("link", LINK, "links to another page at /paging/next_url", 2),
    (
        "link",
        r#"page = { mode = "token", param = "page", pointer = "/paging/next_token" }"#,
        "links to another page at /paging/next_url",
        2,
    ),
    (
        "link",
        r#"page = { mode = "link_header" }"#,
        "links to another page at /paging/next_url",
        2,
    ),
    (
        "items",
        "",
        r#"declare `page = { mode = "number", param = "page", total_items = "/total", size = 2 }`"#,
        2,
    ),
    // the server has no page 100, which the next offset asks for
    (
        "items",
        r#"page = { mode = "offset", param = "page", start = 1, size = 99 }"#,
        "has 2 items, and /total says more",
        2,
    ),
    (
        "pages",
        "",
        r#"declare `page = { mode = "number", param = "page", total_pages = "/meta/total_pages" }`"#,
        0,
    ),
    (
        "token",
        LINK,
        "has a token for another page at /nextPageToken",
        0,
    ),
    ("flag", "", "has others after it, as /hasMore says", 0),
];

#[tokio::test]
async fn a_run_that_ends_at_a_page_with_a_sign_of_more_pages_says_so() {
    for (sign, table, said, code) in MISDECLARED {
        let publisher = serve_sign(sign).await;
        let ingest = Ingest::with_source(&publisher, table).await;
        for attempt in ["first", "second"] {
            let ran = ingest.run(&[]).await.expect(code);
            ran.expect_log(said);
            ran.expect_log("and no page with items follows it as `page` is declared");
            // what was fetched is stored, and each run begins at the first page
            assert_eq!(ingest.count("release").await, 2, "{sign} {table} {attempt}");
            let verdict = if code == 0 { "complete" } else { "failed" };
            assert_eq!(ran.report()["verdict"], verdict, "{sign} {table} {attempt}");
        }
    }
}

#[tokio::test]
async fn a_run_that_is_killed_after_its_only_page_says_so_when_it_is_resumed() {
    let publisher = serve_sign("items").await;
    let mut ingest = Ingest::with_source(&publisher, "").await;
    ingest.configure("[ledger]\nrequests = false");
    ingest.set_env("FAILPOINTS", "commit-acknowledged=return(crash)");
    let ran = ingest.run(&[]).await;
    assert!(ran.signal.is_some(), "{}", ran.stderr);
    let committed = "select count(*) = 1 from ocds.page";
    ingest.wait_until(committed).await;
    ingest.set_env("FAILPOINTS", "");
    let ran = ingest.run(&[]).await.expect(2);
    ran.expect_log("has 2 items, and /total says more");
    // it is still one run with one page
    assert_eq!(ingest.count("run").await, 1);
    assert_eq!(ran.report()["run_totals"]["unchanged"], 2);
    assert_eq!(ingest.count("page").await, 1);
    assert_eq!(ingest.count("release").await, 2);
}

#[tokio::test]
async fn a_check_fails_at_a_page_with_a_sign_of_more_pages() {
    for (sign, table, said, _) in MISDECLARED {
        let publisher = serve_sign(sign).await;
        let ingest = Ingest::with_source(&publisher, table).await;
        let checked = ingest.call(&["check", SOURCE, "--connect"]).await.expect(2);
        let text = checked.text();
        assert!(text.contains(said), "{sign} {table}: {text}");
    }
}

#[tokio::test]
async fn a_check_fails_if_the_second_page_repeats_the_first() {
    for (table, said) in [
        (
            r#"page = { mode = "number", param = "seite" }"#,
            "ignores the parameter `seite`; the first page has 2 items, and /total says more",
        ),
        (
            r#"page = { mode = "offset", size = 2 }"#,
            "ignores the parameter `offset`",
        ),
        (
            r#"page = { mode = "token", param = "next", pointer = "/nextPage" }"#,
            "ignores the parameter `next`",
        ),
    ] {
        let publisher = serve(
            "page",
            |_, number| json!({"total": PAGES * 2, "nextPage": next_number(number)}),
        )
        .await;
        let ingest = Ingest::with_source(&publisher, table).await;
        let checked = ingest.call(&["check", SOURCE, "--connect"]).await.expect(2);
        let text = checked.text();
        assert!(text.contains(said), "{table}: {text}");
        // a run notices it too, and stores what it has seen
        ingest.run(&[]).await.expect(4);
        assert_eq!(ingest.count("release").await, 2, "{table}");
    }
}

#[tokio::test]
async fn a_source_that_is_declared_right_has_no_warning() {
    for (sign, table) in [
        (
            "link",
            r#"page = { mode = "link", pointer = "/paging/next_url" }"#,
        ),
        (
            "pages",
            r#"page = { mode = "number", total_pages = "/meta/total_pages" }"#,
        ),
        (
            "items",
            r#"page = { mode = "number", total_items = "/total", size = 2 }"#,
        ),
        ("items", r#"page = { mode = "number" }"#),
        ("items", r#"page = { mode = "number", stop = "repeated" }"#),
        (
            "token",
            r#"page = { mode = "token", param = "page", pointer = "/nextPageToken" }"#,
        ),
        ("flag", r#"page = { mode = "number", stop = "empty" }"#),
    ] {
        let publisher = serve_sign(sign).await;
        let ingest = Ingest::with_source(&publisher, table).await;
        let checked = ingest.call(&["check", SOURCE, "--connect"]).await.expect(0);
        assert!(checked.text().contains("2 releases"), "{table}");
        let ran = ingest.run(&[]).await.expect(0);
        assert!(
            !ran.stderr.contains("as `page` is declared"),
            "{table}: {}",
            ran.stderr
        );
        assert_eq!(ingest.count("release").await, PAGES * 2, "{table}");
    }
}

#[tokio::test]
async fn a_declared_single_page_and_a_page_that_is_the_only_one_have_no_warning() {
    for (sign, table) in [
        ("link", r#"page = { mode = "none" }"#),
        ("items", r#"page = { mode = "none" }"#),
        ("pages", r#"page = { mode = "file" }"#),
        ("no sign", ""),
    ] {
        let publisher = serve_sign(sign).await;
        let ingest = Ingest::with_source(&publisher, table).await;
        ingest.call(&["check", SOURCE, "--connect"]).await.expect(0);
        let ran = ingest.run(&[]).await.expect(0);
        assert!(
            !ran.stderr.contains("as `page` is declared"),
            "{sign}: {}",
            ran.stderr
        );
        assert_eq!(ran.report()["verdict"], "complete", "{sign}");
    }
    // a link to the page itself, or to a host that may not be requested, is no sign
    for link in ["/?x=1", "https://other.example/2", "mailto:a@feed.example"] {
        let publisher = serve("page", move |_, _| json!({"links": {"next": link}})).await;
        let mut ingest = Ingest::new().await;
        ingest.declare_as(SOURCE, &publisher.url("/?x=1"), "");
        let ran = ingest.run(&[]).await.expect(0);
        assert!(
            !ran.stderr.contains("as `page` is declared"),
            "{link}: {}",
            ran.stderr
        );
    }
}

#[tokio::test]
async fn a_total_in_a_window_is_a_warning_and_a_link_there_is_a_proof() {
    const DAYS: &str = "query = { since = \"{from}\", until = \"{to}\" }\n\
        window = { from = \"2024-01-01\", until = \"2024-01-03\", step = \"1d\" }";
    for (members, code, releases) in [
        // the total of the whole feed, in each window
        (json!({"total": 999}), 0, 4),
        (json!({"links": {"next": "/?page=3"}}), 2, 2),
    ] {
        let publisher = Publisher::serve(move |request| {
            let is_first = request.query("since").unwrap().contains("01-01");
            page(if is_first { 1 } else { 2 }, members.clone())
        })
        .await;
        let ingest = Ingest::with_source(&publisher, DAYS).await;
        let ran = ingest.run(&[]).await.expect(code);
        let told = ran.stderr.matches("WARN page").count();
        assert_eq!(told, 1, "once in a run: {}", ran.stderr);
        assert_eq!(ingest.count("release").await, releases);
        // a window that is incomplete is requested again
        let watermark = ingest.count("watermark where reached > '2024-01-01'").await;
        assert_eq!(watermark, usize::from(code == 0));
    }
}

#[tokio::test]
async fn an_index_that_is_misdeclared_is_told_too() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/index" => Reply::json(r#"{"files":["1"],"next":"/index?page=2"}"#),
        _ => page(1, json!({})),
    })
    .await;
    for (path, table) in [
        (
            "/index",
            format!(
                "detail = {{ each = \"/files/*\", url = \"{}\" }}",
                publisher.url("/{item}")
            ),
        ),
        (
            "/{axis.file}",
            format!(
                "axis.file = {{ url = \"{}\", each = \"/files/*\" }}",
                publisher.url("/index")
            ),
        ),
    ] {
        let mut ingest = Ingest::new().await;
        ingest.declare_as(SOURCE, &publisher.url(path), &table);
        let ran = ingest.run(&[]).await.expect(2);
        ran.expect_log("links to another page at /next");
        let checked = ingest.call(&["check", SOURCE, "--connect"]).await.expect(2);
        assert!(
            checked.text().contains("links to another page at /next"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn pages_that_repeat_the_last_one_end_a_feed_that_says_so() {
    for (table, parameter) in [
        (r#"page = { mode = "number", stop = "repeated" }"#, "page"),
        (
            r#"page = { mode = "offset", size = 1, start = 1, stop = "repeated" }"#,
            "offset",
        ),
    ] {
        let publisher = serve_repeating(parameter).await;
        let ingest = Ingest::with_source(&publisher, table).await;
        for _ in 0..2 {
            let ran = ingest.run(&[]).await.expect(0);
            assert_eq!(ran.report()["verdict"], "complete", "{table}");
            assert_eq!(ingest.count("release").await, PAGES * 2, "{table}");
            assert_eq!(ingest.count("quarantine").await, 0, "{table}");
        }
        // each run requests one page behind the last
        assert_eq!(publisher.requests().len(), 2 * (PAGES + 1), "{table}");
    }
    let publisher = serve_repeating("page").await;
    let ingest = Ingest::with_source(&publisher, r#"page = { mode = "number" }"#).await;
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log("so the server ignores its number");
}

/// Serves a feed of numbers that answers a request behind the last page with the last page.
async fn serve_repeating(parameter: &'static str) -> Publisher {
    Publisher::serve(move |request| {
        let number: usize = request.query(parameter).unwrap().parse().unwrap();
        page(number.min(PAGES), json!({})).with_etag(request)
    })
    .await
}

#[tokio::test]
async fn a_feed_of_link_headers_is_walked_to_its_end_and_resumed() {
    let publisher = Publisher::serve(|request| {
        let number = request.page();
        let releases: Vec<Value> = vec![release(number).parse().unwrap()];
        let reply = Reply::json(Value::from(releases).to_string());
        match next_number(number) {
            Some(next) => reply.header(
                "link",
                &format!("</?page=1>; rel=\"first\", </?page={next}>; rel=\"next\""),
            ),
            None => reply.header("link", "</?page=1>; rel=\"first\""),
        }
    })
    .await;
    let table = r#"page = { mode = "link_header" }"#;
    let ingest = Ingest::with_source(&publisher, table).await;
    ingest.call(&["check", SOURCE, "--connect"]).await.expect(0);
    ingest.run(&["--max-pages", "1"]).await.expect(0);
    assert_eq!(ingest.count("release").await, 1);
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.report()["resumed_from"], 1);
    assert_eq!(ingest.count("release").await, PAGES);
}

#[tokio::test]
async fn a_complete_walk_that_saw_less_than_half_of_the_walk_before_is_reported() {
    let publisher = serve_items(10).await;
    let ingest = Ingest::with_source(&publisher, "").await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.report()["shrunk_from"], Value::Null);
    for (items, shrunk_from) in [
        (5, Value::Null),
        (2, json!(5)),
        (0, json!(2)),
        (0, Value::Null),
        (9, Value::Null),
    ] {
        publisher.set_script(move |_| reply_with_items(items));
        let ran = ingest.run(&[]).await.expect(0);
        let report = ran.report();
        assert_eq!(report["verdict"], "complete");
        assert_eq!(report["shrunk_from"], shrunk_from, "{items}");
        assert_eq!(
            ran.stderr.contains("what is stored stays"),
            !shrunk_from.is_null()
        );
        assert_eq!(ingest.count("release").await, 10);
    }
}

#[tokio::test]
async fn a_walk_below_the_least_ratio_fails_until_the_feed_has_grown_again() {
    let publisher = serve_items(10).await;
    let mut ingest = Ingest::with_source(&publisher, "").await;
    ingest.configure("[sink]\nmin_ratio = 0.9");
    ingest.run(&[]).await.expect(0);
    for (items, code) in [(9, 0), (8, 5), (8, 5), (0, 5), (9, 0)] {
        publisher.set_script(move |_| reply_with_items(items));
        let ran = ingest.run(&[]).await.expect(code);
        if code != 0 {
            ran.expect_log("a share below the 0.9 of `sink.min_ratio`");
        }
        assert_eq!(ingest.count("release").await, 10);
    }
}

#[tokio::test]
async fn only_walks_of_a_whole_feed_are_compared() {
    let publisher = serve_items(10).await;
    let ingest = Ingest::with_source(&publisher, NUMBERED).await;
    ingest.run(&[]).await.expect(0);
    publisher.set_script(|_| reply_with_items(0));
    // these fetch a part of the feed, or another feed
    let backfill = ["backfill", SOURCE, "--from-page", "1", "--json"];
    let ran = ingest.call(&backfill).await.expect(0);
    assert_eq!(ran.report()["shrunk_from"], Value::Null);
    let mut other = ingest;
    other.declare_as(SOURCE, &publisher.url("/?other"), NUMBERED);
    let ran = other.run(&[]).await.expect(0);
    assert_eq!(ran.report()["shrunk_from"], Value::Null);
}

const NUMBERED: &str = r#"page = { mode = "number", stop = "repeated" }"#;

async fn serve_items(items: usize) -> Publisher {
    Publisher::serve(move |_| reply_with_items(items)).await
}

fn reply_with_items(items: usize) -> Reply {
    let releases: Vec<Value> = (0..items).map(|id| release(id).parse().unwrap()).collect();
    Reply::json(json!({"releases": releases}).to_string())
}

/// Serves 200 items, 20 on a page, by their offset. Each page says how many items there are.
async fn serve_offsets() -> Publisher {
    Publisher::serve(|request| {
        let offset = request
            .query("offset")
            .map_or(0, |it| it.parse::<usize>().unwrap());
        let items = (offset..(offset + 20).min(200)).map(release);
        let items: Vec<Value> = items.map(|it| it.parse().unwrap()).collect();
        Reply::json(json!({"meta": {"pages": 10, "total": 200}, "releases": items}).to_string())
    })
    .await
}

#[tokio::test]
async fn a_total_that_the_pages_do_not_reach_is_a_warning_or_a_proof() {
    let offset = |size: usize| format!("page = {{ mode = \"offset\", size = {size} }}");
    for (table, stored, code, said) in [
        // the total is a proof, although the number of pages is the sign with a line to write
        (
            String::new(),
            20,
            2,
            "is one of several, as /meta/pages says",
        ),
        (
            offset(100),
            40,
            2,
            "all its pages have 40 items, and /meta/total",
        ),
        (
            offset(25),
            160,
            0,
            "all its pages have 160 items, and /meta/total",
        ),
        (offset(20), 200, 0, ""),
    ] {
        let publisher = serve_offsets().await;
        let ingest = Ingest::with_source(&publisher, &table).await;
        let ran = ingest.run(&[]).await.expect(code);
        assert_eq!(ingest.count("release").await, stored, "{table}");
        ran.expect_log(said);
        assert_eq!(
            ran.stderr.contains("WARN"),
            !said.is_empty(),
            "{}",
            ran.stderr
        );
        let checked = ingest.call(&["check", SOURCE, "--connect"]).await;
        let expected = if said.is_empty() { 0 } else { 2 };
        let checked = checked.expect(expected);
        let says_size = checked.text().contains("declare `size = 20` in `page`");
        assert_eq!(says_size, expected == 2 && !table.is_empty(), "{table}");
    }
}
