//! Keeps a PostgreSQL database in step with any publisher of the Open
//! Contracting Data Standard (OCDS).
//!
//! ```text
//! publisher ──HTTP──▶ fetch ──pages──▶ extract ──releases, rejects──▶ sink ──▶ PostgreSQL
//!                     paginate,        pure: bytes in,                one transaction for a page:
//!                     throttle, retry  rows and rejects out           rows, rejects, page record
//! ```
//!
//! [`fetch`] turns a declared [`source`](source::Source) into a stream of pages,
//! [`extract`] takes a page apart into releases and rejects, and the [`sink`] makes
//! the page durable, whole. [`pipeline`] joins the three by bounded channels; they do
//! not know each other. What PostgreSQL remembers of runs is the [`ledger`];
//! rows reach any table by [`bulk`], many by one statement.
//!
//! # Invariants
//!
//! 1. Nothing is lost: every release of a durable page is in `ocds.release`, in
//!    `ocds.compiled_release` if it is one or, byte for byte, in `ocds.quarantine`, where
//!    a secret of ours that it shows is replaced and the row says so, and bytes are
//!    missing that the server refuses to keep even there.
//! 2. Nothing is doubled: there is one row for each source, ocid and release id,
//!    and one compiled release for each source and ocid.
//! 3. Nothing is invented: what is stored is what was served. A repair is named by
//!    the source, an upgrade to version 1.1 is by the standard's rules, and a row
//!    that either has touched is marked and has its bytes as served beside it.
//! 4. The checkpoint is never ahead of the data: it is the page's row, inserted
//!    in the transaction of the page's releases. There is no other state:
//!    what is on local disk of a file that arrives is gone with the process.
//! 5. After any faults and a resume the tables equal those of a calm run.
//! 6. The later page of a run wins, whatever the order of commits; a replay
//!    never overwrites what was fetched later; unchanged content rewrites no row.
//! 7. Memory, connections, requests, retries, waits and bodies are bounded, each
//!    by a key of [`config`].
//! 8. The exit code is 0 if and only if the end of what was asked for was
//!    positively seen and all before it is committed.
//! 9. One run writes a source: a commit of releases, rejects or pages under a stale
//!    lease changes nothing.
//! 10. No secret, value or body is in a log line, an error or a metric.
//!
//! Bad data is data: it becomes a [`Reject`](release::Reject) with a reason. An
//! [`Error`](error::Error) is the world failing, and says by its kind what a
//! scheduler should do next.
//!
//! # What is nowhere
//!
//! Extract never sees the network or a clock. No release is written outside
//! [`sink`]. Only [`pipeline`], the [`demo`] publisher and the [`command`]s, for
//! progress and signals, spawn tasks, and [`database`] one for each connection; [`fetch`]
//! reads files on threads that may block, a piece at a time. No value is ever spliced into SQL: statements are files under
//! `sql/`, or built by [`bulk`] from a table known at compile time. Nothing that
//! is found in data is fetched, but links and what an index names, on the source's
//! own host, on one that its URLs write out or on one that it allows. Nothing that publishers wrote reaches a terminal
//! but through `command::escape`, unless it is asked for with `--raw`.
//!
//! # Decisions
//!
//! - A run that met an unreadable page in its middle and still came to the end
//!   of the feed is truncated, but its walk has ended: the next run begins anew
//!   instead of redoing all that follows one bad page for ever. So does the next
//!   run after one that was resumed and met the same unreadable page first.
//! - A link that may not be followed is believed twice: a run that is resumed goes on
//!   there, for the host may have been allowed since, and the next one begins anew.
//! - A redirect that may not be followed, and a name that leads to where nothing may be
//!   asked for, are what a server says now, and not what a page said: the next run asks
//!   again where this one stopped, however often.
//! - A feed of one chain that has more than `fetch.max_pages` is never begun anew for
//!   that: it says so until it may have more. One of several is a chain that fails.
//! - No password is sent to another machine in clear text or as an MD5 hash on a connection
//!   without TLS, unless `require_auth` names that method. Over TLS that nobody has
//!   verified it is, as libpq does it, and a warning says so. On loopback it is too: there
//!   only root can listen, and whoever pretends to be the server can offer such TLS.
//! - As root, nothing in the local server's directory is reached through a link. The
//!   directory belongs to the server's user, who could let it lead anywhere.
//! - The host of a source, and those that it names, may be anywhere, be it on this
//!   machine, and whatever their names lead to. One that only `*` allows is looked up
//!   here and asked at public addresses alone.
//! - A host that a URL of the source writes out is allowed, since whoever declares it
//!   wants it asked. It is still not the source's own host: no secret goes there.
//! - A body is compared with its `Content-Length` before it is decoded, because a proxy
//!   may end an HTTP/2 stream half-way without an error. Another length is a broken
//!   connection. A cut body that announces no length is noticed only if its content has
//!   an end of its own, as gzip and a JSON document have.
//! - A server that sends a byte now and then is as good as silent, so a body has a least
//!   speed. Time in which nobody here reads is not the server's, and does not count. A
//!   download that is slow again and again is given up unless it gets a megabyte on.
//! - A user and password in a link or a redirect are the publisher's, and not ours: who
//!   asks is what the source says.
//! - `--max-pages` and `backfill --to-page` exit 0 when they get there, since
//!   that is what was asked for; to the ledger a run stopped by `--max-pages` is
//!   unfinished, and the next one goes on.
//! - A window of time, and a value of an axis, is a chain of pages of its own, by
//!   the name of which its pages are found again. A run keeps the dates that it
//!   began with, so that its chains are the same when it is resumed; a window that
//!   was halved is known by the halves that have pages.
//! - A chain that fails is stepped over, unless several do in a row: one window that
//!   a publisher cannot answer is no reason to do without the others. The watermark
//!   stays before it, and the next run asks for it again.
//! - The watermark is that of the values that an axis had when it moved: one that is
//!   new in the index is walked from the beginning, behind all else, until a run that
//!   had it was complete. Which those are is read off the pages of the runs that
//!   `ledger.keep_runs` keeps. A value that never had a page is new each time, and
//!   where several windows of new values fail in a row the rest of those is left out.
//! - What an index names is fetched some at a time, each some a page of the run: an
//!   index of ten thousand items would else be durable after hours, or not at all. A
//!   page ends before the item with which it would be larger than a body may be. What
//!   was asked for behind that is asked for again: it is thrown away and not held.
//! - The watermark is written beside the heartbeat and never ahead of the data; if
//!   it lags behind a kill, the run that goes on catches up.
//! - A server may lose commits that it has confirmed. So a run looks for its pages before
//!   it moves the watermark over them and before it ends, in the same transaction: a server
//!   that loses the pages loses what was written because of them, too. Each heartbeat looks
//!   for the pages that were committed since the last one, by their keys. The end of a run
//!   looks for all of its pages, and so does a heartbeat that finds another server, or one
//!   that was started again. A run that lacks pages claims its source again, which resumes
//!   it behind the gap. The next run finds what a failover has lost after the end.
//! - With Citus the server that is looked at is the coordinator. What a worker loses, which
//!   is promoted with a lag, is not noticed.
//! - A lease is proven by its epoch and by the time of its claim. A server that has lost a
//!   claim gives the same epoch, and even the same run's id, to the next one.
//! - A holder is dead when it has not renewed its lease for `lease.ttl`. It is dead sooner
//!   if it has missed two heartbeats and its backend is gone, unless a pooler is between,
//!   which closes backends of holders that live. After the server was away a holder gets
//!   two heartbeats to come back.
//! - A page that its server says is as it was, by the `ETag` or `Last-Modified` that it
//!   came with, is durable without being fetched: its row is that of the run before.
//!   Only what that run stored last may be taken for stored, so it must have come to
//!   its end under the same definition, no other run may have written since, and what
//!   the page's bytes became must be what they would become now. A page behind which
//!   that run stored over anything is not remembered: it may have been the page's, and
//!   would be the page's again if the later page let go of it.
//! - What is behind the first changed page of a run is asked for afresh, of whatever
//!   chain, for the later page wins; and so is what is left of a run that goes on, of
//!   whose pages nobody knows any more whether they had changed.
//! - What was refused of an unchanged page is not tried again by a run, but by a replay.
//! - Page numbers are the publisher's own where it has them, so `--from-page 0`
//!   is right for a feed that counts from 0. Pages that only a link leads to are
//!   counted from 1, and a backfill of them starts from the cursor that the
//!   newest run stored, or walks there.
//! - The key of `ocds.release` is led by ocid, and so serves lookups by ocid too,
//!   which spares every insertion an index.
//! - A page's own row is inserted last, with its counts, and not first to be
//!   updated at the end: a page that is sent again is rolled back whole, and no
//!   page leaves a dead row behind it.
//! - Hashes of stored releases are not read for a page behind one of which
//!   nothing was stored. A backfill is spared a read and a round trip for each
//!   page; where stored releases begin again, a page or a few are sent for
//!   nothing, whose rows the upsert locks and does not rewrite.
//! - `status --database` shows the server's view alone: where sources stand is
//!   counted in our tables, behind the very locks that are asked about.
//! - A command that was fine and whose metrics file cannot be written exits 3:
//!   the file was asked for too. Any other exit code says more, and stays.
//! - Columns that all rows of a statement share are one parameter, not one for
//!   each row: a batch of 100 has 2,405 parameters instead of 2,900.
//! - A row is encoded once, in the format that parameters and `COPY` share, and
//!   is bytes from then on: a batch's weight is known, a fallback sends what was
//!   refused as it was, and one writer holds rows of several tables.
//! - Updates and deletions name their rows by a `values` list, as insertions do,
//!   and not by arrays: `unnest` would take a column that is an array apart.
//! - Transactions of [`bulk`] find rows by an index, key by key, whatever the planner
//!   thinks: of a table of some thousand rows it would rather read all, anew for each
//!   statement, and updates of 100 keys took 2.5 times as long a row as those of 50.
//! - What else must be true of such a row is hidden from the planner in a `case`. It
//!   would else begin with the rows of which that is true, if its statistics know of none,
//!   and read all of them for each statement: a new source is what statistics lack.
//! - A file that has to come is put on disk, without a name, and read from there while
//!   it comes: a publisher's connection does not wait for the database, a broken one is
//!   taken up where it broke, and a zip file can be read from its end.
//! - Where a file is cut into pieces depends on the file alone. A run that goes on in its
//!   middle cuts it again up to there, at a gigabyte in seconds, and compares a digest:
//!   no state of a scanner has to be kept, and another file of the same name is noticed.
//! - What cannot be read of a file is an unreadable page if it is not kept whole, and a
//!   reject only if it is: a run that has lost sight of anything does not exit 0.
//! - A package too large to hold is taken for none of version 1.0 unless it says so
//!   before its releases.
//! - A compiled release has the key of its process with an empty id, which no release
//!   has: so pages that share one are kept apart, and it is folded, refused and
//!   replayed, as any release is.
//! - A record's compiled release is one, and what is tagged `compiled` alone and has no
//!   id. With an id it is a release: some publishers tag each of theirs so, several of
//!   one process.
//! - An item is taken for a release, and for something that holds releases only once
//!   it is seen to be: a page of releases is read no more often than it must be.
//! - A package that says no version is of 1.0, which had no way to say it. A 1.1
//!   release in one is known by its `parties`, and left as it is; a source whose
//!   releases have none can say that they are of 1.1.
//! - What a repair cannot keep as a number is kept as text, and not as null.
//! - What PostgreSQL says of a failed statement blames a row, the server or a defect by
//!   one table of SQLSTATEs. Where it may be either, as with an internal error, no memory
//!   or no time, a row is blamed that is refused twice alone, by a server that takes
//!   others: else one row would stop its source for good. Where more than three rows in a row are
//!   refused so, the server is blamed.
//! - A row that ends its server's process each time cannot be told from a server that is
//!   away, since the process ends all connections with it. It stops its source.
//! - A reject that the server refuses to keep is kept without its document, and an
//!   operator is warned: its page would else stop its source for good.
//! - Rejects are upserted, not inserted: a traversal meets again what an earlier
//!   one refused, and it is kept once and counted.
//! - Whether a transaction without a reply to its commit was committed is asked
//!   by its id, where no row of its own tells. A page's own row tells.
//! - `ocds.request` is written beside the pages and not with them, and a killed
//!   run lacks its last seconds: it is for people, and nothing depends on it.
//! - Room for a page that is fetched ahead is made by the size of those before it: its
//!   own is known when it has come. What one page may be at all is a limit of its own.
//! - What is read out of a page has room of its own, for a tiny release takes forty times
//!   what it weighs. Pages are read one after the other, so that what one takes is known
//!   before the next is read. A page of more than `fetch.max_items` is unreadable, and not
//!   cut into pieces: a page of a feed is stored whole, and files are cut anyway.
//! - A page whose rejects alone are more than `sink.max_bad_ratio` allows is not stored.
//!   Its first 1,000 rejects are kept, and the next run asks for it again. A page with no
//!   more rejects than that is stored whatever the ratio, and ends the run behind it.
//! - A connection on which a statement failed, or was waited for too long, is closed and
//!   never lent again: what it says next is nobody's, and after a failover it leads to
//!   a server that takes no writes.
//! - What a run asks its database between its claim and its end is asked again while the
//!   server is away; what a command asks first is asked once, for it may be misspelt.
//! - A run that a signal has stopped is given up after `shutdown.grace`, and what it
//!   had in flight is rolled back: whoever would kill it then does no better.
//! - The moments of a commit have names at which tests end the program, and only in
//!   their builds: what a kill at a random time rarely hits is hit each time.
//! - `purge` leaves its own run behind: where the data went can be asked later.
//! - `purge` reads keys once, through a cursor of a transaction that stays open meanwhile.
//!   No index has the keys of a source in their own order, and a statement for each chunk
//!   would read again what is deleted. The open transaction holds back vacuum for as long
//!   as a backup does.

// in the order of the pipeline: what starts it, its stages, what they stand on

pub mod cli;

pub mod command;

pub mod demo;

pub mod pipeline;

pub mod fetch;

mod http;

pub mod decode;

#[cfg(fuzzing)]
pub mod fuzz;

pub mod extract;

pub mod sink;

pub mod bulk;

pub mod ledger;

pub mod database;

pub mod config;

pub mod source;

pub mod page;

pub mod request;

pub mod release;

pub mod json;

pub mod redact;

mod userinfo;

mod retry;

mod failpoint;

pub mod metrics;

mod sqlstate;

pub mod error;
