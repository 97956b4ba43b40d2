//! Set-based SQL for any table.
//!
//! Identifiers come from a [`Table`] known at compile time and are quoted;
//! values only ever travel as parameters.

mod table;
mod upsert;

pub use self::table::{Column, Table};
pub use self::upsert::{Upsert, Write};

/// The most parameters of one statement: the protocol counts them in 16 bits.
pub const MAX_PARAMETERS: usize = 65_535;
