//! Tests that the program treats a publisher's text as data even if it looks like a placeholder.
//! Links, redirects, tokens and items get no secret, neither at once nor from the tables when a
//! run resumes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Ingest, LINK};
use crate::publisher::{Publisher, Reply, Request, release};

/// The secrets in a header, in the query, and for the token.
const KEY: &str = "key-7a7b7c";
const QUERY: &str = "query-7a7b7c";
const CLIENT: &str = "client-7a7b7c";
const TOKEN: &str = "token-7a7b7c";

/// The text that a publisher sends to get the secrets.
const PLACEHOLDERS: &str = "{env.CLIENT}.{env.KEY}.{env.QUERY}.{auth.token}";

/// Prepares a source. The table may contain the publisher's URL.
async fn prepare_ingest(publisher: &Publisher, table: &str) -> Ingest {
    let sent = r#"
        http.headers = { X-Key = "{env.KEY}" }
        query = { key = "{env.QUERY}" }
        auth.mode = "oauth2"
        auth.url = "HOST/token"
        auth.client_id = "me"
        auth.client_secret = "{env.CLIENT}"
        auth.credentials = "body"
    "#;
    let table = format!("{sent}\n{table}").replace("HOST", &publisher.url(""));
    let mut ingest = Ingest::with_definition(&table).await;
    for (name, value) in [("KEY", KEY), ("QUERY", QUERY), ("CLIENT", CLIENT)] {
        ingest.set_env(name, value);
    }
    ingest
}

fn token_reply(request: &Request) -> Option<Reply> {
    let is_asked = request.path() == "/token";
    is_asked.then(|| Reply::json(json!({ "access_token": TOKEN }).to_string()))
}

fn make_page(number: usize, around: &Value) -> Reply {
    let mut page = around.clone();
    page["releases"] = json!([serde_json::from_str::<Value>(&release(number)).unwrap()]);
    Reply::json(page.to_string())
}

/// Checks that secrets went only where they are declared, and that this many different requests
/// contained the publisher's text as data.
#[track_caller]
fn expect_data(publisher: &Publisher, pleas: usize) {
    let mut met = BTreeSet::new();
    for request in publisher.requests() {
        if request.path() == "/token" {
            assert!(request.body.contains(CLIENT));
            continue;
        }
        assert_eq!(request.header("x-key"), Some(KEY));
        assert_eq!(request.query("key").as_deref(), Some(QUERY));
        let target = percent_decode(&request.target);
        let sent = format!("{target} {}", request.body).replace(&format!("key={QUERY}"), "");
        for secret in [KEY, QUERY, CLIENT, TOKEN] {
            assert!(!sent.contains(secret), "{sent}");
        }
        if sent.contains(PLACEHOLDERS) {
            met.insert(sent);
        }
    }
    assert_eq!(met.len(), pleas, "{:?}", publisher.targets());
}

fn percent_decode(target: &str) -> String {
    // A plus sign stays: the expected text has none.
    let pairs = url::form_urlencoded::parse(target.as_bytes());
    pairs
        .map(|(name, value)| format!("{name}={value}&"))
        .collect()
}

#[tokio::test]
async fn a_link_is_not_a_template_now_or_after_a_resume() {
    let page_before =
        |number: usize, next: &str| make_page(number, &json!({ "links": { "next": next } }));
    let publisher = Publisher::serve(move |request| {
        token_reply(request).unwrap_or_else(|| match request.path() {
            "/" => page_before(1, &format!("/2?plea={PLACEHOLDERS}")),
            "/2" => page_before(2, &format!("/3/{PLACEHOLDERS}?{PLACEHOLDERS}=1")),
            "/4" => Reply::redirect(307, &format!("/5?plea={PLACEHOLDERS}&key={QUERY}")),
            "/5" => make_page(4, &json!({})),
            _ => page_before(3, &format!("/4?plea={PLACEHOLDERS}#{PLACEHOLDERS}")),
        })
    })
    .await;
    let ingest = prepare_ingest(&publisher, &format!("url = \"HOST/\"\n{LINK}")).await;
    ingest.run(&["--max-pages", "1"]).await.expect(0);
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 4);
    expect_data(&publisher, 4);
}

#[tokio::test]
async fn a_link_stored_by_an_older_version_gets_no_secrets() {
    let publisher = Publisher::serve(|request| {
        token_reply(request).unwrap_or_else(|| match request.query("page") {
            None => make_page(1, &json!({ "links": { "next": "/?page=2" } })),
            Some(_) => make_page(2, &json!({})),
        })
    })
    .await;
    let ingest = prepare_ingest(&publisher, &format!("url = \"HOST/\"\n{LINK}")).await;
    ingest.run(&["--max-pages", "1"]).await.expect(0);
    // An older version stored a publisher's braces without encoding them.
    let stored = format!(
        "update ocds.page set next_cursor = 'link {}'",
        publisher.url("/?page=2&plea={env.CLIENT}")
    );
    ingest.execute(&stored).await;
    let refused = ingest.run(&[]).await.expect(4);
    let expected =
        "the link to it asks for `{env.CLIENT}`, which only the server of tokens is sent";
    refused.expect_log(expected);
    // A link that is refused on three days makes a run begin anew.
    let days = "update ocds.run set refused_days = 3 where refused_answer is not null";
    ingest.execute(days).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 2);
    expect_data(&publisher, 0);
}

#[tokio::test]
async fn a_page_token_is_not_a_template_in_a_query_or_body() {
    for table in [
        r#"
        url = "HOST/"
        page = { mode = "token", param = "at", pointer = "/next" }
        "#,
        r#"
        url = "HOST/"
        method = "POST"
        body = { json = { at = "{token}" } }
        page = { mode = "token", pointer = "/next", start = "first" }
        "#,
    ] {
        let publisher = Publisher::serve(|request| {
            token_reply(request).unwrap_or_else(|| match request.nth {
                0 if request.query("at").is_none() => {
                    make_page(1, &json!({ "next": PLACEHOLDERS }))
                }
                _ => make_page(2, &json!({})),
            })
        })
        .await;
        let ingest = prepare_ingest(&publisher, table).await;
        ingest.run(&["--max-pages", "1"]).await.expect(0);
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 2);
        expect_data(&publisher, 1);
    }
}

#[tokio::test]
async fn an_index_entry_is_not_a_template() {
    for detail in [
        r#"url = "/items?item={item}""#,
        r#"url = "/items{item|path}""#,
        r#"url = "/items/{item|strip x}?item={item|raw}""#,
        r#"url = "/items", method = "POST", body = { json = { item = "{item}" } }"#,
    ] {
        let publisher = Publisher::serve(|request| {
            token_reply(request).unwrap_or_else(|| match request.path() {
                "/" => Reply::json(
                    json!({ "list": [format!("http://x.example/x?{PLACEHOLDERS}")] }).to_string(),
                ),
                _ => make_page(1, &json!({})),
            })
        })
        .await;
        let table = format!("url = \"HOST/\"\ndetail = {{ each = \"/list/*\", {detail} }}");
        let ingest = prepare_ingest(&publisher, &table).await;
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 1, "{detail}");
        expect_data(&publisher, 1);
    }
}

#[tokio::test]
async fn an_axis_value_is_not_a_template() {
    let publisher = Publisher::serve(|request| {
        token_reply(request).unwrap_or_else(|| match request.path() {
            "/kinds" => Reply::json(json!([PLACEHOLDERS]).to_string()),
            _ => make_page(1, &json!({})),
        })
    })
    .await;
    let table = r#"
        url = "HOST/{axis.kind}"
        axis.kind = { url = "HOST/kinds?key={env.QUERY}", each = "/*" }
    "#;
    let ingest = prepare_ingest(&publisher, table).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 1);
    expect_data(&publisher, 1);
}
