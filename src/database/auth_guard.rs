//! Checks a server's authentication requests, so that no password is sent if sending it is
//! unsafe.
//!
//! tokio-postgres answers every authentication request, even one for a password in clear text. A
//! server may say that it has no TLS. An attacker on the network can say the same, and then
//! request the password. So [`GuardedStream`] reads each message before tokio-postgres does,
//! until the client is authenticated. A request that is not allowed becomes an I/O error, and
//! nothing is sent.
//!
//! # When a password may be sent
//!
//! - To another machine without TLS, neither the password in clear text nor its MD5 hash is sent,
//!   unless `require_auth` names that method.
//! - Over TLS both are sent, even if nobody has verified the server's certificate. libpq does the
//!   same. A warning tells how to verify the certificate.
//! - On the loopback interface both are sent. Only root can read what passes there, and an
//!   attacker who pretends to be the server could offer such TLS as well.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::require_auth::{AuthMethod, RequireAuth};

/// Decides which authentication requests are allowed on one connection.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) require_auth: Option<RequireAuth>,
    /// True if the connection goes to another machine without TLS, so that others on the network
    /// can read what is sent.
    pub(super) is_exposed: bool,
}

/// The reason why a server's authentication request was refused. It is the cause of the I/O error
/// that ends the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The server requests a method that `require_auth` does not allow.
    NotAllowed { method: AuthMethod, list: String },
    /// The server requests a method by which others on the network could learn the password, or a
    /// hash from which they can find it.
    Exposed { method: AuthMethod },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::NotAllowed { method, list } => write!(
                f,
                "the server asks for {}, and require_auth={list} does not allow that, so nothing \
                 was sent",
                method.describe()
            ),
            Refusal::Exposed { method } => {
                let name = match method {
                    AuthMethod::Md5 => "md5",
                    _ => "password",
                };
                write!(
                    f,
                    "the server asks for {} on a connection without TLS, so nothing was sent: \
                     write sslmode=verify-full in the database's URL, or give the user a \
                     SCRAM-SHA-256 password; with require_auth={name} it is sent, and others on \
                     the network can read it",
                    method.describe()
                )
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Returns the refusal that ended a connection, or `None` if the connection ended for another
/// reason.
pub(super) fn find_refusal(error: &tokio_postgres::Error) -> Option<&Refusal> {
    // An `io::Error` does not return the error that it wraps as its source.
    std::error::Error::source(error)?
        .downcast_ref::<io::Error>()?
        .get_ref()?
        .downcast_ref()
}

impl Policy {
    fn check(&self, method: AuthMethod) -> Result<(), Refusal> {
        if let Some(list) = &self.require_auth
            && !list.allows(method)
        {
            let list = list.text.clone();
            return Err(Refusal::NotAllowed { method, list });
        }
        let is_named = |list: &RequireAuth| list.allows_by_name(method);
        if self.is_exposed
            && matches!(method, AuthMethod::Password | AuthMethod::Md5)
            && !self.require_auth.as_ref().is_some_and(is_named)
        {
            return Err(Refusal::Exposed { method });
        }
        Ok(())
    }
}

/// The number of bytes that every message begins with: one for its type and four for its length.
const HEAD_LENGTH: usize = 5;

/// The number of bytes that must be read to learn which method an authentication message
/// requests.
const AUTH_HEAD_LENGTH: usize = HEAD_LENGTH + 4;

/// A stream that checks each message of a server until the client is authenticated.
#[derive(Debug)]
pub(super) struct GuardedStream<T> {
    pub(super) stream: T,
    policy: Policy,
    has_requested: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Reads the first bytes of a message. `read` is the number of bytes that have arrived.
    ReadHead {
        bytes: [u8; AUTH_HEAD_LENGTH],
        read: usize,
    },
    /// Passes the checked first bytes of a message to the client.
    PassHead {
        bytes: [u8; AUTH_HEAD_LENGTH],
        passed: usize,
        read: usize,
        body: usize,
        is_last: bool,
    },
    /// Passes the rest of a message to the client. `left` is the number of bytes that are
    /// missing.
    PassBody { left: usize },
    /// Passes everything to the client, because the client is authenticated.
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

    /// Checks the head of a message. Returns the length of the rest of the message, and true if
    /// the client is authenticated.
    fn check_message(
        &mut self,
        bytes: [u8; AUTH_HEAD_LENGTH],
        read: usize,
    ) -> io::Result<(usize, bool)> {
        let [kind, a, b, c, d, request @ ..] = bytes;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let body = length.checked_add(1).and_then(|all| all.checked_sub(read));
        let message = "a message is shorter than its head";
        let body = body.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, message))?;
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
            // tokio-postgres does not know any other method, and does not answer a request for
            // one.
            _ => return Ok((body, false)),
        };
        self.policy.check(method).map_err(io::Error::other)?;
        self.has_requested = true;
        Ok((body, request == 0))
    }
}

/// Returns the number of bytes of a message that must arrive before the message can be checked.
fn bytes_needed_to_check(bytes: &[u8; AUTH_HEAD_LENGTH], read: usize) -> usize {
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
                    let length = bytes_needed_to_check(bytes, *read);
                    if *read < length {
                        // The first byte is the message's type, which decides how many bytes must
                        // be read.
                        let end = if *read == 0 { 1 } else { length };
                        let mut part = ReadBuf::new(&mut bytes[*read..end]);
                        ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
                        match part.filled().len() {
                            // The stream has ended. The client reports this as an error.
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn policy(list: &str, is_exposed: bool) -> Policy {
        Policy {
            require_auth: RequireAuth::parse("URL", list).expect("a list"),
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

    /// Reads the bytes of a server. They arrive in pieces of the same size.
    async fn read(policy: Policy, sent: &[u8], piece: usize) -> (Vec<u8>, Option<Refusal>) {
        let (client, mut server) = tokio::io::duplex(piece);
        let sent = sent.to_vec();
        let writing = tokio::spawn(async move {
            let _ = server.write_all(&sent).await;
        });
        let mut guarded = GuardedStream::new(client, policy);
        let mut got = Vec::new();
        let result = guarded.read_to_end(&mut got).await;
        drop(guarded);
        writing.await.expect("a writer");
        let refusal = result.err().map(|error| {
            let inner = error.get_ref().expect("a cause");
            inner.downcast_ref::<Refusal>().expect("a refusal").clone()
        });
        (got, refusal)
    }

    #[tokio::test]
    async fn a_refused_request_does_not_reach_the_client() {
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
            let request = request(code, b"salt");
            let sent = [&notice[..], &request].concat();
            for piece in [1, 4, 7, 1000] {
                let (got, found) = read(policy(list, is_exposed), &sent, piece).await;
                let found = found.map(|refusal| match refusal {
                    Refusal::NotAllowed { method, .. } | Refusal::Exposed { method } => method,
                });
                assert_eq!(found, refused, "{list} {code}");
                let expected = if refused.is_some() { &notice } else { &sent };
                assert_eq!(&got, expected, "{list} {code} in pieces of {piece}");
            }
        }
    }

    #[tokio::test]
    async fn messages_after_the_authentication_are_not_checked() {
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
