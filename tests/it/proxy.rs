//! A proxy before a server that is slow or breaks connections. It listens on TCP, and connects to
//! TCP or to the server's Unix socket. The benchmarks use it too.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// A fault of a connection.
#[allow(dead_code, reason = "the benchmarks only want it slow")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It ends after all sent data has arrived.
    Cut,
    /// It is reset, and data on its way is lost.
    Reset,
    /// It stays open: requests arrive, but no replies.
    HalfOpen,
    /// It stays open, and nothing passes in either direction.
    BlackHole,
    /// It ends for the client and stays open for the server, as a pooler does.
    Kept,
}

/// A proxy that runs until the process ends.
pub(crate) struct Proxy {
    address: SocketAddr,
    link: Arc<Link>,
}

/// The server's address.
enum Server {
    Socket(PathBuf),
    Address(SocketAddr),
}

struct Link {
    server: Server,
    /// The additional delay of each round trip.
    delay: Duration,
    /// The time for one byte from the server; 0 means no limit.
    nanoseconds_a_byte: AtomicU64,
    /// After this many bytes, the connection with the next byte is disturbed.
    trouble_at: AtomicU64,
    trouble: Trouble,
    /// True after the disturbance.
    was_troubled: AtomicBool,
    /// True if no connection is served after the disturbance.
    is_final: bool,
    /// True if new connections are reset.
    refuses_connections: AtomicBool,
    passed: AtomicU64,
    connections: Mutex<Vec<Weak<Connection>>>,
}

/// A connection from a client and the one to the server.
struct Connection {
    client: TcpStream,
    server: Stream,
    /// True if data from the client is discarded.
    drops_from_client: AtomicBool,
    /// True if data from the server is discarded.
    drops_from_server: AtomicBool,
    is_reset: AtomicBool,
    is_kept: AtomicBool,
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

#[allow(dead_code, reason = "the benchmarks only want it slow")]
impl Proxy {
    /// Adds a delay to each round trip.
    pub(crate) fn slow(socket: &Path, delay: Duration) -> Self {
        Self::start(Link::new(Server::Socket(socket.to_owned()), delay))
    }

    /// Breaks one connection after this many bytes.
    pub(crate) fn cut_after(socket: &Path, bytes: u64) -> Self {
        Self::disturb_after(socket, bytes, Trouble::Cut)
    }

    /// Disturbs one connection after this many bytes.
    pub(crate) fn disturb_after(socket: &Path, bytes: u64, trouble: Trouble) -> Self {
        Self::start(Link {
            trouble_at: bytes.into(),
            trouble,
            ..Link::new(Server::Socket(socket.to_owned()), Duration::ZERO)
        })
    }

    /// Does the same before a publisher.
    pub(crate) fn disturb_publisher_after(
        address: SocketAddr,
        bytes: u64,
        trouble: Trouble,
    ) -> Self {
        Self::start(Link {
            trouble_at: bytes.into(),
            trouble,
            ..Link::new(Server::Address(address), Duration::ZERO)
        })
    }

    /// Breaks all connections after this many bytes, for good.
    pub(crate) fn cut_for_good(socket: &Path, bytes: u64) -> Self {
        Self::start(Link {
            trouble_at: bytes.into(),
            is_final: true,
            ..Link::new(Server::Socket(socket.to_owned()), Duration::ZERO)
        })
    }

    fn start(link: Link) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let link = Arc::new(link);
        let server = Arc::clone(&link);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                server.serve(client);
            }
        });
        Self { address, link }
    }

    /// Returns the URL of a database through the proxy.
    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@{}/{database}", self.address)
    }

    /// Returns the URL of a publisher through the proxy.
    pub(crate) fn http(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Returns the number of bytes in both directions together.
    pub(crate) fn bytes_passed(&self) -> u64 {
        self.link.passed.load(SeqCst)
    }

    /// Returns true after the planned disturbance.
    pub(crate) fn was_troubled(&self) -> bool {
        self.link.was_troubled.load(SeqCst)
    }

    /// Disturbs all current connections, and returns true if there were any.
    pub(crate) fn disturb(&self, trouble: Trouble) -> bool {
        let connections = self
            .link
            .connections
            .lock()
            .expect("no holder of this lock panics");
        let mut were_any = false;
        for connection in connections.iter().filter_map(Weak::upgrade) {
            connection.disturb(trouble);
            were_any = true;
        }
        were_any
    }

    /// Limits the bytes per second from the server; 0 means no limit.
    pub(crate) fn throttle(&self, bytes_a_second: u64) {
        let each = 1_000_000_000_u64.checked_div(bytes_a_second);
        let each = each.unwrap_or_default();
        self.link.nanoseconds_a_byte.store(each, SeqCst);
    }

    /// Resets all new connections until it is called with false.
    pub(crate) fn refuse_connections(&self, refuses_connections: bool) {
        self.link
            .refuses_connections
            .store(refuses_connections, SeqCst);
    }
}

impl Link {
    fn new(server: Server, delay: Duration) -> Self {
        Self {
            server,
            delay,
            nanoseconds_a_byte: AtomicU64::new(0),
            trouble_at: AtomicU64::new(u64::MAX),
            trouble: Trouble::Cut,
            was_troubled: AtomicBool::new(false),
            is_final: false,
            refuses_connections: AtomicBool::new(false),
            passed: AtomicU64::new(0),
            connections: Mutex::default(),
        }
    }

    fn serve(self: &Arc<Self>, client: TcpStream) {
        if self.is_final && self.trouble_at.load(SeqCst) == u64::MAX {
            return;
        }
        let Ok(server) = self.server.connect() else {
            return;
        };
        client.set_nodelay(true).expect("a TCP socket");
        let connection = Arc::new(Connection {
            client,
            server,
            drops_from_client: AtomicBool::new(false),
            drops_from_server: AtomicBool::new(false),
            is_reset: AtomicBool::new(false),
            is_kept: AtomicBool::new(false),
        });
        if self.refuses_connections.load(SeqCst) {
            return connection.disturb(Trouble::Reset);
        }
        let mut connections = self
            .connections
            .lock()
            .expect("no holder of this lock panics");
        connections.retain(|connection| connection.strong_count() > 0);
        connections.push(Arc::downgrade(&connection));
        self.connect(&connection);
    }

    /// Passes bytes in both directions, on threads of their own.
    fn connect(self: &Arc<Self>, connection: &Arc<Connection>) {
        let (link, between) = (Arc::clone(self), Arc::clone(connection));
        thread::spawn(move || {
            let into_server = |bytes: &[u8]| match between.drops_from_client.load(SeqCst) {
                true => Ok(()),
                false => between.server.send(bytes),
            };
            link.pass(
                &between,
                |buffer| (&between.client).read(buffer),
                into_server,
            );
            between.end();
        });
        let (send, receive) = mpsc::channel::<(Instant, Vec<u8>)>();
        let (link, between) = (Arc::clone(self), Arc::clone(connection));
        thread::spawn(move || {
            let keep = |bytes: &[u8]| {
                // Data that was already delayed still arrives.
                if between.drops_from_server.load(SeqCst) {
                    return Ok(());
                }
                let sent = send.send((Instant::now(), bytes.to_vec()));
                sent.map_err(io::Error::other)
            };
            link.pass(&between, |buffer| between.server.receive(buffer), keep);
        });
        let (link, between) = (Arc::clone(self), Arc::clone(connection));
        thread::spawn(move || {
            for (since, bytes) in receive {
                let each = link.nanoseconds_a_byte.load(SeqCst);
                let throttled = Duration::from_nanos(each * bytes.len() as u64);
                let until = since + link.delay + throttled;
                thread::sleep(until.saturating_duration_since(Instant::now()));
                if (&between.client).write_all(&bytes).is_err() {
                    break;
                }
            }
            between.end();
        });
    }

    /// Passes bytes on until the connection ends or is disturbed.
    fn pass(
        &self,
        connection: &Connection,
        mut from: impl FnMut(&mut [u8]) -> io::Result<usize>,
        mut to: impl FnMut(&[u8]) -> io::Result<()>,
    ) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let Ok(read @ 1..) = from(&mut buffer) else {
                return;
            };
            let before = self.passed.fetch_add(read as u64, SeqCst);
            let trouble_at = self.trouble_at.load(SeqCst);
            if before + read as u64 > trouble_at {
                self.trouble_at.store(u64::MAX, SeqCst);
                self.was_troubled.store(true, SeqCst);
                // The bytes before the disturbance arrive.
                let rest = usize::try_from(trouble_at.saturating_sub(before)).unwrap_or(read);
                let _ = to(&buffer[..rest.min(read)]);
                match self.trouble {
                    Trouble::Cut => return,
                    trouble => connection.disturb(trouble),
                }
            } else if to(&buffer[..read]).is_err() {
                return;
            }
        }
    }
}

impl Server {
    fn connect(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Socket(path) => Stream::Unix(UnixStream::connect(path)?),
            Self::Address(address) => Stream::Tcp(TcpStream::connect(address)?),
        })
    }
}

impl Connection {
    fn disturb(&self, trouble: Trouble) {
        match trouble {
            Trouble::Cut => self.end(),
            Trouble::Reset => {
                // A close then sends a reset at once.
                let at_once = Some(Duration::ZERO);
                let _ = rustix::net::sockopt::set_socket_linger(&self.client, at_once);
                self.is_reset.store(true, SeqCst);
                self.end();
            }
            Trouble::HalfOpen => self.drops_from_server.store(true, SeqCst),
            Trouble::BlackHole => {
                self.drops_from_client.store(true, SeqCst);
                self.drops_from_server.store(true, SeqCst);
            }
            Trouble::Kept => {
                self.is_kept.store(true, SeqCst);
                self.end();
            }
        }
    }

    /// Ends both sides, and so the threads between them.
    fn end(&self) {
        let how = match self.is_reset.load(SeqCst) {
            true => Shutdown::Read,
            false => Shutdown::Both,
        };
        let _ = self.client.shutdown(how);
        if !self.is_kept.load(SeqCst) {
            self.server.end();
        }
    }
}

impl Stream {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => (&*stream).read(buffer),
            Self::Tcp(stream) => (&*stream).read(buffer),
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(stream) => (&*stream).write_all(bytes),
            Self::Tcp(stream) => (&*stream).write_all(bytes),
        }
    }

    fn end(&self) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}
