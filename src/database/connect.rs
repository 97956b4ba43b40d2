//! Opens the pool's connections. It negotiates TLS, and puts a [`GuardedStream`] around each
//! connection.
//!
//! tokio-postgres looks up names, tries each host in turn and checks the session's attributes.
//! tokio-postgres could negotiate TLS too, but then it would use a connection without TLS
//! directly, and no [`GuardedStream`] could be put around that connection. So tokio-postgres is
//! configured as if TLS began at once. Where it would start the handshake, it calls the
//! negotiation of this module, which may also return a connection without TLS.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use deadpool_postgres::Connect;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode as WireMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, Connection, Error};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::either::Either;

use super::auth_guard::{GuardedStream, Policy};
use super::require_auth::RequireAuth;

/// The message with which a client requests TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A host or a list of hosts, and the way in which the program connects to it.
#[derive(Clone)]
pub(super) enum Target {
    /// Connects over TCP. TLS is negotiated by this module.
    Tcp(Config),
    /// Connects over a Unix socket. Every authentication method is allowed.
    Socket(Config),
    /// Connects over the Unix socket of this path. Only the authentication methods that
    /// `require_auth` allows are used.
    GuardedSocket(PathBuf, Config),
}

impl Target {
    pub(super) fn tcp(config: Config) -> Self {
        Target::Tcp(call_negotiator(config))
    }

    pub(super) fn socket(mut config: Config) -> Self {
        config.ssl_mode(WireMode::Disable);
        Target::Socket(config)
    }

    pub(super) fn guarded_socket(path: PathBuf, config: Config) -> Self {
        Target::GuardedSocket(path, call_negotiator(config))
    }
}

/// Makes tokio-postgres call [`TlsNegotiator`] instead of negotiating TLS itself.
fn call_negotiator(mut config: Config) -> Config {
    config.ssl_mode(WireMode::Require);
    config.ssl_negotiation(SslNegotiation::Direct);
    config
}

/// Opens a connection to the first target that accepts one.
pub(super) struct Connector {
    pub(super) targets: Vec<Target>,
    pub(super) negotiator: TlsNegotiator,
}

impl Connect for Connector {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async {
            let (last, others) = self.targets.split_last().expect("a target");
            for target in others {
                if let Ok(connected) = self.try_target(target).await {
                    return Ok(connected);
                }
            }
            self.try_target(last).await
        })
    }
}

impl Connector {
    async fn try_target(&self, target: &Target) -> Result<(Client, JoinHandle<()>), Error> {
        let negotiator = self.negotiator.clone();
        match target {
            Target::Tcp(config) | Target::Socket(config) => {
                config.connect(negotiator).await.map(spawn_connection)
            }
            Target::GuardedSocket(path, config) => {
                let socket = ConnectSocket {
                    path: path.clone(),
                    limit: config.get_connect_timeout().copied(),
                    require_auth: negotiator.require_auth,
                };
                // tokio-postgres calls `socket` where it would start the TLS handshake. The
                // opened socket replaces the empty stream.
                let nothing = tokio::io::empty();
                let connected = config.connect_raw(nothing, socket).await;
                connected.map(spawn_connection)
            }
        }
    }
}

/// Spawns the task that sends and receives the messages of a connection. The task ends when the
/// client is dropped.
fn spawn_connection<S, T>(
    (client, connection): (Client, Connection<S, T>),
) -> (Client, JoinHandle<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "a connection to the database broke: {error}");
        }
    });
    (client, task)
}

/// Negotiates TLS by the rules of libpq.
#[derive(Clone)]
pub(super) struct TlsNegotiator {
    pub(super) tls: MakeRustlsConnect,
    pub(super) mode: WireMode,
    /// True if the server expects TLS to begin without a request for it.
    pub(super) is_direct: bool,
    pub(super) require_auth: Option<RequireAuth>,
    /// The hosts that are not on this machine.
    pub(super) remote_hosts: Vec<String>,
}

impl<S> MakeTlsConnect<S> for TlsNegotiator
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = GuardedStream<Transport<S>>;
    type TlsConnect = TlsNegotiation;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<TlsNegotiation> {
        Ok(TlsNegotiation {
            is_remote: self.remote_hosts.iter().any(|remote| remote == host),
            host: host.to_owned(),
            negotiator: self.clone(),
        })
    }
}

pub(super) struct TlsNegotiation {
    negotiator: TlsNegotiator,
    host: String,
    is_remote: bool,
}

impl<S> TlsConnect<S> for TlsNegotiation
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = GuardedStream<Transport<S>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Stream>>;

    fn connect(self, mut stream: S) -> Self::Future {
        Box::pin(async move {
            let mut negotiator = self.negotiator;
            let policy = |is_exposed| Policy {
                require_auth: negotiator.require_auth.clone(),
                is_exposed,
            };
            if !request_tls(&mut stream, negotiator.mode, negotiator.is_direct).await? {
                let policy = policy(self.is_remote);
                return Ok(GuardedStream::new(Either::Left(stream), policy));
            }
            let policy = policy(false);
            let Ok(tls) = MakeTlsConnect::<S>::make_tls_connect(&mut negotiator.tls, &self.host);
            let stream = tls.connect(stream).await?;
            Ok(GuardedStream::new(Either::Right(Box::new(stream)), policy))
        })
    }
}

/// Requests TLS from the server if the mode requires a request. Returns true if TLS begins.
async fn request_tls<S>(stream: &mut S, mode: WireMode, is_direct: bool) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if mode == WireMode::Disable {
        return Ok(false);
    }
    if is_direct {
        return Ok(true);
    }
    stream.write_all(&SSL_REQUEST).await?;
    stream.flush().await?;
    match stream.read_u8().await? {
        b'S' => Ok(true),
        _ if mode == WireMode::Require => Err(io::Error::other(super::tls::NO_TLS)),
        _ => Ok(false),
    }
}

struct ConnectSocket {
    path: PathBuf,
    limit: Option<Duration>,
    require_auth: Option<RequireAuth>,
}

impl<S> TlsConnect<S> for ConnectSocket {
    type Stream = GuardedStream<Transport<UnixStream>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Stream>>;

    fn connect(self, _: S) -> Self::Future {
        Box::pin(async move {
            let limit = self.limit.unwrap_or(Duration::MAX);
            let opened = tokio::time::timeout(limit, UnixStream::connect(&self.path)).await;
            let stream = opened.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            let policy = Policy {
                require_auth: self.require_auth,
                is_exposed: false,
            };
            Ok(GuardedStream::new(Either::Left(stream), policy))
        })
    }
}

/// A connection without TLS, or with it.
type Transport<S> = Either<S, Box<<MakeRustlsConnect as MakeTlsConnect<S>>::Stream>>;

impl<S> TlsStream for GuardedStream<Transport<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn channel_binding(&self) -> ChannelBinding {
        match &self.stream {
            Either::Left(_) => ChannelBinding::none(),
            Either::Right(stream) => stream.channel_binding(),
        }
    }
}
