//! The integration tests. They use real sockets, real PostgreSQL and the real binary; each file
//! tests one subject.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only test functions for tests, not what they share"
)]

mod dice;
mod harness;
#[path = "../../benches/process_memory.rs"]
mod process_memory;
mod proxy;
mod publisher;

mod absence;
mod activity;
mod auth;
mod bench_database;
mod bulk;
mod catalogue;
mod columns;
mod commands;
mod compile;
mod compile_faults;
mod conditional;
mod configuration;
mod connections;
mod database;
mod database_password;
mod decode;
mod defects;
mod encodings;
mod ends;
mod expansion;
mod failover;
mod failpoints;
mod faults;
mod fetch;
mod hostile;
mod hosts;
mod imports;
mod indexes;
mod items;
mod kill;
mod kubernetes;
mod lease;
mod lengths;
mod load;
mod local_directory;
mod manners;
mod merge;
mod metrics;
mod outage;
mod overwrite;
mod packages;
mod packaging;
mod passed_over;
mod placeholders;
mod plans;
mod pooler;
mod proxies;
mod purge;
mod quarantine;
mod recorded;
mod refused;
mod requests;
mod response_heads;
mod resume;
mod run;
mod secrets;
mod short_archives;
mod signals;
mod sink;
mod slow;
mod statuses;
mod stretches;
mod stuck;
mod tls;
mod unread;
mod userinfo;
mod web_server;
mod windows;
