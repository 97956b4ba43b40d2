//! The PostgreSQL that is written: pool and sessions, TLS, migrations, what the
//! server says of its own [activity], and the [local] server. A server gets no password
//! in a way that is not allowed: its requests are looked at before they are answered.
//!
//! A [`Connection`] from here was just seen alive, on a server that takes
//! writes and stores UTF-8. Nothing here waits for a server that is away: an
//! error says so and whoever asked decides. Sessions have no time limits either,
//! which a pooler between us and the server would drop: each transaction sets its
//! own, those of questions that are asked here too.

pub mod activity;
mod close_on_drop;
mod connect;
mod guard;
pub mod local;
pub mod migrate;
mod require_auth;
mod tls;
mod url;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, QueueMode, RecyclingMethod, Runtime,
    TimeoutType, Timeouts,
};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio_postgres::Row;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::types::{ToSql, Type};

pub(crate) use self::close_on_drop::{CloseOnDrop, wait_for_reply};
use self::migrate::Migration;
use self::url::{Address, REQUIRE_AUTH};
use crate::config;
use crate::error::{Error, Kind, Result};

/// A connection lent by the pool; dropping it gives it back.
pub type Connection = deadpool_postgres::Object;

/// How much longer than the server works on a statement its answer may travel.
const NETWORK_MARGIN: Duration = Duration::from_secs(5);

/// How long may be worked on what counts the rows of whole tables.
const COUNT_LIMIT: Duration = Duration::from_secs(3_600);

/// A PostgreSQL database and the connections to it. Clones share both.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

/// The `database.url` that stands for the private server.
pub(crate) const LOCAL_URL: &str = "local";

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Database").field(&self.describe()).finish()
    }
}

struct Shared {
    pool: Pool,
    address: Address,
    local: Option<LocalServer>,
    settings: config::Database,
}

/// The local server, where that is what was opened.
struct LocalServer {
    directory: PathBuf,
    psql: PathBuf,
    /// Emptied by [`Database::close`].
    server: Mutex<Option<local::Server>>,
}

impl Database {
    /// Opens what `database.url` names, with at most `connections` connections,
    /// each made when it is first needed; starts the local server if it is
    /// `local`. A server that is somewhere else is not spoken to yet.
    ///
    /// # Errors
    /// [`Config`](Kind::Config) for a URL or a TLS file that is wrong,
    /// [`Environment`](Kind::Environment) for a local server that does not start.
    pub async fn open(settings: &config::Database, connections: usize) -> Result<Self> {
        let url = settings.url.expose_secret();
        if url == LOCAL_URL {
            return Box::pin(Self::open_local(settings, connections)).await;
        }
        Self::open_url(url, None, settings, connections)
    }

    async fn open_local(settings: &config::Database, connections: usize) -> Result<Self> {
        let options = local::Options::new(match &settings.directory {
            Some(directory) => directory.clone(),
            None => local::default_directory()?,
        });
        let server = local::Server::start(&options).await?;
        let url = server.url(local::DATABASE);
        let local = LocalServer {
            directory: server.directory().to_owned(),
            psql: server.program("psql"),
            server: Mutex::new(Some(server)),
        };
        Self::open_url(&url, Some(local), settings, connections)
    }

    fn open_url(
        url: &str,
        local: Option<LocalServer>,
        settings: &config::Database,
        connections: usize,
    ) -> Result<Self> {
        // our own server trusts whoever gets to its socket
        let required = match local {
            Some(_) => None,
            None => read_require_auth_variable()?,
        };
        let address = Address::parse(url, required.as_deref(), settings)?;
        if let Some(warning) = address.warning() {
            tracing::warn!("{warning}");
        }
        let shared = Shared {
            pool: build_pool(&address, settings, connections)?,
            address,
            local,
            settings: settings.clone(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// A connection that was just seen alive, to a server that takes writes
    /// (unless the URL's `target_session_attrs` says otherwise). One try, within
    /// `database.connect_timeout`, after waiting for a free one for up to
    /// `database.statement_timeout`. A local server that was killed is started
    /// again first.
    ///
    /// # Errors
    /// [`Environment`](Kind::Environment) when the server is away or full,
    /// [`Config`](Kind::Config) when it refuses who we are, what we trust or
    /// which database we ask for, or when the database is not UTF-8.
    pub async fn connection(&self) -> Result<Connection> {
        let error = match self.shared.pool.get().await {
            Ok(connection) => return Ok(connection),
            Err(error @ PoolError::Timeout(TimeoutType::Wait)) => return Err(self.explain(error)),
            Err(error) => self.explain(error),
        };
        if !error.is_transient() || !Box::pin(self.restart_local_server()).await? {
            return Err(error);
        }
        self.shared.pool.get().await.map_err(|e| self.explain(e))
    }

    /// The same for what may fail on it: it is closed unless it is given back.
    pub(crate) async fn close_on_drop_connection(&self) -> Result<CloseOnDrop> {
        self.connection().await.map(CloseOnDrop::new)
    }

    /// Asks one thing on a connection of its own. The server has a time limit too: it
    /// does not notice that nobody listens any more.
    ///
    /// # Errors
    /// As [`Database::connection`], the server refuses, or it does not answer within
    /// `database.statement_timeout` and a few seconds.
    pub(crate) async fn query(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>> {
        self.query_within(self.reply_limit(), sql, parameters).await
    }

    /// The same of what counts the rows of whole tables, which may take an hour.
    pub(crate) async fn query_counts(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>> {
        self.query_within(COUNT_LIMIT, sql, parameters).await
    }

    async fn query_within(
        &self,
        limit: Duration,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>> {
        let connection = self.close_on_drop_connection().await?;
        let works = limit.saturating_sub(NETWORK_MARGIN).as_millis().to_string();
        let works = [(&works as _, Type::TEXT)];
        // all four are sent before the first is answered
        let asked = futures::future::join4(
            connection.batch_execute("begin"),
            connection.query_typed(LIMIT_QUERY, &works),
            connection.query_typed(sql, parameters),
            connection.batch_execute("commit"),
        );
        let (begun, limited, rows, ended) = wait_for_reply(limit, asked).await?;
        begun?;
        limited?;
        let rows = rows?;
        ended?;
        connection.return_to_pool();
        Ok(rows)
    }

    /// What it was opened with.
    pub(crate) fn settings(&self) -> &config::Database {
        &self.shared.settings
    }

    /// How long the reply to a statement is waited for.
    pub(crate) fn reply_limit(&self) -> Duration {
        reply_limit(&self.shared.settings)
    }

    /// Whether there was a local server to start again.
    async fn restart_local_server(&self) -> Result<bool> {
        let Some(local) = &self.shared.local else {
            return Ok(false);
        };
        match &*local.server.lock().await {
            Some(server) => server.ensure_running().await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Applies the migrations that the database lacks, and returns them in
    /// order; see [`migrate::apply`].
    ///
    /// # Errors
    /// As [`Database::connection`] and [`migrate::apply`].
    pub async fn migrate(&self) -> Result<Vec<Migration>> {
        // the usual case, which has a time limit: migrations have none
        let pending = self.pending_migrations().await?;
        if pending.is_empty() {
            return Ok(pending);
        }
        let mut connection = self.close_on_drop_connection().await?;
        let list = migrate::built_in_migrations()?;
        let applied = migrate::apply(&mut connection, &list, &self.shared.settings).await?;
        connection.return_to_pool();
        Ok(applied)
    }

    /// The migrations that the database lacks; changes nothing.
    ///
    /// # Errors
    /// As [`Database::connection`] and [`migrate::find_pending`].
    pub async fn pending_migrations(&self) -> Result<Vec<Migration>> {
        let connection = self.close_on_drop_connection().await?;
        let list = migrate::built_in_migrations()?;
        let reply = migrate::find_pending(&connection, &list);
        let pending = wait_for_reply(self.reply_limit(), reply).await??;
        connection.return_to_pool();
        Ok(pending)
    }

    /// Where the database is, for people: host and name, or the local server's
    /// directory. Never a password.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.shared.local {
            Some(local) => format!("local server in {}", local.directory.display()),
            None => self.shared.address.describe(),
        }
    }

    /// psql on this database. What it has to know, the password too, is in its
    /// environment and not among its arguments, which everybody can read. It gets the
    /// rest of our environment too: it runs as us, and whoever uses it expects their
    /// own pager, editor and language.
    #[must_use]
    pub fn psql_command(&self) -> Command {
        let beside_server = self.shared.local.as_ref().map(|local| local.psql.clone());
        let program = beside_server.filter(|program| program.is_file());
        let mut command = Command::new(program.unwrap_or_else(|| local::find_client("psql")));
        // These would lead it elsewhere unless the URL says them too.
        for variable in [
            "PGSERVICE",
            "PGHOSTADDR",
            "PGOPTIONS",
            "PGTARGETSESSIONATTRS",
            REQUIRE_AUTH,
        ] {
            command.env_remove(variable);
        }
        command.envs(self.shared.address.environment.iter().cloned());
        command
    }

    /// Closes every connection, of clones too, and gives the local server up:
    /// it stops if nobody else is using it.
    ///
    /// A program that ends without this leaves the local server running, to be
    /// found and used by the next one.
    ///
    /// # Errors
    /// [`Environment`](Kind::Environment): the local server did not stop.
    pub async fn close(self) -> Result<()> {
        self.shared.pool.close();
        let Some(local) = &self.shared.local else {
            return Ok(());
        };
        match local.server.lock().await.take() {
            Some(server) => Box::pin(server.stop()).await,
            None => Ok(()),
        }
    }

    fn explain(&self, error: PoolError) -> Error {
        let place = self.describe();
        let user = self.shared.address.config.get_user();
        explain_pool_error(error, user.unwrap_or_default()).context(format!("connect to {place}"))
    }
}

/// Reads the environment's `PGREQUIREAUTH`.
fn read_require_auth_variable() -> Result<Option<String>> {
    match std::env::var(REQUIRE_AUTH) {
        Ok(list) => Ok(Some(list)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Error::config(format!("{REQUIRE_AUTH} is not UTF-8")))
        }
    }
}

/// Limits what a question may take, in milliseconds.
const LIMIT_QUERY: &str = include_str!("../../sql/database/limit_question.sql");

/// What a server is asked about each connection before it is lent.
const CHECK_QUERY: &str =
    "select current_setting('server_encoding'), current_setting('transaction_read_only')";

/// Begins a hook's message about a database in another encoding.
const WRONG_ENCODING: &str = "the database's encoding is";

/// How long the reply to a statement is waited for.
pub(crate) fn reply_limit(settings: &config::Database) -> Duration {
    settings.statement_timeout + NETWORK_MARGIN
}

fn build_pool(address: &Address, settings: &config::Database, connections: usize) -> Result<Pool> {
    let writes = address.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
    let limit = settings.connect_timeout;
    let hook = || {
        Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(check_connection(client, writes, limit))
        })
    };
    let manager = Manager::from_connect(
        address.config.clone(),
        address.build_connector()?,
        ManagerConfig {
            // The hook asks more than `Verified` would, in the same round trip.
            recycling_method: RecyclingMethod::Fast,
        },
    );
    // Each host has its own limit, and none may use up the next one's.
    let hosts = u32::try_from(address.config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
    let each = address.config.get_connect_timeout().unwrap_or(&limit);
    Pool::builder(manager)
        .max_size(connections.max(1))
        // the backend that was busy last has the warmest caches
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(settings.statement_timeout.max(limit)),
            create: Some(each.saturating_mul(hosts)),
            recycle: Some(limit),
        })
        .post_create(hook())
        .pre_recycle(hook())
        .build()
        .map_err(|e| Error::unexpected("make the connection pool").with_source(e))
}

/// Refuses a connection that is dead, that cannot write where it has to, or
/// that would store text in another encoding.
async fn check_connection(
    client: &tokio_postgres::Client,
    writes: bool,
    limit: Duration,
) -> Result<(), HookError> {
    let answer = tokio::time::timeout(limit, client.simple_query(CHECK_QUERY))
        .await
        .map_err(|_| HookError::message("the database does not answer"))?
        .map_err(HookError::Backend)?;
    let row = answer.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let value = |column| row.and_then(|row| row.get(column)).unwrap_or_default();
    if value(0) != "UTF8" {
        let encoding = value(0);
        return Err(HookError::message(format!(
            "{WRONG_ENCODING} {encoding}, and releases need UTF8: create the database with `encoding 'UTF8' template template0`"
        )));
    }
    if writes && value(1) != "off" {
        return Err(HookError::message("the database does not take writes"));
    }
    Ok(())
}

/// Tells what the world has to change from what only time will.
fn explain_pool_error(error: PoolError, user: &str) -> Error {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            explain_connect_error(error, user)
        }
        PoolError::PostCreateHook(HookError::Message(message)) => {
            let kind = if message.starts_with(WRONG_ENCODING) {
                Kind::Config
            } else {
                Kind::Environment
            };
            Error::new(kind, message)
        }
        PoolError::Timeout(step) => Error::environment(match step {
            TimeoutType::Wait => "every connection stayed in use",
            TimeoutType::Create | TimeoutType::Recycle => "the database did not answer in time",
        }),
        PoolError::Closed => Error::unexpected("the database was closed"),
        PoolError::NoRuntimeSpecified => Error::unexpected("the pool has no runtime"),
    }
}

fn explain_connect_error(error: tokio_postgres::Error, user: &str) -> Error {
    if let Some(refused) = guard::find_refusal(&error) {
        return Error::config(refused.to_string());
    }
    // tokio-postgres tells these apart in its message alone: a password that is
    // missing, and a way to authenticate that it does not know.
    let settled = ["invalid configuration", "authentication error"];
    let said = error.to_string();
    if tls::is_refusal(&error) || settled.iter().any(|prefix| said.starts_with(prefix)) {
        return Error::config("the connection was refused").with_source(error);
    }
    let error = Error::from(error);
    let quoted = format!("\"{user}\"");
    let said = error.to_string();
    if user.is_empty() || !said.contains(&quoted) {
        return error;
    }
    // in the place of a user's name people put a password, and the server repeats it
    Error::new(error.kind(), said.replace(&quoted, "of the URL"))
}
