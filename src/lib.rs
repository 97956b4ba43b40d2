//! Keeps a PostgreSQL database in step with any publisher of the Open Contracting Data
//! Standard (OCDS).
//!
//! ```text
//! publisher ──HTTP──▶ fetch ──pages──▶ extract ──releases, rejects──▶ sink ──▶ PostgreSQL
//!                     paginate,        pure: bytes in,                one transaction a page:
//!                     throttle, retry  rows and rejects out           rows, rejects, page record,
//!                                                                     queue of processes
//!                                                                          │
//!                          compile ◀───────────── ocds.compile_queue ◀─────┘
//!                          merge the releases of each changed process:
//!                          ocds.process and its tables, one transaction a batch of processes
//! ```
//!
//! [`fetch`] turns a declared [`source`](source::Source) into a stream of pages. [`extract`]
//! turns a page into releases and rejects. The [`sink`] makes the page durable, whole. The
//! [`compile`] stage keeps the current state of each contracting process. [`pipeline`] joins the
//! four; they do not know each other. What PostgreSQL remembers of runs is the [`ledger`].
//!
//! Bad data is data: it becomes a [`Reject`](release::Reject) with a reason. An
//! [`Error`](error::Error) is the world failing, and its kind says what a scheduler should do
//! next.
//!
//! # Invariants
//!
//! Each is held by tests.
//!
//! 1. Nothing is lost. Every release of a durable page is in `ocds.release`, in
//!    `ocds.publisher_compiled` if it is a compiled one, or byte for byte in `ocds.quarantine`.
//!    There, secrets of ours are replaced, and bytes that the server refuses are missing; the
//!    row says so. What was never a release, such as a side file of an archive, is counted, and
//!    so is a content that is older than the stored content of its release.
//! 2. Nothing is duplicated. There is one row for each source, ocid and release id, and one
//!    process, and at most one compiled release of the publisher, for each source and ocid.
//! 3. Nothing is invented. What is stored is what was served. A repair is named by the
//!    source, an upgrade to version 1.1 follows the standard, a missing ocid is that of the
//!    record, and a row that any of these has changed is marked and keeps its bytes as served.
//! 4. The checkpoint is never ahead of the data: it is the page's row, inserted in the
//!    transaction of the page's releases. There is no other state, and none on local disk. The
//!    rows of processes are never ahead of the releases, and behind them only by what is in
//!    `ocds.compile_queue`.
//! 5. After any faults and a resume, the tables equal those of a calm run.
//! 6. Of several contents of one release, a feed of pages keeps the publisher's present answer,
//!    which is the later page of a run, and files keep the one with the newest date, in whatever
//!    order they are read and committed ([`source::Overwrite`]). Replays follow the same order.
//!    Unchanged content rewrites no row.
//! 7. Memory, connections, requests, retries, waits and bodies are limited, each by a key of
//!    [`config`].
//! 8. The exit code is 0 if and only if the end of what was requested was positively seen and
//!    everything before it is committed.
//! 9. One run at a time writes a source: under a stale lease, a commit changes nothing.
//! 10. No secret, value or body is in a log line, an error or a metric.
//!
//! # Map
//!
//! Imports point down this list, and a test holds that (`tests/it/imports.rs`).
//!
//! | module | what it does |
//! |---|---|
//! | `cli`, [`command`] | the command line; one file for each subcommand |
//! | `demo` | a publisher of invented releases, for the demonstration and the benchmarks |
//! | [`pipeline`] | one run of one source: joins the stages, keeps the lease, reports |
//! | [`fetch`] | stage 1: pages, in chains that are walked side by side |
//! | `http` | one polite request: rate, retries, secrets, allowed hosts; reads no page |
//! | [`decode`] | bytes to documents and items: charsets, archives, lines; sends no request |
//! | [`extract`] | stage 2: items to rows and rejects; pure, and cannot fail |
//! | [`merge`] | releases of one process to its compiled or versioned release; pure |
//! | [`sink`] | stage 3: the page's transaction, and the row-by-row fallback |
//! | [`compile`] | stage 4: the current state of each process, in its tables |
//! | [`ledger`] | runs, leases, pages, watermarks, quarantine |
//! | [`bulk`] | set-based SQL for any table |
//! | [`database`] | pool, session settings, TLS, migrations, the local server |
//! | [`config`], [`source`], [`page`], [`package`], [`request`], [`release`], [`json`], `value`, [`redact`], [`metrics`], [`error`] | the nouns, which every stage may use |
//!
//! Each module's documentation says why it is as it is.
//!
//! # What never happens
//!
//! - Extract never sees the network or a clock.
//! - No release is written outside [`sink`], and no row of a process outside [`compile`], except
//!   that a purge deletes both. `bench-database` writes invented releases to a schema of its own.
//! - Tasks are spawned by [`pipeline`], by the commands for progress and signals, by the demo's
//!   publisher, by [`database`] for each connection, and by nothing else. Threads that may block
//!   are used by [`fetch`] for a piece of a file, by [`pipeline`] for a page, by [`compile`] for a
//!   batch of processes, by the command `merge`, by the local server to find its programs, and by tokio for files and DNS.
//! - No value becomes a part of SQL text. Statements are files under `sql/`, constants of the
//!   program, or built by [`bulk`] from a table that is known at compile time.
//! - No URL that is found in data is requested, except links and what an index names, on the
//!   source's own host, on one that its URLs write out, or on one that it allows.
//! - Nothing that a publisher wrote reaches a terminal unescaped, unless `--raw` asks for it.
//!
//! # How to add …
//!
//! - **a column of `ocds.release`**: `sql/migrations/README.md` tells the steps and the traps.
//! - **a column of a process**, or of another table of processes: a line in `compile::tables`, and a
//!   migration; a test compares the two.
//! - **a kind of pagination**: a variant of [`source::Pagination`] with its keys; its stored text
//!   in `source::stored_text`; what follows a page in `fetch::pagination`; a feed of that kind in
//!   `tests/it/fetch.rs`; its keys in `config/sources/template.toml.example`.
//! - **a subcommand**: its arguments in `cli`; a file in [`command`] with a function that prints
//!   the answer and returns the exit code; its line in `command::dispatch` and in the README;
//!   its tests in `tests/it/commands.rs`.

// In the order of the pipeline: what starts it, its stages, what they stand on. The modules
// that other programs use document all of their items.

#[cfg(feature = "cli")]
pub mod cli;

#[cfg(feature = "cli")]
pub mod command;

#[cfg(feature = "demo")]
pub mod demo;

#[warn(missing_docs)]
pub mod pipeline;

#[warn(missing_docs)]
pub mod fetch;

mod http;

pub mod decode;

#[cfg(fuzzing)]
pub mod fuzz;

#[warn(missing_docs)]
pub mod extract;

#[warn(missing_docs)]
pub mod merge;

#[warn(missing_docs)]
pub mod compile;

#[warn(missing_docs)]
pub mod sink;

#[warn(missing_docs)]
pub mod bulk;

#[warn(missing_docs)]
pub mod ledger;

#[warn(missing_docs)]
pub mod database;

#[warn(missing_docs)]
pub mod config;

#[warn(missing_docs)]
pub mod source;

#[warn(missing_docs)]
pub mod page;

#[warn(missing_docs)]
pub mod package;

pub mod request;

#[warn(missing_docs)]
pub mod release;

pub mod json;

mod value;

pub mod redact;

mod percent;

mod userinfo;

mod retry;

mod failpoint;

#[warn(missing_docs)]
pub mod metrics;

mod sqlstate;

#[warn(missing_docs)]
pub mod error;

// the crates whose types are in the API, so that a program uses the same versions
pub use {bytes, jiff, rust_decimal, tokio_postgres};
