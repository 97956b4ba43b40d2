//! Shows the progress of a run: a bar on a terminal, log lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cli::Global;
use crate::command::escape::{escape, escape_json, escape_keeping_colours};
use crate::command::table::format_number;
use crate::pipeline::{Progress, Snapshot};

const DRAW_EVERY: Duration = Duration::from_millis(100);

const LOG_EVERY: Duration = Duration::from_secs(10);

/// The bar on the screen. Log lines must not overwrite it.
static BAR: OnceLock<Mutex<Option<ProgressBar>>> = OnceLock::new();

fn bar_on_screen() -> &'static Mutex<Option<ProgressBar>> {
    BAR.get_or_init(Mutex::default)
}

/// Writes log lines to standard error, above the bar if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) enum LogWriter {
    /// Plain text. Each entry stays one line, whatever text of publishers it contains.
    Text {
        /// Colour sequences are kept; all others are escaped.
        is_coloured: bool,
    },
    Json,
}

impl Write for LogWriter {
    /// Writes a line. The caller passes each line whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = self.escape(line);
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
    fn escape(self, line: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut shown = match self {
            Self::Json => escape_json(text).into_owned(),
            Self::Text { is_coloured: true } => escape_keeping_colours(text),
            Self::Text { is_coloured: false } => escape(text).into_owned(),
        };
        shown.push('\n');
        shown.into_bytes()
    }
}

/// A task that shows the progress of a run until it is stopped.
#[derive(Debug)]
pub(super) struct ProgressDisplay {
    done: CancellationToken,
    task: JoinHandle<()>,
}

impl ProgressDisplay {
    pub(super) fn start(global: &Global, source: &str, progress: Arc<Progress>) -> Self {
        let done = CancellationToken::new();
        let is_bar = io::stderr().is_terminal() && !global.no_progress && !global.quiet;
        let source = source.to_owned();
        let token = done.clone();
        let task = tokio::spawn(async move {
            if is_bar {
                draw_bar(&source, &progress, &token).await;
            } else {
                write_log_lines(&source, &progress, &token).await;
            }
        });
        Self { done, task }
    }

    /// Stops the task and removes the bar.
    pub(super) async fn stop(self) {
        self.done.cancel();
        // a run does not fail because its bar could not be drawn
        let _ = self.task.await;
    }
}

async fn draw_bar(source: &str, progress: &Progress, done: &CancellationToken) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_prefix(source.to_owned());
    if let Ok(mut on_screen) = bar_on_screen().lock() {
        *on_screen = Some(bar.clone());
    }
    let began = Instant::now();
    let mut is_sized = false;
    loop {
        let now = progress.snapshot();
        let extent = Extent::from_snapshot(&now);
        if !is_sized {
            bar.set_style(bar_style(extent));
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
        bar.set_message(describe_rates(&now, began.elapsed()));
        bar.tick();
        if done
            .run_until_cancelled(tokio::time::sleep(DRAW_EVERY))
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

/// The length of a run and its progress, as far as they are known.
#[derive(Clone, Copy)]
enum Extent {
    /// A number of windows and values of axes.
    Chains {
        ended: u64,
        all: u64,
    },
    Bytes {
        read: u64,
        all: u64,
    },
    Pages(u64),
    Unknown,
}

impl Extent {
    fn from_snapshot(now: &Snapshot) -> Self {
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

/// Returns the layout of the bar. The remaining time is shown if the length of the run is
/// known.
fn bar_style(extent: Extent) -> ProgressStyle {
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

async fn write_log_lines(source: &str, progress: &Progress, done: &CancellationToken) {
    let began = Instant::now();
    while done
        .run_until_cancelled(tokio::time::sleep(LOG_EVERY))
        .await
        .is_some()
    {
        let now = progress.snapshot();
        let pages = match Extent::from_snapshot(&now) {
            Extent::Chains { ended, all } => {
                format!(
                    "{ended} of {all} windows, {} pages",
                    format_number(now.pages)
                )
            }
            Extent::Bytes { read, all } => format!(
                "{} of {}, {} pages",
                HumanBytes(read),
                HumanBytes(all),
                format_number(now.pages)
            ),
            Extent::Pages(total) => format!(
                "{} of {} pages",
                format_number(now.pages),
                format_number(total)
            ),
            Extent::Unknown => format!("{} pages", format_number(now.pages)),
        };
        info!(
            source.name = %source, pages = now.pages, releases = now.releases,
            retries = now.requests.retries, quarantined = now.quarantined,
            "{source}: {pages}, {}", describe_rates(&now, began.elapsed())
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
fn describe_rates(now: &Snapshot, elapsed: Duration) -> String {
    let rate = now.releases as f64 / elapsed.as_secs_f64().max(0.001);
    format!(
        "{} releases, {}/s, {} retries, {} quarantined",
        format_number(now.releases),
        format_number(rate as i64),
        format_number(now.requests.retries),
        format_number(now.quarantined),
    )
}
