//! Keeps a PostgreSQL database in step with any publisher of the Open
//! Contracting Data Standard (OCDS).

pub mod demo;

pub mod fetch;

pub mod extract;

pub mod sink;

pub mod bulk;

pub mod ledger;

pub mod database;

pub mod config;

pub mod source;

pub mod page;

pub mod release;

pub mod json;

mod retry;

pub mod error;
