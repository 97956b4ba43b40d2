//! Tests bodies that take much more memory than their size: whatever a body contains, the program
//! stays within the memory limit of a pod in `config/kubernetes`.
//!
//! `measures_the_memory_of_every_body` prints the memory for each body. It is ignored by default,
//! because only a release build shows what a pod needs, and it takes minutes:
//!
//! ```sh
//! cargo build --release
//! TEST_PROGRAM=$PWD/target/release/ocds-ingest \
//!     cargo test --test it measures_the_memory_of_every_body -- --ignored --nocapture
//! ```

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use crate::harness::{Ingest, NUMBER};
use crate::publisher::{Encoding, Feed, Publisher, Reply, release, zip};

/// The memory limit of a pod in `config/kubernetes/cron-job.yaml`.
const POD_BYTES: usize = 512 << 20;

/// The number of entries in most bodies.
const MANY: usize = 1_000_000;

/// The number of releases on a page that a run must accept.
const STORED: usize = 240_000;

/// The time limit of a run. A million releases are stored in a minute or two.
const LONGEST: Duration = Duration::from_secs(600);

/// The limits of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    /// The program's defaults.
    Default,
    /// The limits in `config/kubernetes/ocds-ingest.toml`.
    Pod,
}

/// A body that takes much more memory than its size, and its expected result in a pod.
struct Bomb {
    what: &'static str,
    /// Further keys of the source.
    table: &'static str,
    body: fn() -> Vec<u8>,
    /// The exit code of a run in a pod.
    code: i32,
    /// A text that the run logs or keeps in quarantine.
    says: &'static str,
    /// True if the usual tests run it. Similar bodies are left to the ignored test.
    is_usual: bool,
}

fn bomb(what: &'static str, body: fn() -> Vec<u8>, code: i32, says: &'static str) -> Bomb {
    Bomb {
        what,
        table: "",
        body,
        code,
        says,
        is_usual: false,
    }
}

impl Bomb {
    fn with_keys(self, table: &'static str) -> Self {
        Self { table, ..self }
    }

    fn run_always(self) -> Self {
        Self {
            is_usual: true,
            ..self
        }
    }

    async fn run(&self, limits: Limits) -> Outcome {
        let body = (self.body)();
        let decoded = body.len();
        let packed = Reply::json(body).with_encoding(Encoding::Gzip);
        let packed = packed.encoded_body().await;
        let wire = packed.len();
        let publisher = serve_body(packed).await;
        let mut ingest = Ingest::new().await;
        ingest.configure("[fetch]\nattempts = 1");
        if limits == Limits::Pod {
            ingest.configure(&pod_settings());
        }
        ingest.declare(&publisher, self.table);
        let (ran, peak) = ingest.start_run(&[]).wait_with_peak_within(LONGEST).await;
        let kept = "select distinct message from ocds.quarantine limit 3";
        let told = [ingest.column(kept).await, vec![ran.stderr.clone()]].concat();
        Outcome {
            code: ran.code,
            told: told.join("\n"),
            stored: ingest.count("release").await,
            peak,
            wire,
            decoded,
        }
    }

    /// Returns what is wrong if a pod does not survive the body.
    async fn check(&self) -> Option<String> {
        let Outcome {
            code, told, peak, ..
        } = self.run(Limits::Pod).await;
        let is_survived = code == Some(self.code) && told.contains(self.says) && peak < POD_BYTES;
        let (what, peak) = (self.what, peak >> 20);
        println!("{what}: exit {code:?}, {peak} MiB");
        (!is_survived).then(|| format!("{what}: exit {code:?}, {peak} MiB: {told}"))
    }
}

/// The result of a run.
struct Outcome {
    /// The exit code, if no signal killed it.
    code: Option<i32>,
    /// The log, and the rejects.
    told: String,
    /// The number of stored releases.
    stored: usize,
    /// The peak memory.
    peak: usize,
    /// The size of the body.
    wire: usize,
    decoded: usize,
}

/// Checks that a pod survives each body.
async fn check(bombs: Vec<Bomb>) {
    let mut failures = Vec::new();
    for bomb in bombs.into_iter().filter(|bomb| bomb.is_usual) {
        failures.extend(bomb.check().await);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Starts a publisher that answers every request with the body, which is compressed already.
async fn serve_body(packed: Bytes) -> Publisher {
    Publisher::serve(move |request| match request.path() {
        // The items of an index fail: three failures in a row end the run.
        path if path.len() > 1 => Reply::status(500),
        _ => Reply::json(packed.clone()).header("content-encoding", "gzip"),
    })
    .await
}

/// Returns the settings of the pods for fetching and extracting.
fn pod_settings() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/kubernetes/ocds-ingest.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    let mut settings = String::new();
    for section in ["fetch", "extract"] {
        for (key, value) in table[section].as_table().unwrap() {
            writeln!(
                settings,
                "{section}.{key} = {}",
                value.as_integer().unwrap()
            )
            .unwrap();
        }
    }
    settings
}

/// Joins entries with commas between a beginning and an end.
fn join_entries(
    begin: &str,
    entries: usize,
    end: &str,
    mut entry: impl FnMut(&mut String, usize),
) -> Vec<u8> {
    let mut text = begin.to_owned();
    for nth in 0..entries {
        if nth > 0 {
            text.push(',');
        }
        entry(&mut text, nth);
    }
    text.push_str(end);
    text.into_bytes()
}

fn repeat_entry(begin: &str, entries: usize, end: &str, entry: &str) -> Vec<u8> {
    join_entries(begin, entries, end, |text, _| text.push_str(entry))
}

fn repeat_release(entry: &str) -> Vec<u8> {
    repeat_entry(r#"{"releases":["#, MANY, "]}", entry)
}

fn number_entries(begin: &str, entries: usize, end: &str) -> Vec<u8> {
    join_entries(begin, entries, end, |text, nth| {
        write!(text, r#"{{"ocid":"a","id":"{nth}"}}"#).unwrap();
    })
}

/// Returns one release with a member.
fn release_with(member: &str) -> Vec<u8> {
    format!(r#"{{"releases":[{{"ocid":"a","id":"1",{member}}}]}}"#).into_bytes()
}

/// Returns one release of version 1.0, which lists its organisations where they act.
fn release_with_suppliers(count: usize) -> Vec<u8> {
    join_entries(
        r#"{"releases":[{"ocid":"a","id":"1","awards":[{"suppliers":["#,
        count,
        "]}]}]}",
        |text, nth| write!(text, r#"{{"name":"{nth}"}}"#).unwrap(),
    )
}

fn make_archive(members: usize, content: &[u8]) -> Vec<u8> {
    let members = (0..members).map(|nth| (format!("{nth}.json"), content));
    zip(&members.collect::<Vec<_>>())
}

/// The largest text, roughly, that fits into a pod.
const MAX_TEXT: usize = 30 << 20;

const TOO_MANY_ITEMS: &str = "a page of more than 250000 items, the limit of `fetch.max_items`";
const TOO_MANY_VALUES: &str = "extract.max_values is 250000";
const TOO_LARGE: &str = "larger than 33554432 bytes, the limit of `fetch.max_decoded_bytes`";

/// Returns bodies with very many items, or with entries that become items.
fn many_items() -> Vec<Bomb> {
    vec![
        bomb("a million {}", || repeat_release("{}"), 4, TOO_MANY_ITEMS).run_always(),
        bomb(
            "a million null",
            || repeat_release("null"),
            4,
            TOO_MANY_ITEMS,
        ),
        bomb("a million 0", || repeat_release("0"), 4, TOO_MANY_ITEMS),
        bomb(
            "a million \"\"",
            || repeat_release("\"\""),
            4,
            TOO_MANY_ITEMS,
        ),
        bomb("a million []", || repeat_release("[]"), 4, TOO_MANY_ITEMS),
        bomb(
            "240,000 tiny releases",
            || number_entries(r#"{"releases":["#, STORED, "]}"),
            0,
            "",
        )
        .run_always(),
        bomb(
            "a record of 240,000 tiny releases",
            || number_entries(r#"{"records":[{"ocid":"a","releases":["#, STORED, "]}]}"),
            0,
            "",
        ),
        bomb(
            "240,000 {}",
            || repeat_entry(r#"{"releases":["#, STORED, "]}", "{}"),
            5,
            "only the first 1000 of its 240000 rejects are kept",
        )
        .run_always(),
        bomb(
            "a million tiny releases",
            || number_entries(r#"{"releases":["#, MANY, "]}"),
            4,
            TOO_MANY_ITEMS,
        ),
        bomb(
            "a million times one release",
            || repeat_release(r#"{"ocid":"a","id":"1"}"#),
            4,
            TOO_MANY_ITEMS,
        ),
        bomb(
            "a million releases of one key",
            || {
                join_entries(r#"{"releases":["#, MANY, "]}", |text, nth| {
                    write!(text, r#"{{"ocid":"a","id":"1","x":{nth}}}"#).unwrap();
                })
            },
            4,
            TOO_MANY_ITEMS,
        )
        .run_always(),
        bomb(
            "a record of a million tiny releases",
            || number_entries(r#"{"records":[{"ocid":"a","releases":["#, MANY, "]}]}"),
            5,
            "",
        ),
        bomb(
            "a record of a million 0",
            || repeat_entry(r#"{"records":[{"ocid":"a","releases":["#, MANY, "]}]}", "0"),
            5,
            "",
        ),
        bomb(
            "records with a release and a compiled release",
            || {
                join_entries(r#"{"records":["#, 120_000, "]}", |text, nth| {
                    write!(
                        text,
                        r#"{{"ocid":"{nth}","releases":[{{"ocid":"{nth}","id":"1"}}],"compiledRelease":{{"ocid":"{nth}"}}}}"#
                    )
                    .unwrap();
                })
            },
            0,
            "",
        ),
        bomb(
            "packages on lines",
            || {
                let mut text = String::new();
                for nth in 0..700_000 {
                    writeln!(text, r#"{{"releases":[{{"ocid":"a","id":"{nth}"}}]}}"#).unwrap();
                }
                text.into_bytes()
            },
            4,
            TOO_MANY_ITEMS,
        )
        .run_always(),
        bomb(
            "packages without releases on lines",
            || "{\"releases\":[]}\n".repeat(MANY).into_bytes(),
            4,
            TOO_MANY_ITEMS,
        ),
        bomb(
            "broken documents on lines",
            || "{}\n".repeat(MANY).into_bytes(),
            4,
            TOO_MANY_ITEMS,
        ),
        bomb(
            "members of a zip file",
            || make_archive(9_000, &number_entries("[", 100, "]")),
            4,
            TOO_MANY_ITEMS,
        )
        .run_always(),
    ]
}

/// Returns bodies with one release, or an envelope, that takes much more memory than its size.
fn large_items() -> Vec<Bomb> {
    vec![
        bomb(
            "deep nesting",
            || {
                release_with(&format!(
                    "\"x\":{}{}",
                    "[".repeat(MAX_TEXT / 2),
                    "]".repeat(MAX_TEXT / 2)
                ))
            },
            5,
            "",
        ),
        bomb(
            "a title of 30 MB",
            || {
                release_with(&format!(
                    r#""tender":{{"title":"{}"}}"#,
                    "t".repeat(MAX_TEXT)
                ))
            },
            0,
            "",
        )
        .run_always(),
        bomb(
            "a key of 30 MB",
            || release_with(&format!("\"{}\":1", "k".repeat(MAX_TEXT))),
            0,
            "",
        ),
        bomb(
            "a million keys",
            || {
                join_entries(
                    r#"{"releases":[{"ocid":"a","id":"1","#,
                    MANY,
                    "}]}",
                    |text, nth| {
                        write!(text, "\"k{nth}\":1").unwrap();
                    },
                )
            },
            5,
            TOO_MANY_VALUES,
        ),
        bomb(
            "numbers",
            || {
                repeat_entry(
                    r#"{"releases":[{"ocid":"a","id":"1","x":["#,
                    MAX_TEXT / 2,
                    "]}]}",
                    "1",
                )
            },
            5,
            TOO_MANY_VALUES,
        ),
        bomb(
            "tags",
            || {
                repeat_entry(
                    r#"{"releases":[{"ocid":"a","id":"1","tag":["#,
                    MAX_TEXT / 4,
                    "]}]}",
                    "\"a\"",
                )
            },
            5,
            TOO_MANY_VALUES,
        ),
        bomb(
            "names of suppliers",
            || release_with_suppliers(1_500_000),
            5,
            TOO_MANY_VALUES,
        )
        .run_always(),
        // The upgrade from version 1.0 parses the release into a tree.
        bomb(
            "names of fewer suppliers",
            || release_with_suppliers(120_000),
            0,
            "",
        )
        .run_always(),
        bomb(
            "\\u0000",
            || release_with(&format!("\"x\":\"{}\"", r"\u0000".repeat(MAX_TEXT / 6))),
            5,
            "",
        ),
        bomb(
            "half surrogate pairs",
            || release_with(&format!("\"x\":\"{}\"", r"\ud83d".repeat(MAX_TEXT / 6))),
            5,
            "",
        ),
        bomb(
            "half surrogate pairs, repaired",
            || release_with(&format!("\"x\":\"{}\"", r"\ud83d".repeat(MAX_TEXT / 6))),
            0,
            "",
        )
        .run_always()
        .with_keys(r#"decode = { repair = ["lone-surrogate"] }"#),
        bomb(
            "values around the items",
            || repeat_entry(r#"{"releases":[],"x":["#, (4 << 20) / 2 - 100, "]}", "0"),
            0,
            "",
        )
        .run_always(),
        bomb(
            "latin-1",
            || {
                let mut body = release_with("\"x\":\"");
                body.truncate(body.len() - "}]}".len());
                body.extend(vec![0xE9; MAX_TEXT]);
                body.extend(b"\"}]}");
                body
            },
            4,
            TOO_LARGE,
        )
        .run_always()
        .with_keys(r#"decode = { charset = "latin1" }"#),
        bomb(
            "an index of a million entries",
            || {
                join_entries("[", MANY, "]", |text, nth| {
                    write!(text, "\"/{nth}\"").unwrap();
                })
            },
            3,
            "",
        )
        .with_keys(r#"detail = { each = "/*", url = "{item|raw}" }"#),
    ]
}

#[tokio::test]
async fn a_body_of_many_items_stays_within_a_pod() {
    check(many_items()).await;
}

#[tokio::test]
async fn a_large_item_stays_within_a_pod() {
    check(large_items()).await;
}

/// Checks that each page is read alone, and that pages keep their order.
#[tokio::test]
async fn pages_that_need_all_the_memory_are_read_one_by_one() {
    let sizes = [3_000, 1, 3_000, 3_000, 1, 1, 3_000, 1];
    let mut next = 0;
    let pages = sizes.map(|size| {
        next += size;
        (next - size..next).map(release).collect()
    });
    let publisher = Feed::number(pages.to_vec()).serve().await;
    let mut ingest = Ingest::new().await;
    ingest.configure("[fetch]\nahead_bytes = 1000000");
    ingest.declare(&publisher, &format!("{NUMBER}\nhttp.concurrency = 4"));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, next);
}

#[tokio::test]
#[ignore = "prints what a release build takes, in minutes"]
async fn measures_the_memory_of_every_body() {
    let only = std::env::var("BOMB").unwrap_or_default();
    println!(
        "body | wire | decoded | peak by default | in a pod | exit and stored by default | in a pod"
    );
    for bomb in many_items().into_iter().chain(large_items()) {
        if !bomb.what.contains(&only) {
            continue;
        }
        let by_default = bomb.run(Limits::Default).await;
        let pod = bomb.run(Limits::Pod).await;
        let [peak, pod_peak] = [&by_default, &pod].map(|outcome| outcome.peak >> 20);
        let ended = |it: &Outcome| format!("{:?}, {}", it.code, it.stored);
        println!(
            "{} | {} | {} | {peak} MiB | {pod_peak} MiB | {} | {}",
            bomb.what,
            pod.wire,
            pod.decoded,
            ended(&by_default),
            ended(&pod),
        );
    }
}
