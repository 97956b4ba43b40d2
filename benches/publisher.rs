//! Runs a publisher in a process of its own, so that it shares neither memory nor a runtime with
//! the program that is measured.

use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use ocds_ingest::demo::Feed;

use crate::long_ocid::make_long_ocid;
use crate::server::Result;

/// The maximum number of releases of a feed whose pages are made before the first request. The
/// pages of a larger feed are made when they are requested.
const PREPARED_RELEASES: u64 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Quality {
    /// All releases are valid.
    Clean,
    /// Each page has one release that only the server refuses.
    Bad,
}

/// A running publisher. It ends when its standard input is closed. This happens when this value
/// is dropped, or when this process ends.
pub(crate) struct Publisher {
    pub(crate) url: String,
    process: Child,
    _input: ChildStdin,
}

impl Publisher {
    /// Starts this program again as a publisher, and waits until the publisher listens.
    pub(crate) fn start(releases: u64, page_size: u64, quality: Quality) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program)
            .args([
                "--publish",
                if quality == Quality::Bad {
                    "bad"
                } else {
                    "clean"
                },
            ])
            .args(["--releases", &releases.to_string()])
            .args(["--page-size", &page_size.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().expect("piped");
        let output = process.stdout.take().expect("piped");
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url)?;
        Ok(Self {
            url: url.trim().to_owned(),
            process,
            _input: input,
        })
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // An error is ignored, because the process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Prints the publisher's URL, and publishes until the standard input ends.
pub(crate) async fn publish(releases: u64, page_size: u64, quality: Quality) -> Result<()> {
    let feed = Feed::clean(releases, page_size);
    let prepared = (1..=feed.pages()).take_while(|_| releases <= PREPARED_RELEASES);
    let prepared = prepared.map_while(|number| make_page(&feed, quality, number));
    let pages = Arc::new(Pages {
        prepared: prepared.collect(),
        feed,
        quality,
    });
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    println!("http://{address}/releases");
    let router = Router::new()
        .route("/releases", get(serve))
        .with_state(pages);
    let end = async {
        let read = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        // An error is ignored, because it also means that the other process has ended.
        let _ = read.await;
    };
    tokio::select! {
        served = axum::serve(listener, router).into_future() => Ok(served?),
        () = end => Ok(()),
    }
}

struct Pages {
    prepared: Vec<Bytes>,
    feed: Feed,
    quality: Quality,
}

async fn serve(
    State(pages): State<Arc<Pages>>,
    Query(query): Query<Vec<(String, u64)>>,
) -> Response {
    let number = query.first().map_or(1, |(_, number)| *number);
    let index = usize::try_from(number - 1).expect("a page's number");
    let page = pages.prepared.get(index).cloned();
    match page.or_else(|| make_page(&pages.feed, pages.quality, number)) {
        Some(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn make_page(feed: &Feed, quality: Quality, number: u64) -> Option<Bytes> {
    let mut page = feed.page(number)?;
    if quality == Quality::Bad {
        const MARK: &str = "\"ocid\":\"";
        let marks: Vec<usize> = page.match_indices(MARK).map(|(at, _)| at).collect();
        let start = marks[usize::try_from(number).expect("a page's number") * 37 % marks.len()]
            + MARK.len();
        let length = page[start..].find('"').expect("the text's end");
        page.replace_range(start..start + length, &make_long_ocid(number));
    }
    Some(Bytes::from(page))
}
