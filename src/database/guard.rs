//! A connection whose server is watched until it has let us in.
//!
//! tokio-postgres answers whatever a server asks for, a password in clear text too. A
//! server that is asked for TLS may answer that it has none, and so may whoever is
//! between us and the server, and ask for the password then. So what the server sends
//! is looked at before tokio-postgres gets it: a request that is not allowed becomes an
//! I/O error, to which nobody answers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::require_auth::{AuthMethod, RequireAuth};

/// What a server may ask for on one connection.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) required: Option<RequireAuth>,
    /// The connection goes to another machine without TLS, so that everybody between
    /// reads what is sent.
    pub(super) is_exposed: bool,
}

/// Why a server's request was not answered. It ends a connection as the cause of an
/// I/O error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `require_auth` excludes the method.
    NotAllowed { method: AuthMethod, list: String },
    /// Everybody between us and the server could read the password, or what it can be
    /// found by.
    Exposed { method: AuthMethod },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::NotAllowed { method, list } => write!(
                f,
                "the server asks for {}, which require_auth={list} does not allow, so nothing was \
                 sent",
                method.describe()
            ),
            Refusal::Exposed { method } => {
                let name = if *method == AuthMethod::Md5 {
                    "md5"
                } else {
                    "password"
                };
                write!(
                    f,
                    "the server asks for {} on a connection without TLS, so nothing was sent: \
                     write sslmode=verify-full in the database's URL, or give the user a \
                     SCRAM-SHA-256 password; require_auth={name} sends it, for everybody on the \
                     network to read",
                    method.describe()
                )
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Finds out whether a connection was ended here, and why.
pub(super) fn find_refusal(error: &tokio_postgres::Error) -> Option<&Refusal> {
    // An `io::Error` does not name what it wraps as its source.
    std::error::Error::source(error)?
        .downcast_ref::<io::Error>()?
        .get_ref()?
        .downcast_ref()
}

impl Policy {
    fn check(&self, method: AuthMethod) -> Result<(), Refusal> {
        if let Some(list) = &self.required
            && !list.allows(method)
        {
            let list = list.text().to_owned();
            return Err(Refusal::NotAllowed { method, list });
        }
        let is_named = |list: &RequireAuth| list.allows_by_name(method);
        if self.is_exposed
            && matches!(method, AuthMethod::Password | AuthMethod::Md5)
            && !self.required.as_ref().is_some_and(is_named)
        {
            return Err(Refusal::Exposed { method });
        }
        Ok(())
    }
}

/// The type of a message and its length.
const HEAD_LENGTH: usize = 5;

/// The same and what an authentication message asks for.
const AUTH_HEAD_LENGTH: usize = HEAD_LENGTH + 4;

/// A stream of messages from a server, each of which is looked at until one says that
/// we are let in.
#[derive(Debug)]
pub(super) struct GuardedStream<T> {
    stream: T,
    policy: Policy,
    has_requested: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The head of a message is read; so many bytes of it are there.
    ReadHead {
        bytes: [u8; AUTH_HEAD_LENGTH],
        read: usize,
    },
    /// A head that was looked at is passed on, then what follows it.
    PassHead {
        bytes: [u8; AUTH_HEAD_LENGTH],
        passed: usize,
        read: usize,
        body: usize,
        is_last: bool,
    },
    /// So many bytes of a message are passed on as they come.
    PassBody { left: usize },
    /// We are let in, and all is passed on.
    Authenticated,
}

const START: State = State::ReadHead {
    bytes: [0; AUTH_HEAD_LENGTH],
    read: 0,
};

impl<T> GuardedStream<T> {
    pub(super) fn new(stream: T, policy: Policy) -> Self {
        Self {
            stream,
            policy,
            has_requested: false,
            state: START,
        }
    }

    /// Looks at the head of a message. Returns the length of what follows it, and whether
    /// we are let in.
    fn check_message(
        &mut self,
        bytes: [u8; AUTH_HEAD_LENGTH],
        read: usize,
    ) -> io::Result<(usize, bool)> {
        let [kind, a, b, c, d, request @ ..] = bytes;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let body = length.checked_add(1).and_then(|all| all.checked_sub(read));
        let body = body.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "a message is shorter than its head",
            )
        })?;
        if kind != b'R' {
            return Ok((body, false));
        }
        let request = u32::from_be_bytes(request);
        let method = match request {
            0 if self.has_requested => return Ok((body, true)),
            0 => AuthMethod::None,
            3 => AuthMethod::Password,
            5 => AuthMethod::Md5,
            7 | 8 => AuthMethod::Gss,
            9 => AuthMethod::Sspi,
            10..=12 => AuthMethod::Scram,
            // tokio-postgres knows no other, and answers none
            _ => return Ok((body, false)),
        };
        self.policy.check(method).map_err(io::Error::other)?;
        self.has_requested = true;
        Ok((body, request == 0))
    }
}

/// How much of a message has to be there before it can be judged.
fn head_length(bytes: &[u8; AUTH_HEAD_LENGTH], read: usize) -> usize {
    if read > 0 && bytes[0] == b'R' {
        AUTH_HEAD_LENGTH
    } else {
        HEAD_LENGTH
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for GuardedStream<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Authenticated => {
                    return Pin::new(&mut this.stream).poll_read(context, buffer);
                }
                State::ReadHead { bytes, read } => {
                    let wanted = head_length(bytes, *read);
                    if *read < wanted {
                        // one byte first, whose type says how long the head is
                        let end = if *read == 0 { 1 } else { wanted };
                        let mut part = ReadBuf::new(&mut bytes[*read..end]);
                        ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
                        match part.filled().len() {
                            // the end of the stream, of which the client makes an error
                            0 => return Poll::Ready(Ok(())),
                            count => *read += count,
                        }
                        continue;
                    }
                    let (bytes, read) = (*bytes, *read);
                    let (body, is_last) = this.check_message(bytes, read)?;
                    this.state = State::PassHead {
                        bytes,
                        passed: 0,
                        read,
                        body,
                        is_last,
                    };
                }
                State::PassHead {
                    bytes,
                    passed,
                    read,
                    body,
                    is_last,
                } => {
                    let count = buffer.remaining().min(*read - *passed);
                    buffer.put_slice(&bytes[*passed..*passed + count]);
                    *passed += count;
                    if passed == read {
                        this.state = match *is_last {
                            true => State::Authenticated,
                            false => State::PassBody { left: *body },
                        };
                    }
                    return Poll::Ready(Ok(()));
                }
                State::PassBody { left: 0 } => this.state = START,
                State::PassBody { left } => {
                    let length = buffer.remaining().min(*left);
                    let mut part = ReadBuf::new(buffer.initialize_unfilled_to(length));
                    ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
                    let count = part.filled().len();
                    buffer.advance(count);
                    *left -= count;
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for GuardedStream<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl<T: TlsStream + Unpin> TlsStream for GuardedStream<T> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn policy(list: &str, is_exposed: bool) -> Policy {
        Policy {
            required: RequireAuth::parse("URL", list).expect("a list"),
            is_exposed,
        }
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("a short one");
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    fn request(code: u32, rest: &[u8]) -> Vec<u8> {
        message(b'R', &[&code.to_be_bytes()[..], rest].concat())
    }

    /// What a client gets of a server's bytes, which come in pieces of one size.
    async fn read(policy: Policy, sent: &[u8], piece: usize) -> (Vec<u8>, Option<Refusal>) {
        let (client, mut server) = tokio::io::duplex(piece);
        let sent = sent.to_vec();
        let writing = tokio::spawn(async move {
            let _ = server.write_all(&sent).await;
        });
        let mut guarded = GuardedStream::new(client, policy);
        let mut got = Vec::new();
        let ended = guarded.read_to_end(&mut got).await;
        drop(guarded);
        writing.await.expect("a writer");
        let refused = ended.err().map(|error| {
            let inner = error.get_ref().expect("a cause");
            inner.downcast_ref::<Refusal>().expect("a refusal").clone()
        });
        (got, refused)
    }

    #[tokio::test]
    async fn nothing_is_handed_on_of_a_request_that_is_refused() {
        let notice = message(b'N', b"SNOTICE\0\0");
        for (list, is_exposed, code, refused) in [
            ("", true, 3, Some(AuthMethod::Password)),
            ("", true, 5, Some(AuthMethod::Md5)),
            ("", false, 3, None),
            ("", false, 5, None),
            ("", true, 10, None),
            ("", true, 0, None),
            ("password", true, 3, None),
            ("password", true, 5, Some(AuthMethod::Md5)),
            ("!md5", true, 3, Some(AuthMethod::Password)),
            ("!md5", false, 3, None),
            ("scram-sha-256", false, 5, Some(AuthMethod::Md5)),
            ("scram-sha-256", false, 0, Some(AuthMethod::None)),
            ("scram-sha-256,none", false, 0, None),
            ("!none", false, 0, Some(AuthMethod::None)),
            ("scram-sha-256", false, 7, Some(AuthMethod::Gss)),
            ("scram-sha-256", false, 9, Some(AuthMethod::Sspi)),
        ] {
            let asked = request(code, b"salt");
            let sent = [&notice[..], &asked].concat();
            for piece in [1, 4, 7, 1000] {
                let (got, found) = read(policy(list, is_exposed), &sent, piece).await;
                let found = found.map(|it| match it {
                    Refusal::NotAllowed { method, .. } | Refusal::Exposed { method } => method,
                });
                assert_eq!(found, refused, "{list} {code}");
                let expected = if refused.is_some() { &notice } else { &sent };
                assert_eq!(&got, expected, "{list} {code} in pieces of {piece}");
            }
        }
    }

    #[tokio::test]
    async fn what_comes_after_the_server_let_us_in_is_not_looked_at() {
        let sent = [
            request(10, b"SCRAM-SHA-256\0\0"),
            request(11, b"r=..."),
            request(12, b"v=..."),
            request(0, b""),
            message(b'S', b"a\0b\0"),
            request(3, b""),
            b"no message at all".to_vec(),
        ]
        .concat();
        for piece in [1, 5, 1000] {
            let got = read(policy("scram-sha-256", true), &sent, piece).await;
            assert_eq!(got, (sent.clone(), None));
        }
    }
}
