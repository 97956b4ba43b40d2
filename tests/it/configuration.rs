//! Tests the configuration: every documented key exists, precedence is as documented, and a
//! mistake is named by its file and key.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use ocds_ingest::config::{self, Config, Environment, Overrides};
use ocds_ingest::error::{Error, Kind};
use ocds_ingest::source::{
    Auth, Condition, Decode, Detail, Http, Index, Pagination, Repair, SkipErrors, Source,
    SplitWhen, Window,
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::value::Error as Nothing;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use tempfile::TempDir;

use crate::harness::{Ingest, read_repository_file, repository_path};

const DOCUMENTED: &str = "config/ocds-ingest.toml";
const TEMPLATE: &str = "config/sources/template.toml.example";

/// Configuration files in a directory of their own. Later ones override earlier ones.
struct Files {
    directory: TempDir,
    paths: Vec<PathBuf>,
}

impl Files {
    fn new(texts: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let paths = texts
            .iter()
            .enumerate()
            .map(|(place, text)| {
                let path = directory.path().join(format!("{place}.toml"));
                fs::write(&path, text).unwrap();
                path
            })
            .collect();
        Self { directory, paths }
    }

    fn load(&self, environment: &[(&str, &str)]) -> Result<Config, Error> {
        let overrides = Overrides {
            files: self.paths.clone(),
            database_url: None,
        };
        config::load_from(&overrides, &variables(environment))
    }
}

fn variables(environment: &[(&str, &str)]) -> Environment {
    environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Loads the configuration from one file and an environment.
fn load(text: &str, environment: &[(&str, &str)]) -> Config {
    Files::new(&[text])
        .load(environment)
        .unwrap_or_else(|e| panic!("{}", e.chain()))
}

/// Checks that a file is refused with a message that names it and contains `words`.
fn expect_refused(text: &str, words: &[&str]) {
    let error = Files::new(&[text]).load(&[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    let sentence = error.chain();
    for word in ["0.toml"].iter().chain(words) {
        assert!(sentence.contains(word), "{word:?} is not in: {sentence}");
    }
}

fn url(config: &Config) -> &str {
    config.database.url.expose_secret()
}

/// Returns the keys that a type accepts. A type that is read from a table passes its keys to the
/// deserializer; this one records them and returns nothing.
fn read_keys<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
    let mut keys = None;
    let read = T::deserialize(KeyRecorder(&mut keys));
    assert!(read.is_err(), "the deserializer has no values");
    let keys = keys.expect("a type that is read from a table");
    keys.iter().map(|key| (*key).to_owned()).collect()
}

struct KeyRecorder<'k>(&'k mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for KeyRecorder<'_> {
    type Error = Nothing;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Nothing> {
        *self.0 = Some(fields);
        Err(Nothing::custom("nothing to read"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Nothing> {
        Err(Nothing::custom("nothing to read"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// A key in a commented file, and its line.
struct Documented {
    /// The table of the key: empty, or a name such as `sink`.
    table: String,
    key: String,
    /// The line without the `#` that comments it out.
    line: String,
    commented_out: bool,
    explained: bool,
}

/// Returns the keys of a commented file. In it, `#key = value` and `#[table]` are commented out,
/// and `# words` are prose.
fn parse_documented(text: &str) -> Vec<Documented> {
    let mut table = String::new();
    let mut keys = Vec::new();
    let mut above = "";
    for line in text.lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = bare.strip_prefix('[') {
            table = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = bare.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        {
            keys.push(Documented {
                table: table.clone(),
                key: key.to_owned(),
                line: bare.to_owned(),
                commented_out: line.starts_with('#'),
                explained: above.starts_with("# "),
            });
        }
        above = line;
    }
    keys
}

fn read_sections() -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for section in read_keys::<Config>() {
        let keys = match section.as_str() {
            "database" => read_keys::<config::Database>(),
            "fetch" => read_keys::<config::Fetch>(),
            "extract" => read_keys::<config::Extract>(),
            "sink" => read_keys::<config::Sink>(),
            "compile" => read_keys::<config::Compile>(),
            "lease" => read_keys::<config::Lease>(),
            "ledger" => read_keys::<config::Ledger>(),
            "shutdown" => read_keys::<config::Shutdown>(),
            // The template of a source documents this table.
            "sources" => continue,
            other => panic!("the section {other} is not looked at here"),
        };
        all.extend(keys.into_iter().map(|key| (section.clone(), key)));
    }
    all
}

#[test]
fn an_error_does_not_quote_a_misplaced_value() {
    for (text, expected) in [
        ("[sink]\nmethod = \"s3cret\"", "`row`, `upsert`, `copy`"),
        ("[sink]\nworkers = \"s3cret\"", "usize"),
    ] {
        let error = Files::new(&[text]).load(&[]).unwrap_err().chain();
        assert!(
            error.contains("sink.") && !error.contains("s3cret"),
            "{error}"
        );
        assert!(
            expected.split(", ").all(|word| error.contains(word)),
            "{error}"
        );
    }
}

#[test]
fn every_key_is_documented_once_and_explained() {
    let documented = parse_documented(&read_repository_file(DOCUMENTED));
    for key in &documented {
        assert!(key.explained, "no comment above {}", key.line);
    }
    let count = documented.len();
    let named: BTreeSet<_> = documented.into_iter().map(|d| (d.table, d.key)).collect();
    assert_eq!(named, read_sections());
    assert_eq!(count, named.len());
}

#[test]
fn every_documented_value_is_the_default() {
    let (documented_config, default) =
        (load(&read_repository_file(DOCUMENTED), &[]), load("", &[]));
    assert_eq!(format!("{documented_config:#?}"), format!("{default:#?}"));
    assert_eq!(url(&documented_config), url(&default));
    // A key may be missing in the file only if it has no default.
    let default = format!("{default:#?}");
    for key in parse_documented(&read_repository_file(DOCUMENTED))
        .iter()
        .filter(|d| d.commented_out)
    {
        let none = format!("{}: None,", key.key);
        assert!(default.contains(&none), "{} has a default", key.key);
    }
}

#[test]
fn every_commented_key_of_the_documented_file_can_be_uncommented() {
    for key in parse_documented(&read_repository_file(DOCUMENTED))
        .iter()
        .filter(|d| d.commented_out)
    {
        let text = format!("[{}]\n{}\n", key.table, key.line);
        toml::from_str::<Config>(&text).unwrap_or_else(|e| panic!("{}: {e}", key.line));
    }
}

#[test]
fn the_template_names_every_key_of_a_source() {
    let template = parse_documented(&read_repository_file(TEMPLATE));
    let of = |table: &str| -> BTreeSet<String> {
        let keys = template.iter().filter(|d| d.table == table);
        keys.map(|d| d.key.clone()).collect()
    };
    // `http` is a table of the template, and `page` is a table on each of its lines.
    let mut source = of("");
    source.insert("http".into());
    assert_eq!(source, read_keys::<Source>());
    assert_eq!(of("http"), read_keys::<Http>());
    // Reads the keys of all inline tables of a key.
    let tables = |key: &str| -> Vec<toml::Table> {
        let lines = template.iter().filter(|d| d.key == key);
        let table = |d: &Documented| {
            d.line.parse::<toml::Table>().unwrap()[key]
                .as_table()
                .cloned()
        };
        // An array there has no keys.
        lines.filter_map(table).collect()
    };
    let names = |tables: &[toml::Table]| -> BTreeSet<String> {
        tables.iter().flat_map(toml::Table::keys).cloned().collect()
    };
    let within = |tables: Vec<toml::Table>| -> Vec<toml::Table> {
        let values = tables.into_iter().flatten().map(|(_, value)| value);
        values
            .filter_map(|value| value.as_table().cloned())
            .collect()
    };
    assert_eq!(names(&tables("page")), read_keys::<Pagination>());
    assert_eq!(names(&tables("window")), read_keys::<Window>());
    assert_eq!(names(&within(tables("window"))), read_keys::<SplitWhen>());
    assert_eq!(names(&tables("detail")), read_keys::<Detail>());
    assert_eq!(names(&within(tables("axis"))), read_keys::<Index>());
    assert_eq!(names(&tables("decode")), read_keys::<Decode>());
    assert_eq!(names(&tables("auth")), read_keys::<Auth>());
    assert_eq!(names(&tables("fail_if")), read_keys::<Condition>());
    assert_eq!(names(&tables("skip_errors")), read_keys::<SkipErrors>());
    // The comment above them lists each repair.
    let text = read_repository_file(TEMPLATE);
    for repair in Repair::ALL {
        assert!(text.contains(repair.as_str()), "{repair:?}");
    }
}

/// A source that declares every key that can be combined with the others.
const COMPLETE_SOURCE: &str = r#"
publisher = "Office of Invented Tenders"
country = "Nowhere"
licence = "CC0 1.0"
landing_page = "https://tenders.example/about"
retired = "2024-12-31"
url = "https://tenders.example/api/{axis.kind}/{axis.file}"
query = { key = "{env.TENDERS_KEY}" }
method = "POST"
body = { json = { page = "{page}", since = "{from}", buyers = ["{axis.buyer}"] } }
items = { pointer = ["/data/*", ""], kind = "release_package", version = "1.0", compiled = true, ocid_from_id = '^(.+)-' }
overwrite = "newer"
compile = { rule = "latest", absent = "drop" }
zone = "Europe/London"
auth = { mode = "token", url = "https://login.example/", headers = { X-App = "hidden" }, body = "k=hidden", pointer = "/token", scheme = "Bearer", refresh = "13m" }
decode = { repair = ["nul", "exponent"], charset = "iso-8859-1", container = "lines", members = { matching = "json$", except = "^old/" } }
page = { mode = "number", start = 0, total_items = "/meta/total", size = 100 }

[window]
from = "2015-01"
until = "2020"
format = "%Y-%m"
zone = "America/Lima"
step = "1mo"
order = "descending"
basis = "event"
overlap = "1y"
ahead = "7d"
split_when = { items = 10000, total = "/meta/count", status = [400, 413], smallest = "1h" }

[axis]
kind = ["tender", "award"]
buyer = { url = "https://tenders.example/buyers", method = "POST", body = { form = { all = "yes" } }, page = { mode = "link", pointer = "/next", size = 50, stop = "repeated" }, each = "/buyers/*", value = "/id", only = { "/active" = "yes" }, containing = { "/id" = "b" }, matching = "^b", except = "old" }
file = { url = "https://tenders.example/files/{axis.kind}", pattern = 'href="([^"]+)"' }

[detail]
each = "/data/*"
value = "/ocid"
only = { "/state" = "public", "/year" = "2024" }
containing = { "/title" = "ocds" }
matching = "^ocds"
except = "draft"
url = "https://tenders.example/api/{item}"
method = "POST"
body = { json = { id = "{item}" } }
together = 20
rate = "5/s"
concurrency = 2

[http]
rate = "12/120s"
concurrency = 4
timeout = "10m"
retry_status = [403, 409]
empty_status = [404]
retry_wait = "5m"
retry_max = 10
empty_if = { pointer = "/status", equals = 204 }
fail_if = { pointer = "/status", min = 400 }
error_members = ["problem"]
reject_content_type = ["text/html"]
redirects = false
conditional = false
accept_short_archive = true
cookies = true
version = "1.1"
headers = { X-Key = "{env.TENDERS_KEY}" }
user_agent = "a robot"
allow_hosts = ["archive.tenders.example", "files.example"]
"#;

/// The output of `source show` for it.
const COMPLETE_SOURCE_SHOWN: &str = r#"
source                      whole
declared in                 the configuration
publisher                   Office of Invented Tenders
country                     Nowhere
licence                     CC0 1.0
landing_page                https://tenders.example/about
retired                     2024-12-31
url                         https://tenders.example/api/{axis.kind}/{axis.file}
method                      POST
query.key                   {env.TENDERS_KEY}
body.json                   {"buyers":["{axis.buyer}"],"page":"{page}","since":"{from}"}
page.mode                   number
page.size                   100
page.start                  0
page.total_items            /meta/total
window.ahead                7d
window.basis                event
window.format               %Y-%m
window.from                 2015-01-01T00:00:00
window.order                descending
window.overlap              1y
window.split_when.items     10000
window.split_when.smallest  1h
window.split_when.status    400, 413
window.split_when.total     /meta/count
window.step                 1mo
window.until                2020-01-01T00:00:00
window.zone                 America/Lima
axis.buyer.body.form.all    yes
axis.buyer.containing./id   b
axis.buyer.each             /buyers/*
axis.buyer.except           old
axis.buyer.matching         ^b
axis.buyer.method           POST
axis.buyer.only./active     yes
axis.buyer.page.mode        link
axis.buyer.page.pointer     /next
axis.buyer.page.size        50
axis.buyer.page.stop        repeated
axis.buyer.url              https://tenders.example/buyers
axis.buyer.value            /id
axis.file.page.mode         none
axis.file.pattern           href="([^"]+)"
axis.file.url               https://tenders.example/files/{axis.kind}
axis.kind                   tender, award
detail.body.json            {"id":"{item}"}
detail.concurrency          2
detail.containing./title    ocds
detail.each                 /data/*
detail.except               draft
detail.matching             ^ocds
detail.method               POST
detail.only./state          public
detail.only./year           2024
detail.rate                 5/1s
detail.together             20
detail.url                  https://tenders.example/api/{item}
detail.value                /ocid
items.compiled              true
items.kind                  release_package
items.ocid_from_id          ^(.+)-
items.pointer               /data/*, ""
items.version               1.0
overwrite                   newer
compile.absent              drop
compile.rule                latest
decode.charset              windows-1252
decode.container            lines
decode.members.except       ^old/
decode.members.matching     json$
decode.repair               nul, exponent
zone                        Europe/London
auth.body                   (not shown)
auth.headers                X-App
auth.method                 POST
auth.mode                   token
auth.pointer                /token
auth.refresh                13m
auth.scheme                 Bearer
auth.url                    https://login.example/
http.accept_short_archive   true
http.allow_hosts            archive.tenders.example, files.example
http.concurrency            4
http.conditional            false
http.cookies                true
http.empty_if               /status is 204
http.empty_status           404
http.error_members          problem
http.fail_if                /status is at least 400
http.headers.X-Key          {env.TENDERS_KEY}
http.rate                   12/120s
http.redirects              false
http.reject_content_type    text/html
http.retry_max              10
http.retry_status           403, 409
http.retry_wait             5m
http.timeout                10m
http.user_agent             a robot
http.version                1.1
"#;

#[tokio::test]
async fn a_source_is_shown_completely_and_without_secrets() {
    let mut ingest = Ingest::new().await;
    ingest.configure(
        &COMPLETE_SOURCE
            .replace("\n[", "\n[sources.whole.")
            .replacen('\n', "\n[sources.whole]\n", 1),
    );
    let shown = ingest
        .call(&["sources", "show", "whole"])
        .await
        .expect(0)
        .text();
    assert_eq!(shown.trim_end(), COMPLETE_SOURCE_SHOWN.trim());
}

#[test]
fn the_shown_source_declares_every_key() {
    let whole: toml::Table = COMPLETE_SOURCE.parse().unwrap();
    let names = |tables: &[&str]| -> BTreeSet<String> {
        let of = |path: &str| {
            let mut keys = path.split('.');
            let first = &whole[keys.next().unwrap()];
            let table = keys.fold(first, |table, key| &table[key]);
            table
                .as_table()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        tables.iter().flat_map(|path| of(path)).collect()
    };
    assert_eq!(
        whole.keys().cloned().collect::<BTreeSet<_>>(),
        read_keys::<Source>()
    );
    assert_eq!(names(&["window"]), read_keys::<Window>());
    assert_eq!(names(&["window.split_when"]), read_keys::<SplitWhen>());
    let mut http = names(&["http"]);
    // It cannot be combined with windows.
    http.insert("skip_errors".into());
    assert_eq!(http, read_keys::<Http>());
    assert_eq!(names(&["decode"]), read_keys::<Decode>());
    assert_eq!(names(&["axis.buyer", "axis.file"]), read_keys::<Index>());
    let mut detail = names(&["detail"]);
    // `pattern` replaces `each`.
    detail.insert("pattern".into());
    assert_eq!(detail, read_keys::<Detail>());
}

#[test]
fn the_template_is_valid_with_each_of_its_lines() {
    let text = read_repository_file(TEMPLATE);
    toml::from_str::<Source>(&text).unwrap();
    let template = parse_documented(&text);
    let required = &template.iter().find(|d| !d.commented_out).unwrap().line;
    for key in template.iter().filter(|d| d.commented_out) {
        let text = match key.table.as_str() {
            "" => format!("{required}\n{}", key.line),
            table => format!("{required}\n[{table}]\n{}", key.line),
        };
        toml::from_str::<Source>(&text).unwrap_or_else(|e| panic!("{}: {e}", key.line));
    }
}

#[test]
fn every_built_in_source_is_valid_and_the_template_is_not_one() {
    let sources = config::built_in_sources().unwrap();
    let files = fs::read_dir(repository_path("config/sources")).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|file| Some(file.strip_suffix(".toml")?.to_owned()))
        .collect();
    assert!(files.contains("find-a-tender"));
    assert_eq!(sources.into_keys().collect::<BTreeSet<_>>(), files);
}

#[test]
fn an_unknown_key_is_named_with_its_file() {
    expect_refused("[sink]\nworker = 3\n", &["sink", "worker"]);
    expect_refused("[sinks]\n", &["sinks"]);
    expect_refused(
        "[sources.town]\nurl = \"https://town.example\"\npages = 3\n",
        &["sources.town", "pages"],
    );
    expect_refused(
        "[sources.town]\nurl = \"https://town.example\"\nhttp = { rates = \"5/s\" }\n",
        &["sources.town.http", "rates"],
    );
}

#[test]
fn an_invalid_value_is_named_with_its_file() {
    expect_refused("[sink]\nworkers = \"two\"\n", &["`sink.workers`"]);
    expect_refused("[fetch]\npage_timeout = 5\n", &["`fetch.page_timeout`"]);
    expect_refused(
        "[fetch]\npage_timeout = \"soon\"\n",
        &["`fetch.page_timeout`"],
    );
    expect_refused("[sink]\nmethod = \"merge\"\n", &["`sink.method`", "upsert"]);
    expect_refused(
        "[sources.town]\nzone = \"UTC\"\n",
        &["`sources.town`", "url"],
    );
    for (key, value) in [
        ("zone", "\"Atlantis\""),
        ("items", "[\"releases\"]"),
        ("items", "{ kind = \"tender\" }"),
        ("items", "{ shape = \"/*\" }"),
        ("decode", "{ repair = [\"everything\"] }"),
        ("page", "{ mode = \"link\" }"),
        ("auth", "{ mode = \"basic\", user = \"me\" }"),
        ("auth", "{ mode = \"oauth2\", pointer = \"/x\" }"),
        ("decode", "{ charset = \"klingon\" }"),
        ("decode", "{ container = \"rar\" }"),
        ("page", "{ mode = \"none\", size = 5 }"),
    ] {
        let text = format!("[sources.town]\nurl = \"https://town.example\"\n{key} = {value}\n");
        expect_refused(&text, &[&format!("`sources.town.{key}")]);
    }
}

#[test]
fn a_file_that_is_not_toml_is_named_and_not_quoted() {
    let text = "[database]\nurl = \"postgresql://me:hunter2@server/database\n";
    expect_refused(text, &["line 2"]);
    let error = Files::new(&[text]).load(&[]).unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_missing_file_is_named() {
    let mut files = Files::new(&[]);
    files.paths.push(files.directory.path().join("absent.toml"));
    let error = files.load(&[]).unwrap_err();
    assert!(error.chain().contains("absent.toml"), "{error:?}");
}

#[test]
fn contradictory_values_are_named() {
    for (text, key) in [
        ("[database]\nurl = \"\"", "database.url"),
        ("[sink]\nworkers = 0", "sink.workers"),
        ("[sink]\nbatch_size = 0", "sink.batch_size"),
        ("[sink]\nmax_bad_ratio = 15", "sink.max_bad_ratio"),
        ("[fetch]\nattempts = 0", "fetch.attempts"),
        ("[fetch]\nahead = 1", "fetch.ahead"),
        (
            "[fetch]\nread_timeout = \"9000000000000s\"",
            "fetch.read_timeout",
        ),
        ("[lease]\nheartbeat = \"50s\"", "lease.heartbeat"),
        (
            "[database]\nidle_in_transaction_timeout = \"5m\"",
            "database.idle_in_transaction_timeout",
        ),
        (
            "[sources.town]\nurl = \"https://town.example\"\nhttp = { concurrency = 0 }",
            "sources.town.http.concurrency",
        ),
    ] {
        let error = Files::new(&[text]).load(&[]).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.chain().contains(key), "{text}: {error:?}");
    }
}

#[test]
fn a_later_file_overrides_an_earlier_one_key_by_key() {
    let files = Files::new(&[
        "[sink]\nworkers = 3\nbatch_size = 50\n",
        "[sink]\nworkers = 4\n",
    ]);
    let sink = files.load(&[]).unwrap().sink;
    assert_eq!((sink.workers, sink.batch_size), (4, 50));
}

#[test]
fn the_environment_overrides_a_file_key_by_key() {
    let config = load(
        "[sink]\nworkers = 3\nbatch_size = 50\n",
        &[
            ("OCDS_INGEST__SINK__WORKERS", "5"),
            ("OCDS_INGEST__LEASE__WAIT", "90s"),
            // A variable of another program, and an empty one.
            ("OCDS_INGEST", "x"),
            ("SINK__WORKERS", "7"),
            ("OCDS_INGEST__SINK__BATCH_SIZE", ""),
        ],
    );
    assert_eq!((config.sink.workers, config.sink.batch_size), (5, 50));
    assert_eq!(config.lease.wait.as_secs(), 90);
}

#[test]
fn the_environment_can_set_a_key_of_any_type() {
    let config = load(
        "",
        &[
            ("OCDS_INGEST__DATABASE__MIGRATE", "false"),
            ("OCDS_INGEST__FETCH__USER_AGENT", "5"),
            ("OCDS_INGEST__SINK__METHOD", "row"),
            ("OCDS_INGEST__SINK__MAX_BAD_RATIO", "0.5"),
        ],
    );
    assert!(!config.database.migrate);
    assert_eq!(config.fetch.user_agent, "5");
    assert_eq!(config.sink.method, config::Method::Row);
    assert!((config.sink.max_bad_ratio - 0.5).abs() < f64::EPSILON);
}

#[test]
fn a_mistake_in_the_environment_is_named() {
    for (name, value, word) in [
        ("OCDS_INGEST__SINK__WORKERS", "two", "sink.workers"),
        ("OCDS_INGEST__SINK__WORKER", "2", "worker"),
        ("OCDS_INGEST__SINKS__WORKERS", "2", "sinks"),
    ] {
        let error = Files::new(&[""]).load(&[(name, value)]).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        let sentence = error.chain();
        assert!(sentence.contains("OCDS_INGEST__"), "{sentence}");
        assert!(sentence.contains(word), "{sentence}");
    }
}

#[test]
fn the_most_specific_database_url_applies() {
    let files = Files::new(&["[database]\nurl = \"postgresql://file/d\"\n"]);
    let plain = ("DATABASE_URL", "postgresql://plain/d");
    let own = ("OCDS_INGEST__DATABASE__URL", "postgresql://own/d");
    assert_eq!(url(&load("", &[])), "local");
    assert_eq!(url(&files.load(&[]).unwrap()), "postgresql://file/d");
    assert_eq!(url(&files.load(&[plain]).unwrap()), plain.1);
    assert_eq!(url(&files.load(&[plain, own]).unwrap()), own.1);
    let overrides = Overrides {
        files: files.paths.clone(),
        database_url: Some(SecretString::from("postgresql://flag/d")),
    };
    let config = config::load_from(&overrides, &variables(&[plain, own])).unwrap();
    assert_eq!(url(&config), "postgresql://flag/d");
}

#[test]
fn a_database_url_that_looks_like_a_number_stays_text() {
    for text in ["5432", "1e5", "true"] {
        let config = load("", &[("OCDS_INGEST__DATABASE__URL", text)]);
        assert_eq!(url(&config), text);
    }
}

#[test]
fn a_mounted_file_holds_the_database_url() {
    let files = Files::new(&[""]);
    let mounted = files.directory.path().join("url");
    fs::write(&mounted, "postgresql://mounted/d\n").unwrap();
    let path = mounted.to_str().unwrap();
    let named = ("OCDS_INGEST__DATABASE__URL_FILE", path);
    assert_eq!(
        url(&files.load(&[named]).unwrap()),
        "postgresql://mounted/d"
    );
    let in_file = format!("[database]\nurl_file = \"{path}\"\n");
    assert_eq!(url(&load(&in_file, &[])), "postgresql://mounted/d");
    let absent = ("OCDS_INGEST__DATABASE__URL_FILE", "/nowhere/at/all");
    let error = files.load(&[absent]).unwrap_err();
    assert!(error.chain().contains("database.url_file"), "{error:?}");
}

#[test]
fn a_configuration_does_not_show_the_database_url() {
    let config = load(
        "[database]\nurl = \"postgresql://me:hunter2@server/d\"\n",
        &[],
    );
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_source_in_a_file_is_added_to_the_built_in_ones() {
    let text = "[sources.my-town]\nurl = \"https://town.example/releases\"\n";
    let config = load(text, &[]);
    let source = &config.sources["my-town"];
    assert_eq!(source.name, "my-town");
    assert_eq!(source.page, Pagination::default());
    assert_eq!(config.sources["find-a-tender"].name, "find-a-tender");
}

#[test]
fn a_source_in_a_file_replaces_a_built_in_one_of_the_same_name() {
    let text = "[sources.find-a-tender]\nurl = \"https://mirror.example/releases\"\n";
    let source = &load(text, &[]).sources["find-a-tender"];
    assert_eq!(source.url.as_str(), "https://mirror.example/releases");
    assert_eq!(source.publisher, "");
}

#[test]
fn header_and_query_names_keep_their_capitals() {
    let text = "[sources.Town]\nurl = \"https://town.example\"\n\
                query = { PageSize = \"5\" }\nhttp = { headers = { X-Key = \"{env.KEY}\" } }\n";
    let source = &load(text, &[]).sources["Town"];
    assert_eq!(source.query["PageSize"].as_str(), "5");
    assert_eq!(source.http.headers["X-Key"], "{env.KEY}");
}

#[test]
fn the_four_lines_in_the_readme_suffice() {
    let readme = read_repository_file("README.md");
    let (_, rest) = readme.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    assert_eq!(example.lines().count(), 4);
    let config = load(example, &[]);
    assert_eq!(config.declared_sources(), ["my-publisher"]);
    assert!(url(&config).starts_with("postgresql://"));
    assert!(readme.contains("run my-publisher"));
}

#[test]
fn a_more_specific_url_overrides_a_mounted_file() {
    let secret = Files::new(&["postgresql://mounted\n"]);
    let path = secret.paths[0].to_str().unwrap();
    let in_file = format!("[database]\nurl_file = \"{path}\"\n");
    let check = |environment: &[(&str, &str)], expected: &str| {
        assert_eq!(url(&load(&in_file, environment)), expected);
    };
    check(&[], "postgresql://mounted");
    check(
        &[("DATABASE_URL", "postgresql://near")],
        "postgresql://near",
    );
    let named = ("OCDS_INGEST__DATABASE__URL_FILE", path);
    check(
        &[("DATABASE_URL", "postgresql://near"), named],
        "postgresql://mounted",
    );
}
