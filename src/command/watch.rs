//! How far a run has got: a bar on a terminal, log lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cli::Global;
use crate::command::escape::{escaped, escaped_but_colours, escaped_json};
use crate::command::table::grouped;
use crate::pipeline::{Progress, Snapshot};

/// How often the bar is drawn.
const DRAW: Duration = Duration::from_millis(100);

/// How often a line is logged.
const LOG: Duration = Duration::from_secs(10);

/// The bar on the screen, which log lines must not write across.
static BAR: OnceLock<Mutex<Option<ProgressBar>>> = OnceLock::new();

fn bar_on_screen() -> &'static Mutex<Option<ProgressBar>> {
    BAR.get_or_init(Mutex::default)
}

/// Writes log lines to standard error, above the bar if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) enum LogWriter {
    /// Text: each line is one, whatever publishers wrote.
    Text {
        /// Whether it has colours, which are escape sequences; no others are let
        /// through.
        is_coloured: bool,
    },
    /// JSON.
    Json,
}

impl Write for LogWriter {
    /// Writes a line, which comes whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = self.shown(line);
        let bar = bar_on_screen().lock().ok().and_then(|bar| bar.clone());
        match bar {
            Some(bar) => bar.suspend(|| io::stderr().write_all(&shown))?,
            None => io::stderr().write_all(&shown)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl LogWriter {
    fn shown(self, line: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut shown = match self {
            Self::Json => escaped_json(text).into_owned(),
            Self::Text { is_coloured: true } => escaped_but_colours(text),
            Self::Text { is_coloured: false } => escaped(text).into_owned(),
        };
        shown.push('\n');
        shown.into_bytes()
    }
}

/// Shows a run's progress until it is stopped.
#[derive(Debug)]
pub(super) struct Watch {
    over: CancellationToken,
    task: JoinHandle<()>,
}

impl Watch {
    /// Starts showing the progress of a run of the source.
    pub(super) fn start(global: &Global, source: &str, progress: Arc<Progress>) -> Self {
        let over = CancellationToken::new();
        let is_bar = io::stderr().is_terminal() && !global.no_progress && !global.quiet;
        let source = source.to_owned();
        let token = over.clone();
        let task = tokio::spawn(async move {
            if is_bar {
                draw(&source, &progress, &token).await;
            } else {
                log(&source, &progress, &token).await;
            }
        });
        Self { over, task }
    }

    /// Takes the bar off the screen.
    pub(super) async fn stop(self) {
        self.over.cancel();
        // a bar that could not be drawn is no reason to fail a run
        let _ = self.task.await;
    }
}

async fn draw(source: &str, progress: &Progress, over: &CancellationToken) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_prefix(source.to_owned());
    if let Ok(mut on_screen) = bar_on_screen().lock() {
        *on_screen = Some(bar.clone());
    }
    let began = Instant::now();
    let mut is_sized = false;
    loop {
        let now = progress.snapshot();
        let extent = Extent::of(&now);
        if !is_sized {
            bar.set_style(style(extent));
        }
        match extent {
            Extent::Chains { ended, all } => {
                is_sized = true;
                bar.set_length(all);
                bar.set_position(ended);
            }
            Extent::Bytes { read, all } => {
                is_sized = true;
                bar.set_length(all);
                bar.set_position(read);
            }
            Extent::Pages(total) => {
                is_sized = true;
                bar.set_length(total);
                bar.set_position(now.pages.unsigned_abs());
            }
            Extent::Unknown => bar.set_position(now.pages.unsigned_abs()),
        }
        bar.set_message(sentence(&now, began.elapsed()));
        bar.tick();
        if over
            .run_until_cancelled(tokio::time::sleep(DRAW))
            .await
            .is_none()
        {
            break;
        }
    }
    if let Ok(mut on_screen) = bar_on_screen().lock() {
        *on_screen = None;
    }
    bar.finish_and_clear();
}

/// How long a run is, as far as that is known.
#[derive(Clone, Copy)]
enum Extent {
    /// So many windows and values of axes.
    Chains {
        ended: u64,
        all: u64,
    },
    /// So many bytes of files.
    Bytes {
        read: u64,
        all: u64,
    },
    /// So many pages.
    Pages(u64),
    Unknown,
}

impl Extent {
    fn of(now: &Snapshot) -> Self {
        if let Some((read, all)) = now.files {
            return Self::Bytes { read, all };
        }
        match (now.chains, now.total_pages) {
            (2.., _) => Self::Chains {
                ended: now.chains_ended,
                all: now.chains,
            },
            (_, Some(total)) => Self::Pages(total),
            (_, None) => Self::Unknown,
        }
    }
}

/// With the time left where it is known how long the run is.
fn style(extent: Extent) -> ProgressStyle {
    let template = match extent {
        Extent::Chains { .. } => {
            "{spinner} {prefix}  {wide_bar} {pos}/{len} windows, {eta} left, {msg}"
        }
        Extent::Bytes { .. } => {
            "{spinner} {prefix}  {wide_bar} {bytes}/{total_bytes}, {eta} left, {msg}"
        }
        Extent::Pages(_) => "{spinner} {prefix}  {wide_bar} {pos}/{len} pages, {eta} left, {msg}",
        Extent::Unknown => "{spinner} {prefix}  {pos} pages in {elapsed}, {msg}",
    };
    ProgressStyle::with_template(template).expect("a valid template")
}

async fn log(source: &str, progress: &Progress, over: &CancellationToken) {
    let began = Instant::now();
    while over
        .run_until_cancelled(tokio::time::sleep(LOG))
        .await
        .is_some()
    {
        let now = progress.snapshot();
        let pages = match Extent::of(&now) {
            Extent::Chains { ended, all } => {
                format!("{ended} of {all} windows, {} pages", grouped(now.pages))
            }
            Extent::Bytes { read, all } => format!(
                "{} of {}, {} pages",
                HumanBytes(read),
                HumanBytes(all),
                grouped(now.pages)
            ),
            Extent::Pages(total) => format!("{} of {} pages", grouped(now.pages), grouped(total)),
            Extent::Unknown => format!("{} pages", grouped(now.pages)),
        };
        info!(
            source.name = %source, pages = now.pages, releases = now.releases,
            retries = now.requests.retries, quarantined = now.quarantined,
            "{source}: {pages}, {}", sentence(&now, began.elapsed())
        );
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 52 bits"
)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a rate is far below i64's end"
)]
fn sentence(now: &Snapshot, elapsed: Duration) -> String {
    let rate = now.releases as f64 / elapsed.as_secs_f64().max(0.001);
    format!(
        "{} releases, {}/s, {} retries, {} quarantined",
        grouped(now.releases),
        grouped(rate as i64),
        grouped(now.requests.retries),
        grouped(now.quarantined),
    )
}
