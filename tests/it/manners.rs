//! Tests the requirements of a source's server, and answers that must not count as a page.

use std::time::{Duration, Instant};

use crate::harness::{Ingest, LINK, NUMBER, SOURCE};
use crate::publisher::{
    Feed, Gate, Publisher, Reply, Request, package, pages, release, short_pages,
};

/// Serves a link feed of three pages, whose second page misbehaves this many times.
async fn serve_misbehaving(times: usize, reply: Reply) -> Publisher {
    let feed = Feed::link(short_pages(3, 4, 1));
    Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("2") if request.nth < times => reply.clone(),
        _ => feed.reply(request),
    })
    .await
}

#[tokio::test]
async fn a_post_without_a_body_has_content_length_zero() {
    let publisher = Publisher::serve(move |request| {
        // Some servers answer this way.
        if request.method == "POST" && request.header("content-length").is_none() {
            return Reply::status(411);
        }
        match request.path() {
            "/token" => Reply::json(r#"{"access_token":"secret"}"#),
            "/index" => Reply::json(r#"["/first"]"#),
            "/first" => Reply::redirect(307, "/page"),
            "/page" => Reply::json(r#"{"files":["/detail"]}"#),
            _ => Reply::json(release(1)),
        }
    })
    .await;
    let post = |url: &str| format!("method = \"POST\", url = {url:?}");
    let table = format!(
        "method = \"POST\"\n\
         auth = {{ mode = \"token\", {}, pointer = \"/access_token\" }}\n\
         axis.page = {{ {}, each = \"/*\" }}\n\
         detail = {{ {}, each = \"/files/*\" }}",
        post(&publisher.url("/token")),
        post(&publisher.url("/index")),
        post("{item|raw}")
    );
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, "{axis.page|raw}", &table);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 1);
    assert_eq!(
        publisher.targets(),
        ["/token", "/index", "/first", "/page", "/detail"]
    );
    for request in publisher.requests() {
        assert_eq!(request.method, "POST", "{request:?}");
        let length = request.header("content-length");
        assert_eq!(length, Some("0"), "{request:?}");
    }
}

/// Returns the number of the requested page.
fn page_number(request: &Request) -> usize {
    request.query("page").unwrap().parse().unwrap()
}

const QUARANTINE: &str = "select reason || ' ' || message from ocds.quarantine order by id";

#[tokio::test]
async fn an_error_with_status_200_is_retried_and_never_an_empty_page() {
    let empty = r#"{"status":503,"message":"try later","releases":[]}"#;
    let table = format!("{LINK}\nhttp.fail_if = {{ pointer = \"/status\", min = 400 }}");
    let publisher = serve_misbehaving(2, Reply::json(empty)).await;
    let calm = Ingest::with_source(&publisher, &table).await;
    let ran = calm.run(&[]).await.expect(0);
    assert_eq!(calm.count("release").await, 9);
    assert_eq!(ran.report()["retries"], 2);

    let publisher = serve_misbehaving(99, Reply::json(empty)).await;
    let ended = Ingest::with_source(&publisher, &table).await;
    ended.run(&[]).await.expect(4);
    assert_eq!(
        ended.column(QUARANTINE).await,
        ["unreadable-page an error by `http.fail_if`, since /status is at least 400"]
    );
    // A replay does not treat it as a page without releases either.
    ended
        .call(&["quarantine", "replay", "--json"])
        .await
        .expect(0);
    assert_eq!(ended.count("quarantine where resolved_at is null").await, 1);

    // The error need not look like a page.
    let publisher = serve_misbehaving(99, Reply::json(r#"{"error":{"code":7}}"#)).await;
    let table = format!("{LINK}\nhttp.fail_if = {{ pointer = \"/error\" }}");
    let ended = Ingest::with_source(&publisher, &table).await;
    ended.run(&[]).await.expect(4);
    assert_eq!(
        ended.column(QUARANTINE).await,
        ["unreadable-page an error by `http.fail_if`, since /error is there"]
    );
}

#[tokio::test]
async fn an_error_beside_an_empty_list_is_retried_and_never_the_end_of_a_feed() {
    const NUMBER: &str = "page = { mode = \"number\" }";
    const TOKEN: &str = r#"page = { mode = "token", param = "page", pointer = "/next" }"#;
    for (error, table, code, stored) in [
        // an error that passes, and one that stays
        (r#"{"error":"busy","releases":[]}"#, NUMBER, 0, 5),
        (r#"{"errors":[{"code":7}],"releases":[]}"#, TOKEN, 0, 5),
        (r#"{"errorCode":"E7","releases":[]}"#, LINK, 0, 5),
        (
            r#"{"fault":{"faultstring":"x"},"releases":[]}"#,
            NUMBER,
            4,
            4,
        ),
        (
            r#"{"errors":["x"],"message":"x","releases":[]}"#,
            TOKEN,
            4,
            1,
        ),
        // these report no error, so the page is empty and the feed ends
        (
            r#"{"message":"no more","error":null,"releases":[]}"#,
            NUMBER,
            0,
            1,
        ),
        (r#"{"errors":[],"errorCode":0,"releases":[]}"#, TOKEN, 0, 1),
        (
            r#"{"errors":["x"],"releases":[]}"#,
            "page = { mode = \"number\" }\nhttp.error_members = []",
            0,
            1,
        ),
    ] {
        let times = if code == 0 && stored > 1 { 2 } else { 99 };
        let publisher = Publisher::serve(move |request| match request.page() {
            2 if request.nth < times => Reply::json(error),
            page @ ..=5 => {
                let next = page + 1;
                let links = format!(r#","next":"{next}","links":{{"next":"?page={next}"}}"#);
                let links = if page < 5 { links } else { String::new() };
                Reply::json(package(&[release(page)], &links))
            }
            _ => Reply::json(package(&[], "")),
        })
        .await;
        let ingest = Ingest::with_source(&publisher, table).await;
        ingest.run(&[]).await.expect(code);
        assert_eq!(ingest.count("release").await, stored, "{error}, {table}");
    }
}

#[tokio::test]
async fn warnings_beside_items_do_not_make_a_page_an_error() {
    let body = package(&[release(1)], r#","errors":["one lot has no value"]"#);
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let ingest = Ingest::with_source(&publisher, "").await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 1);
}

#[tokio::test]
async fn a_body_with_a_refused_media_type_is_not_a_page() {
    let page = package(&[release(99)], "");
    let reply = Reply::status(200)
        .header("content-type", "Text/HTML; charset=utf-8")
        .body(page);
    let publisher = serve_misbehaving(1, reply).await;
    let table = format!("{LINK}\nhttp.reject_content_type = [\"text/html\"]");
    let ingest = Ingest::with_source(&publisher, &table).await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 9);
    assert!(
        ran.stderr
            .contains("of type text/html, which `http.reject_content_type` names"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn a_source_has_its_own_attempts_and_waits() {
    let publisher = serve_misbehaving(5, Reply::status(403)).await;
    let table =
        format!("{LINK}\nhttp = {{ retry_status = [403], retry_max = 6, retry_wait = \"150ms\" }}");
    let patient = Ingest::with_source(&publisher, &table).await;
    patient.run(&[]).await.expect(0);
    let asked: Vec<Instant> = publisher.requests().iter().map(|asked| asked.at).collect();
    assert_eq!(asked.len(), 8);
    for pair in asked[1..7].windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(149), "{pair:?}");
    }

    // The server's own wait takes precedence.
    let reply = Reply::status(429).header("retry-after", "0");
    let publisher = serve_misbehaving(1, reply).await;
    let table = format!("{LINK}\nhttp = {{ retry_max = 2, retry_wait = \"30s\" }}");
    let began = Instant::now();
    Ingest::with_source(&publisher, &table)
        .await
        .run(&[])
        .await
        .expect(0);
    assert!(began.elapsed() < Duration::from_secs(25));

    let publisher = serve_misbehaving(9, Reply::status(503)).await;
    let table = format!("{LINK}\nhttp.retry_max = 1");
    Ingest::with_source(&publisher, &table)
        .await
        .run(&[])
        .await
        .expect(3);
    assert_eq!(publisher.requests().len(), 2);
}

#[tokio::test]
async fn redirects_fail_if_the_source_forbids_them() {
    let publisher = serve_misbehaving(9, Reply::redirect(302, "/error")).await;
    let table = format!("{LINK}\nhttp.redirects = false");
    let ran = Ingest::with_source(&publisher, &table)
        .await
        .run(&[])
        .await
        .expect(4);
    ran.expect_log("status 302");
    assert_eq!(publisher.targets(), ["/", "/?page=2"]);
    // A redirect is retried if the source declares it as transient.
    let publisher = serve_misbehaving(2, Reply::redirect(302, "/error")).await;
    let table = format!("{LINK}\nhttp = {{ redirects = false, retry_status = [302] }}");
    Ingest::with_source(&publisher, &table)
        .await
        .run(&[])
        .await
        .expect(0);
}

#[tokio::test]
async fn a_source_can_have_its_own_read_timeout() {
    let slow = Reply::json(package(&[release(0)], "")).delay(Duration::from_millis(400));
    let publisher = Publisher::serve(move |_| slow.clone()).await;
    for (timeout, code) in [("10s", 0), ("100ms", 3)] {
        let mut ingest =
            Ingest::with_source(&publisher, &format!("http.timeout = {timeout:?}")).await;
        ingest.configure("[fetch]\nread_timeout = \"200ms\"\npage_timeout = \"300ms\"");
        ingest.run(&[]).await.expect(code);
    }
}

#[tokio::test]
async fn a_source_can_have_a_browser_s_headers() {
    for (table, begins) in [
        ("", "ocds-ingest/"),
        ("http.user_agent = \"browser\"", "Mozilla/5.0 ("),
        ("http.user_agent = \"curl/8\"", "curl/8"),
    ] {
        let publisher = Feed::link(short_pages(1, 4, 1)).serve().await;
        Ingest::with_source(&publisher, table)
            .await
            .run(&[])
            .await
            .expect(0);
        let asked = &publisher.requests()[0];
        let agent = asked.header("user-agent").unwrap();
        assert!(agent.starts_with(begins), "{agent}");
    }
}

#[tokio::test]
async fn proxies_in_the_environment_are_used() {
    // A proxy receives whole URLs, and requests for tunnels.
    let feed = Feed::link(short_pages(2, 4, 1));
    let proxy = Publisher::serve(move |request| match &*request.method {
        "CONNECT" => Reply::status(502),
        _ => feed.reply(request),
    })
    .await;
    let through = async |url: &str, environment: &[(&str, &str)]| {
        let mut ingest = Ingest::new().await;
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            ingest.set_env(name, "");
            ingest.set_env(&name.to_lowercase(), "");
        }
        for (name, value) in environment {
            ingest.set_env(name, value);
        }
        ingest.declare_as("zambia", url, LINK);
        ingest.run(&[]).await.code
    };
    let url = proxy.url("");
    let (insecure, secure) = ("http://tenders.invalid/", "https://tenders.invalid/");
    assert_eq!(through(insecure, &[("HTTP_PROXY", &url)]).await, Some(0));
    let targets = ["http://tenders.invalid/", "http://tenders.invalid/?page=2"];
    assert_eq!(proxy.targets(), targets);

    assert_eq!(through(secure, &[("HTTPS_PROXY", &url)]).await, Some(3));
    let tunnel = &proxy.requests()[2];
    assert_eq!(
        (&*tunnel.method, &*tunnel.target),
        ("CONNECT", "tenders.invalid:443")
    );

    let direct = Feed::link(pages(1, 1)).serve().await;
    let asked = proxy.requests().len();
    let excepted = [("HTTP_PROXY", &*url), ("NO_PROXY", "127.0.0.1")];
    assert_eq!(through(&direct.url("/"), &excepted).await, Some(0));
    assert_eq!(proxy.requests().len(), asked);
}

/// Returns how many of these requests were open when each of them came.
fn count_open_requests(requests: &[Request]) -> Vec<usize> {
    let before = |nth: usize| {
        let at = requests[nth].at;
        let is_open = |it: &&Request| it.answered_at.is_none_or(|answered| answered > at);
        requests[..=nth].iter().filter(is_open).count()
    };
    (0..requests.len()).map(before).collect()
}

#[tokio::test]
async fn a_refusing_server_gets_fewer_concurrent_requests_until_it_recovers() {
    const AT_ONCE: usize = 8;
    // The limit has reached 8 before these pages.
    const REFUSED: std::ops::RangeInclusive<usize> = 30..=37;
    // From a limit of 4 on, some 30 answers restore 8. There are enough pages for more than one
    // reduction, which late answers on a busy machine cause.
    const PAGES: usize = 200;
    let feed = Feed::number(pages(PAGES, 2));
    let thinks = Duration::from_millis(100);
    let gate = Gate::open_up_to(0);
    let held = gate.clone();
    let publisher = Publisher::serve(move |request| match (page_number(request), request.nth) {
        (page, 0) if REFUSED.contains(&page) => Reply::status(503).hold_at(&held, 1),
        _ => feed.reply(request).delay(thinks),
    })
    .await;
    let table = format!("{NUMBER}\nhttp = {{ concurrency = {AT_ONCE} }}");
    let mut ingest = Ingest::with_source(&publisher, &table).await;
    // The database must not be the bottleneck.
    ingest.configure("[fetch]\nahead = 50");
    let run = ingest.start_run(&[]);
    publisher.wait_for_requests(*REFUSED.end()).await;
    gate.open();
    let ran = run.wait().await.expect(0);
    assert_eq!(ran.report()["retries"], 8);
    assert_eq!(ingest.count("release").await, 2 * PAGES);
    let requests = publisher.requests();
    let at_once = count_open_requests(&requests);
    // Page 1, then two at once, then more with each answer.
    assert_eq!(at_once[..3], [1, 1, 2]);
    assert_eq!(at_once[*REFUSED.end() - 1], AT_ONCE, "{at_once:?}");
    // Only one of the refused pages finds out whether the server answers again.
    assert_eq!(at_once[*REFUSED.end()], 1, "{at_once:?}");
    // The refused pages come again, and later the limit is as high as before, and not higher.
    let was_refused = |request: &Request| REFUSED.contains(&page_number(request));
    let last = requests.iter().rposition(was_refused).unwrap();
    let (troubled, calm) = at_once.split_at(last + 1);
    assert!(troubled.iter().all(|many| *many <= AT_ONCE), "{at_once:?}");
    let most = calm.iter().max();
    // On a busy machine late answers may keep the limit lower.
    let is_recovered = most.is_some_and(|most| (AT_ONCE / 2 + 1..=AT_ONCE).contains(most));
    assert!(is_recovered, "{at_once:?}");
}

#[tokio::test]
async fn a_repeated_page_does_not_deadlock_with_later_pages() {
    // Page 2 has no more pages after it, while later pages wait for the rate limit.
    let feed = Feed::number(pages(6, 2));
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("2") if request.nth == 0 => {
            let items = [release(2), release(3)];
            Reply::json(package(&items, r#","total_pages":2"#))
        }
        _ => feed.reply(request),
    })
    .await;
    let table = format!("{NUMBER}\nhttp = {{ concurrency = 4, rate = \"10/s\" }}");
    let ingest = Ingest::with_source(&publisher, &table).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 12);
}
