//! The PostgreSQL database: the connection pool, TLS, migrations, reports about the server's
//! [activity], and the [local] server.
//!
//! # Connections
//!
//! The pool checks each [`Connection`] before a caller gets it. The server must answer, accept
//! writes and store UTF-8. This module does not wait for a server that is away. The error says
//! that the server is away, and the caller decides whether to retry.
//!
//! # Time limits
//!
//! A session has no time limits of its own, because a pooler between the program and the server
//! would drop them. Each transaction sets its limits when it begins.

pub mod activity;
mod auth_guard;
mod close_on_drop;
mod connect;
pub mod local;
pub mod migrate;
mod require_auth;
mod tls;
mod url;

use std::ffi::OsString;
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

/// A connection of the pool. It returns to the pool when it is dropped.
pub type Connection = deadpool_postgres::Object;

/// The time that the client waits longer than the server may work, because the reply also needs
/// time to arrive.
const NETWORK_MARGIN: Duration = Duration::from_secs(5);

/// The time limit of a query that counts the rows of whole tables.
const COUNT_LIMIT: Duration = Duration::from_secs(3_600);

/// A PostgreSQL database and its connection pool. All clones share the same pool.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

/// The value of `database.url` that means the local server.
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

struct LocalServer {
    directory: PathBuf,
    psql: PathBuf,
    /// The local server, or `None` after [`Database::close`].
    server: Mutex<Option<local::Server>>,
}

impl Database {
    /// Opens the database that `database.url` names, with at most `connections` connections. Each
    /// connection is opened when it is first needed. If the URL is `local`, the local server is
    /// started. Any other server is not contacted yet.
    ///
    /// # Errors
    ///
    /// [`Config`](Kind::Config) if the URL or a TLS file is wrong,
    /// [`Environment`](Kind::Environment) if the local server does not start.
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
        // The local server requests no password, so this option has no effect there.
        let require_auth = match local {
            Some(_) => None,
            None => read_require_auth_variable()?,
        };
        let address = Address::parse(url, require_auth.as_deref(), settings)?;
        if let Some(warning) = address.password_warning() {
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

    /// Returns a connection that was just checked. The server of the connection accepts writes,
    /// unless the URL's `target_session_attrs` says otherwise. The function waits up to
    /// `database.statement_timeout` for a free connection. It tries once to open a new
    /// connection, within `database.connect_timeout`. A local server that was killed is started
    /// again first.
    ///
    /// # Errors
    ///
    /// [`Environment`](Kind::Environment) if the server is away or has no free connection,
    /// [`Config`](Kind::Config) if the server refuses the user, the password, the certificate or
    /// the database's name, or if the database is not UTF-8.
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

    /// Returns a connection that is closed unless the caller returns it to the pool.
    pub(crate) async fn close_on_drop_connection(&self) -> Result<CloseOnDrop> {
        self.connection().await.map(CloseOnDrop::new)
    }

    /// Runs one query on a connection of its own. The time limit is also sent to the server,
    /// because the server does not notice that the client has stopped waiting.
    ///
    /// # Errors
    ///
    /// No connection could be opened, as described at [`Database::connection`], the query fails,
    /// or no reply arrives within `database.statement_timeout` and a few seconds.
    pub(crate) async fn query(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>> {
        self.query_within(self.reply_limit(), sql, parameters).await
    }

    /// Runs a query that counts the rows of whole tables. Such a query may take up to an hour.
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
        let server_limit = limit.saturating_sub(NETWORK_MARGIN).as_millis().to_string();
        let server_limit = [(&server_limit as _, Type::TEXT)];
        // All four statements are sent before the first reply is read.
        let replies = futures::future::join4(
            connection.batch_execute("begin"),
            connection.query_typed(LIMIT_QUERY, &server_limit),
            connection.query_typed(sql, parameters),
            connection.batch_execute("commit"),
        );
        let (begin, set_limit, rows, commit) = wait_for_reply(limit, replies).await?;
        begin?;
        set_limit?;
        let rows = rows?;
        commit?;
        connection.return_to_pool();
        Ok(rows)
    }

    pub(crate) fn settings(&self) -> &config::Database {
        &self.shared.settings
    }

    pub(crate) fn reply_limit(&self) -> Duration {
        reply_limit(&self.shared.settings)
    }

    /// Starts the local server again. Returns false if this database is not on the local server.
    async fn restart_local_server(&self) -> Result<bool> {
        let Some(local) = &self.shared.local else {
            return Ok(false);
        };
        match &*local.server.lock().await {
            Some(server) => server.ensure_running().await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Applies the migrations that the database lacks, and returns them in their order.
    ///
    /// # Errors
    ///
    /// No connection could be opened, as described at [`Database::connection`], or a migration
    /// could not be applied, as described at [`migrate::apply`].
    pub async fn migrate(&self) -> Result<Vec<Migration>> {
        // Usually nothing is pending. This check has a time limit, but migrations have none.
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

    /// Returns the migrations that the database lacks. It changes nothing.
    ///
    /// # Errors
    ///
    /// No connection could be opened, as described at [`Database::connection`], or the database
    /// has other migrations, as described at [`migrate::find_pending`].
    pub async fn pending_migrations(&self) -> Result<Vec<Migration>> {
        let connection = self.close_on_drop_connection().await?;
        let list = migrate::built_in_migrations()?;
        let reply = migrate::find_pending(&connection, &list);
        let pending = wait_for_reply(self.reply_limit(), reply).await??;
        connection.return_to_pool();
        Ok(pending)
    }

    /// Describes the location of the database: its host and name, or the local server's
    /// directory. It never shows a password.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.shared.local {
            Some(local) => format!("local server in {}", local.directory.display()),
            None => self.shared.address.describe(),
        }
    }

    /// Returns a command that runs psql on this database. The password and the other connection
    /// options are in psql's environment, because every user of the machine can read the
    /// arguments of a process. psql also inherits the program's environment, because its user
    /// expects the usual pager, editor and language.
    #[must_use]
    pub fn psql_command(&self) -> Command {
        let local_psql = self.shared.local.as_ref().map(|local| local.psql.clone());
        let program = local_psql.filter(|program| program.is_file());
        let mut command = Command::new(program.unwrap_or_else(|| local::find_client("psql")));
        // Variables that the user has set would lead psql to another server. So they are removed,
        // and only the options of the URL count.
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

    /// Closes all connections, including those of clones. The local server stops if no other
    /// process uses it.
    ///
    /// A program that ends without calling this function leaves the local server running, and the
    /// next program uses it.
    ///
    /// # Errors
    ///
    /// [`Environment`](Kind::Environment) if the local server does not stop.
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

fn read_require_auth_variable() -> Result<Option<String>> {
    let list = std::env::var_os(REQUIRE_AUTH).map(OsString::into_string);
    list.transpose()
        .map_err(|_| Error::config(format!("{REQUIRE_AUTH} is not UTF-8")))
}

/// Limits the time that the server may work in the current transaction. The unit is milliseconds.
const LIMIT_QUERY: &str = include_str!("../../sql/database/limit_query.sql");

const CHECK_QUERY: &str =
    "select current_setting('server_encoding'), current_setting('transaction_read_only')";

/// The beginning of the message that says that the database has a wrong encoding.
const WRONG_ENCODING: &str = "the database's encoding is";

/// Returns the time limit for the reply to a statement.
pub(crate) fn reply_limit(settings: &config::Database) -> Duration {
    settings.statement_timeout + NETWORK_MARGIN
}

fn build_pool(address: &Address, settings: &config::Database, connections: usize) -> Result<Pool> {
    let must_write = address.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
    let limit = settings.connect_timeout;
    let hook = || {
        Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(check_connection(client, must_write, limit))
        })
    };
    let manager = Manager::from_connect(
        address.config.clone(),
        address.build_connector()?,
        ManagerConfig {
            // The hook checks more than the method `Verified` would, and also needs only one
            // round trip.
            recycling_method: RecyclingMethod::Fast,
        },
    );
    // Each host gets the whole time limit, so the limits of all hosts are added up.
    let hosts = u32::try_from(address.config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
    let host_limit = address.config.get_connect_timeout().unwrap_or(&limit);
    Pool::builder(manager)
        .max_size(connections.max(1))
        // The connection that was used last is used first, because its caches are the warmest.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(settings.statement_timeout.max(limit)),
            create: Some(host_limit.saturating_mul(hosts)),
            recycle: Some(limit),
        })
        .post_create(hook())
        .pre_recycle(hook())
        .build()
        .map_err(|e| Error::unexpected("make the connection pool").with_source(e))
}

/// Returns an error if a connection is dead, if it must accept writes but does not, or if the
/// database stores text in another encoding.
async fn check_connection(
    client: &tokio_postgres::Client,
    must_write: bool,
    limit: Duration,
) -> Result<(), HookError> {
    let messages = tokio::time::timeout(limit, client.simple_query(CHECK_QUERY))
        .await
        .map_err(|_| HookError::message("the database does not answer"))?
        .map_err(HookError::Backend)?;
    let row = messages.iter().find_map(|message| match message {
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
    if must_write && value(1) != "off" {
        return Err(HookError::message("the database does not accept writes"));
    }
    Ok(())
}

/// Converts an error of the pool. A problem of the configuration becomes a configuration error. A
/// problem that may pass with time becomes an environment error.
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
            TimeoutType::Wait => "all connections of the pool stayed in use",
            TimeoutType::Create | TimeoutType::Recycle => "the database did not answer in time",
        }),
        PoolError::Closed => Error::unexpected("the database was closed"),
        PoolError::NoRuntimeSpecified => Error::unexpected("the pool has no runtime"),
    }
}

fn explain_connect_error(error: tokio_postgres::Error, user: &str) -> Error {
    if let Some(refused) = auth_guard::find_refusal(&error) {
        return Error::config(refused.to_string());
    }
    // tokio-postgres names two causes only in its message: a missing password, and an
    // authentication method that it does not know.
    let permanent = ["invalid configuration", "authentication error"];
    let message = error.to_string();
    if tls::is_refusal(&error) || permanent.iter().any(|prefix| message.starts_with(prefix)) {
        return Error::config("the connection was refused").with_source(error);
    }
    let error = Error::from(error);
    let quoted = format!("\"{user}\"");
    let message = error.to_string();
    if user.is_empty() || !message.contains(&quoted) {
        return error;
    }
    // Some users write the password where the user's name belongs. The server's message repeats
    // it, so it is replaced.
    Error::new(error.kind(), message.replace(&quoted, "of the URL"))
}
