//! A link to a server that is slow, or breaks: TCP on this side, the server's
//! Unix socket on the other. The benchmarks use it too.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A link that lasts until the process ends.
pub(crate) struct Proxy {
    port: u16,
    link: Arc<Link>,
}

struct Link {
    socket: PathBuf,
    /// Added to each round trip.
    delay: Duration,
    /// The link breaks once, when so many bytes have passed.
    cut_at: AtomicU64,
    /// After that nobody is served any more.
    is_final: bool,
    passed: AtomicU64,
}

impl Proxy {
    /// A link whose round trips take so much longer.
    pub(crate) fn slow(socket: &Path, delay: Duration) -> Self {
        Self::start(socket, delay, u64::MAX, false)
    }

    /// A link that breaks once, when so many bytes have passed.
    #[allow(dead_code, reason = "the benchmarks only want it slow")]
    pub(crate) fn cut(socket: &Path, bytes: u64) -> Self {
        Self::start(socket, Duration::ZERO, bytes, false)
    }

    /// A link that breaks for good, when so many bytes have passed.
    #[allow(dead_code, reason = "the benchmarks only want it slow")]
    pub(crate) fn cut_for_good(socket: &Path, bytes: u64) -> Self {
        Self::start(socket, Duration::ZERO, bytes, true)
    }

    fn start(socket: &Path, delay: Duration, cut_at: u64, is_final: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let link = Arc::new(Link {
            socket: socket.to_owned(),
            delay,
            cut_at: AtomicU64::new(cut_at),
            is_final,
            passed: AtomicU64::new(0),
        });
        let server = Arc::clone(&link);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                server.serve(client);
            }
        });
        Self { port, link }
    }

    /// The URL of a database behind the link.
    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// How many bytes have passed, both ways together.
    #[allow(dead_code, reason = "the benchmarks only want it slow")]
    pub(crate) fn passed(&self) -> u64 {
        self.link.passed.load(Ordering::SeqCst)
    }
}

impl Link {
    fn serve(self: &Arc<Self>, client: TcpStream) {
        if self.is_final && self.cut_at.load(Ordering::SeqCst) == u64::MAX {
            return;
        }
        let Ok(server) = UnixStream::connect(&self.socket) else {
            return;
        };
        client.set_nodelay(true).expect("a TCP socket");
        let both = || {
            let client = client.try_clone().expect("descriptors");
            (client, server.try_clone().expect("descriptors"))
        };
        let ((to_client, to_server), link) = (both(), Arc::clone(self));
        let (mut from_client, mut into_server) = both();
        let (mut into_client, mut from_server) = both();
        let break_link = move || {
            let _ = to_client.shutdown(Shutdown::Both);
            let _ = to_server.shutdown(Shutdown::Both);
        };
        let break_too = {
            let (to_client, to_server) = both();
            move || {
                let _ = to_client.shutdown(Shutdown::Both);
                let _ = to_server.shutdown(Shutdown::Both);
            }
        };
        thread::spawn(move || {
            link.pass(&mut from_client, |bytes| into_server.write_all(bytes));
            break_link();
        });
        let link = Arc::clone(self);
        let (send, receive) = mpsc::channel::<(Instant, Vec<u8>)>();
        thread::spawn(move || {
            link.pass(&mut from_server, |bytes| {
                let sent = send.send((Instant::now(), bytes.to_vec()));
                sent.map_err(std::io::Error::other)
            });
            drop(send);
        });
        let delay = self.delay;
        thread::spawn(move || {
            for (since, bytes) in receive {
                thread::sleep((since + delay).saturating_duration_since(Instant::now()));
                if into_client.write_all(&bytes).is_err() {
                    break;
                }
            }
            break_too();
        });
    }

    /// Passes bytes on until the link ends or breaks.
    fn pass(&self, from: &mut impl Read, mut to: impl FnMut(&[u8]) -> std::io::Result<()>) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let Ok(read @ 1..) = from.read(&mut buffer) else {
                return;
            };
            let before = self.passed.fetch_add(read as u64, Ordering::SeqCst);
            let cut_at = self.cut_at.load(Ordering::SeqCst);
            if before + read as u64 > cut_at {
                self.cut_at.store(u64::MAX, Ordering::SeqCst);
                // what came before the cut arrives
                let rest = usize::try_from(cut_at.saturating_sub(before)).unwrap_or(read);
                let _ = to(&buffer[..rest.min(read)]);
                return;
            }
            if to(&buffer[..read]).is_err() {
                return;
            }
        }
    }
}
