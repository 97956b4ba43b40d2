//! The publisher of the demonstration: it serves a feed over HTTP on loopback.
//!
//! It spawns a task of its own, because it plays a part that is usually outside the program. The
//! task ends when the publisher is stopped or dropped.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream::{self, StreamExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::demo::feed::{Fault, Feed};
use crate::error::{Error, Result};

/// The time limit for requests that are still being answered when the publisher is stopped.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// A feed that is published on a loopback port until the publisher is stopped or dropped.
#[derive(Debug)]
pub struct Publisher {
    address: SocketAddr,
    stop: CancellationToken,
    /// The task that serves the feed. The drop of this set aborts it.
    task: JoinSet<()>,
}

impl Publisher {
    /// Publishes a feed on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// The machine has no free port or no loopback interface.
    pub async fn start(feed: Feed) -> Result<Self> {
        let unusable = |e| Error::environment("listen on 127.0.0.1").with_source(e);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let stop = CancellationToken::new();
        let router = Router::new()
            .route("/releases", get(serve))
            .with_state(Arc::new(Published {
                feed,
                faulted: Mutex::default(),
            }));
        let server = axum::serve(listener, router)
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .into_future();
        let mut task = JoinSet::new();
        task.spawn(async move {
            // `axum::serve` handles the errors of its sockets and returns none.
            let _ = server.await;
        });
        Ok(Self {
            address,
            stop,
            task,
        })
    }

    /// Returns the URL of the first page. Each page links to the next one in `/links/next`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/releases", self.address)
    }

    /// Stops the publisher. It waits until open requests are answered, but for a second at most.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(STOP_WITHIN, self.task.join_next()).await;
    }
}

/// The state that all requests share.
struct Published {
    feed: Feed,
    /// The numbers of the pages whose first request has been answered with the page's fault.
    faulted: Mutex<BTreeSet<u64>>,
}

async fn serve(
    State(published): State<Arc<Published>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let number = match query.get("page").map(|page| page.parse()) {
        None => 1,
        Some(Ok(number)) => number,
        Some(Err(_)) => return StatusCode::BAD_REQUEST.into_response(),
    };
    let Some(body) = published.feed.page(number) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match published.fault(number) {
        None => page(body.len(), Body::from(body)),
        Some(Fault::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response()
        }
        Some(Fault::Cut) => page(body.len(), cut(body)),
    }
}

impl Published {
    /// Returns the fault with which to answer this request. Each page has its fault only once.
    fn fault(&self, number: u64) -> Option<Fault> {
        let fault = self.feed.fault(number)?;
        let mut faulted = self.faulted.lock().expect("no holder panics");
        faulted.insert(number).then_some(fault)
    }
}

/// Returns a response with a page. Its header announces a body of `length` bytes.
fn page(length: usize, body: Body) -> Response {
    let json = HeaderValue::from_static("application/json");
    let headers = [(CONTENT_TYPE, json), (CONTENT_LENGTH, length.into())];
    (headers, body).into_response()
}

/// Returns half of a body, after which the connection is closed.
fn cut(body: String) -> Body {
    let body = Bytes::from(body);
    let half = body.slice(..body.len() / 2);
    let end = async {
        // The pause lets the written bytes reach the client. An error without the pause would
        // also discard the header of the response.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(end)))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// Sends a request. Returns the status line and headers of the response, and its body.
    async fn ask(publisher: &Publisher, target: &str) -> (String, Bytes) {
        let mut stream = TcpStream::connect(publisher.address).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = memchr::memmem::find(&answer, b"\r\n\r\n").unwrap();
        let body = Bytes::from(answer.split_off(end + 4));
        (String::from_utf8(answer).unwrap(), body)
    }

    #[tokio::test]
    async fn the_first_page_has_no_number_and_leads_to_the_second() {
        let publisher = Publisher::start(Feed::demo()).await.unwrap();
        let (head, body) = ask(&publisher, "/releases").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body, Feed::demo().page(1).unwrap());
        let (_, body) = ask(&publisher, "/releases?page=2").await;
        assert_eq!(body, Feed::demo().page(2).unwrap());
        publisher.stop().await;
    }

    #[tokio::test]
    async fn a_busy_page_is_served_when_asked_again() {
        let publisher = Publisher::start(Feed::demo()).await.unwrap();
        let (head, _) = ask(&publisher, "/releases?page=3").await;
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        assert!(head.contains("retry-after: 1"), "{head}");
        let (_, body) = ask(&publisher, "/releases?page=3").await;
        assert_eq!(body, Feed::demo().page(3).unwrap());
    }

    #[tokio::test]
    async fn a_cut_page_is_shorter_than_it_promised_and_whole_when_asked_again() {
        let publisher = Publisher::start(Feed::demo()).await.unwrap();
        let whole = Bytes::from(Feed::demo().page(8).unwrap());
        let (head, body) = ask(&publisher, "/releases?page=8").await;
        assert!(
            head.contains(&format!("content-length: {}", whole.len())),
            "{head}"
        );
        assert!(whole.starts_with(&body) && body.len() < whole.len());
        let (_, body) = ask(&publisher, "/releases?page=8").await;
        assert_eq!(body, whole);
    }

    #[tokio::test]
    async fn a_page_that_is_not_there_is_said_not_to_be() {
        let publisher = Publisher::start(Feed::clean(20, 10)).await.unwrap();
        for (target, status) in [
            ("/releases?page=3", "404"),
            ("/releases?page=0", "404"),
            ("/releases?page=two", "400"),
            ("/", "404"),
        ] {
            let (head, _) = ask(&publisher, target).await;
            assert!(
                head.starts_with(&format!("HTTP/1.1 {status}")),
                "{target}: {head}"
            );
        }
    }

    #[tokio::test]
    async fn nothing_listens_once_it_is_stopped_or_dropped() {
        let stopped = Publisher::start(Feed::demo()).await.unwrap();
        let address = stopped.address;
        // An idle connection must not prevent the publisher from stopping.
        let _idle = TcpStream::connect(address).await.unwrap();
        stopped.stop().await;
        assert!(TcpStream::connect(address).await.is_err());

        let dropped = Publisher::start(Feed::demo()).await.unwrap();
        let address = dropped.address;
        drop(dropped);
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
