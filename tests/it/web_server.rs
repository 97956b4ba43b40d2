//! Starts a real nginx or Apache, because tests of answers should not depend only on what this
//! repository believes about servers.
//!
//! A server has its own port on 127.0.0.1 and a temporary directory. It runs as one process in the
//! foreground, so that dropping it leaves no worker behind.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use tokio::process::{Child, Command};

use crate::harness::{Ingest, SOURCE, TEST_TIMEOUT};
use crate::publisher::release;

/// The directories outside `PATH` where distributions install servers.
const PROGRAM_DIRECTORIES: [&str; 6] = [
    "/usr/sbin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
];

/// The directories where distributions install the modules of Apache.
const APACHE_MODULES: [&str; 6] = [
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/apache2",
    "/usr/libexec/apache2",
    "/opt/homebrew/lib/httpd/modules",
    "/home/linuxbrew/.linuxbrew/lib/httpd/modules",
];

/// The modules that every Apache of the tests loads, if they are not compiled into it.
const LOADED_MODULES: [&str; 12] = [
    "mpm_event",
    "unixd",
    "log_config",
    "authz_core",
    "mime",
    "dir",
    "alias",
    "filter",
    "deflate",
    "headers",
    "setenvif",
    "rewrite",
];

/// Another process may take a free port before the server does.
const MAX_STARTS: usize = 10;

/// The age of a file that a test writes. Servers and clients trust a time of change only if it is
/// some seconds old.
const FILE_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// A running server, which is killed when it is dropped.
pub(crate) struct WebServer {
    address: SocketAddr,
    directory: tempfile::TempDir,
    child: Child,
}

impl WebServer {
    /// Starts nginx. The configuration is the content of its `http` block, and has the servers:
    ///
    /// ```text
    /// limit_req_zone $server_name zone=all:1m rate=5r/s;
    /// server { listen {address}; limit_req zone=all; }
    /// ```
    ///
    /// `{address}` becomes the address and port of the server, and `{directory}` its temporary
    /// directory. The document root is [`WebServer::root`], and files have the type
    /// `application/json`.
    pub(crate) async fn nginx(configuration: &str) -> Self {
        let program = find_program(&["nginx"]);
        let mut global = String::from(
            "daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;
            events { worker_connections 128; }",
        );
        // Its default user may not exist, or may not be allowed to read the directory.
        if rustix::process::geteuid().is_root() {
            global.push_str("user root;");
        }
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths = paths.map(|name| format!("{name}_temp_path {{directory}}/{name};"));
        let configuration = format!(
            "{global} http {{ {} access_log off; root {{directory}}/root;
            default_type application/json; {configuration} }}",
            paths.concat()
        );
        Self::start(&configuration, |directory, file| {
            let mut command = Command::new(&program);
            let log = directory.join("error.log");
            command.arg("-e").arg(log).arg("-p").arg(directory);
            command.arg("-c").arg(file);
            command
        })
        .await
    }

    /// Starts Apache. The configuration is added to one that serves [`WebServer::root`] with the
    /// type `application/json`; the same words as for [`WebServer::nginx`] are replaced.
    pub(crate) async fn apache(configuration: &str) -> Self {
        let program = find_program(&["apache2", "httpd"]);
        let modules = APACHE_MODULES.map(Path::new).into_iter();
        let mut modules = modules.filter(|path| path.join("mod_mpm_event.so").exists());
        let modules = modules.next().expect("the modules of Apache are installed");
        let load = LOADED_MODULES.map(|name| {
            let file = modules.join(format!("mod_{name}.so"));
            let file = file.display();
            format!("<IfModule !{name}_module>\nLoadModule {name}_module {file}\n</IfModule>\n")
        });
        // Apache refuses to serve as root, and ignores this user if it was started by another one.
        let configuration = format!(
            "{}ServerRoot {{directory}}\nServerName localhost\nListen {{address}}
            User #65534\nGroup #65534
            PidFile {{directory}}/pid\nErrorLog {{directory}}/error.log
            DocumentRoot {{directory}}/root\nTypesConfig /dev/null
            <Directory {{directory}}/root>\nForceType application/json\nRequire all granted
            </Directory>\n{configuration}\n",
            load.concat()
        );
        Self::start(&configuration, |_, file| {
            let mut command = Command::new(&program);
            command.arg("-X").arg("-f").arg(file);
            command
        })
        .await
    }

    /// Starts a server on a free port.
    async fn start(configuration: &str, command: impl Fn(&Path, &Path) -> Command) -> Self {
        for _ in 0..MAX_STARTS {
            let directory = make_directory();
            let address = find_free_address();
            let text = configuration
                .replace("{address}", &address.to_string())
                .replace("{directory}", directory.path().to_str().unwrap());
            let file = directory.path().join("server.conf");
            std::fs::write(&file, text).unwrap();
            let child = command(directory.path(), &file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut server = Self {
                address,
                directory,
                child,
            };
            if server.wait_until_it_listens().await {
                return server;
            }
        }
        panic!("the server found no free port");
    }

    /// Returns false if another process has taken the port.
    async fn wait_until_it_listens(&mut self) -> bool {
        let give_up = Instant::now() + TEST_TIMEOUT;
        // Both servers write this file after they have taken the port.
        while !self.directory.path().join("pid").exists() {
            let log = self.read_error_log();
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(log.contains("in use"), "the server ended, {status}: {log}");
                return false;
            }
            assert!(Instant::now() < give_up, "the server does not start: {log}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }

    /// Returns the server's log of errors and warnings.
    pub(crate) fn read_error_log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("error.log")).unwrap_or_default()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of a path on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the directory whose files are served.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// Writes a file below the document root. It looks a day old. nginx recognizes a later change
    /// only by the file's length.
    pub(crate) fn write_file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(name);
        std::fs::write(&path, content).unwrap();
        make_readable(&path, 0o644);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - FILE_AGE).unwrap();
    }
}

fn find_program(names: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(PROGRAM_DIRECTORIES.map(PathBuf::from));
    let mut programs =
        directories.flat_map(|directory| names.iter().map(move |n| directory.join(n)));
    let program = programs.find(|program| program.is_file());
    program.unwrap_or_else(|| panic!("{names:?} is installed, as `make test` sees to"))
}

/// Makes a directory that the user of the server may read.
fn make_directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new()
        .prefix("ocds-ingest-test-")
        .tempdir()
        .unwrap();
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    make_readable(directory.path(), 0o755);
    make_readable(&root, 0o755);
    directory
}

fn make_readable(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn find_free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn both_servers_serve_files_until_they_are_dropped() {
    let nginx = WebServer::nginx("server { listen {address}; }").await;
    let apache = WebServer::apache("").await;
    for server in [nginx, apache] {
        server.write_file("release.json", release(1));
        let mut ingest = Ingest::new().await;
        ingest.declare_as(SOURCE, &server.url("/release.json"), "");
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 1);
        let address = server.address();
        drop(server);
        let give_up = Instant::now() + TEST_TIMEOUT;
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            assert!(Instant::now() < give_up, "{address} is still served");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
