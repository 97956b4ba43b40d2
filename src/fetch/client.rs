//! The client of one source: a page, with all its attempts.
//!
//! The unit that is tried again is headers, body and parse together, so that a
//! body that stops half way is a failed attempt and never a short page.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryFutureExt as _;
use jiff::Timestamp;
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, warn};
use url::Url;

use crate::config;
use crate::error::{Error, Kind, Result};
use crate::fetch::address::{Address, Ask, Sent};
use crate::fetch::auth::{Auth, Authorization};
use crate::fetch::body::{self, Broken};
use crate::fetch::concurrency::{Outcome, Slot};
use crate::fetch::decode::Undecodable;
use crate::fetch::file::Tally;
use crate::fetch::pace::Pace;
use crate::fetch::retry::{self, Retry, Wait};
use crate::fetch::secret::Secrets;
use crate::fetch::stranger::{NotPublic, Resolver, Strangers};
use crate::fetch::validators;
use crate::page::{Page, Position, UnchangedPage, UnreadablePage, Validators};
use crate::request::Request;
use crate::source::{self, Detail, Http, Method, Source, UserAgent};

/// How many redirects in a row are followed.
const MOST_REDIRECTS: usize = 10;

/// The largest answer that is read for a token: they are a few kilobytes.
const MOST_TOKEN_BYTES: usize = 1 << 20;

/// What is wrong with a body that is encoded in another way than the client offers.
pub(super) const NOT_ASKED_FOR: &str = "its content encoding is not one that was asked for";

/// What came of asking for a page.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// It could be read.
    Page(Page),
    /// It is as it is remembered of a run before.
    Unchanged(UnchangedPage),
    /// It answered, and could not be read in any of its attempts.
    Unreadable(UnreadablePage),
}

impl Fetched {
    /// Where it is in its chain.
    #[must_use]
    pub fn position(&self) -> &Position {
        match self {
            Fetched::Page(page) => &page.position,
            Fetched::Unchanged(page) => &page.position,
            Fetched::Unreadable(page) => &page.position,
        }
    }
}

/// What came of asking for anything.
pub(super) enum Answered<T> {
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

/// A body that has come, and what is known of it.
pub(super) struct Received<'a> {
    /// Where it came from, which links are relative to.
    pub(super) url: &'a Url,
    pub(super) body: Bytes,
    pub(super) content_type: Option<&'a str>,
    /// By what its server can tell later whether it has changed.
    pub(super) validators: Validators,
}

/// A body that is coming, and what is known of it.
pub(super) struct Arriving<'a> {
    /// Where it comes from.
    pub(super) url: &'a Url,
    /// Where the bytes of its request are counted.
    pub(super) wire: &'a AtomicU64,
    /// By what its server can tell later whether it has changed.
    pub(super) validators: Validators,
}

/// What is done with a response that is a success.
pub(super) trait Receive: Sync {
    /// What it comes to.
    type Received: Send;

    /// What is sent beside all else that is.
    fn headers(&self) -> HeaderMap {
        HeaderMap::new()
    }

    /// How long it may take from request to last byte.
    fn limit(&self, limits: &config::Fetch) -> Option<Duration> {
        Some(limits.page_timeout)
    }

    /// Whether an attempt that failed has brought something all the same, that the
    /// next one goes on from.
    fn has_got_on(&self) -> bool {
        false
    }

    /// Reads it.
    fn receive(
        &self,
        client: &Client,
        response: Response,
        arriving: Arriving<'_>,
    ) -> impl Future<Output = Result<Self::Received, Failure>> + Send;
}

/// Reads a body that is held whole.
struct Parse<F>(F);

/// What is asked for, and what the answer means.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) ask: &'a Ask,
    /// The number of the page it is for, for the log.
    pub(super) page: u64,
    /// Status codes that say something; they are not asked about again, but once
    /// if they may pass.
    pub(super) telling: &'a [u16],
    /// Status codes that say something if all attempts end in them.
    pub(super) refusing: &'a [u16],
    /// By what its server can tell whether it has changed, if it is wanted only then.
    pub(super) known: Option<&'a Validators>,
    pub(super) pace: &'a Pace,
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
    source: Source,
    limits: config::Fetch,
    http: reqwest::Client,
    address: Address,
    /// For hosts that only `*` allows, if it does. Its connections are its own: one to
    /// a host that the source names may lead anywhere.
    strangers: Option<(Arc<Strangers>, reqwest::Client)>,
    /// The configured headers, for the home host alone.
    headers: HeaderMap,
    auth: Auth,
    pace: Pace,
    detail_pace: Option<Pace>,
    requests: AtomicU64,
    retries: AtomicU64,
    bytes: AtomicU64,
    tally: Arc<Tally>,
    log: Option<Log>,
}

/// Where requests are told of.
#[derive(Debug)]
struct Log {
    requests: mpsc::Sender<Request>,
    /// Requests that there was no room for.
    lost: AtomicU64,
}

/// One attempt at what is wanted.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    wanted: Wanted<'a>,
    /// Counted from 1.
    number: u32,
}

/// What one request comes to.
enum Answer<T> {
    Came(Came<T>),
    Redirect { to: Url, method: Method },
}

/// What an attempt comes to.
enum Came<T> {
    Read(T),
    Unchanged(Validators),
}

/// Why an attempt gave no page.
pub(super) enum Failure {
    /// Another attempt would end in the same way.
    Final(Error),
    /// The connection, or a time limit.
    Connection(Error),
    /// Neither a page nor a redirect.
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    /// A body that is not what was wanted.
    Unreadable(Bytes, String),
    /// A body that is too large, and will be the next time.
    TooLarge(Bytes, String),
}

impl Client {
    /// A client of a source within these limits.
    ///
    /// # Errors
    /// [`Kind::Config`]: an `{env.NAME}` that is not set, a URL that is not http
    /// or https, or a header that is none. [`Kind::Environment`]: the machine
    /// has no root certificates that can be read.
    pub fn new(source: &Source, limits: &config::Fetch) -> Result<Self> {
        let limits = &of_source(limits, &source.http);
        let secrets = Secrets::look_up(declared(source), |name| std::env::var(name).ok())?;
        let headers = headers(source, &secrets)?;
        let auth = Auth::new(source, &secrets)?;
        let address = Address::new(source, secrets)?;
        let strangers = match address.may_meet_strangers() {
            true => {
                let strangers: Arc<Strangers> = Arc::default();
                let resolver = Resolver(Arc::clone(&strangers));
                let http = http(source, limits, &address, Some(resolver))?;
                Some((strangers, http))
            }
            false => None,
        };
        Ok(Self {
            source: source.clone(),
            limits: limits.clone(),
            http: http(source, limits, &address, None)?,
            strangers,
            headers,
            auth,
            address,
            pace: Pace::new(source.http.rate, source.http.concurrency),
            detail_pace: source
                .detail
                .as_ref()
                .and_then(|detail| detail_pace(source, detail)),
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
        let lost = AtomicU64::new(0);
        Self {
            log: Some(Log { requests, lost }),
            ..self
        }
    }

    /// How many requests there was no room to tell of.
    #[must_use]
    pub fn unlogged(&self) -> u64 {
        let lost = self
            .log
            .as_ref()
            .map(|log| log.lost.load(Ordering::Relaxed));
        lost.unwrap_or_default()
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

    pub(super) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// The source that is asked.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn limits(&self) -> &config::Fetch {
        &self.limits
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The pace of what pages name and is asked for by itself.
    pub(super) fn detail_pace(&self) -> &Pace {
        self.detail_pace.as_ref().unwrap_or(&self.pace)
    }

    pub(super) fn address(&self) -> &Address {
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
    /// [`Kind::Refused`]: a redirect that may not be followed, or a host that is not
    /// where it may be. [`Kind::RateLimited`]: a `Retry-After`
    /// beyond `fetch.longest_retry_after`.
    pub(super) async fn ask<T: Send>(
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
    pub(super) async fn ask_for<R: Receive>(
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
            if let Failure::Status { status, .. } = &failure
                && wanted.telling.contains(&status.as_u16())
                && (number > 1 || !passes)
            {
                return Ok(Answered::Status(status.as_u16()));
            }
            let wait = if passes { waits.next() } else { None };
            let Some(own) = wait else {
                return match failure {
                    Failure::Status { status, .. }
                        if wanted.refusing.contains(&status.as_u16()) =>
                    {
                        Ok(Answered::Status(status.as_u16()))
                    }
                    failure => given_up(failure, number),
                };
            };
            let wait = self.wait(&failure, own)?;
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
            number += 1;
        }
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

    /// The header that says who asks, for the home host alone. A token is asked for
    /// as a page is: at the source's pace, logged, and counted.
    async fn authorization(
        &self,
        attempt: Attempt<'_>,
        url: &Url,
    ) -> Result<Option<HeaderValue>, Failure> {
        if !self.address.is_home(url) {
            return Ok(None);
        }
        let renewal = match self.auth.authorization().await {
            Authorization::Ready(header) => return Ok(header),
            Authorization::Wanted(renewal) => renewal,
        };
        let _slot = attempt.wanted.pace.turn().await;
        let mut asking = Asking::begin(self, attempt, renewal.url());
        let request = renewal.request(&self.http);
        let asked = self.ask_for_token(request, &mut asking);
        let answer = in_time(self.limits.page_timeout, asked).await;
        let token = answer.and_then(|answer| {
            let unusable = |what| Failure::Connection(Error::environment(what));
            renewal.renewed(&answer).map_err(unusable)
        });
        asking.error = token.as_ref().err().map(Failure::to_string);
        token.map(Some).map_err(|failure| failure.of_token())
    }

    async fn ask_for_token(
        &self,
        request: RequestBuilder,
        asking: &mut Asking<'_>,
    ) -> Result<Bytes, Failure> {
        let response = request.send().await.map_err(connection)?;
        asking.status = Some(response.status().as_u16());
        if !response.status().is_success() {
            return Err(status_of(&response));
        }
        let limits = config::Fetch {
            max_body_bytes: MOST_TOKEN_BYTES,
            max_decoded_bytes: MOST_TOKEN_BYTES,
            ..self.limits.clone()
        };
        let read = body::read(response, &limits, |bytes| self.count(&asking.bytes, bytes)).await;
        let unusable = |what: &str| Failure::Connection(Error::environment(what));
        read.map_err(|broken| match broken {
            Broken::Connection(error) => connection(error),
            Broken::TooLarge { .. } => unusable("the answer is too large for a token's"),
            Broken::Corrupt { .. } | Broken::Encoding => {
                unusable("the answer is not what its content encoding says")
            }
        })
    }

    /// Counts bytes of a body, for a request and for the client.
    pub(super) fn count(&self, wire: &AtomicU64, bytes: u64) {
        wire.fetch_add(bytes, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// One request and all of its response.
    async fn exchange<R: Receive>(
        &self,
        attempt: Attempt<'_>,
        (url, method): (&Url, Method),
        request: RequestBuilder,
        mut slot: Slot<'_>,
        receive: &R,
    ) -> Result<Answer<R::Received>, Failure> {
        let mut asking = Asking::begin(self, attempt, url);
        let answer = match request.send().map_err(connection).await {
            Err(failure) => Err(failure),
            Ok(response) => {
                let status = response.status();
                asking.status = Some(status.as_u16());
                if self.is_plea(status) {
                    slot.came_to(Outcome::Throttled);
                }
                if status.is_success() {
                    slot.came_to(Outcome::Answered(asking.began.elapsed()));
                    let arriving = Arriving {
                        url,
                        wire: &asking.bytes,
                        validators: self.validators(attempt, url, &response),
                    };
                    let read = receive.receive(self, response, arriving).await;
                    read.map(|read| Answer::Came(Came::Read(read)))
                } else if status == StatusCode::NOT_MODIFIED
                    && !self.conditions(attempt, url, method).is_empty()
                {
                    // how soon it comes says nothing of how soon pages do
                    let said = self.validators(attempt, url, &response);
                    Ok(Answer::Came(Came::Unchanged(said)))
                } else if self.source.http.redirects {
                    refused(url, method, &response)
                } else {
                    Err(status_of(&response))
                }
            }
        };
        asking.error = answer.as_ref().err().map(Failure::to_string);
        answer
    }

    /// What is sent of the source's own: headers and who asks to the home host alone.
    fn request(
        &self,
        attempt: Attempt<'_>,
        url: &Url,
        method: Method,
        authorization: Option<&HeaderValue>,
    ) -> RequestBuilder {
        let is_home = self.address.is_home(url);
        let http = match &self.strangers {
            Some((strangers, http)) if self.address.is_stranger(url) => {
                strangers.meet(url.host_str().unwrap_or_default());
                http
            }
            _ => &self.http,
        };
        let mut request = match method {
            Method::Get => http.get(url.clone()),
            Method::Post => http.post(url.clone()),
        };
        if is_home {
            request = request
                .headers(self.headers.clone())
                .headers(self.conditions(attempt, url, method));
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let ask = attempt.wanted.ask;
        match &ask.body {
            // a body may hold a secret, and a redirect may lead elsewhere
            Some(Sent { media_type, bytes })
                if method == ask.method && (is_home || *url == ask.url) =>
            {
                request
                    .header(CONTENT_TYPE, *media_type)
                    .body(bytes.clone())
            }
            _ => request,
        }
    }

    /// The headers that ask whether what is wanted has changed. What a server said of
    /// it goes back to the home host, from where alone it is remembered.
    fn conditions(&self, attempt: Attempt<'_>, url: &Url, method: Method) -> HeaderMap {
        let Some(known) = attempt.wanted.known else {
            return HeaderMap::new();
        };
        if method != Method::Get || !self.address.is_home(url) {
            return HeaderMap::new();
        }
        validators::conditions(&as_of(attempt.wanted.ask, url, known.clone()))
    }

    /// What an answer says by which its server can tell later whether it has changed.
    fn validators(&self, attempt: Attempt<'_>, url: &Url, response: &Response) -> Validators {
        if !self.address.is_home(url) {
            return Validators::default();
        }
        let said = validators::said(response.headers(), SystemTime::now());
        let is_public = |text: &String| !self.address.holds_secret(text);
        let said = Validators {
            etag: said.etag.filter(is_public),
            last_modified: said.last_modified.filter(is_public),
        };
        as_of(attempt.wanted.ask, url, said)
    }

    /// Lets no request of the source start for so long, of whichever kind.
    fn quiet_for(&self, wait: Duration) {
        self.pace.quiet_for(wait);
        if let Some(pace) = &self.detail_pace {
            pace.quiet_for(wait);
        }
    }

    /// Whether a status asks for fewer requests: some servers throttle by 403.
    fn is_plea(&self, status: StatusCode) -> bool {
        let status = status.as_u16();
        matches!(status, 429 | 503) || self.source.http.retry_status.contains(&status)
    }

    fn is_worth_another(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Connection(_) | Failure::Unreadable(..) => true,
            Failure::Final(_) | Failure::TooLarge(..) => false,
            Failure::Status { status, .. } => {
                matches!(status.as_u16(), 408 | 429)
                    || status.is_server_error()
                    || self.source.http.retry_status.contains(&status.as_u16())
            }
        }
    }

    /// How long to wait before the next attempt.
    fn wait(&self, failure: &Failure, own: Duration) -> Result<Duration> {
        let Failure::Status {
            status,
            retry_after,
        } = failure
        else {
            return Ok(own);
        };
        if let (None, Some(wait)) = (retry_after, self.source.http.retry_wait) {
            let wait = wait.max(own);
            if self.is_plea(*status) {
                self.quiet_for(wait);
            }
            return Ok(wait);
        }
        match retry::clamp(own, *retry_after, self.limits.longest_retry_after) {
            Wait::For(wait) => {
                if retry_after.is_some() {
                    self.quiet_for(wait);
                }
                Ok(wait)
            }
            Wait::TooLong(wish) => {
                let until = i64::try_from(wish.as_secs())
                    .ok()
                    .and_then(|seconds| Timestamp::now().as_second().checked_add(seconds))
                    .and_then(|second| Timestamp::from_second(second).ok());
                let until = match until {
                    Some(until) => format!("until {until}"),
                    None => format!("for {} s", wish.as_secs()),
                };
                let longest = self.limits.longest_retry_after;
                Err(Error::new(
                    Kind::RateLimited,
                    format!(
                        "{failure}, rate limited {until}, \
                         longer than `fetch.longest_retry_after` of {longest:?}; resumable"
                    ),
                ))
            }
        }
    }
}

impl<T: Send, F> Receive for Parse<F>
where
    F: Fn(Received<'_>) -> Result<T, Undecodable> + Sync,
{
    type Received = T;

    async fn receive(
        &self,
        client: &Client,
        response: Response,
        arriving: Arriving<'_>,
    ) -> Result<T, Failure> {
        let Arriving {
            url,
            wire,
            validators,
        } = arriving;
        let unreadable =
            |body: Bytes, message: &str| Err(Failure::Unreadable(body, message.to_owned()));
        let content_type = text_header(&response, &CONTENT_TYPE).map(str::to_owned);
        let count = |bytes| client.count(wire, bytes);
        let body = match body::read(response, &client.limits, count).await {
            Ok(body) if body.trim_ascii().is_empty() => {
                return unreadable(body, "the body is empty");
            }
            Ok(body) => body,
            Err(Broken::Connection(error)) => return Err(connection(error)),
            Err(Broken::TooLarge { key, limit, body }) => {
                let message = format!("larger than {limit} bytes, the limit of `{key}`");
                return Err(Failure::TooLarge(body, message));
            }
            Err(Broken::Corrupt { body }) => {
                return unreadable(body, "not what its content encoding says");
            }
            Err(Broken::Encoding) => return unreadable(Bytes::new(), NOT_ASKED_FOR),
        };
        let received = Received {
            url,
            body: body.clone(),
            content_type: content_type.as_deref(),
            validators,
        };
        let Self(parse) = self;
        parse(received).map_err(|why| match why {
            Undecodable::Unreadable(message) => Failure::Unreadable(body, message),
            Undecodable::TooLarge(message) => Failure::TooLarge(body::beginning(&body), message),
        })
    }
}

async fn in_time<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let silence =
        |_| Failure::Connection(Error::environment(format!("not whole within {limit:?}")));
    tokio::time::timeout(limit, Box::pin(asked))
        .await
        .map_err(silence)?
}

/// A request under way, which is told of when it is over: answered, failed, or
/// abandoned by a time limit or a stop.
struct Asking<'a> {
    client: &'a Client,
    attempt: Attempt<'a>,
    url: &'a Url,
    requested_at: Timestamp,
    began: Instant,
    status: Option<u16>,
    bytes: AtomicU64,
    error: Option<String>,
}

impl<'a> Asking<'a> {
    fn begin(client: &'a Client, attempt: Attempt<'a>, url: &'a Url) -> Self {
        client.requests.fetch_add(1, Ordering::Relaxed);
        Self {
            client,
            attempt,
            url,
            requested_at: Timestamp::now(),
            began: Instant::now(),
            status: None,
            bytes: AtomicU64::new(0),
            error: Some("abandoned".into()),
        }
    }
}

impl Asking<'_> {
    /// What was asked for, without secrets: an address that a redirect led to may
    /// be signed, and is shown without its query.
    fn shown_url(&self) -> String {
        let ask = self.attempt.wanted.ask;
        if *self.url == ask.url && !ask.is_signed {
            return self.client.address.redact(self.url);
        }
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        self.client.address.redact(&url)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let Self {
            client, attempt, ..
        } = *self;
        let name = &client.source.name;
        let (page, attempt) = (attempt.wanted.page, attempt.number);
        let (took, bytes) = (self.began.elapsed(), *self.bytes.get_mut());
        debug!(
            source.name = %name,
            page,
            attempt,
            status = self.status,
            milliseconds = took.as_millis(),
            bytes,
            "asked {name} for page {page}",
        );
        let Some(log) = &client.log else { return };
        let request = Request {
            page,
            attempt,
            url: self.shown_url(),
            requested_at: self.requested_at,
            status: self.status,
            took,
            bytes,
            error: self.error.take(),
        };
        if log.requests.try_send(request).is_err() {
            log.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Failure {
    fn is_unauthorized(&self) -> bool {
        matches!(self, Failure::Status { status, .. } if *status == StatusCode::UNAUTHORIZED)
    }

    /// The failure to get a token, which is said of it where it ends the page.
    fn of_token(self) -> Self {
        let context = |error: Error| error.context("ask for a token");
        match self {
            Failure::Connection(error) => Failure::Connection(context(error)),
            Failure::Status { status, .. }
                if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                let message = format!("status {}", status.as_u16());
                Failure::Final(context(Error::new(Kind::Truncated, message)))
            }
            failure => failure,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Final(error) | Failure::Connection(error) => f.write_str(&error.chain()),
            Failure::Status { status, .. } => write!(f, "status {}", status.as_u16()),
            Failure::Unreadable(_, message) | Failure::TooLarge(_, message) => f.write_str(message),
        }
    }
}

/// What is left when no further attempt is made.
fn given_up<T>(failure: Failure, attempts: u32) -> Result<Answered<T>> {
    let after = |what: String| match attempts {
        1 => what,
        _ => format!("{what} after {attempts} attempts"),
    };
    match failure {
        Failure::Unreadable(body, message) | Failure::TooLarge(body, message) => {
            let fetched_at = Timestamp::now();
            Ok(Answered::Unreadable {
                body,
                message,
                fetched_at,
            })
        }
        Failure::Final(error) => Err(error),
        Failure::Connection(error) if attempts == 1 => Err(error),
        Failure::Connection(error) => Err(error.context(after("no page".into()))),
        Failure::Status { status, .. } => {
            let kind = match status.as_u16() {
                408 | 500.. => Kind::Environment,
                _ => Kind::Truncated,
            };
            Err(Error::new(
                kind,
                after(format!("status {}", status.as_u16())),
            ))
        }
    }
}

/// What is said at one URL of what was asked for at another. A tag tells it from all
/// else; a time does not, and a redirect may lead to another file the next time.
fn as_of(ask: &Ask, url: &Url, said: Validators) -> Validators {
    Validators {
        last_modified: said.last_modified.filter(|_| *url == ask.url),
        ..said
    }
}

/// reqwest's messages show the URL, and with it the secrets in it.
pub(super) fn connection(error: reqwest::Error) -> Failure {
    let first: &(dyn std::error::Error + 'static) = &error;
    let mut causes = std::iter::successors(Some(first), |cause| cause.source());
    if let Some(why) = causes.find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        return Failure::Final(Error::new(Kind::Refused, why.to_string()));
    }
    let what = if error.is_timeout() {
        "a time limit of the connection"
    } else if error.is_connect() {
        "connect"
    } else if error.is_body() || error.is_decode() {
        "read the body"
    } else {
        "send the request"
    };
    Failure::Connection(Error::environment(what).with_source(error.without_url()))
}

pub(super) fn text_header<'r>(response: &'r Response, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

/// A response that is not a page.
fn refused<T>(url: &Url, method: Method, response: &Response) -> Result<Answer<T>, Failure> {
    let status = response.status();
    let header = |name| text_header(response, &name);
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
        && let Some(to) = header(LOCATION).and_then(|location| url.join(location).ok())
    {
        // as browsers do: only these two keep the method and with it the body
        let method = match status.as_u16() {
            307 | 308 => method,
            _ => Method::Get,
        };
        return Ok(Answer::Redirect { to, method });
    }
    Err(status_of(response))
}

/// A status that is neither success nor a redirect, and when to come back.
fn status_of(response: &Response) -> Failure {
    let retry_after = text_header(response, &RETRY_AFTER)
        .and_then(|value| retry::retry_after(value, SystemTime::now()));
    Failure::Status {
        status: response.status(),
        retry_after,
    }
}

/// Connections of a source, made where a resolver says, or the system.
fn http(
    source: &Source,
    limits: &config::Fetch,
    address: &Address,
    resolver: Option<Resolver>,
) -> Result<reqwest::Client> {
    let user_agent = source
        .http
        .user_agent
        .as_ref()
        .map_or(&*limits.user_agent, UserAgent::as_str);
    let user_agent = HeaderValue::from_str(user_agent).map_err(|e| {
        Error::config(format!("the user agent of {} is not a header", source.name)).with_source(e)
    })?;
    // reqwest wants a provider of cryptography for the process; it is no
    // trouble if this program, or one that uses the library, has set one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        let accept_encoding = HeaderValue::from_static(body::ACCEPT_ENCODING);
        let builder = match &resolver {
            Some(resolver) => reqwest::Client::builder().dns_resolver(resolver.clone()),
            None => reqwest::Client::builder(),
        };
        builder
            .user_agent(user_agent.clone())
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, accept_encoding)]))
            .connect_timeout(limits.connect_timeout)
            .read_timeout(limits.read_timeout)
            // Both are done here, where hosts are checked and requests counted.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
    };
    let error = match builder().build() {
        Ok(client) => return Ok(client),
        Err(error) => error,
    };
    // A slim machine has no root certificates. No server can be believed then,
    // but a feed in clear text, such as the demo's, needs none.
    if address.is_clear_text()
        && let Ok(client) = builder().tls_certs_only([]).build()
    {
        return Ok(client);
    }
    Err(Error::environment(
        "set up TLS; this machine may lack root certificates \
         (package ca-certificates, or a file named by SSL_CERT_FILE)",
    )
    .with_source(error.without_url()))
}

/// The pace of what pages name, where it is one of its own.
fn detail_pace(source: &Source, detail: &Detail) -> Option<Pace> {
    let rate = detail.rate?;
    let concurrency = detail
        .concurrency
        .map_or(source.http.concurrency, NonZeroUsize::get);
    Some(Pace::new(Some(rate), concurrency))
}

/// The limits that hold for a source.
fn of_source(limits: &config::Fetch, http: &Http) -> config::Fetch {
    config::Fetch {
        attempts: http.retry_max.map_or(limits.attempts, NonZeroU32::get),
        page_timeout: http.timeout.unwrap_or(limits.page_timeout),
        read_timeout: http.timeout.unwrap_or(limits.read_timeout),
        ..limits.clone()
    }
}

/// The texts of a source that may hold placeholders, with their keys.
fn declared(source: &Source) -> impl Iterator<Item = (String, &str)> {
    let name = &source.name;
    let templates = source.templates().into_iter();
    let headers = source.http.headers.iter();
    let auth = source.auth.iter().flat_map(source::Auth::texts);
    templates
        .map(move |(key, template)| (format!("sources.{name}.{key}"), template.as_str()))
        .chain(
            headers.map(move |(key, text)| {
                (format!("sources.{name}.http.headers.{key}"), text.as_str())
            }),
        )
        .chain(auth.map(move |(key, text)| (format!("sources.{name}.auth.{key}"), text)))
}

/// The configured headers with their values, which are never shown.
fn headers(source: &Source, secrets: &Secrets) -> Result<HeaderMap> {
    let header = |name: &str, text: &str| -> Option<(HeaderName, HeaderValue)> {
        let mut value = HeaderValue::from_str(&secrets.reveal(text)).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    };
    source
        .http
        .headers
        .iter()
        .map(|(name, text)| {
            header(name, text).ok_or_else(|| {
                Error::config(format!(
                    "key `sources.{}.http.headers.{name}`: is not an HTTP header",
                    source.name
                ))
            })
        })
        .collect()
}
