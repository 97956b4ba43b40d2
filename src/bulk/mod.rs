//! Writes many rows of any table with few statements. The statements are insert, update, upsert,
//! delete and `COPY`.
//!
//! A [`Table`] describes a table. A [`Plan`] says which columns are sent and what happens to the
//! rows. An [`Operation`] is a checked plan with its SQL. A [`Binding`] encodes values as
//! [`Rows`]. [`write()`] applies an operation in a transaction of its own, and
//! [`Transaction::apply`] in an open transaction. A [`Writer`] collects rows of several tables
//! and sends them in batches.
//!
//! ```
//! # use ocds_ingest::database::local::{DATABASE, Durability, Options, Server};
//! use ocds_ingest::bulk::{
//!     Batching, Column, OnFailure, Operation, Overwrite, Plan, Rows, Session, Table, Verb, write,
//! };
//! use ocds_ingest::{config, database::Database};
//! use tokio_postgres::types::Type;
//!
//! const COLUMNS: &[Column] = &[
//!     Column::new("isbn", Type::TEXT),
//!     Column::new("title", Type::TEXT),
//!     Column::fixed("first_seen", Type::INT8),
//! ];
//! const UPSERT: Plan = Plan {
//!     table: Table::new("library.book", COLUMNS, &["isbn"]),
//!     shared: &["first_seen"],
//!     per_row: &["isbn", "title"],
//!     key: &["isbn"],
//!     verb: Verb::Upsert {
//!         set: &[],
//!         overwrite: Overwrite::IfDifferent(&["title"]),
//!         insert_marker: "first_seen",
//!         returning: &[],
//!     },
//! };
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::os::unix::fs::PermissionsExt as _;
//! # let readable = std::fs::Permissions::from_mode(0o755);
//! # let directory = tempfile::Builder::new().permissions(readable).tempdir()?;
//! # let mut options = Options::new(directory.path().to_owned());
//! # options.durability = Durability::Volatile;
//! # let server = Server::start(&options).await?;
//! # let url = server.url(DATABASE).into();
//! # let settings = config::Database { url, ..config::Database::default() };
//! # let database = Database::open(&settings, 1).await?;
//! # let schema = "create schema library;
//! #     create table library.book (isbn text primary key, title text, first_seen bigint)";
//! # database.connection().await?.batch_execute(schema).await?;
//! let session = Session::new(&settings);
//! let operation = Operation::new(&UPSERT, Batching::default())?;
//! let time = operation.bind_shared().column("first_seen", |time: &i64| time).build()?;
//! let book = operation
//!     .bind_row()
//!     .column("isbn", |(isbn, _): &(&str, &str)| isbn)
//!     .column("title", |(_, title)| title)
//!     .build()?;
//!
//! let books = [("978-0", "Emma"), ("978-1", "Persuasion")];
//! let shared = Rows::encode(&time, [&1_767_225_600])?;
//! let rows = Rows::encode(&book, &books)?;
//! let isolate = OnFailure::Isolate;
//! let outcome = write(&database, &session, &operation, &shared, &rows, isolate).await?;
//! println!("{} inserted, {} refused", outcome.report.inserted, outcome.report.failed);
//! # drop(session);
//! # database.close().await?;
//! # server.stop().await?;
//! # assert_eq!((outcome.report.inserted, outcome.report.statements), (2, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # Design
//!
//! - No value becomes part of a statement's text. Values travel as parameters or `COPY` fields in
//!   PostgreSQL's binary format. Names come from the program and are quoted.
//! - A column that all rows share is sent as a single parameter instead of one for each row. A
//!   batch of 100 releases has 2,405 parameters instead of 2,900.
//! - A row is encoded once, because parameters and `COPY` have the same format. So the size of a
//!   batch is known, a refused row is sent again without changes, and one writer can hold rows of
//!   several tables.
//! - Updates and deletions list their rows with `values`, as insertions do. With `unnest`, a
//!   column that is an array would be split into its elements.
//! - The server finds rows by an index, key by key, because `set_transaction_settings.sql` turns
//!   the other plans off. Otherwise the planner would read a table of some thousand rows
//!   completely for each statement, and updates of 100 keys took 2.5 times as long for each row
//!   as updates of 50.
//! - The cause of a failed statement is a row, the server, or a defect of the program. The
//!   error's SQLSTATE decides which of them it is. [`OnFailure`] says what happens to a row that
//!   the server refuses. A row that crashes the server's process each time looks like a server
//!   that is away, because the crash closes all connections. So such a row stops its source.
//! - After a failed or abandoned exchange, nobody knows what a connection receives next. So a
//!   [`Transaction`] that did not end closes its connection instead of returning it to the pool.

mod apply;
mod catalog;
mod copy;
mod failure;
mod operation;
mod own_transaction;
mod plan;
mod report;
mod rows;
mod session;
mod table;
mod transaction;
mod writer;

pub use self::apply::{OnFailure, TableOutcome};
pub use self::failure::Failure;
pub use self::operation::Operation;
pub use self::own_transaction::{TableWrite, write, write_all};
pub use self::plan::{Assignment, Batching, Condition, Method, Overwrite, Plan, Verb};
pub use self::report::Report;
pub use self::rows::{Binding, BindingBuilder, Rows};
pub use self::session::Session;
pub use self::table::{Column, Table};
pub use self::transaction::Transaction;
pub(crate) use self::transaction::{Answer, Exchange, Reply, TypedParameter, next_reply};
pub use self::writer::{Writer, WriterLimits, WriterTable};

/// The maximum number of parameters of a statement. PostgreSQL's protocol counts them in 16 bits.
pub const MAX_PARAMETERS: usize = 65_535;
