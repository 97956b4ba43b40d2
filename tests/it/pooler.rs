//! Tests a real PgBouncer in transaction mode between the program and PostgreSQL. It gives each
//! transaction another backend than the one before it, and closes backends of running clients.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Child;

use crate::harness::{Cluster, Ingest, LINK, SOURCE, TEST_TIMEOUT};
use crate::publisher::{Feed, Gate, Publisher, pages};

/// The places outside `PATH` where distributions install PgBouncer.
const PROGRAMS: [&str; 4] = [
    "/usr/sbin/pgbouncer",
    "/usr/bin/pgbouncer",
    "/usr/local/bin/pgbouncer",
    "/opt/homebrew/bin/pgbouncer",
];

/// A pooler before a server. It closes each backend after a second.
struct Pooler {
    directory: PathBuf,
    _child: Child,
}

impl Pooler {
    async fn start_before(cluster: &Cluster) -> Self {
        let program = PROGRAMS.into_iter().find(|it| Path::new(it).exists());
        let program = program.expect("pgbouncer is installed, as `make test` sees to");
        // It refuses to run as root, and the server's user makes its socket.
        let directory = tempfile::Builder::new()
            .prefix("ocds-ingest-test-")
            .tempdir()
            .unwrap()
            .keep();
        let server: tokio_postgres::Config = cluster.server.url("ocds").parse().unwrap();
        let [tokio_postgres::config::Host::Unix(socket)] = server.get_hosts() else {
            panic!("the tests' own server listens on a socket");
        };
        let settings = format!(
            "[databases]\n* = host={} port={} user={}\n\
             [pgbouncer]\nlisten_port = 6432\nunix_socket_dir = {}\nauth_type = any\n\
             pool_mode = transaction\nserver_lifetime = 1\nserver_fast_close = 1\n\
             max_client_conn = 100\ndefault_pool_size = 10\n\
             server_round_robin = 1\nmin_pool_size = 3\n",
            socket.display(),
            server.get_ports().first().unwrap_or(&5432),
            server.get_user().unwrap(),
            directory.display(),
        );
        let file = directory.join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        cluster.set_owner(&directory);
        let child = cluster
            .command(program)
            .arg("--quiet")
            .arg(&file)
            .spawn()
            .unwrap();
        let socket = directory.join(".s.PGSQL.6432");
        let listens = async {
            while !socket.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let listens = tokio::time::timeout(TEST_TIMEOUT, listens).await;
        listens.expect("pgbouncer listens");
        Self {
            directory,
            _child: child,
        }
    }

    /// Returns the URL of the database through the pooler.
    fn url(&self) -> String {
        let host = self.directory.to_string_lossy();
        let host: String = url::form_urlencoded::byte_serialize(host.as_bytes()).collect();
        format!("postgresql://ocds@/ocds?host={host}&port=6432")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A server behind a pooler, and a publisher that answers only released pages.
struct PoolerTest {
    cluster: Cluster,
    _pooler: Pooler,
    _publisher: Publisher,
    ingest: Ingest,
    released: Gate,
}

const PAGES: usize = 12;

impl PoolerTest {
    async fn new(lease: &str) -> Self {
        let cluster = Cluster::start().await;
        let pooler = Pooler::start_before(&cluster).await;
        let mut ingest = Ingest::on_cluster(&cluster).await;
        ingest.set_env("DATABASE_URL", &pooler.url());
        ingest.configure("[database]\nprepare = false");
        ingest.configure(&format!("[lease]\n{lease}"));
        let released = Gate::open_up_to(4);
        let feed = Feed::link(pages(PAGES, 2));
        let publisher = Publisher::serve(feed.hold_at(&released)).await;
        ingest.declare(&publisher, LINK);
        Self {
            cluster,
            _pooler: pooler,
            _publisher: publisher,
            ingest,
            released,
        }
    }
}

/// True if the backend of the last heartbeat is gone.
const IS_BACKEND_GONE: &str = "select not exists (
    select from pg_stat_activity join ocds.run on pid = backend_pid
    where pg_stat_activity.backend_start = run.backend_start)";

#[tokio::test]
async fn a_live_holder_keeps_its_lease_when_the_pooler_closes_its_backend() {
    let stand = PoolerTest::new("heartbeat = \"2s\"\nttl = \"60s\"\nwait = \"100ms\"").await;
    let first = stand.ingest.start_run(&[]);
    stand.ingest.wait_for_pages(4).await;
    for _ in 0..4 {
        stand.ingest.wait_until(IS_BACKEND_GONE).await;
        let second = stand.ingest.run(&[]).await.expect(6);
        second.expect_log("is held by run 1");
    }
    stand.released.open();
    first.wait().await.expect(0);
    assert_eq!(
        stand.ingest.column("select epoch from ocds.run").await,
        ["1"]
    );
    assert_eq!(stand.ingest.count("release").await, 2 * PAGES);
    drop(stand.cluster);
}

#[tokio::test]
async fn a_dead_holder_behind_a_pooler_is_waited_for_and_taken_over() {
    let mut stand = PoolerTest::new("heartbeat = \"200ms\"\nttl = \"3s\"\nwait = \"100ms\"").await;
    let idle = "[database]\nidle_in_transaction_timeout = \"1s\"";
    stand.ingest.configure(idle);
    let first = stand.ingest.start_run(&[]);
    stand.ingest.wait_for_pages(4).await;
    first.kill().await;
    stand.released.open();
    // Its backend may remain in the pool, and its last heartbeat is recent.
    let report = stand.ingest.run(&[]).await.expect(0).report();
    assert_eq!(report["resumed_from"], 4);
    assert_eq!(
        stand.ingest.column("select epoch from ocds.run").await,
        ["2"]
    );
    assert_eq!(stand.ingest.count("release").await, 2 * PAGES);
}

#[tokio::test]
async fn a_live_holder_keeps_its_lease_when_its_connection_is_cut() {
    let stand = PoolerTest::new("heartbeat = \"2s\"\nttl = \"60s\"\nwait = \"100ms\"").await;
    let mut ingest = stand.ingest;
    ingest.set_env("DATABASE_URL", &ingest.url.clone());
    let first = ingest.start_run(&[]);
    ingest.wait_for_pages(4).await;
    let cut =
        "select pg_terminate_backend(backend_pid)::text from ocds.run where state = 'running'";
    ingest.column(cut).await;
    ingest.wait_until(IS_BACKEND_GONE).await;
    let second = ingest.call(&["run", SOURCE]).await.expect(6);
    second.expect_log("is held by run 1");
    stand.released.open();
    first.wait().await.expect(0);
    assert_eq!(ingest.column("select epoch from ocds.run").await, ["1"]);
}
