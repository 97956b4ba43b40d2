//! Tests the source definitions in `config/sources`: each publisher gets the requests that it
//! expects, and its answers can be read.
//!
//! Each source has a file in `tests/it/catalogue`. It cites documentation of the publisher's API,
//! and lists requests with invented answers of the publisher's shape. The scripted publisher is
//! the HTTP proxy for all hosts. So each source keeps its hosts and the rules for them; only
//! encryption is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use futures::StreamExt as _;
use ocds_ingest::source::{Basis, Unit};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::harness::{Ingest, Running, repository_path};
use crate::publisher::{Publisher, Reply, Request, release, zip};

/// The number of feeds in the field's own collector, without those of one platform that has
/// ended, and the number of those that have an API.
const FEEDS: usize = 96;
const FEEDS_OF_APIS: usize = 59;

/// The content of a file in `tests/it/catalogue`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    kind: Kind,
    /// The URL of the documentation.
    cite: String,
    /// The dates to fetch, for a source with windows.
    from: Option<String>,
    until: Option<String>,
    /// The number of pages to fetch.
    #[serde(default = "two")]
    pages: u32,
    /// The environment of the program.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The number of releases on those pages.
    releases: u64,
    /// The requests and answers in their order.
    exchange: Vec<Exchange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Api,
    Bulk,
}

/// A request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// The method and the target. The order of the query parameters does not matter.
    request: String,
    /// The beginning of each required header value.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// JSON, which is compared by value, or any text.
    body: Option<String>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    answer: String,
    /// The members of an archive that is the answer instead.
    zip: Option<BTreeMap<String, String>>,
    charset: Option<String>,
}

fn two() -> u32 {
    2
}

fn ok() -> u16 {
    200
}

fn read_files(folder: &str) -> BTreeMap<String, String> {
    fs::read_dir(repository_path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn read_sources() -> BTreeMap<String, String> {
    read_files("config/sources")
}

fn read_cases() -> BTreeMap<String, Case> {
    let read = |(name, text): (String, String)| match toml::from_str(&text) {
        Ok(case) => (name, case),
        Err(error) => panic!("{name}: {error}"),
    };
    read_files("tests/it/catalogue")
        .into_iter()
        .map(read)
        .collect()
}

#[test]
fn every_source_has_a_description() {
    let declared = ocds_ingest::config::built_in_sources().unwrap();
    assert_eq!(declared.len(), read_sources().len());
    for (name, text) in read_sources() {
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
    let (sources, cases) = (read_sources(), read_cases());
    assert_eq!(
        names(sources.keys().collect()),
        names(cases.keys().collect())
    );
    for (name, case) in cases {
        assert!(case.cite.starts_with("https://"), "{name}: {}", case.cite);
        assert!(!case.exchange.is_empty(), "{name}: no exchange");
    }
}

#[test]
fn most_feeds_of_the_field_are_in_the_catalogue_and_the_rest_are_named() {
    let cases = read_cases();
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

/// The sources with windows by the month in which a notice was published or changed. Such a month
/// gets no more data after its end.
const BY_MONTH_OF_PUBLICATION: [&str; 5] = [
    "germany",
    "united-kingdom-scotland",
    "united-kingdom-wales",
    "uruguay-records",
    "uruguay-releases",
];

#[test]
fn a_source_by_month_or_year_of_processes_overlaps_by_a_year() {
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
async fn each_publisher_gets_the_requests_that_it_expects() {
    let (sources, cases) = (read_sources(), read_cases());
    let only = std::env::var("CATALOGUE").unwrap_or_default();
    let mut ingest = Ingest::new().await;
    let mut told = Vec::new();
    for (name, case) in cases {
        if !name.contains(&only) {
            continue;
        }
        let publisher = serve_exchanges(&case.exchange).await;
        ingest.configure(&declare_for_proxy(&sources[&name], &name));
        for (name, value) in &case.env {
            ingest.set_env(name, value);
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

/// The text that identified `peru-compras-api` when it picked more than agreements.
const OLDER_SCOPE: &str = r#"{"axis":{"agreement":{"page":{"mode":"none"},"pattern":"(?:^|¬)(\\d+)-[^¬¯^]*\\^","url":"https://www.catalogos.perucompras.gob.pe/ConsultaOrdenesPub/obtenerFiltros"}},"items":{"pointer":["/releases/*","/records/*","/*",""]},"query":{"pAcuerdo":"{axis.agreement}","pFechaFin":"{to}","pFechaIni":"{from}"},"url":"https://www.catalogos.perucompras.gob.pe/ConsultaOrdenesPub/DescargaJsonOCDS","window":{"basis":"event","from":"2017-01-01T00:00:00","zone":"America/Lima"}}"#;

#[tokio::test]
async fn a_narrower_pattern_keeps_the_watermark() {
    let ingest = Ingest::new().await;
    let name = "peru-compras-api";
    let older = format!(
        "insert into ocds.watermark (source, scope, reached, run_id, moved_at)
        values ('{name}', '{OLDER_SCOPE}', now(), 1, now())"
    );
    ingest.execute(&older).await;
    ingest.execute_migration("peru_compras_watermark").await;
    let sources = ocds_ingest::config::built_in_sources().unwrap();
    let scope = "select scope from ocds.watermark";
    assert_eq!(ingest.value(scope).await, sources[name].scope());
}

/// Starts a publisher that gives the nth answer to the nth request.
async fn serve_exchanges(exchanges: &[Exchange]) -> Publisher {
    let publisher = Publisher::serve(|_| Reply::status(500)).await;
    let answers: Vec<Reply> = exchanges.iter().map(Exchange::reply).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    publisher.set_script(move |_| {
        let nth = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        // 410 is not retried, so it differs from every planned answer.
        answers.get(nth).cloned().unwrap_or(Reply::status(410))
    });
    publisher
}

/// Returns what is wrong with the requests, and with what was stored.
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
    let ran = Running::new(command.spawn().unwrap()).wait().await;
    let mut wrong = String::new();
    let asked = publisher.requests();
    for (nth, exchange) in case.exchange.iter().enumerate() {
        match asked.get(nth) {
            None => writeln!(wrong, "never asked {}", exchange.request).unwrap(),
            Some(asked) => wrong.push_str(&exchange.find_difference(asked).unwrap_or_default()),
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
    // no answer of a publisher's shape may look like one of several pages if it is not
    if ran.stderr.contains(" WARN ") {
        wrong.push_str("warned\n");
    }
    if wrong.is_empty() {
        return None;
    }
    wrong.push_str(&ran.stderr);
    Some(wrong)
}

impl Exchange {
    fn reply(&self) -> Reply {
        let fill = |text: &str| fill_placeholders(&replace_https(text));
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
            // The cases use only letters that have the same number in Unicode.
            Some("windows-1252") => body.chars().map(|c| u8::try_from(c).unwrap()).collect(),
            Some(charset) => panic!("{charset} is not known here"),
            None => body.into_bytes(),
        };
        reply.header("content-type", media_type).body(body)
    }

    /// Returns how a request differs from the expected one.
    fn find_difference(&self, asked: &Request) -> Option<String> {
        let mut wrong = String::new();
        let Some(path) = asked.target.strip_prefix("http://").and_then(strip_host) else {
            return Some(format!("asked {}, and not by the proxy\n", asked.target));
        };
        let was = format!("{} {path}", asked.method);
        if decode_request(&self.request) != decode_request(&was) {
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

/// Returns what follows the host.
fn strip_host(target: &str) -> Option<&str> {
    Some(&target[target.find('/')?..])
}

/// Returns the method and path, and the decoded query parameters in sorted order.
fn decode_request(request: &str) -> (&str, Vec<(String, String)>) {
    let (path, query) = request.split_once('?').unwrap_or((request, ""));
    let mut pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    pairs.sort();
    (path, pairs)
}

/// Returns a source's table as configuration for a proxy. It has no encryption, so that the proxy
/// can read the requests, and no rate limits.
fn declare_for_proxy(source: &str, name: &str) -> String {
    let source = replace_https(source);
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

/// Replaces https by http in all URLs, so that the proxy can read the requests.
fn replace_https(text: &str) -> String {
    text.replace("https://", "http://")
}

/// Replaces `$release1` and `$record1` by a release, and by a record that contains it.
fn fill_placeholders(text: &str) -> String {
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
