//! The sources of the recorded databases, and what their publishers answer.
//!
//! Each source has a host of its own that does not exist: the scripted publisher is the
//! HTTP proxy of the program. So the stored URLs do not depend on a port. Answers and
//! declarations stay as they are, because recorded databases were made with them.

use serde_json::{Value, json};
use zip::CompressionMethod;

use crate::publisher::{Feed, Items, Reply, Request, package, release, zip_with_method};
use crate::run::titled;

/// A source of the recorded databases, and how today's program resumes it.
pub(super) struct Recorded {
    pub(super) name: &'static str,
    /// Its declaration, as part of a configuration.
    pub(super) table: &'static str,
    /// These commands ended before the database was recorded.
    pub(super) before: &'static [&'static [&'static str]],
    /// This command resumes the run.
    pub(super) command: &'static [&'static str],
    /// The number of durable pages at which the command was killed and the database was
    /// recorded; `None` if it was not started.
    pub(super) killed_behind: Option<usize>,
    /// The page that the report names as the last durable one.
    pub(super) resumed_from: Option<u64>,
    /// The exit code of the command.
    pub(super) code: i32,
    /// The targets that the command requests from the source's host.
    pub(super) asks: &'static [&'static str],
    /// The targets that a later `run` requests; `None` if the source is not run again.
    pub(super) next_asks: Option<&'static [&'static str]>,
}

/// The environment variable with the secret of `keys` and `tokens`. The program that
/// resumes them has another secret than the one that was killed.
pub(super) const SECRET: &str = "RECORDED_KEY";
pub(super) const OLD_SECRET: &str = "old-7f3a9c51";
pub(super) const NEW_SECRET: &str = "new-52bb08e4";

/// Returns the content of the local file that is loaded.
pub(super) fn local_file() -> String {
    package(&[release(1), release(2), release(3)], "")
}

pub(super) const ALL: [Recorded; 16] = [
    // links, with rejects on durable pages
    Recorded {
        name: "links",
        table: r#"url = "http://links.example/releases"
            page = { mode = "link", pointer = "/links/next" }"#,
        before: &[],
        command: &["run", "links"],
        killed_behind: Some(3),
        resumed_from: Some(3),
        code: 0,
        asks: &["/releases?page=4", "/releases?page=5"],
        next_asks: Some(&[
            "/releases",
            "/releases?page=2",
            "/releases?page=3",
            "/releases?page=4",
            "/releases?page=5",
        ]),
    },
    // numbers, with a page that cannot be read. A run resumes at such a gap: page 4 is
    // durable and is fetched again, because it must be stored after page 3
    Recorded {
        name: "gaps",
        table: r#"url = "http://gaps.example/releases"
            page = { mode = "number", total_pages = "/total_pages" }
            http.retry_max = 1"#,
        before: &[],
        command: &["run", "gaps"],
        killed_behind: Some(3),
        resumed_from: Some(2),
        code: 4,
        asks: &["/releases?page=3", "/releases?page=4", "/releases?page=5"],
        next_asks: Some(&[
            "/releases?page=1",
            "/releases?page=2",
            "/releases?page=3",
            "/releases?page=4",
            "/releases?page=5",
        ]),
    },
    // a run that an option stopped
    Recorded {
        name: "stopped",
        table: r#"url = "http://stopped.example/releases"
            page = { mode = "link", pointer = "/links/next" }"#,
        before: &[&["run", "stopped", "--max-pages", "2"]],
        command: &["run", "stopped"],
        killed_behind: None,
        resumed_from: Some(2),
        code: 0,
        asks: &["/releases?page=3"],
        next_asks: Some(&["/releases", "/releases?page=2", "/releases?page=3"]),
    },
    // records with compiled releases
    Recorded {
        name: "records",
        table: r#"url = "http://records.example/records"
            items = { pointer = "/records/*", kind = "record" }
            page = { mode = "number", start = 0, total_pages = "/total_pages" }"#,
        before: &[],
        command: &["run", "records"],
        killed_behind: Some(2),
        resumed_from: Some(1),
        code: 0,
        asks: &["/records?page=2", "/records?page=3"],
        next_asks: Some(&[
            "/records?page=0",
            "/records?page=1",
            "/records?page=2",
            "/records?page=3",
        ]),
    },
    // a backfill of pages
    Recorded {
        name: "backfilled",
        table: r#"url = "http://backfilled.example/releases"
            page = { mode = "offset", size = 2, total_items = "/total_items" }"#,
        before: &[],
        command: &[
            "backfill",
            "backfilled",
            "--from-page",
            "2",
            "--to-page",
            "5",
        ],
        killed_behind: Some(2),
        resumed_from: Some(3),
        code: 0,
        asks: &["/releases?offset=6", "/releases?offset=8"],
        next_asks: Some(&[
            "/releases?offset=0",
            "/releases?offset=2",
            "/releases?offset=4",
            "/releases?offset=6",
            "/releases?offset=8",
            "/releases?offset=10",
        ]),
    },
    // two values of an axis: the first is whole, the second is not
    Recorded {
        name: "axes",
        table: r#"url = "http://axes.example/{axis.kind}"
            page = { mode = "link", pointer = "/links/next" }
            axis.kind = ["tender", "award & more"]"#,
        before: &[],
        command: &["run", "axes"],
        killed_behind: Some(4),
        resumed_from: None,
        code: 0,
        asks: &["/award%20%26%20more?page=2", "/award%20%26%20more?page=3"],
        next_asks: Some(&[
            "/tender",
            "/tender?page=2",
            "/tender?page=3",
            "/award%20%26%20more",
            "/award%20%26%20more?page=2",
            "/award%20%26%20more?page=3",
        ]),
    },
    // items of an index. The index itself is fetched again
    Recorded {
        name: "details",
        table: r#"url = "http://details.example/index"
            detail = { each = "/named/*", url = "http://details.example/of/{item}", together = 2 }"#,
        before: &[],
        command: &["run", "details"],
        killed_behind: Some(1),
        resumed_from: Some(1),
        code: 0,
        asks: &["/index", "/of/3", "/of/4", "/of/5"],
        next_asks: Some(&["/index", "/of/1", "/of/2", "/of/3", "/of/4", "/of/5"]),
    },
    // links with a secret in them
    Recorded {
        name: "keys",
        table: r#"url = "http://keys.example/releases?key={env.RECORDED_KEY}"
            page = { mode = "link", pointer = "/links/next" }"#,
        before: &[],
        command: &["run", "keys"],
        killed_behind: Some(2),
        resumed_from: Some(2),
        code: 0,
        asks: &[
            "/releases?key=new-52bb08e4&page=3",
            "/releases?key=new-52bb08e4&page=4",
        ],
        next_asks: Some(&[
            "/releases?key=new-52bb08e4",
            "/releases?key=new-52bb08e4&page=2",
            "/releases?key=new-52bb08e4&page=3",
            "/releases?key=new-52bb08e4&page=4",
        ]),
    },
    // tokens beside a secret
    Recorded {
        name: "tokens",
        table: r#"url = "http://tokens.example/releases"
            query = { key = "{env.RECORDED_KEY}" }
            page = { mode = "token", param = "after", pointer = "/next", start = "t1" }"#,
        before: &[],
        command: &["run", "tokens"],
        killed_behind: Some(2),
        resumed_from: Some(2),
        code: 0,
        asks: &[
            "/releases?key=new-52bb08e4&after=t3",
            "/releases?key=new-52bb08e4&after=t4",
        ],
        next_asks: Some(&[
            "/releases?key=new-52bb08e4&after=t1",
            "/releases?key=new-52bb08e4&after=t2",
            "/releases?key=new-52bb08e4&after=t3",
            "/releases?key=new-52bb08e4&after=t4",
        ]),
    },
    // windows of two pages. The second run began a day before the watermark and was killed
    // in the middle of a window
    Recorded {
        name: "windows",
        table: r#"url = "http://windows.example/feed?from={from}&to={to}"
            page = { mode = "link", pointer = "/links/next" }
            window = { from = "2024", until = "2024-02-10", step = "7d", basis = "updated", overlap = "1d" }"#,
        before: &[&["run", "windows", "--until", "2024-01-16"]],
        command: &["run", "windows"],
        killed_behind: Some(3),
        resumed_from: None,
        code: 0,
        asks: &[
            "/feed?from=2024-01-22&to=2024-01-29&page=2",
            "/feed?from=2024-01-29&to=2024-02-05",
            "/feed?from=2024-01-29&to=2024-02-05&page=2",
            "/feed?from=2024-02-05&to=2024-02-10",
            "/feed?from=2024-02-05&to=2024-02-10&page=2",
        ],
        next_asks: Some(&[
            "/feed?from=2024-02-09&to=2024-02-10",
            "/feed?from=2024-02-09&to=2024-02-10&page=2",
        ]),
    },
    // a window that is split. The half that was not started is again too wide
    Recorded {
        name: "halves",
        table: r#"url = "http://halves.example/feed?from={from}&to={to}"
            window = { from = "2024", until = "2024-01-31", basis = "updated", overlap = "1d", split_when = { status = [400], smallest = "1d" } }"#,
        before: &[],
        command: &["run", "halves"],
        killed_behind: Some(2),
        resumed_from: None,
        code: 0,
        asks: &[
            "/feed?from=2024-01-16&to=2024-01-31",
            "/feed?from=2024-01-16&to=2024-01-23",
            "/feed?from=2024-01-23&to=2024-01-31",
        ],
        next_asks: Some(&["/feed?from=2024-01-30&to=2024-01-31"]),
    },
    // windows along an axis. Its index names a new value later, which begins at the first
    // date although there is a watermark
    Recorded {
        name: "buyers",
        table: r#"url = "http://buyers.example/of/{axis.buyer}?from={from}&to={to}"
            axis.buyer = { url = "http://buyers.example/list", each = "/buyers/*" }
            window = { from = "2024", until = "2024-01-21", step = "10d", basis = "updated", overlap = "1d" }"#,
        before: &[&["run", "buyers"]],
        command: &["run", "buyers"],
        killed_behind: None,
        resumed_from: None,
        code: 0,
        asks: &[
            "/list",
            "/of/a?from=2024-01-20&to=2024-01-21",
            "/of/b?from=2024-01-20&to=2024-01-21",
        ],
        next_asks: Some(&[
            "/list",
            "/of/a?from=2024-01-20&to=2024-01-21",
            "/of/b?from=2024-01-20&to=2024-01-21",
            "/of/c?from=2024-01-20&to=2024-01-21",
            "/of/c?from=2024-01-01&to=2024-01-11",
            "/of/c?from=2024-01-11&to=2024-01-20",
        ]),
    },
    // a feed of changes, which continues at its newest page
    Recorded {
        name: "changes",
        table: r#"url = "http://changes.example/changes"
            page = { mode = "link", pointer = "/links/next", stop = "same_url" }"#,
        before: &[&["run", "changes"]],
        command: &["run", "changes"],
        killed_behind: None,
        resumed_from: None,
        code: 0,
        asks: &["/changes?page=3"],
        next_asks: Some(&["/changes?page=3"]),
    },
    // pages with an `ETag`, which are fetched conditionally
    Recorded {
        name: "tagged",
        table: r#"url = "http://tagged.example/releases"
            page = { mode = "number", total_pages = "/total_pages" }"#,
        before: &[&["run", "tagged"]],
        command: &["run", "tagged"],
        killed_behind: None,
        resumed_from: None,
        code: 0,
        asks: &["/releases?page=1", "/releases?page=2", "/releases?page=3"],
        next_asks: Some(&["/releases?page=1", "/releases?page=2", "/releases?page=3"]),
    },
    // an archive in pieces. It is downloaded again and read after the durable piece
    Recorded {
        name: "archive",
        table: r#"url = "http://archive.example/all.zip"
            page = { mode = "file" }"#,
        before: &[],
        command: &["run", "archive"],
        killed_behind: Some(1),
        resumed_from: Some(1),
        code: 0,
        asks: &["/all.zip"],
        next_asks: None,
    },
    // loads: a local file, and a file from a URL that is large enough to be cut in the
    // middle of its list
    Recorded {
        name: "loaded",
        table: r#"url = "http://loaded.example/""#,
        before: &[&["load", "loaded", "loaded.json"]],
        command: &["load", "loaded", "http://loaded.example/large.json"],
        killed_behind: Some(2),
        resumed_from: None,
        code: 0,
        asks: &["/large.json"],
        next_asks: None,
    },
];

/// Returns what the publisher of the requested host answers, before or after it has
/// repaired its defects.
pub(super) fn reply(request: &Request, is_repaired: bool) -> Reply {
    let target = request.target.strip_prefix("http://");
    let target = target.expect("it is asked by the proxy");
    let (host, path) = target.split_once('/').unwrap();
    let path = path.split('?').next().unwrap_or_default();
    match host.trim_end_matches(".example") {
        "links" => Feed::link(pages_with_rejects(is_repaired)).reply(request),
        "gaps" if request.page() == 3 && !is_repaired => {
            Reply::status(200).body("<html>sorry</html>")
        }
        "gaps" => Feed::number(pages(5)).reply(request),
        "stopped" => Feed::link(pages(3)).reply(request),
        "records" => records(request.page()),
        "backfilled" => Feed::offset(pages(6)).reply(request),
        "axes" if path == "tender" => Feed::link(pages(3)).reply(request),
        "axes" => Feed::link(pages(6).split_off(3)).reply(request),
        "details" => details(path),
        "keys" => keys(request),
        "tokens" => tokens(request),
        "windows" => windows(request),
        "halves" => halves(request),
        "buyers" => buyers(request, path, is_repaired),
        "changes" => changes(request),
        "tagged" => {
            let reply = Feed::number(pages(3)).reply(request);
            reply
                .with_etag(request)
                .with_last_modified(request, LONG_AGO)
        }
        "archive" => archive(),
        "loaded" => large(),
        host => panic!("{host} is no host of a recorded source"),
    }
}

const LONG_AGO: &str = "Fri, 13 Nov 2020 08:00:00 GMT";

/// Makes pages of two releases. The last one has one release, because a full page without
/// a link is fetched twice.
fn pages(count: usize) -> Vec<Items> {
    let mut pages = crate::publisher::pages(count, 2);
    pages[count - 1].truncate(1);
    pages
}

/// Makes pages with three rejects: one that the publisher repairs, one that it does not,
/// and one that is discarded.
fn pages_with_rejects(is_repaired: bool) -> Vec<Items> {
    let mut pages = pages(5);
    if !is_repaired {
        pages[1][0] = titled(2, "a\\u0000b");
    }
    pages[1].push(r#"{"id":"lost"}"#.into());
    pages[2].push(r#"{"id":"unwanted"}"#.into());
    pages
}

/// Makes a page of two records, each with a release and a compiled release.
fn records(page: usize) -> Reply {
    let record = |i: usize| {
        let compiled = json!({
            "ocid": format!("ocds-213czf-{i}"), "id": "compiled", "tag": ["compiled"],
            "date": "2026-01-01T00:00:00Z", "tender": {"title": format!("Works {i}")},
        });
        let release: Value = serde_json::from_str(&release(i)).unwrap();
        json!({"ocid": format!("ocds-213czf-{i}"), "releases": [release], "compiledRelease": compiled})
    };
    let records = [record(2 * page), record(2 * page + 1)];
    Reply::json(json!({"version": "1.1", "records": records, "total_pages": 4}).to_string())
}

/// Makes an index of five names, or the document of one name.
fn details(path: &str) -> Reply {
    match path.strip_prefix("of/") {
        Some(name) => Reply::json(package(&[release(name.parse().unwrap())], "")),
        None => Reply::json(r#"{"named": [1, 2, 3, 4, 5]}"#),
    }
}

/// Makes four pages that repeat the key of the request in their links.
fn keys(request: &Request) -> Reply {
    let (page, key) = (request.page(), request.query("key").unwrap());
    let link = format!(
        r#","links":{{"next":"http://keys.example/releases?key={key}&page={}"}}"#,
        page + 1
    );
    let extra = if page < 4 { &*link } else { "" };
    Reply::json(package(&pages(4)[page - 1], extra))
}

/// Makes four pages with page tokens.
fn tokens(request: &Request) -> Reply {
    let token = request.query("after").unwrap();
    let page: usize = token.trim_start_matches('t').parse().unwrap();
    let next = format!(r#","next":"t{}""#, page + 1);
    let extra = if page < 4 { &*next } else { "" };
    Reply::json(package(&pages(4)[page - 1], extra))
}

/// Makes a release with an id that is a name.
fn named(name: &str) -> String {
    json!({
        "ocid": format!("ocds-213czf-{name}"), "id": name, "date": "2024-01-01T00:00:00Z",
        "tag": ["tender"], "tender": {"title": format!("Works {name}")},
    })
    .to_string()
}

/// Makes two pages for each window.
fn windows(request: &Request) -> Reply {
    let [from, to] = ["from", "to"].map(|name| request.query(name).unwrap());
    let named = |nth: &str| named(&format!("{from}-{nth}"));
    match request.page() {
        1 => {
            let link = format!(r#","links":{{"next":"/feed?from={from}&to={to}&page=2"}}"#);
            Reply::json(package(&[named("a"), named("b")], &link))
        }
        _ => Reply::json(package(&[named("c")], "")),
    }
}

/// Makes a page for a window of eight days at most, and refuses a wider one.
fn halves(request: &Request) -> Reply {
    let date = |name| -> jiff::civil::Date { request.query(name).unwrap().parse().unwrap() };
    let (from, to) = (date("from"), date("to"));
    match from.until(to).unwrap().get_days() {
        9.. => Reply::status(400),
        _ => Reply::json(package(&[named(&from.to_string())], "")),
    }
}

/// Makes an index of buyers, or the page of a buyer and a window.
fn buyers(request: &Request, path: &str, is_repaired: bool) -> Reply {
    let Some(buyer) = path.strip_prefix("of/") else {
        let buyers = ["a", "b", "c"];
        let buyers = &buyers[..if is_repaired { 3 } else { 2 }];
        return Reply::json(json!({ "buyers": buyers }).to_string());
    };
    let from = request.query("from").unwrap();
    Reply::json(package(&[named(&format!("{buyer}-{from}"))], ""))
}

/// Makes three pages, of which the last links to itself.
fn changes(request: &Request) -> Reply {
    let page = request.page();
    let link = format!(r#","links":{{"next":"/changes?page={}"}}"#, 3.min(page + 1));
    Reply::json(package(&pages(3)[page - 1], &link))
}

/// Makes a zip file of three members, each of which is large enough for a piece.
fn archive() -> Reply {
    let member = |nth: usize| {
        let space = " ".repeat(1 << 20);
        let text = package(&[release(2 * nth), release(2 * nth + 1)], &space);
        (format!("{nth}.json"), text)
    };
    // Spaces compress so well that the program would refuse them as a decompression bomb.
    let body = zip_with_method(CompressionMethod::Stored, &[0, 1, 2].map(member));
    Reply::status(200)
        .header("content-type", "application/zip")
        .body(body)
}

/// Makes a list that is too large to be held whole: six releases with space between them.
fn large() -> Reply {
    let space = " ".repeat(1 << 20);
    let releases: Vec<String> = (10..16).map(release).collect();
    Reply::json(format!("[{}]", releases.join(&format!(",{space}"))))
}
