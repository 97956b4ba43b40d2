//! Tests that secrets go where they are declared, and are in nothing that anybody reads or keeps:
//! no answer, log, metric or table, in no encoding, although the publisher echoes everything that
//! it receives.
//!
//! A release is kept as it was served, byte for byte, because it is data. If a publisher puts a
//! secret into it, the secret is public. So only those columns contain echoed secrets, and the
//! program warns about them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::harness::{Ingest, LINK, ProgramOutput, SOURCE};
use crate::publisher::{Feed, Publisher, Reply, Request, pages, release, zip};

/// Full of characters that URLs, forms and JSON encode. None is a part of another.
const IN_PATH: &str = "path/7\"\\&+é z";
const IN_QUERY: &str = "query/7\"\\&+é z";
const IN_BODY: &str = "body/7\"\\&+é z";
/// A header cannot contain all of these characters.
const IN_HEADER: &str = "header/7\"\\&+ z";
const USER: &str = "user/7\"\\&+é z";
const PASSWORD: &str = "password/7\"\\&+é z";
const OF_DATABASE: &str = "database/7\"\\&+é z";
const TOKEN: &str = "token/7+en=";
/// Not declared by anybody: the target of a redirect is signed.
const SIGNATURE: &str = "signature-7a7b7c";

/// The columns with served content.
const SERVED: [&str; 4] = [
    "release.data",
    "release.served",
    "publisher_compiled.data",
    "publisher_compiled.served",
];

/// Returns the forms in which a text may be written.
fn list_forms(secret: &str) -> BTreeSet<String> {
    let percent: String = secret.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => text.push(char::from(byte)),
            _ => write!(text, "%{byte:02X}").unwrap(),
        }
        text
    });
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let quoted = |text: &str| {
        let quoted = Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let mut forms: BTreeSet<String> = [
        percent.to_lowercase(),
        percent,
        form.to_lowercase(),
        form,
        // As JSON, and as JSON within JSON, as in a log.
        quoted(secret),
        quoted(&quoted(secret)),
        secret.replace('/', "\\/"),
        BASE64_STANDARD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
        format!("{secret:?}").trim_matches('"').to_owned(),
    ]
    .into();
    forms.insert(secret.to_owned());
    forms
}

/// The secrets, and all outputs in which they must not be found.
struct SecretSearch {
    ingest: Ingest,
    /// The secrets in all their forms.
    secrets: BTreeSet<String>,
    heard: Vec<(String, String)>,
}

impl SecretSearch {
    /// Prepares a source with secrets in the environment, and a database with a password.
    async fn new(publisher: &Publisher, table: &str) -> Self {
        let mut ingest = Ingest::new().await;
        for (name, value) in [
            ("IN_PATH", IN_PATH),
            ("IN_QUERY", IN_QUERY),
            ("IN_BODY", IN_BODY),
            ("IN_HEADER", IN_HEADER),
            ("USER_NAME", USER),
            ("RUST_LOG", "trace"),
        ] {
            ingest.set_env(name, value);
        }
        let file = ingest.directory.path().join("password");
        std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
        ingest.set_env("PASSWORD_FILE", file.to_str().unwrap());
        let url = with_password(&ingest.url);
        ingest.set_env("DATABASE_URL", &url);
        let host = publisher.url("");
        let host = host.trim_start_matches("http://");
        let base = format!("[sources.{SOURCE}]\n");
        ingest.configure(&(base + &table.replace("HOST", host)));
        let credentials = format!("{USER}:{PASSWORD}");
        let of_url = format!("me:{PASSWORD}");
        let encoded =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let encoded = format!("me:{}", encoded(PASSWORD));
        let secrets = [IN_PATH, IN_QUERY, IN_BODY, IN_HEADER, PASSWORD, OF_DATABASE];
        let mut secrets = secrets.map(str::to_owned).to_vec();
        secrets.extend([TOKEN, SIGNATURE].map(str::to_owned));
        secrets.extend([credentials, of_url, encoded]);
        Self {
            ingest,
            secrets: secrets.iter().flat_map(|it| list_forms(it)).collect(),
            heard: Vec::new(),
        }
    }

    fn record(&mut self, what: &str, ran: &ProgramOutput) {
        self.heard.push((format!("{what}: answer"), ran.text()));
        self.heard
            .push((format!("{what}: log"), ran.stderr.clone()));
    }

    /// Runs the program with metrics, and checks its exit code.
    #[track_caller]
    fn call<'h>(
        &'h mut self,
        arguments: &'h [&'h str],
        code: i32,
    ) -> impl Future<Output = String> + 'h {
        let location = std::panic::Location::caller();
        async move {
            let metrics = self.ingest.directory.path().join("metrics.prom");
            let more = ["--metrics-file", metrics.to_str().unwrap()];
            let ran = self.ingest.call(&[arguments, &more].concat()).await;
            assert_eq!(
                ran.code,
                Some(code),
                "{location}: {}\n{}",
                ran.text(),
                ran.stderr
            );
            let what = arguments.join(" ");
            self.record(&what, &ran);
            if let Ok(text) = std::fs::read_to_string(&metrics) {
                self.heard.push((format!("{what}: metrics"), text));
            }
            ran.text()
        }
    }

    /// Runs every command that shows something.
    async fn run_all_commands(&mut self, format: &str) {
        for command in [
            &["check", "--connect", SOURCE][..],
            &["status"],
            &["status", "--json"],
            &["status", "--database"],
            &["sources", "show", SOURCE],
            &["quarantine", "list"],
            &["quarantine", "list", "--json"],
        ] {
            self.call(&[command, &["-vv", format]].concat(), 0).await;
        }
        let ids = self.ingest.column("select id from ocds.quarantine").await;
        for id in ids {
            let ran = self
                .ingest
                .call(&["quarantine", "show", &id])
                .await
                .expect(0);
            // After the empty line comes the document, which the user requested.
            let answer = ran.text();
            let (about, _) = answer.split_once("\n\n").unwrap();
            self.heard.push((format!("show {id}"), about.to_owned()));
            self.heard.push((format!("show {id}: log"), ran.stderr));
        }
    }

    /// Names an unavailable database and malformed URLs, in each possible way.
    async fn run_without_database(&mut self) {
        let away = with_password("postgresql://ocds@127.0.0.1:1/none?connect_timeout=1");
        let broken = format!("postgresql://ocds:{OF_DATABASE}@127.0.0.1:1/none");
        let file = self.ingest.directory.path().join("url");
        let by_file = format!("[database]\nurl_file = {:?}", file.to_str().unwrap());
        self.ingest.configure(&by_file);
        for (url, code) in [(&away, 3), (&broken, 2)] {
            // The environment takes precedence over the file, if it has a value.
            self.ingest.set_env("DATABASE_URL", url);
            self.call(&["run", SOURCE, "-vv"], code).await;
            self.ingest.set_env("DATABASE_URL", "");
            std::fs::write(&file, url).unwrap();
            self.call(&["check", "--connect", SOURCE], code).await;
            let typed = ["status", "--log-format=json", "--database-url", url];
            let ran = self.ingest.call(&typed).await.expect(code);
            self.record("status --database-url", &ran);
        }
        // The value replaces the whole table.
        self.ingest.set_env("OCDS_INGEST__DATABASE", &away);
        self.call(&["status"], 2).await;
    }

    /// Searches all outputs and all tables for each secret.
    async fn expect_no_secret(&self) {
        let mut found = BTreeSet::new();
        for (what, text) in &self.heard {
            found.extend(self.find_secrets(what, text));
        }
        let mut echoed = BTreeSet::new();
        for (column, values) in self.read_columns().await {
            match SERVED.iter().find(|served| **served == column) {
                Some(_) if self.find_secrets(&column, &values).is_empty() => {}
                Some(served) => drop(echoed.insert(*served)),
                None => found.extend(self.find_secrets(&column, &values)),
            }
        }
        let found: Vec<String> = found.into_iter().collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
        assert_eq!(echoed, ["release.data"].into());
    }

    /// Returns each secret in a text, with the text around it.
    fn find_secrets(&self, what: &str, text: &str) -> Vec<String> {
        let secrets = self.secrets.iter();
        let found = secrets.filter_map(|form| Some((text.find(form)?, form)));
        found
            .map(|(at, form)| {
                let around = at.saturating_sub(150)..text.len().min(at + 150);
                let around = String::from_utf8_lossy(&text.as_bytes()[around]);
                format!("{what}: {form}\n    {around}")
            })
            .collect()
    }

    /// Returns all values in the schema, by column.
    async fn read_columns(&self) -> Vec<(String, String)> {
        let tables = "select table_name || '.' || column_name || '.' || data_type
            from information_schema.columns join information_schema.tables
                using (table_schema, table_name)
            where table_schema = 'ocds' and table_type = 'BASE TABLE'";
        let mut columns = Vec::new();
        for column in self.ingest.column(tables).await {
            let mut parts = column.splitn(3, '.');
            let (table, name, kind) = (parts.next().unwrap(), parts.next().unwrap(), parts.next());
            // One character for each byte, so that ASCII texts are found.
            let value = match kind {
                Some("bytea") => format!("encode({name}, 'escape')"),
                _ => format!("{name}::text"),
            };
            let sql = format!("select coalesce({value}, '') from ocds.{table}");
            let values = self.ingest.column(&sql).await.join("\n");
            columns.push((format!("{table}.{name}"), values));
        }
        assert!(columns.len() > 50, "{columns:?}");
        columns
    }
}

/// Adds a password to a URL. A server that trusts everybody does not ask for it.
fn with_password(url: &str) -> String {
    let encoded: String = list_forms(OF_DATABASE)
        .into_iter()
        .find(|form| form.contains("%C3%A9") && form.contains("%20"))
        .unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}password={encoded}")
}

/// Returns a page that echoes its request around the items, in its link and in a release.
fn echo_page(request: &Request, next: Option<&str>, items: &[Value]) -> Reply {
    let mut page = json!({
        "uri": format!("https://publisher.example{}", request.target),
        "publisher": {"name": "Echo", "uri": request.header("authorization")},
        "debug": request.to_json(),
        "releases": items,
    });
    if let Some(next) = next {
        page["links"] = json!({ "next": next });
    }
    Reply::json(page.to_string())
}

/// Returns a release with the echoed request.
fn echo_release(number: usize, request: &Request) -> Value {
    let mut item: Value = serde_json::from_str(&release(number)).unwrap();
    item["echo"] = request.to_json().to_string().into();
    item
}

/// Exposes a source to everything that can happen to it.
async fn exercise_source(
    publisher: &Publisher,
    search: &mut SecretSearch,
    is_wanted: fn(&Request) -> bool,
) {
    let token = |request: &Request| {
        let asked = request.path().ends_with("/token");
        asked.then(|| Reply::json(json!({ "access_token": TOKEN }).to_string()))
    };
    // The server refuses every request.
    publisher.set_script(move |request| token(request).unwrap_or(Reply::status(401)));
    search.call(&["run", SOURCE, "-vv"], 4).await;
    // A failing server, for token requests too, with a body that echoes the request.
    publisher.set_script(|request| Reply::status(503).body(request.to_json().to_string()));
    search
        .call(&["run", SOURCE, "-vv", "--log-format=json"], 3)
        .await;
    // A redirect to a host that gets no secrets, and one to a signed URL.
    for host in ["http://localhost:1", "http://user:pass@localhost:1"] {
        let to = format!("{host}/bucket?signature={SIGNATURE}");
        publisher.set_script(move |request| token(request).unwrap_or(Reply::redirect(302, &to)));
        search.call(&["run", SOURCE, "-vv"], 4).await;
    }
    // A page, then one with a reject, then one that cannot be read.
    let bucket = format!("/bucket?signature={SIGNATURE}");
    let stumbling = move |request: &Request| {
        if let Some(token) = token(request) {
            return token;
        }
        if request.path() == "/bucket" {
            return Reply::json(
                json!({ "releases": [serde_json::from_str::<Value>(&release(4)).unwrap()] })
                    .to_string(),
            );
        }
        if !is_wanted(request) {
            return Reply::status(401);
        }
        let next = |page: usize| {
            let separator = if request.target.contains('?') {
                '&'
            } else {
                '?'
            };
            let (target, _) = request
                .target
                .split_once("&page=")
                .unwrap_or((&request.target, ""));
            format!("{target}{separator}page={page}")
        };
        match request.query("page").as_deref() {
            None if request.nth == 0 => Reply::status(503).body(request.to_json().to_string()),
            None => echo_page(request, Some(&next(2)), &[echo_release(1, request)]),
            Some("2") => {
                let mut bad = echo_release(2, request);
                bad["ocid"] = Value::Null;
                echo_page(request, Some(&next(3)), &[bad, echo_release(3, request)])
            }
            Some(_) => Reply::json(format!("<html>{}", request.to_json())),
        }
    };
    publisher.set_script(stumbling);
    search
        .call(&["run", SOURCE, "-vv", "--max-bad-ratio=1"], 4)
        .await;
    search.run_all_commands("--log-format=text").await;
    publisher.set_script(
        move |request| match (token(request), request.query("page").as_deref()) {
            (Some(token), _) => token,
            (None, Some("3")) => Reply::redirect(307, &bucket),
            _ => stumbling(request),
        },
    );
    search
        .call(
            &[
                "run",
                SOURCE,
                "-vv",
                "--max-bad-ratio=1",
                "--log-format=json",
            ],
            0,
        )
        .await;
    search.call(&["quarantine", "replay", "-vv"], 0).await;
    search.run_all_commands("--log-format=json").await;
}

/// Does all this with a source, and searches for its secrets.
async fn check_secrets(table: &str, is_wanted: fn(&Request) -> bool) {
    let publisher = Publisher::serve(|_| Reply::status(500)).await;
    let mut search = SecretSearch::new(&publisher, &format!("{table}\n{LINK}")).await;
    exercise_source(&publisher, &mut search, is_wanted).await;
    search.run_without_database().await;
    search.expect_no_secret().await;
}

#[tokio::test]
async fn secrets_of_a_request_are_sent_and_found_nowhere_else() {
    let table = r#"
        url = "http://HOST/{env.IN_PATH}/releases"
        query = { key = "{env.IN_QUERY}" }
        method = "POST"
        body = { json = { token = "{env.IN_BODY}" } }
        http = { headers = { X-Key = "{env.IN_HEADER}" }, conditional = false }
    "#;
    check_secrets(table, |request| {
        request.header("x-key") == Some(IN_HEADER)
            && request.query("key").as_deref() == Some(IN_QUERY)
    })
    .await;
}

#[tokio::test]
async fn a_user_and_a_password_are_sent_and_found_nowhere_else() {
    let table = r#"
        url = "http://HOST/releases?x=1"
        auth = { mode = "basic", user = "{env.USER_NAME}", password = "{env.PASSWORD}" }
    "#;
    check_secrets(table, |request| request.header("authorization").is_some()).await;
}

#[tokio::test]
async fn a_user_and_a_password_of_a_url_are_sent_and_found_nowhere_else() {
    let password = list_forms(PASSWORD);
    let password = password.iter().find(|form| form.contains("%20")).unwrap();
    let table = format!(r#"url = "http://me:{password}@HOST/releases?x=1""#);
    check_secrets(&table, |request| request.header("authorization").is_some()).await;
}

#[tokio::test]
async fn a_token_and_its_credentials_are_sent_and_found_nowhere_else() {
    let table = r#"
        url = "http://HOST/releases?x=1"
        auth.mode = "token"
        auth.url = "http://HOST/{env.IN_PATH}/token?key={env.IN_QUERY}"
        auth.body = '{"token":"{env.IN_BODY}"}'
        auth.headers = { X-Key = "{env.IN_HEADER}" }
        auth.pointer = "/access_token"
    "#;
    check_secrets(table, |request| {
        request.header("authorization") == Some(&format!("Bearer {TOKEN}"))
    })
    .await;
}

#[tokio::test]
async fn client_credentials_are_sent_and_found_nowhere_else() {
    let table = r#"
        url = "http://HOST/releases?x=1"
        auth.mode = "oauth2"
        auth.url = "http://HOST/token"
        auth.client_id = "me"
        auth.client_secret = "{env.PASSWORD}"
        auth.credentials = "body"
    "#;
    check_secrets(table, |request| {
        request.header("authorization") == Some(&format!("Bearer {TOKEN}"))
    })
    .await;
}

#[tokio::test]
async fn a_misplaced_secret_is_named_only_by_its_key() {
    let source = "[sources.zambia]\nurl = \"http://127.0.0.1:1/\"";
    for (wrong, words) in [
        (
            "database = \"postgresql://me:7hunter7@127.0.0.1:1/none\"".to_owned(),
            "key `database`: expected struct Database, found this string",
        ),
        (
            format!("{source}\nauth = {{ mode = \"basic\", user = \"me\", password = 7777777 }}"),
            "key `sources.zambia.auth.password`: expected a string, found this integer",
        ),
        (
            format!("{source}\nauth = \"7hunter7\""),
            "key `sources.zambia.auth`: expected struct AuthTable, found this string",
        ),
        (
            format!("{source}\nquery = {{ key = \"7hunter7{{\" }}"),
            "key `sources.zambia.query.key`: has a { without a }",
        ),
        (
            "[sources.zambia]\nurl = \"http://me:7hun}ter7@127.0.0.1:1/\"".to_owned(),
            "key `sources.zambia.url`: has a } without a {",
        ),
    ] {
        let mut ingest = Ingest::new().await;
        ingest.configure(&wrong);
        let ran = ingest.call(&["status"]).await.expect(2);
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        for value in ["7hun", "7777777"] {
            assert!(!ran.stderr.contains(value), "{}", ran.stderr);
        }
    }
}

#[tokio::test]
async fn rows_are_in_no_log_at_any_level() {
    let mut served = pages(2, 3);
    let long = crate::sink::refused_release(7);
    served[0].push(long.clone());
    let publisher = Feed::link(served).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.set_env("RUST_LOG", "trace");
    // If a row violates this, the server reports all its values.
    let check = "alter table ocds.release add check (tender_title <> 'Works 4')";
    ingest.execute(check).await;
    let metrics = ingest.directory.path().join("metrics.prom");
    let options = ["--max-bad-ratio", "1", "--metrics-file"];
    let options = [&options[..], &[metrics.to_str().unwrap()]].concat();
    let ran = ingest.run(&options).await.expect(0);
    assert_eq!(ran.counts().inserted, 5);
    let refused = "quarantine where sqlstate in ('54000', '23514')";
    assert_eq!(ingest.count(refused).await, 2);
    assert_eq!(
        ingest
            .count("page where package::text like '%Scripted%'")
            .await,
        2
    );
    let metrics = std::fs::read_to_string(&metrics).unwrap();
    let noise = &long[40..70];
    for (what, text) in [
        ("answer", &ran.text()),
        ("log", &ran.stderr),
        ("metrics", &metrics),
    ] {
        assert!(!text.is_empty(), "{what}");
        for value in ["Scripted", "Works", "ocds-213czf", noise] {
            assert!(!text.contains(value), "{value} is in the {what}: {text}");
        }
    }
}

/// Serves one page whose two releases echo the key: one has no ocid, and the other is stored.
async fn feed_that_shows_its_key() -> (Publisher, Ingest) {
    let publisher = Publisher::serve(|request| {
        let mut bad = echo_release(1, request);
        bad["ocid"] = Value::Null;
        let page = json!({ "releases": [bad, echo_release(2, request)] });
        Reply::json(page.to_string())
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.set_env("KEY", IN_QUERY);
    ingest.declare(&publisher, r#"query = { key = "{env.KEY}" }"#);
    (publisher, ingest)
}

#[tokio::test]
async fn a_reject_is_stored_without_secrets_and_marked_as_redacted() {
    let (_publisher, ingest) = feed_that_shows_its_key().await;
    ingest.run(&["--max-bad-ratio=1"]).await.expect(0);
    let kept = "select id || ' ' || is_redacted || ' ' || convert_from(document, 'UTF8')
        from ocds.quarantine";
    let kept = ingest.value(kept).await;
    assert!(kept.starts_with("1 true "), "{kept}");
    assert!(kept.contains("/?key={env.KEY}"), "{kept}");
    let shown = ingest.call(&["quarantine", "show", "1"]).await.expect(0);
    let redacted = "redacted    {env.NAME} or {auth.token} replaces a secret of the source";
    assert!(shown.text().contains(redacted), "{}", shown.text());
    let listed = ingest.call(&["quarantine", "list", "--json"]).await;
    assert_eq!(listed.expect(0).report()["is_redacted"], true);
    // If it is served again, it is the same reject.
    ingest.run(&["--max-bad-ratio=1"]).await.expect(0);
    assert_eq!(ingest.value("select seen from ocds.quarantine").await, "2");
}

#[tokio::test]
async fn a_redacted_reject_is_not_replayed() {
    let (_publisher, ingest) = feed_that_shows_its_key().await;
    ingest.run(&["--max-bad-ratio=1"]).await.expect(0);
    let replayed = ingest
        .call(&["quarantine", "replay", "--json"])
        .await
        .expect(0);
    assert_eq!(replayed.report()["rejects"], 0);
    assert_eq!(replayed.report()["redacted"], 1);
    let said =
        "1 rejects of zambia were not replayed, because placeholders replace secrets in them";
    replayed.expect_log(said);
    let open = "select count(*) from ocds.quarantine where resolved_at is null";
    assert_eq!(ingest.value(open).await, "1");
}

#[tokio::test]
async fn a_secret_that_only_a_replay_decodes_is_not_stored_either() {
    let publisher = Publisher::serve(|request| {
        let mut bad = echo_release(1, request);
        bad["ocid"] = Value::Null;
        let page = json!({ "releases": [bad] }).to_string();
        Reply::json(zip(&[("page.json", &page)]))
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.set_env("KEY", IN_QUERY);
    let declare = |ingest: &mut Ingest, container: &str| {
        let table = format!(
            "query = {{ key = \"{{env.KEY}}\" }}\ndecode = {{ container = \"{container}\" }}"
        );
        ingest.declare(&publisher, &table);
    };
    declare(&mut ingest, "json");
    ingest.run(&[]).await.expect(4);
    declare(&mut ingest, "zip");
    let replay = ["quarantine", "replay", "--json"];
    ingest.call(&replay).await.expect(0);
    let kept = "select is_redacted || ' ' || convert_from(document, 'UTF8')
        from ocds.quarantine where resolved_at is null";
    let kept = ingest.value(kept).await;
    assert!(kept.starts_with("true "), "{kept}");
    assert!(kept.contains("/?key={env.KEY}"), "{kept}");
}

#[tokio::test]
async fn a_secret_in_releases_causes_one_warning_with_its_name() {
    let publisher = Publisher::serve(|request| match request.page() {
        1 => echo_page(request, Some("/?page=2"), &[echo_release(1, request)]),
        _ => echo_page(
            request,
            None,
            &[echo_release(2, request), echo_release(3, request)],
        ),
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.set_env("KEY", IN_QUERY);
    ingest.declare(
        &publisher,
        &format!("query = {{ key = \"{{env.KEY}}\" }}\n{LINK}"),
    );
    let ran = ingest.run(&[]).await.expect(0);
    let said = "page 1 of zambia shows {env.KEY} in 1 of its 1 releases";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("{env.KEY}").count(), 1, "{}", ran.stderr);
    assert_eq!(ingest.count("release").await, 3);
}

#[tokio::test]
async fn a_secret_echoed_many_times_is_redacted_quickly() {
    let publisher = Publisher::serve(|request| {
        let key = request.query("key").unwrap();
        let echoes = key.repeat((3 << 20) / key.len());
        let page = json!({ "echo": echoes, "releases": [echo_release(1, request)] });
        Reply::json(page.to_string())
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.set_env("KEY", "key-7a");
    ingest.set_env("OTHER", "of-another-header");
    ingest.declare(
        &publisher,
        r#"query = { key = "{env.KEY}" }
        http = { headers = { X-Key = "{env.OTHER}" } }"#,
    );
    // A new search for the other value after each echo would take hours.
    ingest.run(&[]).await.expect(0);
    let shown = "select count(*) from ocds.page where package::text like '%key-7a%'";
    assert_eq!(ingest.value(shown).await, "0");
}
