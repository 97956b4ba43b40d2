//! Ends a body with an error if its server sends nothing, or almost nothing.
//!
//! A server that sends a single byte now and then is as bad as one that sends nothing. So a body
//! also fails if it arrives more slowly than `fetch.min_bytes_per_minute`. The speed is measured
//! over `fetch.read_timeout`.
//!
//! Only the time in which we waited for the server counts. It does not include the time in which
//! bytes have arrived but are not read yet, because the disk, the database or the machine is
//! busy.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stall {
    /// The server sent nothing for the time `limit`, which `key` sets.
    Silent { limit: Duration, key: String },
    /// The server sent too few bytes in the time `waited`.
    Slow {
        bytes: u64,
        waited: Duration,
        min_bytes_per_minute: u64,
    },
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { limit, key } => {
                write!(
                    f,
                    "the server sent nothing for {limit:?}, the limit of `{key}`"
                )
            }
            Self::Slow {
                bytes,
                waited,
                min_bytes_per_minute,
            } => write!(
                f,
                "the server sent {bytes} bytes of the body in {waited:.1?}, \
                 which is less than {min_bytes_per_minute} a minute, \
                 the limit of `fetch.min_bytes_per_minute`"
            ),
        }
    }
}

/// Adds up how long we waited for a server, and how many bytes it sent meanwhile.
#[derive(Debug, Default)]
struct Meter {
    read_timeout: Duration,
    read_timeout_key: String,
    min_bytes_per_minute: u64,
    /// The time since the last bytes arrived.
    silent: Duration,
    /// The time for which we have waited since the speed was last measured.
    waited: Duration,
    bytes: u64,
    /// The error for a speed that is too low. It is returned when more bytes arrive, because a
    /// body that ends is no failure.
    stall: Option<Stall>,
}

impl Meter {
    fn new(limits: &config::Fetch) -> Self {
        Self {
            read_timeout: limits.read_timeout,
            read_timeout_key: limits.read_timeout_key(),
            min_bytes_per_minute: limits.min_bytes_per_minute,
            ..Self::default()
        }
    }

    fn add_wait(&mut self, wait: Duration) {
        self.silent += wait;
        self.waited += wait;
    }

    /// Returns how much longer the server may send nothing.
    fn check_silence(&self) -> Result<Duration, Stall> {
        match self.read_timeout.saturating_sub(self.silent) {
            Duration::ZERO => Err(Stall::Silent {
                limit: self.read_timeout,
                key: self.read_timeout_key.clone(),
            }),
            left => Ok(left),
        }
    }

    /// Adds bytes that arrived. Measures the speed if we have waited for at least
    /// `fetch.read_timeout`. If the speed is too low, the next call fails.
    fn add_bytes(&mut self, bytes: usize) -> Result<(), Stall> {
        if let Some(stall) = &self.stall {
            return Err(stall.clone());
        }
        self.silent = Duration::ZERO;
        self.bytes += bytes as u64;
        if self.waited < self.read_timeout {
            return Ok(());
        }
        let (bytes, waited) = (self.bytes, self.waited);
        let min_bytes_per_minute = self.min_bytes_per_minute;
        let is_slow = u128::from(bytes) * Duration::from_secs(60).as_millis()
            < u128::from(min_bytes_per_minute) * waited.as_millis();
        self.stall = is_slow.then_some(Stall::Slow {
            bytes,
            waited,
            min_bytes_per_minute,
        });
        (self.bytes, self.waited) = (0, Duration::ZERO);
        Ok(())
    }
}

/// Wakes the task that waits for a chunk of a body, and records the time, because the wait for the
/// server ends then.
struct WakeRecorder {
    woken_at: OnceLock<Instant>,
    waker: Waker,
}

impl Wake for WakeRecorder {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken_at.get_or_init(Instant::now);
        self.waker.wake_by_ref();
    }
}

/// The chunks of a body. The stream ends with an error if the server stalls.
pub(crate) struct WatchedBody<S> {
    chunks: S,
    meter: Meter,
    /// The time since which we have waited for a chunk, and the recorder of the wake-up.
    waiting: Option<(Instant, Arc<WakeRecorder>)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> WatchedBody<S> {
    pub(crate) fn new(chunks: S, limits: &config::Fetch) -> Self {
        Self {
            chunks,
            meter: Meter::new(limits),
            waiting: None,
            timer: None,
        }
    }

    /// Adds the wait that has just ended, if there was one. If a chunk arrived before it was
    /// read, the wait ended when the chunk arrived.
    fn end_wait(&mut self, now: Instant) {
        if let Some((since, recorder)) = self.waiting.take() {
            let until = recorder.woken_at.get();
            let until = until.map_or(now, |woken_at| now.min(*woken_at));
            self.meter.add_wait(until.duration_since(since));
        }
    }

    /// Sets the timer, which wakes the task at the time `until`.
    fn poll_sleep_until(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(context)
    }
}

impl<S, E> Stream for WatchedBody<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: From<Stall>,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let now = Instant::now();
            self.end_wait(now);
            let recorder = Arc::new(WakeRecorder {
                woken_at: OnceLock::new(),
                waker: context.waker().clone(),
            });
            let waker = Waker::from(Arc::clone(&recorder));
            // a chunk that has arrived is returned before the time limit is checked
            match Pin::new(&mut self.chunks).poll_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(Ok(chunk))) => {
                    let added = self.meter.add_bytes(chunk.len());
                    return Poll::Ready(Some(added.map(|()| chunk).map_err(E::from)));
                }
                Poll::Ready(other) => return Poll::Ready(other),
                Poll::Pending => {}
            }
            let left = match self.meter.check_silence() {
                Ok(left) => left,
                Err(stall) => return Poll::Ready(Some(Err(stall.into()))),
            };
            self.waiting = Some((now, recorder));
            if self.poll_sleep_until(now + left, context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use futures::channel::mpsc;
    use futures::poll;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn silent(limit: Duration) -> Stall {
        let key = "fetch.read_timeout".into();
        Stall::Silent { limit, key }
    }

    fn limits(read_timeout: Duration) -> config::Fetch {
        config::Fetch {
            read_timeout,
            min_bytes_per_minute: 6_000,
            ..config::Fetch::default()
        }
    }

    /// Adds chunks of `(seconds to wait, bytes)`. Returns how many chunks are added before the
    /// server stalls, and the stall.
    fn measure(chunks: impl IntoIterator<Item = (u32, usize)>) -> (usize, Option<Stall>) {
        let mut meter = Meter::new(&limits(60 * SECOND));
        for (count, (seconds, bytes)) in chunks.into_iter().enumerate() {
            meter.add_wait(SECOND * seconds);
            let added = meter.check_silence().and_then(|_| meter.add_bytes(bytes));
            if let Err(stall) = added {
                return (count, Some(stall));
            }
        }
        (usize::MAX, None)
    }

    #[test]
    fn a_body_is_slow_that_brings_too_little_in_a_minute_and_goes_on() {
        let slow = |bytes, seconds| {
            Some(Stall::Slow {
                bytes,
                waited: SECOND * seconds,
                min_bytes_per_minute: 6_000,
            })
        };
        let all = (usize::MAX, None);
        let drip = std::iter::repeat_n((1, 1), 1_000);
        assert_eq!(measure(drip), (60, slow(60, 60)));
        assert_eq!(measure(std::iter::repeat_n((1, 100), 1_000)), all);
        assert_eq!(
            measure(std::iter::repeat_n((1, 99), 1_000)),
            (60, slow(5_940, 60))
        );
        // a server may fill a buffer before it sends
        assert_eq!(measure(std::iter::repeat_n((59, 6_000), 100)), all);
        assert_eq!(
            measure(std::iter::repeat_n((59, 5_000), 100)),
            (2, slow(10_000, 118))
        );
        // the speed does not matter for the last chunk, nor for a body that ends within the time
        assert_eq!(measure([(59, 1), (1, 1)]), all);
        assert_eq!(measure([(59, 1), (1, 1), (0, 1)]), (2, slow(2, 60)));
        assert_eq!(measure([(30, 1), (29, 1)]), all);
        // a body that was fast at first
        let burst = std::iter::once((59, 10_000_000)).chain(std::iter::repeat_n((1, 1), 1_000));
        assert_eq!(measure(burst), (62, slow(60, 60)));
        // chunks without bytes do not count
        assert_eq!(measure(std::iter::repeat_n((1, 0), 1_000)).0, 60);
        assert_eq!(measure([(0, 1), (60, 1)]), (1, Some(silent(60 * SECOND))));
    }

    #[test]
    fn a_speed_of_nothing_is_enough_where_none_is_asked_for() {
        let mut meter = Meter::new(&config::Fetch {
            min_bytes_per_minute: 0,
            ..limits(60 * SECOND)
        });
        for _ in 0..1_000 {
            meter.add_wait(59 * SECOND);
            assert_eq!(meter.add_bytes(0), Ok(()));
        }
    }

    #[tokio::test]
    async fn what_has_come_and_is_not_read_did_not_keep_us_waiting() {
        let busy = Duration::from_millis(500);
        let (send, receive) = mpsc::unbounded::<Result<Bytes, Stall>>();
        // the limit is longer than this test may take otherwise, and shorter than its sleeps
        let mut watched = WatchedBody::new(receive, &limits(busy / 2));
        // the chunk arrives while we wait, and is read later
        let before = Instant::now();
        assert!(poll!(watched.next()).is_pending());
        send.unbounded_send(Ok(Bytes::from_static(b"a"))).unwrap();
        let came = before.elapsed();
        tokio::time::sleep(busy).await;
        assert!(poll!(watched.next()).is_ready());
        assert!(watched.meter.waited <= came, "{:?}", watched.meter);
        // the chunk arrives while nobody waits
        let waited = watched.meter.waited;
        for _ in 0..2 {
            send.unbounded_send(Ok(Bytes::from_static(b"a"))).unwrap();
            tokio::time::sleep(busy).await;
            assert!(matches!(watched.next().await, Some(Ok(_))));
        }
        assert_eq!(watched.meter.waited, waited);
        // no chunk arrives
        let stall = watched.next().await.unwrap().unwrap_err();
        assert_eq!(stall, silent(busy / 2));
        drop(send);
        assert!(watched.next().await.is_none());
    }
}
