//! The catalogue of `config/sources`: that each publisher is asked what it
//! expects to be asked, and that what it answers in its own dialect is read.
//!
//! A file of `tests/it/catalogue` stands beside each source. It cites where the
//! expectation is from, and tells a conversation: what is asked, and an invented
//! answer of the shape of the publisher's. The scripted publisher is the proxy that the
//! program asks all hosts through. So each source keeps its hosts, and the rules for
//! them are those that hold for its users; only the encryption is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use futures::StreamExt as _;
use ocds_ingest::source::{Basis, Unit};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::harness::{Ingest, Running};
use crate::publisher::{Publisher, Reply, Request, release, zip};

/// How many feeds the field's own collector has, of those that are not one
/// platform that has ended: all of them, and those that are asked of an API.
const FEEDS: usize = 96;
const FEEDS_OF_APIS: usize = 59;

/// What a file of `tests/it/catalogue` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    kind: Kind,
    /// Where it can be read that the publisher is asked so.
    cite: String,
    /// The dates that are asked for, of a source with windows.
    from: Option<String>,
    until: Option<String>,
    /// How many pages are fetched.
    #[serde(default = "two")]
    pages: u32,
    /// The program's environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// How many releases those pages have.
    releases: u64,
    /// What is asked and answered, in order.
    exchange: Vec<Exchange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Api,
    Bulk,
}

/// A request, and what it is answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// The method and the target; the order of the query does not count.
    request: String,
    /// How headers begin.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// JSON, compared as such, or any text.
    body: Option<String>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    answer: String,
    /// The members of an archive, answered instead.
    zip: Option<BTreeMap<String, String>>,
    charset: Option<String>,
}

fn two() -> u32 {
    2
}

fn ok() -> u16 {
    200
}

fn files(folder: &str) -> BTreeMap<String, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn sources() -> BTreeMap<String, String> {
    files("config/sources")
}

fn cases() -> BTreeMap<String, Case> {
    let read = |(name, text): (String, String)| match toml::from_str(&text) {
        Ok(case) => (name, case),
        Err(error) => panic!("{name}: {error}"),
    };
    files("tests/it/catalogue").into_iter().map(read).collect()
}

#[test]
fn every_source_tells_people_what_it_is() {
    let declared = ocds_ingest::config::built_in_sources().unwrap();
    assert_eq!(declared.len(), sources().len());
    for (name, text) in sources() {
        let source = &declared[&name];
        assert!(text.starts_with("# "), "{name}: a comment");
        for (key, value) in [
            ("publisher", &source.publisher),
            ("country", &source.country),
            ("landing_page", &source.landing_page),
        ] {
            assert!(!value.is_empty(), "{name}: {key}");
        }
        assert!(source.landing_page.starts_with("http"), "{name}");
    }
}

#[test]
fn every_source_has_a_case_and_every_case_a_source() {
    let names = |of: Vec<&String>| of.into_iter().cloned().collect::<BTreeSet<_>>();
    let (sources, cases) = (sources(), cases());
    assert_eq!(
        names(sources.keys().collect()),
        names(cases.keys().collect())
    );
    for (name, case) in cases {
        assert!(case.cite.starts_with("https://"), "{name}: {}", case.cite);
        assert!(!case.exchange.is_empty(), "{name}: what is asked");
    }
}

#[test]
fn most_feeds_of_the_field_are_in_the_catalogue_and_the_rest_are_named() {
    let cases = cases();
    let of_apis = cases.values().filter(|case| case.kind == Kind::Api).count();
    assert_eq!((cases.len(), of_apis), (94, 59));
    assert!(of_apis <= FEEDS_OF_APIS);

    let readme = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/sources/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    let without: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(cases.len() + without.len(), FEEDS, "{without:?}");
    for name in without {
        assert!(!cases.contains_key(name), "{name} is both in and out");
    }
}

/// Those that are asked for by the month that a notice was published or changed in,
/// which is over with the month.
const BY_MONTH_OF_PUBLICATION: [&str; 5] = [
    "germany",
    "united-kingdom-scotland",
    "united-kingdom-wales",
    "uruguay-records",
    "uruguay-releases",
];

#[test]
fn a_source_by_the_month_or_year_of_processes_goes_back_for_a_year() {
    for (name, source) in ocds_ingest::config::built_in_sources().unwrap() {
        let Some(window) = &source.window else {
            continue;
        };
        let is_by_publication = BY_MONTH_OF_PUBLICATION.contains(&name.as_str());
        if source.window_unit() < Unit::Month || window.until.is_some() || is_by_publication {
            continue;
        }
        let overlap = window.overlap.0;
        let months = i32::from(overlap.get_years()) * 12 + overlap.get_months();
        assert_eq!(window.basis, Basis::Event, "{name}");
        assert!(months >= 12, "{name}: {overlap}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_publisher_is_asked_what_it_expects() {
    let (sources, cases) = (sources(), cases());
    let only = std::env::var("CATALOGUE").unwrap_or_default();
    let mut ingest = Ingest::new().await;
    let mut told = Vec::new();
    for (name, case) in cases {
        if !name.contains(&only) {
            continue;
        }
        let publisher = converse(&case.exchange).await;
        ingest.configure(&declaration(&sources[&name], &name));
        for (name, value) in &case.env {
            ingest.set(name, value);
        }
        told.push((name, case, publisher));
    }
    let ingest = &ingest;
    let wrong = futures::stream::iter(told)
        .map(async |(name, case, publisher)| {
            let wrong = compare(ingest, &name, &case, &publisher).await?;
            Some(format!("{name} ({}): {wrong}", case.cite))
        })
        .buffer_unordered(4)
        .filter_map(std::future::ready);
    let wrong: Vec<String> = wrong.collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A publisher that answers the nth request with the nth answer.
async fn converse(exchanges: &[Exchange]) -> Publisher {
    let publisher = Publisher::serve(|_| Reply::status(500)).await;
    let answers: Vec<Reply> = exchanges.iter().map(Exchange::reply).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    publisher.turn(move |_| {
        let nth = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        // not tried again, and so told from what was to be asked
        answers.get(nth).cloned().unwrap_or(Reply::status(410))
    });
    publisher
}

/// What is wrong with how the publisher was asked, and with what was read.
async fn compare(
    ingest: &Ingest,
    name: &str,
    case: &Case,
    publisher: &Publisher,
) -> Option<String> {
    let pages = case.pages.to_string();
    let mut arguments = vec!["run", name, "--json", "--max-pages", &pages];
    for (option, date) in [("--from", &case.from), ("--until", &case.until)] {
        if let Some(date) = date {
            arguments.extend([option, date]);
        }
    }
    let mut command = ingest.command(&arguments);
    command.env("http_proxy", publisher.url(""));
    let ran = Running::of(command.spawn().unwrap()).end().await;
    let mut wrong = String::new();
    let asked = publisher.requests();
    for (nth, exchange) in case.exchange.iter().enumerate() {
        match asked.get(nth) {
            None => writeln!(wrong, "never asked {}", exchange.request).unwrap(),
            Some(asked) => wrong.push_str(&exchange.differs(asked).unwrap_or_default()),
        }
    }
    for more in asked.iter().skip(case.exchange.len()) {
        writeln!(wrong, "asked {} {} too", more.method, more.target).unwrap();
    }
    let releases = match ran.code {
        Some(0) => ran.report()["releases"].as_u64(),
        _ => None,
    };
    if releases != Some(case.releases) {
        writeln!(wrong, "{releases:?} releases: {}", ran.text()).unwrap();
    }
    if wrong.is_empty() {
        return None;
    }
    wrong.push_str(&ran.stderr);
    Some(wrong)
}

impl Exchange {
    fn reply(&self) -> Reply {
        let fill = |text: &str| filled(&unencrypted(text));
        let reply = Reply::status(self.status);
        if let Some(members) = &self.zip {
            let members = members.iter().map(|(name, text)| (name, fill(text)));
            let body = zip(&members.collect::<Vec<_>>());
            return reply.header("content-type", "application/zip").body(body);
        }
        let body = fill(self.answer.trim_start());
        let media_type = match body.get(..1) {
            _ if body.starts_with("<?xml") => "application/rss+xml; charset=utf-8",
            Some("<") => "text/html; charset=utf-8",
            Some("{" | "[") => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        let body = match self.charset.as_deref() {
            // each letter of it that the cases have is the same in Unicode
            Some("windows-1252") => body.chars().map(|c| u8::try_from(c).unwrap()).collect(),
            Some(charset) => panic!("{charset} is not known here"),
            None => body.into_bytes(),
        };
        reply.header("content-type", media_type).body(body)
    }

    /// What is different about a request.
    fn differs(&self, asked: &Request) -> Option<String> {
        let mut wrong = String::new();
        let Some(path) = asked.target.strip_prefix("http://").and_then(path) else {
            return Some(format!("asked {}, and not by the proxy\n", asked.target));
        };
        let was = format!("{} {path}", asked.method);
        if decoded(&self.request) != decoded(&was) {
            writeln!(wrong, "asked {was} for {}", self.request).unwrap();
        }
        for (name, value) in &self.headers {
            let sent = asked.header(name).unwrap_or_default();
            if !sent.starts_with(value.as_str()) {
                writeln!(wrong, "{was}: sent {name} {sent:?} for {value:?}").unwrap();
            }
        }
        if let Some(body) = &self.body {
            let json = |text: &str| serde_json::from_str::<Value>(text).ok();
            if asked.body != *body && json(&asked.body).is_none_or(|it| Some(it) != json(body)) {
                writeln!(wrong, "{was}: sent {} for {body}", asked.body).unwrap();
            }
        }
        (!wrong.is_empty()).then_some(wrong)
    }
}

/// What follows the host.
fn path(target: &str) -> Option<&str> {
    Some(&target[target.find('/')?..])
}

/// Method and path, and the decoded pairs of the query in some order.
fn decoded(request: &str) -> (&str, Vec<(String, String)>) {
    let (path, query) = request.split_once('?').unwrap_or((request, ""));
    let mut pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    pairs.sort();
    (path, pairs)
}

/// A source's table, as part of a configuration, for a proxy that can read what is asked
/// and without what makes requests wait for each other.
fn declaration(source: &str, name: &str) -> String {
    let source = unencrypted(source);
    let text = [
        (r"(?m)^(\[+)", format!("${{1}}sources.{name}.")),
        (r#"\brate = "[^"]+""#, r#"rate = "1000/s""#.into()),
        (r#"\bretry_wait = "[^"]+""#, r#"retry_wait = "1s""#.into()),
        (r"\bconcurrency = \d+", "concurrency = 1".into()),
    ]
    .into_iter()
    .fold(source, |text, (pattern, with)| {
        let pattern = Regex::new(pattern).unwrap();
        pattern.replace_all(&text, with).into_owned()
    });
    format!("[sources.{name}]\n{text}")
}

/// A text whose URLs are all http, and so can be read by a proxy.
fn unencrypted(text: &str) -> String {
    text.replace("https://", "http://")
}

/// `$release1` and `$record1` are a release, and a record that has it.
fn filled(text: &str) -> String {
    let item = Regex::new(r"\$(release|record)(\d+)").unwrap();
    let filled = item.replace_all(text, |found: &regex::Captures<'_>| {
        let number: usize = found[2].parse().unwrap();
        let release = release(number);
        match &found[1] {
            "release" => release,
            _ => format!(r#"{{"ocid":"ocds-213czf-{number}","releases":[{release}]}}"#),
        }
    });
    filled.into_owned()
}
