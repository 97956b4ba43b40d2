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

use crate::http::causes::list_causes;
use crate::source::Method;

/// The number of connections that are remembered. No source has as many open at a time.
const MAX_CONNECTIONS: usize = 256;

/// Says how a server left a request unprocessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unprocessed {
    /// The connection came to its end. The request may meet the end of the next one too, if many
    /// requests are under way.
    ConnectionOver,
    /// The server refused the request or closed the connection. If it does so again, it may be
    /// overloaded.
    Refused,
}

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

    /// Returns how the server left a request unprocessed. Returns `None` if it may have processed
    /// the request, unless it closed a connection that had brought answers and the request may be
    /// repeated.
    pub(super) fn explain(&self, error: &reqwest::Error, method: Method) -> Option<Unprocessed> {
        let is_connection_over = list_causes(error).any(|cause| {
            let is_goodbye = cause.downcast_ref().is_some_and(is_goodbye);
            let is_unsent = cause.downcast_ref().is_some_and(hyper::Error::is_canceled);
            is_goodbye || is_unsent
        });
        if is_connection_over {
            return Some(Unprocessed::ConnectionOver);
        }
        let mut causes = list_causes(error);
        let is_refused = causes.any(|cause| cause.downcast_ref().is_some_and(is_refused_stream));
        let is_repeatable = method == Method::Get && self.is_closed_between_requests(error);
        (is_refused || is_repeatable).then_some(Unprocessed::Refused)
    }

    fn is_closed_between_requests(&self, error: &reqwest::Error) -> bool {
        let connection = list_causes(error).find_map(|cause| {
            let error = cause.downcast_ref::<legacy::Error>()?;
            let mut extensions = hyper::http::Extensions::new();
            error.connect_info()?.get_extras(&mut extensions);
            Some(extensions.get::<HttpInfo>()?.local_addr())
        });
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_used = connection.is_some_and(|connection| used.contains(&connection));
        is_used && list_causes(error).any(is_closed)
    }
}

/// Returns true if the server ends the connection by a `GOAWAY` that does not cover the request.
fn is_goodbye(error: &h2::Error) -> bool {
    error.is_remote() && error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
}

fn is_refused_stream(error: &h2::Error) -> bool {
    error.is_remote() && error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM)
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
