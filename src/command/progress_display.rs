//! Shows the progress of a run. It draws a bar on a terminal, and writes log lines otherwise.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
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
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Writes log lines to standard error. If there is a progress bar, the lines are written above
/// it.
#[derive(Clone, Copy, Debug)]
pub(super) enum LogWriter {
    /// Log lines are plain text. Each log entry is one line, even if it contains text of
    /// publishers.
    Text {
        /// True if escape sequences that set colours are kept. All other sequences are escaped.
        is_coloured: bool,
    },
    Json,
}

impl Write for LogWriter {
    /// Writes a line. The caller must pass a complete line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = self.escape(line);
        let bar = BAR.lock().ok().and_then(|bar| bar.clone());
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

    /// Stops the task and removes the progress bar.
    pub(super) async fn stop(self) {
        self.done.cancel();
        // An error is ignored, because a run must not fail if its progress bar cannot be drawn.
        let _ = self.task.await;
    }
}

async fn draw_bar(source: &str, progress: &Progress, done: &CancellationToken) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_prefix(source.to_owned());
    if let Ok(mut on_screen) = BAR.lock() {
        *on_screen = Some(bar.clone());
    }
    let began = Instant::now();
    let (mut is_sized, mut was_compiling) = (false, false);
    loop {
        let now = progress.snapshot();
        let extent = Extent::from_snapshot(&now);
        let is_compiling = matches!(extent, Extent::Queue { .. });
        if is_compiling != was_compiling {
            // the time that is left is that of the new work
            bar.reset();
            is_sized = false;
        }
        was_compiling = is_compiling;
        if !is_sized {
            bar.set_style(bar_style(extent));
        }
        let pages = now.pages.unsigned_abs();
        let (position, length) = match extent {
            Extent::Chains { done, all }
            | Extent::Bytes { done, all }
            | Extent::Queue { done, all } => (done, Some(all)),
            Extent::Pages(total) => (pages, Some(total)),
            Extent::Unknown => (pages, None),
        };
        if let Some(length) = length {
            is_sized = true;
            bar.set_length(length);
        }
        bar.set_position(position);
        bar.set_message(describe_progress(&now, began.elapsed()));
        bar.tick();
        let pause = tokio::time::sleep(DRAW_EVERY);
        if done.run_until_cancelled(pause).await.is_none() {
            break;
        }
    }
    if let Ok(mut on_screen) = BAR.lock() {
        *on_screen = None;
    }
    bar.finish_and_clear();
}

/// The length of a run and the part that is done, in the best unit that is known.
#[derive(Clone, Copy)]
enum Extent {
    /// The run has several chains, which are windows or values of axes.
    Chains {
        done: u64,
        all: u64,
    },
    Bytes {
        done: u64,
        all: u64,
    },
    Pages(u64),
    /// Processes are compiled. The unit is a row of the queue, and a process may have several.
    Queue {
        done: u64,
        all: u64,
    },
    Unknown,
}

impl Extent {
    fn from_snapshot(now: &Snapshot) -> Self {
        if let Some((done, all)) = now.compiled {
            return Self::Queue { done, all };
        }
        match (now.files, now.chains, now.total_pages) {
            (Some((done, all)), ..) => Self::Bytes { done, all },
            (None, all @ 2.., _) => Self::Chains {
                done: now.chains_ended,
                all,
            },
            (None, _, Some(total)) => Self::Pages(total),
            (None, _, None) => Self::Unknown,
        }
    }
}

/// Returns the layout of the progress bar. The remaining time is shown if the length of the run
/// is known.
fn bar_style(extent: Extent) -> ProgressStyle {
    let template = match extent {
        Extent::Chains { .. } => {
            "{spinner} {prefix}  {wide_bar} {pos}/{len} windows, {eta} left, {msg}"
        }
        Extent::Bytes { .. } => {
            "{spinner} {prefix}  {wide_bar} {bytes}/{total_bytes}, {eta} left, {msg}"
        }
        Extent::Pages(_) => "{spinner} {prefix}  {wide_bar} {pos}/{len} pages, {eta} left, {msg}",
        Extent::Queue { .. } => {
            "{spinner} {prefix}  {wide_bar} {pos}/{len} queued changes compiled, {eta} left"
        }
        Extent::Unknown => "{spinner} {prefix}  {pos} pages in {elapsed}, {msg}",
    };
    ProgressStyle::with_template(template).expect("a valid template")
}

async fn write_log_lines(source: &str, progress: &Progress, done: &CancellationToken) {
    let began = Instant::now();
    let mut compile_began = None;
    let pause = || done.run_until_cancelled(tokio::time::sleep(LOG_EVERY));
    while pause().await.is_some() {
        let now = progress.snapshot();
        if let Some((done, all)) = now.compiled {
            let left = estimate_time_left(done, all, &mut compile_began);
            info!(
                source.name = %source, done, all,
                "{source}: compiled {} of {} queued changes{left}",
                format_number(done), format_number(all)
            );
            continue;
        }
        let pages = format_number(now.pages);
        let pages = match Extent::from_snapshot(&now) {
            Extent::Chains { done, all } => format!("{done} of {all} windows, {pages} pages"),
            Extent::Bytes { done, all } => {
                let (done, all) = (HumanBytes(done), HumanBytes(all));
                format!("{done} of {all}, {pages} pages")
            }
            Extent::Pages(total) => format!("{pages} of {} pages", format_number(total)),
            Extent::Queue { .. } | Extent::Unknown => format!("{pages} pages"),
        };
        info!(
            source.name = %source, pages = now.pages, releases = now.releases,
            retries = now.requests.retries, quarantined = now.quarantined,
            "{source}: {pages}, {}", describe_progress(&now, began.elapsed())
        );
    }
}

/// Estimates how long the rest takes, as a clause. `began` is when compiling was first seen, and
/// what was done then.
#[expect(clippy::cast_precision_loss, reason = "52 bits are enough")]
fn estimate_time_left(done: u64, all: u64, began: &mut Option<(Instant, u64)>) -> String {
    let (since, before) = *began.get_or_insert((Instant::now(), done));
    match done - before {
        0 => String::new(),
        here => {
            let each = since.elapsed().as_secs_f64() / here as f64;
            let left = Duration::from_secs_f64(each * (all - done) as f64);
            format!(", {} left", HumanDuration(left))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "52 bits are enough")]
#[expect(clippy::cast_possible_truncation, reason = "a rate fits i64")]
fn describe_progress(now: &Snapshot, elapsed: Duration) -> String {
    let rate = now.releases as f64 / elapsed.as_secs_f64().max(0.001);
    format!(
        "{} releases, {}/s, {} retries, {} quarantined",
        format_number(now.releases),
        format_number(rate as i64),
        format_number(now.requests.retries),
        format_number(now.quarantined),
    )
}
