//! Set-based writes for any table: insert, update, upsert, delete, each of many
//! rows in one statement, and `COPY`.
//!
//! A [`Table`] is described once; a [`Plan`] says what is sent and what is done
//! with it; an [`Operation`] is the plan, checked, with its SQL; a [`Binding`]
//! makes [`Rows`] of values. [`write()`] applies an operation in a transaction of
//! its own, [`Transaction::apply`] in one that is under way, and a [`Writer`]
//! gathers rows of several tables until they are worth sending.
//!
//! Identifiers come from descriptions in the program and are quoted; values only
//! ever travel as parameters or `COPY` fields, in PostgreSQL's binary format.
//!
//! When the server refuses a statement for a row's sake the caller has chosen
//! what happens ([`OnFailure`]): all is undone, or the rows are written one by
//! one, a savepoint each, and those refused come back as [`Failure`]s. What is
//! the server's own trouble is never a row's; where an SQLSTATE may tell of either,
//! the row is sent alone once more.

mod apply;
mod catalog;
mod copy;
mod failure;
mod operation;
mod plan;
mod report;
mod rows;
mod session;
mod table;
mod transaction;
mod write;
mod writer;

pub use self::apply::{Applied, OnFailure};
pub use self::failure::Failure;
pub use self::operation::Operation;
pub use self::plan::{Batching, Condition, Method, Overwrite, Plan, Set, Verb};
pub use self::report::Report;
pub use self::rows::{Bind, Binding, Rows};
pub use self::session::Session;
pub use self::table::{Column, Table};
pub use self::transaction::Transaction;
pub(crate) use self::transaction::{Answer, Flight, Typed, next};
pub use self::write::{Lane, write, write_all};
pub use self::writer::{Gathered, Statistics, Writer, WriterLimits};

/// The most parameters of one statement: the protocol counts them in 16 bits.
pub const MAX_PARAMETERS: usize = 65_535;
