//! Tests that users and passwords of URLs are in nothing that anybody reads or keeps, however
//! malformed the URL is. A part of a password without percent-encoding looks like a host, a path
//! or a query.

use crate::harness::{Ingest, ProgramOutput, SOURCE};
use crate::publisher::{Publisher, Reply, package, release};

/// Four characters of each part of what precedes the last `@`.
const SECRETS: [&str; 5] = ["hunt", "secr", "word", "pass", "qwxz"];

/// Removes words of messages and counts that contain the same characters.
fn remove_message_words(text: &str) -> String {
    text.replace("password", "").replace("passed_over", "")
}

#[track_caller]
fn expect_no_secret(ran: &ProgramOutput, what: &str) {
    for text in [&ran.text(), &ran.stderr] {
        for secret in SECRETS {
            let said = remove_message_words(text);
            assert!(!said.contains(secret), "{what}: {secret} is in {text}");
        }
    }
}

/// Database URLs with passwords that are not percent-encoded.
const DATABASES: [&str; 10] = [
    "postgresql://qwxzi:hunt@secr/word#pass@127.0.0.1:1/proc",
    "postgresql://qwxzi:hunt/secr@127.0.0.1:1/proc",
    "postgresql://qwxzi:hunt@secr@127.0.0.1:1/proc",
    "postgresql://qwxzi:hunt@secr?word@127.0.0.1:1/proc",
    "postgresql://qwxzi:hunt/secr?word#pass@[::1]:1/proc",
    "postgresql://qwxzi:hunt@secr/word@127.0.0.1:1,127.0.0.1:2/proc",
    "postgresql:///qwxzi:hunt@127.0.0.1:1/proc",
    "postgres:/qwxzi:hunt@127.0.0.1:1/proc",
    "postgresq://qwxzi:hunt@127.0.0.1:1/proc",
    "host=127.0.0.1 port=1 user=qwxzi password='hunt' secr' dbname=proc",
];

/// Passes a database URL to the program, in each possible way.
async fn run_with_database(url: &str, way: usize) -> (Ingest, Vec<String>) {
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, "http://127.0.0.1:1/", "");
    ingest.set_env("RUST_LOG", "trace");
    let mut arguments = Vec::new();
    match way {
        0 => arguments.push(format!("--database-url={url}")),
        1 => ingest.set_env("DATABASE_URL", url),
        2 => ingest.set_env("OCDS_INGEST__DATABASE__URL", url),
        3 => {
            ingest.set_env("DATABASE_URL", "");
            ingest.configure(&format!("[database]\nurl = {url:?}"));
        }
        _ => {
            ingest.set_env("DATABASE_URL", "");
            let file = ingest.directory.path().join("url");
            std::fs::write(&file, url).unwrap();
            ingest.configure(&format!("[database]\nurl_file = {file:?}"));
        }
    }
    (ingest, arguments)
}

#[tokio::test]
async fn no_part_of_a_database_s_password_is_shown() {
    for (nth, url) in DATABASES.iter().enumerate() {
        let (ingest, options) = run_with_database(url, nth % 5).await;
        for command in [
            &["status"][..],
            &["check", "--connect"],
            &["run", SOURCE],
            &["psql"],
        ] {
            let options = options.iter().map(String::as_str);
            let arguments: Vec<&str> = options.chain(command.iter().copied()).collect();
            let ran = ingest.call(&arguments).await.expect(2);
            expect_no_secret(&ran, &format!("{command:?} of {url}"));
            if nth < 7 {
                let said = ran.stderr.clone() + &ran.text();
                assert!(said.contains("must be percent-encoded"), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn a_misplaced_url_on_the_command_line_is_shown_without_its_password() {
    let ingest = Ingest::new().await;
    for arguments in [
        &["postgresql://qwxzi:hunt@127.0.0.1:1/proc"][..],
        &["status", "postgresql://qwxzi:hunt@secr@127.0.0.1:1/proc"],
        &[
            "status",
            "--log-format=postgresql://qwxzi:hunt@127.0.0.1:1/proc",
        ],
        &[
            "run",
            "x",
            "--max-pages",
            "https://qwxzi:hunt@127.0.0.1:1/proc",
        ],
    ] {
        let ran = ingest.call(arguments).await.expect(2);
        expect_no_secret(&ran, &format!("{arguments:?}"));
        ran.expect_log("127.0.0.1:1/proc");
    }
    let ran = ingest.call(&["--version"]).await.expect(0);
    assert!(ran.text().starts_with("ocds-ingest "), "{}", ran.text());
}

/// Publisher URLs with passwords that are not percent-encoded.
const PUBLISHERS: [&str; 5] = [
    "http://qwxzi:hunt@secr/word@127.0.0.1:1/feed",
    "http://qwxzi:hunt/secr@127.0.0.1:1/feed",
    "http://qwxzi:12/secr@127.0.0.1:1/feed",
    "http://qwxzi:hunt?secr#word@127.0.0.1:1/feed",
    "http:/qwxzi:hunt/secr@127.0.0.1:1/feed",
];

#[tokio::test]
async fn no_part_of_a_publisher_s_password_is_shown() {
    for url in PUBLISHERS {
        let axis = format!("axis.file = {{ url = {url:?}, each = \"/*\" }}");
        let detail = format!("detail = {{ url = {url:?}, each = \"/*\" }}");
        let auth = format!("auth = {{ mode = \"token\", url = {url:?}, pointer = \"/t\" }}");
        let home = "http://127.0.0.1:1/";
        for (key, url, table) in [
            ("url", url, String::new()),
            ("axis.file.url", &format!("{home}{{axis.file}}"), axis),
            ("detail.url", home, detail),
            ("auth.url", home, auth),
        ] {
            let mut ingest = Ingest::new().await;
            ingest.declare_as(SOURCE, url, &table);
            ingest.set_env("RUST_LOG", "trace");
            for command in [
                &["check", SOURCE][..],
                &["run", SOURCE],
                &["sources", "show", SOURCE],
            ] {
                let ran = ingest.call(command).await.expect(2);
                expect_no_secret(&ran, &format!("{command:?} of {key} {url}"));
                let said = format!("key `sources.{SOURCE}.{key}`: ");
                ran.expect_log(&said);
                ran.expect_log("percent-encoded");
            }
        }
    }
}

#[tokio::test]
async fn no_part_of_a_password_in_the_environment_is_shown() {
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, "{env.BASE}/feed", "");
    ingest.set_env("RUST_LOG", "trace");
    ingest.set_env("BASE", "http://qwxzi:hunt@secr/word@127.0.0.1:1");
    for command in [&["check", SOURCE], &["run", SOURCE]] {
        let ran = ingest.call(command).await.expect(2);
        expect_no_secret(&ran, &format!("{command:?}"));
    }
}

#[tokio::test]
async fn no_part_of_a_password_in_a_file_s_url_is_shown() {
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, "http://127.0.0.1:1/", "");
    ingest.set_env("RUST_LOG", "trace");
    let plain = "http://qwxzi:hunt@127.0.0.1:1/feed";
    let others = [
        "ftp://qwxzi:hunt@secr@127.0.0.1:1/feed",
        "qwxzi:hunt@127.0.0.1:1/feed",
    ];
    for url in PUBLISHERS.iter().chain(&others) {
        let ran = ingest.call(&["load", SOURCE, url]).await.expect(2);
        expect_no_secret(&ran, url);
    }
    let ran = ingest.call(&["load", SOURCE, plain, plain]).await.expect(2);
    expect_no_secret(&ran, plain);
    ran.expect_log("is named twice");
}

#[tokio::test]
async fn no_part_of_a_password_in_a_link_or_a_redirect_is_shown_or_kept() {
    for link in [
        "http://qwxzi:hunt@secr/word@127.0.0.1:1/feed",
        "http://qwxzi:hunt/secr@127.0.0.1:1/feed",
        "http://qwxzi:hunt@127.0.0.1:1/feed",
    ] {
        for is_redirect in [false, true] {
            let publisher = Publisher::serve(move |request| match request.page() {
                1 => Reply::json(package(
                    &[release(1)],
                    &format!(
                        r#","links":{{"next":"{}"}}"#,
                        if is_redirect { "?page=2" } else { link }
                    ),
                )),
                _ => Reply::redirect(302, link),
            })
            .await;
            let mut ingest = Ingest::new().await;
            ingest.set_env("RUST_LOG", "trace");
            ingest.declare(&publisher, crate::harness::LINK);
            let ran = ingest.call(&["run", SOURCE]).await.expect(4);
            // The page was read from the publisher's own URL, which only the program logs.
            expect_no_secret(&ran, link);
            let kept = "select concat_ws(' ', url, cursor, next_cursor) from ocds.page union all
                        select concat_ws(' ', url, error) from ocds.request union all
                        select run::text from ocds.run";
            let kept = remove_message_words(&ingest.column(kept).await.join("\n"));
            for secret in SECRETS {
                assert!(!kept.contains(secret), "{secret} is in {kept}");
            }
        }
    }
}

#[tokio::test]
async fn an_axis_value_that_is_a_url_is_shown_without_its_password() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/index" => {
            let host = request.header("host").unwrap();
            Reply::json(format!(r#"["http://qwxzi:hunt@{host}/1.json"]"#))
        }
        _ => Reply::json(package(&[release(1)], "")),
    })
    .await;
    let url = publisher
        .url("/2.json")
        .replace("http://", "http://qwxzi:hunt@");
    for axis in [
        format!("{{ url = \"{}\", each = \"/*\" }}", publisher.url("/index")),
        format!("[{url:?}]"),
    ] {
        let mut ingest = Ingest::new().await;
        ingest.set_env("RUST_LOG", "trace");
        ingest.declare_as(SOURCE, "{axis.file|raw}", &format!("axis.file = {axis}"));
        for command in [&["run", SOURCE], &["check", SOURCE]] {
            let ran = ingest.call(command).await.expect(0);
            expect_no_secret(&ran, &axis);
        }
        assert_eq!(ingest.count("release").await, 1);
        let kept = "select page::text from ocds.page union all select run::text from ocds.run
                    union all select request::text from ocds.request";
        let kept = ingest.column(kept).await.join("\n");
        assert!(!kept.contains("hunt"), "{kept}");
    }
}

#[tokio::test]
async fn no_part_of_a_proxy_s_password_is_shown() {
    let publisher = Publisher::serve(|_| Reply::status(407)).await;
    let proxy = publisher.url("");
    let proxy = proxy.trim_start_matches("http://");
    for (url, code) in [
        ("http://qwxzi:hunt@127.0.0.1:1".to_owned(), 3),
        ("qwxzi:hunt@127.0.0.1:1".to_owned(), 3),
        ("socks5://qwxzi:hunt@127.0.0.1:1".to_owned(), 3),
        (format!("http://qwxzi:hunt@{proxy}"), 4),
        ("http://qwxzi:hunt%zz@127.0.0.1:1".to_owned(), 3),
        ("http://qwxzi:hunt@secr@127.0.0.1:1".to_owned(), 2),
        ("http://qwxzi:hunt@secr/word@127.0.0.1:1".to_owned(), 2),
        ("qwxzi:hunt/secr@127.0.0.1:1".to_owned(), 2),
    ] {
        let mut ingest = Ingest::new().await;
        ingest.configure("[fetch]\nattempts = 1\n");
        ingest.declare_as(SOURCE, "http://publisher.invalid/", "");
        ingest.set_env("RUST_LOG", "trace");
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
            ingest.set_env(name, &url);
        }
        let ran = ingest.call(&["run", SOURCE]).await.expect(code);
        expect_no_secret(&ran, &url);
    }
}

#[tokio::test]
async fn the_server_s_refusal_of_a_login_is_shown_without_the_user() {
    let mut ingest = Ingest::new().await;
    let (socket, _, name) = ingest.socket();
    let directory = socket.parent().unwrap().display();
    let port = socket.extension().unwrap().display();
    let url = format!("host={directory} port={port} user=hunter dbname={name}");
    ingest.set_env("DATABASE_URL", &url);
    let ran = ingest.call(&["status"]).await.expect(2);
    expect_no_secret(&ran, &url);
    ran.expect_log("28000: role of the URL");
}
