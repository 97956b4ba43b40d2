//! Tests hosts that must get no request, in every spelling, through a link, a redirect and an
//! item of an index, with and without `*` as an allowed host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::{Ingest, LINK, SOURCE};
use crate::publisher::{Publisher, Reply, Request, package, release};

/// URLs that lead to this machine, its network, or no web server. PORT is the port of a trap on
/// this machine, HOME the host and port of the publisher.
const FORBIDDEN: [&str; 72] = [
    // IPv4: as a number, octal, hexadecimal, and with fewer parts.
    "http://127.0.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0X7F.1:PORT/",
    "http://017700000001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0x7f.0.0x0.01:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.255.255.254:PORT/",
    // IPv6, and IPv4 in it.
    "http://[::1]:PORT/",
    "http://[::]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::FFFF:7f00:1]:PORT/",
    "http://[64:ff9b::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[fe80::1%25eth0]:PORT/",
    "http://[fc00::1]:PORT/",
    "http://[fdff::1]:PORT/",
    "http://[ff02::1]:PORT/",
    // Names of this machine and its network.
    "http://localhost.:PORT/",
    "http://LocalHost.:PORT/",
    "http://x.localhost:PORT/",
    "http://x.LOCALHOST.:PORT/",
    "http://ip6-localhost:PORT/",
    "http://metadata.google.internal/",
    // Unicode letters and dots that are equivalent to ASCII ones.
    "http://１２７.０.０.１:PORT/",
    "http://127。0。0。1:PORT/",
    "http://127．0．0．1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://ｌｏｃａｌｈｏｓｔ.:PORT/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ.:PORT/",
    "http://loc\u{ad}alhost.:PORT/",
    // Percent-encoded.
    "http://%31%32%37.0.0.1:PORT/",
    "http://127%2e0%2e0%2e1:PORT/",
    "http://%6c%6fcalhost.:PORT/",
    "http://127.0.0.1%00.example:PORT/",
    // Addresses of clouds, providers and tests, and reserved addresses.
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://[fd00:ec2::254]/",
    "http://[::ffff:169.254.169.254]/",
    "http://10.0.0.1/",
    "http://100.64.0.1/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    // A user that looks like a host.
    "http://www.example@127.0.0.1:PORT/",
    "http://www.example:80@127.0.0.1:PORT/",
    "http://www.example%2f@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@HOME/",
    // Another port of the publisher's own host.
    "http://localhost:PORT/",
    "http://localhost:22/",
    // Without a scheme, with more slashes, and with backslashes.
    "//127.0.0.1:PORT/",
    "///127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "http:\\\\127.0.0.1:PORT\\",
    "\\\\127.0.0.1:PORT/",
    "/\\127.0.0.1:PORT/",
    " http://127.0.0.1:PORT/spaces ",
    // Other schemes.
    "file:///etc/passwd",
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_GET",
    "unix:/run/docker.sock",
    "data:application/json,{\"releases\":[]}",
    "javascript:alert(1)",
];

/// URLs that are possible in JSON and not in a header.
const FORBIDDEN_IN_JSON: [&str; 4] = [
    "ht\ntp://127.0.0.1:PORT/",
    "http://127.0.\t0.1:PORT/",
    "\u{1}http://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/\r\nhost: HOME",
];

/// URLs that look like other hosts, but are a path, a user or a fragment of the publisher's own
/// host.
const OWN: [&str; 4] = [
    "http://HOME/@127.0.0.1:PORT/",
    "http://HOME#@127.0.0.1:PORT/",
    "http://HOME\\@127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
];

/// A server on all addresses of this machine that counts its connections.
struct Trap {
    port: u16,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Trap {
    async fn start() -> Self {
        // This accepts IPv4 too, unless the machine has no IPv6.
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.unwrap(),
        };
        let port = listener.local_addr().unwrap().port();
        let connections: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Relaxed);
            }
        });
        Self {
            port,
            connections,
            task,
        }
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The way in which the program finds the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Item,
    Redirect,
    Link,
}

/// Serves an index with a good page before each of the other URLs.
fn serve_index(by: By, spelled: Vec<String>) -> impl Fn(&Request) -> Reply {
    move |request| {
        let mut words = request.path()[1..].split('/');
        let (kind, number) = (words.next(), words.next());
        let number = number.and_then(|number| number.parse::<usize>().ok());
        match (kind, number) {
            (Some("index"), _) => {
                let items: Vec<Value> = (0..spelled.len())
                    .flat_map(|it| {
                        let away = match by {
                            By::Item => spelled[it].clone(),
                            By::Redirect | By::Link => format!("/away/{it}"),
                        };
                        [format!("/good/{it}").into(), away.into()]
                    })
                    .collect();
                Reply::json(serde_json::to_vec(&items).unwrap())
            }
            (Some("good"), Some(number)) => Reply::json(package(&[release(number)], "")),
            (Some("away"), Some(number)) if by == By::Redirect => {
                Reply::redirect(302, &spelled[number])
            }
            (Some("away"), Some(number)) => {
                let next = Value::from(&*spelled[number]);
                let link = format!(r#","links":{{"next":{next}}}"#);
                Reply::json(package(&[release(1_000 + number)], &link))
            }
            _ => Reply::status(404),
        }
    }
}

/// The result of offering some URLs.
#[derive(Debug)]
struct Offered {
    /// The number of connections to the trap.
    connections: usize,
    /// The number of stored good pages.
    good: usize,
    /// The messages about refused URLs.
    refused: Vec<String>,
}

/// Offers these URLs in one way, to a source that allows these hosts.
async fn offer(by: By, hosts: &str, spellings: &[&str]) -> Offered {
    let trap = Trap::start().await;
    let publisher = Publisher::serve(|_| Reply::status(404)).await;
    // A name is not an address that others could use.
    let home = format!("localhost:{}", publisher.address().port());
    let spelled = spellings.iter().map(|it| {
        let spelled = it.replace("PORT", &trap.port.to_string());
        spelled.replace("HOME", &home)
    });
    publisher.set_script(serve_index(by, spelled.collect()));
    let mut ingest = Ingest::new().await;
    ingest
        .configure("[fetch]\nattempts = 1\nunreadable_in_a_row = 1000\n[sink]\nmax_bad_ratio = 1");
    let url = format!("http://{home}/index");
    let table = match by {
        // The values are URLs, and their home is the host of the index.
        By::Link => format!("{LINK}\naxis.page = {{ url = {url:?}, each = \"/*\" }}"),
        By::Item | By::Redirect => "detail = { each = \"/*\", url = \"{item|raw}\" }".to_owned(),
    };
    let start = match by {
        By::Link => "{axis.page|raw}",
        By::Item | By::Redirect => &url,
    };
    ingest.declare_as(
        SOURCE,
        start,
        &format!("{table}\nhttp.allow_hosts = [{hosts}]"),
    );
    let ran = ingest.run(&[]).await;
    let says = [
        "which is not public",
        "does not name",
        "is not http or https",
        "is not a URL",
    ];
    let refused = match by {
        By::Link => {
            let lines = ran.stderr.lines();
            let refused = lines.filter(|line| says.iter().any(|it| line.contains(it)));
            // The message that ends the run is logged twice.
            let refused = refused.filter(|line| !line.contains("ERROR zambia: "));
            refused.map(str::to_owned).collect()
        }
        By::Item | By::Redirect => ingest.column("select message from ocds.quarantine").await,
    };
    Offered {
        connections: trap.connections.load(Relaxed),
        good: ingest.count("release where release_id::int < 1000").await,
        refused,
    }
}

#[tokio::test]
async fn no_spelling_of_a_forbidden_host_gets_a_request() {
    for by in [By::Item, By::Redirect, By::Link] {
        for hosts in ["", "\"*\""] {
            let mut spellings = FORBIDDEN.to_vec();
            if by != By::Redirect {
                spellings.extend(FORBIDDEN_IN_JSON);
            }
            let all = spellings.len();
            let offered = offer(by, hosts, &spellings).await;
            let counts = (offered.connections, offered.good, offered.refused.len());
            assert_eq!(counts, (0, all, all), "{by:?} {hosts}: {offered:#?}");
        }
        // The trap's own host is allowed here.
        let offered = offer(by, "\"127.0.0.1\"", &["http://0x7f.1:PORT/"]).await;
        assert_eq!(offered.connections, 1, "{by:?}: {offered:#?}");
    }
}

#[tokio::test]
async fn urls_that_only_look_like_other_hosts_go_to_the_publisher() {
    for by in [By::Item, By::Redirect, By::Link] {
        let offered = offer(by, "\"*\"", &OWN).await;
        assert_eq!(
            (offered.connections, offered.good),
            (0, OWN.len()),
            "{by:?}: {offered:#?}"
        );
        assert!(
            !offered
                .refused
                .iter()
                .any(|it| it.contains("leads to host")),
            "{offered:#?}"
        );
    }
}
