//! Tests authentication: users, passwords and tokens go to the source's own host, and appear
//! nowhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::{Ingest, LINK, NUMBER, SOURCE};
use crate::publisher::{
    Feed, Items, Publisher, Reply, Request, package, pages, release, short_pages,
};

/// Has characters that JSON, forms and URLs encode.
const SECRET: &str = "s3\"cr\\e&t/é";

/// Returns a token that has the same characters.
fn make_token(nth: usize) -> String {
    format!("t0k/en+{nth}=")
}

/// Starts a publisher that issues tokens at `/token`, and requires the newest one as `Bearer` for
/// pages of a link feed. `expires_in` is a member of its answer.
async fn serve_with_tokens(feed: Vec<Items>, expires_in: &str) -> (Publisher, Arc<AtomicUsize>) {
    let feed = Feed::link(feed);
    let given = Arc::new(AtomicUsize::new(0));
    let expires_in = expires_in.to_owned();
    let counter = Arc::clone(&given);
    let publisher = Publisher::serve(move |request| {
        if request.path() == "/token" {
            let nth = counter.fetch_add(1, Ordering::SeqCst) + 1;
            let token = make_token(nth);
            return Reply::json(format!(r#"{{"access_token":"{token}"{expires_in}}}"#));
        }
        let newest = make_token(counter.load(Ordering::SeqCst));
        match request.header("authorization") == Some(&format!("Bearer {newest}")) {
            true => feed.reply(request),
            false => Reply::status(401),
        }
    })
    .await;
    (publisher, given)
}

fn oauth2_definition(publisher: &Publisher, more: &str) -> String {
    format!(
        "{LINK}\nauth = {{ mode = \"oauth2\", url = {:?}, client_id = \"me\", client_secret = \"{{env.SECRET}}\"{more} }}",
        publisher.url("/token")
    )
}

async fn prepare_ingest(publisher: &Publisher, table: &str) -> Ingest {
    let mut ingest = Ingest::new().await;
    ingest.set_env("SECRET", SECRET);
    ingest.set_env("RUST_LOG", "trace");
    ingest.declare(publisher, table);
    ingest
}

fn list_token_requests(publisher: &Publisher) -> Vec<Request> {
    let requests = publisher.requests().into_iter();
    requests.filter(|asked| asked.path() == "/token").collect()
}

/// Checks that no secret is in the log of a run or in any table.
async fn expect_no_secret(ingest: &Ingest, stderr: &str) {
    let tables = ["page", "request", "run", "quarantine"]
        .map(|table| format!("select {table}::text from ocds.{table}"));
    let mut shown = ingest.column(&tables.join(" union all ")).await.join("\n");
    shown.push_str(stderr);
    let tokens = (1..9).map(make_token);
    let secrets = tokens.chain([SECRET.to_owned()]);
    for secret in secrets {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let quoted = serde_json::Value::from(&*secret).to_string();
        let quoted = &quoted[1..quoted.len() - 1];
        for form in [&secret, &encoded, &encoded.to_lowercase(), quoted] {
            let at = shown.find(form);
            assert_eq!(at.map(|at| &shown[at..]), None, "{form} is shown");
        }
    }
}

#[tokio::test]
async fn a_user_and_a_password_are_sent_with_each_page() {
    let feed = Feed::link(short_pages(2, 4, 1));
    let publisher = Publisher::serve(move |request| match request.header("authorization") {
        // me:s3"cr\e&t/é
        Some("Basic bWU6czMiY3JcZSZ0L8Op") => feed.reply(request),
        _ => Reply::status(401),
    })
    .await;
    let table = format!(
        "{LINK}\nauth = {{ mode = \"basic\", user = \"me\", password = \"{{env.SECRET}}\" }}"
    );
    let ingest = prepare_ingest(&publisher, &table).await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 5);
    assert_eq!(publisher.requests().len(), 2);
    expect_no_secret(&ingest, &ran.stderr).await;
}

#[tokio::test]
async fn one_token_serves_all_pages_and_its_request_is_one_of_the_run() {
    let (publisher, given) = serve_with_tokens(short_pages(3, 4, 1), r#","expires_in":3600"#).await;
    let ingest = prepare_ingest(
        &publisher,
        &oauth2_definition(&publisher, r#", scope = "read all""#),
    )
    .await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 9);
    assert_eq!(given.load(Ordering::SeqCst), 1);
    assert_eq!(publisher.targets(), ["/token", "/", "/?page=2", "/?page=3"]);
    let asked = &list_token_requests(&publisher)[0];
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.body, "grant_type=client_credentials&scope=read+all");
    assert_eq!(
        asked.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    // me:s3%22cr%5Ce%26t%2F%C3%A9, encoded as RFC 6749 requires.
    assert_eq!(
        asked.header("authorization"),
        Some("Basic bWU6czMlMjJjciU1Q2UlMjZ0JTJGJUMzJUE5")
    );
    assert_eq!(ran.report()["requests"], 4);
    let logged = "select page_number || ' ' || status || ' ' || (url like '%/token') from ocds.request order by id";
    assert_eq!(
        ingest.column(logged).await,
        ["1 200 true", "1 200 false", "2 200 false", "3 200 false"]
    );
    expect_no_secret(&ingest, &ran.stderr).await;
}

#[tokio::test]
async fn credentials_go_into_the_form_where_the_server_wants_them_there() {
    let (publisher, _) = serve_with_tokens(short_pages(1, 4, 1), "").await;
    let ingest = prepare_ingest(
        &publisher,
        &oauth2_definition(&publisher, r#", credentials = "body""#),
    )
    .await;
    ingest.run(&[]).await.expect(0);
    let asked = &list_token_requests(&publisher)[0];
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=me&client_secret=s3%22cr%5Ce%26t%2F%C3%A9"
    );
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_once_after_a_refusal() {
    // The token is renewed when a tenth of its time is left.
    let (publisher, given) =
        serve_with_tokens(short_pages(2, 4, 1), r#","expires_in":"0.2""#).await;
    let waits = format!(
        "{}\nhttp = {{ rate = \"4/s\" }}",
        oauth2_definition(&publisher, "")
    );
    let calm = prepare_ingest(&publisher, &waits).await;
    calm.run(&[]).await.expect(0);
    assert_eq!(given.load(Ordering::SeqCst), 2);
    assert!(publisher.requests().len() == 4, "{:?}", publisher.targets());

    // The server refuses the old token, because it has issued another one meanwhile.
    let (publisher, given) = serve_with_tokens(short_pages(3, 4, 1), "").await;
    let refused = prepare_ingest(&publisher, &oauth2_definition(&publisher, "")).await;
    let counter = Arc::clone(&given);
    let feed = Feed::link(short_pages(3, 4, 1));
    publisher.set_script(move |request| {
        let nth = counter.load(Ordering::SeqCst);
        if request.path() == "/token" {
            counter.fetch_add(1, Ordering::SeqCst);
            return Reply::json(format!(r#"{{"access_token":"{}"}}"#, make_token(nth + 1)));
        }
        // The first token expires with the first page.
        let wanted = if request.query("page").is_none() {
            1
        } else {
            2
        };
        match request.header("authorization") == Some(&format!("Bearer {}", make_token(wanted))) {
            true => feed.reply(request),
            false => Reply::status(401),
        }
    });
    let ran = refused.run(&[]).await.expect(0);
    assert_eq!(
        publisher.targets(),
        ["/token", "/", "/?page=2", "/token", "/?page=2", "/?page=3"]
    );
    assert_eq!(ran.report()["retries"], 0);
    expect_no_secret(&refused, &ran.stderr).await;
}

#[tokio::test]
async fn a_refused_new_token_ends_the_run() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/token" => Reply::json(r#"{"access_token":"t0k/en+1="}"#),
        _ => Reply::status(401),
    })
    .await;
    let ingest = prepare_ingest(&publisher, &oauth2_definition(&publisher, "")).await;
    let ran = ingest.run(&[]).await.expect(4);
    assert_eq!(publisher.targets(), ["/token", "/", "/token", "/"]);
    ran.expect_log("status 401");
    expect_no_secret(&ingest, &ran.stderr).await;
}

#[tokio::test]
async fn a_run_that_resumes_at_a_link_gets_a_token_first() {
    let publisher = Publisher::serve(|request| {
        if request.path() == "/token" {
            // Fails only while the second run sends requests.
            return match request.nth {
                1 => Reply::status(503),
                _ => Reply::json(r#"{"access_token":"t0k/en+1="}"#),
            };
        }
        let page = request.page();
        if page > 1 && request.query("token").as_deref() != Some("t0k/en+1=") {
            return Reply::status(403);
        }
        let next = format!("/?page={}&token=t0k%2Fen%2B1%3D", page + 1);
        let links = match page {
            3 => String::new(),
            _ => format!(r#","links":{{"next":"{next}"}}"#),
        };
        Reply::json(package(&[release(page)], &links))
    })
    .await;
    let ingest = prepare_ingest(&publisher, &oauth2_definition(&publisher, "")).await;
    ingest.run(&["--max-pages", "1"]).await.expect(0);
    let cursor = ingest.value("select next_cursor from ocds.page").await;
    assert!(cursor.ends_with("/?page=2&token={auth.token}"), "{cursor}");
    let ran = ingest.run(&[]).await.expect(0);
    let stored = "select count(*) from ocds.release";
    assert_eq!(ingest.value(stored).await, "3");
    expect_no_secret(&ingest, &ran.stderr).await;
}

#[tokio::test]
async fn a_client_id_that_is_a_common_word_changes_no_data() {
    let publisher = Publisher::serve(|request| match (request.path(), request.page()) {
        ("/token", _) => Reply::json(r#"{"access_token":"t0k/en+1="}"#),
        (_, 1) => Reply::json(package(
            &[release(1), r#"{"id":"1","tender":{}}"#.into()],
            r#","links":{"next":"/tender/api?page=2&user=tender"}"#,
        )),
        _ => Reply::json(package(&[release(2)], "")),
    })
    .await;
    for auth in [
        r#"mode = "oauth2", client_id = "{env.NAME}", client_secret = "{env.SECRET}""#,
        r#"mode = "token", pointer = "/access_token", body = "user={env.NAME}&key={env.SECRET}""#,
    ] {
        let url = publisher.url("/token");
        let table = format!("{LINK}\nauth = {{ {auth}, url = {url:?} }}");
        let mut ingest = prepare_ingest(&publisher, &table).await;
        ingest.set_env("NAME", "tender");
        let ran = ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
        assert_eq!(ingest.count("release").await, 2, "{auth}");
        // In a form, a name cannot be distinguished from a secret.
        let is_told = auth.contains("oauth2");
        assert_eq!(!ran.stderr.contains("shows {auth.env.NAME}"), is_told);
        let is_redacted = ingest
            .value("select is_redacted from ocds.quarantine")
            .await;
        assert_eq!(is_redacted == "f", is_told);
    }
}

#[tokio::test]
async fn concurrent_pages_share_one_request_for_a_token() {
    let feed = Feed::number(pages(12, 2));
    let publisher = Publisher::serve(move |request| match request.path() {
        "/token" => Reply::json(r#"{"access_token":"t0k/en+1="}"#).delay(Duration::from_millis(50)),
        _ if request.nth == 0 && request.query("page").as_deref() != Some("1") => {
            Reply::status(401).delay(Duration::from_millis(20))
        }
        _ => feed.reply(request),
    })
    .await;
    let table = oauth2_definition(&publisher, "").replace(LINK, NUMBER);
    let table = format!("{table}\nhttp = {{ concurrency = 4 }}");
    let ingest = prepare_ingest(&publisher, &table).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 24);
    // Eleven pages are refused once, so there are at most as many token requests, and fewer where
    // several pages wait for the same one.
    let asked = list_token_requests(&publisher).len();
    assert!((2..=12).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_token_is_requested_as_declared_and_sent_only_to_its_host() {
    let (items, last) = (short_pages(2, 4, 1), vec![release(90)]);
    let elsewhere = Feed::link(vec![last]).serve().await;
    let there = elsewhere.url("/").replace("127.0.0.1", "localhost");
    let issuer = Publisher::serve(|_| Reply::json(r#"{"data":{"jwt":"t0k/en+1="}}"#)).await;
    let publisher = Publisher::serve(move |request| {
        if request.header("authorization") != Some("t0k/en+1=") {
            return Reply::status(401);
        }
        // The publisher echoes the token in the link and around the items.
        let link = match request.query("after").is_some() {
            false => r#","links":{"next":"/?after=1&token=t0k%2Fen%2B1%3D"},"asked":"t0k/en+1=""#
                .to_owned(),
            true => format!(r#","links":{{"next":"{there}"}}"#),
        };
        Reply::json(package(&items[0], &link))
    })
    .await;
    let auth = format!(
        r#"auth = {{ mode = "token", url = "{}", body = '{{"request_token":"{{env.SECRET}}"}}', headers = {{ X-App = "{{env.SECRET_APP}}" }}, pointer = "/data/jwt", scheme = "", refresh = "13m" }}"#,
        issuer.url("/oauth/token?key={env.SECRET_APP}")
    );
    let table = format!("{LINK}\n{auth}\nhttp = {{ allow_hosts = [\"localhost\"] }}");
    let mut ingest = prepare_ingest(&publisher, &table).await;
    ingest.set_env("SECRET_APP", "hunter2");
    let ran = ingest.run(&[]).await.expect(0);

    let asked = &issuer.requests()[0];
    assert_eq!(issuer.requests().len(), 1);
    assert_eq!(
        (&*asked.method, &*asked.target),
        ("POST", "/oauth/token?key=hunter2")
    );
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["request_token"], SECRET);
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("x-app"), Some("hunter2"));
    assert_eq!(
        publisher.targets(),
        ["/", "/?after=1&token=t0k%2Fen%2B1%3D"]
    );
    for request in elsewhere.requests() {
        assert_eq!(request.header("authorization"), None);
        assert!(!format!("{request:?}").contains("t0k"), "{request:?}");
    }
    assert_eq!(elsewhere.requests().len(), 1);
    let cursor = "select next_cursor from ocds.page where number = 1";
    let cursor = ingest.value(cursor).await;
    assert!(cursor.ends_with("/?after=1&token={auth.token}"), "{cursor}");
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    expect_no_secret(&ingest, &ran.stderr).await;
}

#[tokio::test]
async fn a_redirect_to_another_host_gets_no_token() {
    let other = Feed::link(short_pages(1, 4, 1)).serve().await;
    let there = other.url("/").replace("127.0.0.1", "localhost");
    let publisher = Publisher::serve(move |request| match request.path() {
        "/token" => Reply::json(r#"{"access_token":"t0k/en+1="}"#),
        _ => Reply::redirect(302, &there),
    })
    .await;
    let table = format!(
        "{}\nhttp = {{ allow_hosts = [\"localhost\"] }}",
        oauth2_definition(&publisher, "")
    );
    let ingest = prepare_ingest(&publisher, &table).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(
        publisher.requests()[1].header("authorization"),
        Some("Bearer t0k/en+1=")
    );
    assert_eq!(other.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_failing_token_server_is_retried_and_a_refusing_one_is_not() {
    for (reply, code, requests, words) in [
        (Reply::status(503), 3, 4, "status 503"),
        (
            Reply::status(400).body("t0k/en+1="),
            4,
            1,
            "ask for a token: status 400",
        ),
        (Reply::redirect(302, "/elsewhere"), 4, 1, "status 302"),
        (
            Reply::json("{}"),
            3,
            4,
            "the answer has no token at /access_token",
        ),
        (Reply::json(r#"{"access_token":""}"#), 3, 4, "no token"),
        (
            Reply::json(format!(r#"{{"access_token":"{}"}}"#, "t".repeat(8_193))),
            3,
            4,
            "the token at /access_token is longer than 8192 bytes",
        ),
        (Reply::json("<t0k/en+1=>"), 3, 4, "the answer is not JSON"),
        (
            Reply::json(r#"{"access_token":"t0k\n"x"}"#),
            3,
            4,
            "the answer is not JSON",
        ),
    ] {
        let publisher = Publisher::serve(move |_| reply.clone()).await;
        let ingest = prepare_ingest(&publisher, &oauth2_definition(&publisher, "")).await;
        let ran = ingest.run(&[]).await.expect(code);
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        assert_eq!(publisher.targets(), vec!["/token"; requests], "{words}");
        expect_no_secret(&ingest, &ran.stderr).await;
    }
}

#[tokio::test]
async fn an_invalid_auth_definition_is_refused_before_any_request() {
    let publisher = Feed::link(short_pages(1, 4, 1)).serve().await;
    for (table, words) in [
        (
            r#"auth = { mode = "basic", user = "me", password = "{env.UNSET_OF_ALL}" }"#,
            "key `sources.zambia.auth.password`: the environment variable UNSET_OF_ALL is not set, nor is UNSET_OF_ALL_FILE",
        ),
        (
            r#"auth = { mode = "token", url = "ftp://x", pointer = "/t" }"#,
            "key `sources.zambia.auth`: `url` is not http or https",
        ),
        (
            "auth = { mode = \"basic\", user = \"me\", password = \"\" }\nhttp.headers = { authorization = \"x\" }",
            "key `sources.zambia.auth`: `http.headers` has an Authorization too",
        ),
    ] {
        let ingest = prepare_ingest(&publisher, table).await;
        let ran = ingest.run(&[]).await.expect(2);
        ran.expect_log(words);
    }
    assert!(publisher.requests().is_empty());
}

#[tokio::test]
async fn other_hosts_in_a_definition_get_no_credentials() {
    let elsewhere = Publisher::serve(|request| match request.path() {
        "/index" => Reply::json(r#"["a"]"#),
        "/list" => Reply::json(r#"{"items":["1","22"]}"#),
        path => Reply::json(release(path.len())),
    })
    .await;
    let there = elsewhere.url("").replace("127.0.0.1", "localhost");
    let list = format!("{there}/list");
    let publisher = Publisher::serve(move |request| match request.path() {
        "/token" => Reply::json(r#"{"access_token":"t0k/en+1="}"#),
        _ => Reply::redirect(302, &list),
    })
    .await;
    let detail = format!("{there}/detail/{{item}}");
    let auths = [
        oauth2_definition(&publisher, "").replace(LINK, ""),
        r#"auth = { mode = "basic", user = "{env.SECRET}", password = "{env.SECRET}" }"#.to_owned(),
    ];
    for auth in auths {
        let (index, secret) = (format!("{there}/index"), "{env.SECRET_KEY}");
        let table = format!(
            "query = {{ key = {secret:?} }}\n\
             {auth}\n\
             http = {{ headers = {{ X-Key = {secret:?} }} }}\n\
             axis.file = {{ url = {index:?}, each = \"/*\" }}\n\
             detail = {{ url = {detail:?}, each = \"/items/*\" }}"
        );
        let mut ingest = Ingest::new().await;
        ingest.set_env("SECRET", SECRET);
        ingest.set_env("SECRET_KEY", "hunter2");
        ingest.declare_as(SOURCE, &publisher.url("/{axis.file}"), &table);
        ingest.run(&[]).await.expect(0);
    }
    let told = publisher.requests();
    assert_eq!(
        publisher.targets(),
        ["/token", "/a?key=hunter2", "/a?key=hunter2"]
    );
    for request in &told[1..] {
        assert_eq!(request.header("x-key"), Some("hunter2"));
        assert!(request.header("authorization").is_some());
    }
    assert_eq!(elsewhere.requests().len(), 8);
    for request in elsewhere.requests() {
        assert_eq!(request.header("authorization"), None, "{request:?}");
        assert_eq!(request.header("x-key"), None, "{request:?}");
        let request = format!("{request:?}");
        assert!(
            !request.contains("t0k") && !request.contains("hunter2"),
            "{request}"
        );
    }
}
