//! Tells a request that its server has not processed from one whose answer was lost.
//!
//! Servers close connections after a number of requests or a time without one, and a request may
//! be on its way at that moment. It was not refused and nothing is wrong, so it is sent again at
//! once, as browsers and curl do (RFC 9113, section 8.7; RFC 9112, section 9.3.1).

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Response;

use crate::source::Method;

/// The number of connections that are remembered. No source has as many open at a time.
const MAX_CONNECTIONS: usize = 256;

/// The connections that have brought an answer, by their local address. A new connection that
/// fails is a fault of the server, but one that has brought answers was closed between two
/// requests.
#[derive(Debug, Default)]
pub(super) struct UsedConnections(Mutex<VecDeque<SocketAddr>>);

impl UsedConnections {
    pub(super) fn remember(&self, response: &Response) {
        let Some(info) = response.extensions().get::<HttpInfo>() else {
            return;
        };
        let address = info.local_addr();
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.contains(&address) {
            return;
        }
        if used.len() == MAX_CONNECTIONS {
            used.pop_front();
        }
        used.push_back(address);
    }

    /// Returns true if the server has certainly not processed the request, or if it closed a
    /// connection that had brought answers before it answered a request that may be repeated.
    pub(super) fn is_unprocessed(&self, error: &reqwest::Error, method: Method) -> bool {
        let is_refused = causes(error).any(|cause| {
            let is_refused = cause.downcast_ref().is_some_and(is_refused_by_http2);
            let is_unsent = cause.downcast_ref().is_some_and(hyper::Error::is_canceled);
            is_refused || is_unsent
        });
        is_refused || (method == Method::Get && self.is_closed_between_requests(error))
    }

    fn is_closed_between_requests(&self, error: &reqwest::Error) -> bool {
        let connection = causes(error).find_map(|cause| {
            let error = cause.downcast_ref::<legacy::Error>()?;
            let mut extensions = hyper::http::Extensions::new();
            error.connect_info()?.get_extras(&mut extensions);
            Some(extensions.get::<HttpInfo>()?.local_addr())
        });
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_used = connection.is_some_and(|connection| used.contains(&connection));
        is_used && causes(error).any(is_closed)
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |cause| (*cause).source())
}

/// Returns true if the server closed the connection by a `GOAWAY` that does not cover the
/// request, or refused its stream.
fn is_refused_by_http2(error: &h2::Error) -> bool {
    let reason = error.reason();
    let is_goodbye = error.is_go_away() && reason == Some(h2::Reason::NO_ERROR);
    let is_refused = error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (is_goodbye || is_refused)
}

fn is_closed(cause: &(dyn StdError + 'static)) -> bool {
    let is_cut = cause
        .downcast_ref()
        .is_some_and(hyper::Error::is_incomplete_message);
    let is_reset = cause.downcast_ref::<std::io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
        )
    });
    is_cut || is_reset
}
