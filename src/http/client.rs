//! The HTTP client of one source: its connections, limits, pace, secrets and counts.
//!
//! [`attempts`](crate::http::attempts) has the functions that send a request.

use std::sync::Arc;

use reqwest::header::HeaderMap;

use crate::config;
use crate::error::Result;
use crate::http::auth::Auth;
use crate::http::cookies::HomeCookies;
use crate::http::pace::Pace;
use crate::http::public_host::{PublicHosts, Resolver};
use crate::http::request_log::RequestLog;
use crate::http::retry_policy::RetryPolicy;
use crate::http::secret::Secrets;
use crate::http::setup;
use crate::http::target::TargetPolicy;
use crate::http::unprocessed::UsedConnections;
use crate::source::Source;

/// Sends the requests of one source, no faster than the source allows.
pub(crate) struct Client {
    pub(super) source: Source,
    cookies: Option<Arc<HomeCookies>>,
    pub(crate) limits: config::Fetch,
    pub(super) connections: reqwest::Client,
    /// Connections to hosts that are allowed only by `*` in `http.allow_hosts`. `None` if the
    /// source has no `*`. They are separate, because only these hosts must have public addresses.
    pub(super) public_connections: Option<(Arc<PublicHosts>, reqwest::Client)>,
    pub(crate) policy: TargetPolicy,
    pub(super) used_connections: UsedConnections,
    pub(super) headers: HeaderMap,
    pub(super) auth: Auth,
    pub(crate) pace: Pace,
    detail_pace: Option<Pace>,
    pub(crate) log: RequestLog,
}

impl Client {
    pub(crate) fn new(source: &Source, limits: &config::Fetch) -> Result<Self> {
        let limits = setup::source_limits(limits, source);
        let secrets = Secrets::look_up(setup::list_secret_texts(source), |name| {
            std::env::var(name).ok()
        })?;
        let headers = setup::build_headers(source, &secrets)?;
        let auth = Auth::new(source, &secrets)?;
        let policy = TargetPolicy::new(source, secrets)?;
        let cookies = source.http.cookies.then(|| {
            let own_url = policy.own_url().clone();
            Arc::new(HomeCookies::new(own_url))
        });
        let public_connections = match policy.hosts.has_wildcard() {
            true => {
                let public_hosts: Arc<PublicHosts> = Arc::default();
                let resolver = Resolver(Arc::clone(&public_hosts));
                let connections =
                    setup::build_client(source, &limits, &policy, cookies.clone(), Some(resolver))?;
                Some((public_hosts, connections))
            }
            false => None,
        };
        Ok(Self {
            source: source.clone(),
            connections: setup::build_client(source, &limits, &policy, cookies.clone(), None)?,
            cookies,
            limits,
            public_connections,
            used_connections: UsedConnections::default(),
            headers,
            auth,
            policy,
            pace: Pace::new(source.http.rate, source.http.concurrency),
            detail_pace: source
                .detail
                .as_ref()
                .and_then(|detail| setup::build_detail_pace(source, detail)),
            log: RequestLog::new(source.name.clone()),
        })
    }

    /// Returns the pace of requests for details, which may have a rate of their own.
    pub(crate) fn detail_pace(&self) -> &Pace {
        self.detail_pace.as_ref().unwrap_or(&self.pace)
    }

    /// Makes connections that no request has used. If the source has `*` in `http.allow_hosts`,
    /// hosts that must be public are checked as always.
    pub(super) fn connect_anew(&self) -> Result<reqwest::Client> {
        let Self { source, limits, .. } = self;
        let resolver = self.public_connections.as_ref();
        let resolver = resolver.map(|(public_hosts, _)| Resolver(Arc::clone(public_hosts)));
        setup::build_client(source, limits, &self.policy, self.cookies.clone(), resolver)
    }

    pub(super) fn retry_policy(&self) -> RetryPolicy<'_> {
        RetryPolicy {
            http: &self.source.http,
            limits: &self.limits,
        }
    }

    /// Delays every new request of the source by at least `wait`.
    pub(super) fn hold_back_requests(&self, wait: std::time::Duration) {
        self.pace.hold_back(wait);
        if let Some(pace) = &self.detail_pace {
            pace.hold_back(wait);
        }
    }
}
