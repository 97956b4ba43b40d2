//! The client of one source: a page, with all its attempts.
//!
//! ```text
//! ask ──▶ attempt ──token──▶ exchange ──response──▶ receive ──▶ what was wanted
//!      ◀──again── failure ◀─────┴──────────────────────┘
//! ```
//!
//! The unit that is tried again is headers, body and parse together, so that a
//! body that stops half way is a failed attempt and never a short page.
//!
//! What is asked for, and what a body means, is said by those who want it, from
//! outside this folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use tokio::sync::mpsc;
use tracing::warn;

use crate::config;
use crate::decode::Undecodable;
use crate::error::{Error, Kind, Result};
use crate::fetch::address::{Address, Ask};
use crate::fetch::file::Tally;
use crate::http::auth::Auth;
use crate::http::backoff::Retry;
use crate::http::exchange::{Answer, Came};
use crate::http::failure::{Failure, connection, given_up};
use crate::http::pace::Pace;
use crate::http::public_host::{Resolver, Strangers};
use crate::http::receive::{Parse, Receive, Received};
use crate::http::request_log::Log;
use crate::http::secret::Secrets;
use crate::http::setup;
use crate::page::Validators;
use crate::redact::Redactor;
use crate::request::Request;
use crate::source::Source;

/// How many redirects in a row are followed.
const MOST_REDIRECTS: usize = 10;

/// What came of asking for anything.
pub(crate) enum Answered<T> {
    /// It could be read.
    Read(T),
    /// It has not changed, which its server was asked; what it says of it now.
    Unchanged(Validators),
    /// It answered, and could not be read in any of its attempts.
    Unreadable {
        body: Bytes,
        message: String,
        fetched_at: Timestamp,
    },
    /// It answered with a status that says something.
    Status(u16),
}

/// What is asked for, and what the answer means.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) ask: &'a Ask,
    /// The number of the page it is for, for the log.
    pub(crate) page: u64,
    /// Status codes that say something, whatever their class and body; they are not
    /// asked about again, but once if they may pass.
    pub(crate) telling: &'a [u16],
    /// Status codes that say something if all attempts end in them.
    pub(crate) refusing: &'a [u16],
    /// By what its server can tell whether it has changed, if it is wanted only then.
    pub(crate) known: Option<&'a Validators>,
    pub(crate) pace: &'a Pace,
}

/// What a client has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests sent, redirects and further attempts among them.
    pub requests: u64,
    /// Attempts at a page after its first.
    pub retries: u64,
    /// Bytes of bodies, as they came over the wire, and of files that were read here.
    pub bytes: u64,
}

/// Asks one source for pages, no faster than it wants to be asked.
///
/// All requests for a source go through one client, which holds its rate, its
/// connections and its secrets. Its `Debug` shows no secret.
#[derive(Debug)]
pub struct Client {
    pub(super) source: Source,
    pub(super) limits: config::Fetch,
    pub(super) http: reqwest::Client,
    pub(super) address: Address,
    /// For hosts that only `*` allows, if it does. Its connections are its own: one to
    /// a host that the source names may lead anywhere.
    pub(super) strangers: Option<(Arc<Strangers>, reqwest::Client)>,
    /// The configured headers, for the home host alone.
    pub(super) headers: HeaderMap,
    pub(super) auth: Auth,
    pub(super) pace: Pace,
    pub(super) detail_pace: Option<Pace>,
    pub(super) requests: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) tally: Arc<Tally>,
    pub(super) log: Option<Log>,
}

/// One attempt at what is wanted.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) wanted: Wanted<'a>,
    /// Counted from 1.
    pub(super) number: u32,
}

impl Client {
    /// A client of a source within these limits.
    ///
    /// # Errors
    /// [`Kind::Config`]: an `{env.NAME}` that is not set, a URL that is not http
    /// or https, or a header that is none. [`Kind::Environment`]: the machine
    /// has no root certificates that can be read.
    pub fn new(source: &Source, limits: &config::Fetch) -> Result<Self> {
        let limits = &setup::of_source(limits, &source.http);
        let secrets =
            Secrets::look_up(setup::declarations(source), |name| std::env::var(name).ok())?;
        let headers = setup::headers(source, &secrets)?;
        let auth = Auth::new(source, &secrets)?;
        let address = Address::new(source, secrets)?;
        let strangers = match address.may_meet_strangers() {
            true => {
                let strangers: Arc<Strangers> = Arc::default();
                let resolver = Resolver(Arc::clone(&strangers));
                let http = setup::http(source, limits, &address, Some(resolver))?;
                Some((strangers, http))
            }
            false => None,
        };
        Ok(Self {
            source: source.clone(),
            limits: limits.clone(),
            http: setup::http(source, limits, &address, None)?,
            strangers,
            headers,
            auth,
            address,
            pace: Pace::new(source.http.rate, source.http.concurrency),
            detail_pace: source
                .detail
                .as_ref()
                .and_then(|detail| setup::detail_pace(source, detail)),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            tally: Arc::default(),
            log: None,
        })
    }

    /// Tells of each request that is over, if there is room: none waits for that.
    #[must_use]
    pub fn logging_to(self, requests: mpsc::Sender<Request>) -> Self {
        Self {
            log: Some(Log::new(requests)),
            ..self
        }
    }

    /// How many requests there was no room to tell of.
    #[must_use]
    pub fn unlogged(&self) -> u64 {
        self.log.as_ref().map(Log::lost).unwrap_or_default()
    }

    /// What the client has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed) + self.tally.own.load(Ordering::Relaxed),
        }
    }

    /// How many bytes of files have been read, and are to be as far as is known.
    #[must_use]
    pub fn files(&self) -> (u64, u64) {
        let Tally { read, expected, .. } = &*self.tally;
        (
            read.load(Ordering::Relaxed),
            expected.load(Ordering::Relaxed),
        )
    }

    /// What finds the source's secrets in what it serves.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        self.address.redactor().clone()
    }

    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// The source that is asked.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn limits(&self) -> &config::Fetch {
        &self.limits
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The pace of what pages name and is asked for by itself.
    pub(crate) fn detail_pace(&self) -> &Pace {
        self.detail_pace.as_ref().unwrap_or(&self.pace)
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Asks for something, with as many attempts as it takes and is allowed, and
    /// reads it by `parse`, which is told where it came from.
    ///
    /// Dropping the future abandons the request under way or the wait.
    ///
    /// # Errors
    /// [`Kind::Environment`]: no connection, a time limit, 408 or 5xx in each
    /// attempt. [`Kind::Truncated`]: another status, or 429 in each attempt.
    /// [`Kind::Misled`]: a redirect that may not be followed, or a host that is not
    /// where it may be. [`Kind::RateLimited`]: a `Retry-After`
    /// beyond `fetch.longest_retry_after`.
    pub(crate) async fn ask<T: Send>(
        &self,
        wanted: Wanted<'_>,
        parse: impl Fn(Received<'_>) -> Result<T, Undecodable> + Sync,
    ) -> Result<Answered<T>> {
        self.ask_for(wanted, &Parse(parse)).await
    }

    /// Asks for something, and has it received.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(crate) async fn ask_for<R: Receive>(
        &self,
        wanted: Wanted<'_>,
        receive: &R,
    ) -> Result<Answered<R::Received>> {
        let mut waits = Retry::new(&self.limits);
        let mut number = 1;
        loop {
            let attempt = Attempt { wanted, number };
            let failure = match self.attempt(attempt, receive).await {
                Ok(Came::Read(read)) => return Ok(Answered::Read(read)),
                Ok(Came::Unchanged(validators)) => return Ok(Answered::Unchanged(validators)),
                Err(failure) => failure,
            };
            if receive.has_got_on() {
                waits = Retry::new(&self.limits);
                number = 1;
            }
            let passes = self.is_worth_another(&failure);
            if let Failure::Status {
                status,
                is_for_token: false,
                ..
            } = &failure
                && wanted.telling.contains(&status.as_u16())
                && (number > 1 || !passes)
            {
                return Ok(Answered::Status(status.as_u16()));
            }
            let wait = if passes { waits.next() } else { None };
            let Some(own) = wait else {
                return match failure {
                    Failure::Status {
                        status,
                        is_for_token: false,
                        ..
                    } if wanted.refusing.contains(&status.as_u16()) => {
                        Ok(Answered::Status(status.as_u16()))
                    }
                    failure => given_up(failure, number),
                };
            };
            self.wait_to_retry(attempt, &failure, own).await?;
            number += 1;
        }
    }

    /// Waits before the next attempt, as long as the answer asks for or this wait of ours.
    ///
    /// # Errors
    /// The answer asks for a longer wait than is waited out.
    pub(super) async fn wait_to_retry(
        &self,
        Attempt { wanted, number }: Attempt<'_>,
        failure: &Failure,
        own: Duration,
    ) -> Result<()> {
        let wait = self.wait(failure, own)?;
        warn!(
            source.name = %self.source.name,
            page = wanted.page,
            attempt = number,
            wait_ms = wait.as_millis(),
            "page {} of {}: {failure}; asking again in {wait:.1?}",
            wanted.page,
            self.source.name,
        );
        tokio::time::sleep(wait).await;
        self.retries.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Follows redirects to an answer, and asks once more with a fresh token if the
    /// one that was sent is refused. Waiting for the source's pace does not count
    /// towards the time limit of the page.
    async fn attempt<R: Receive>(
        &self,
        attempt: Attempt<'_>,
        receive: &R,
    ) -> Result<Came<R::Received>, Failure> {
        let limit = receive.limit(&self.limits);
        let mut url = attempt.wanted.ask.url.clone();
        let mut method = attempt.wanted.ask.method;
        let mut is_renewed = false;
        for _ in 0..=MOST_REDIRECTS {
            let authorization = self.authorization(attempt, &url).await?;
            let sent = authorization.as_ref();
            let slot = attempt.wanted.pace.turn().await;
            let request = self.request(attempt, &url, method, sent);
            let request = request.headers(receive.headers());
            let exchange = self.exchange(attempt, (&url, method), request, slot, receive);
            let exchanged = match limit {
                Some(limit) => in_time(limit, exchange).await,
                None => Box::pin(exchange).await,
            };
            match exchanged {
                Ok(Answer::Came(came)) => return Ok(came),
                Ok(Answer::Redirect { to, method: by }) => {
                    let to = self.address.redirected(&url, to);
                    (url, method) = (to.map_err(Failure::Final)?, by);
                }
                Err(failure) => {
                    let is_refused = failure.is_unauthorized() && !is_renewed;
                    if is_refused && self.auth.give_up(sent).await {
                        is_renewed = true;
                        continue;
                    }
                    return Err(failure);
                }
            }
        }
        let message = format!("more than {MOST_REDIRECTS} redirects in a row");
        Err(Failure::Final(Error::new(Kind::Truncated, message)))
    }

    /// Counts bytes of a body, for a request and for the client.
    pub(crate) fn count(&self, wire: &AtomicU64, bytes: u64) {
        wire.fetch_add(bytes, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Sends a request, and waits for the head of its answer for as long as a server may be
/// silent. Heads that trickle, or answers that go before the answer, do not extend that.
pub(super) async fn send(
    request: RequestBuilder,
    limits: &config::Fetch,
) -> Result<Response, Failure> {
    let limit = limits.read_timeout;
    let late = |_| {
        let message = format!("a time limit of the connection: no answer within {limit:?}");
        Failure::Connection(Error::environment(message))
    };
    let sent = tokio::time::timeout(limit, Box::pin(request.send())).await;
    sent.map_err(late)?.map_err(connection)
}

pub(super) async fn in_time<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let silence =
        |_| Failure::Connection(Error::environment(format!("not whole within {limit:?}")));
    tokio::time::timeout(limit, Box::pin(asked))
        .await
        .map_err(silence)?
}
