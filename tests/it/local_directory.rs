//! Tests attacks on the local server's directory, which belongs to the server's user. Each test
//! does what this user, or an attacker in the server, could do there to get at files of root.

use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use ocds_ingest::database::local::Server;
use ocds_ingest::error::{Error, Kind};
use rustix::fs::{CWD, FileType, Mode};
use tempfile::TempDir;

use crate::database::{make_open_directory, read_postmaster_pid, volatile_options};
use crate::harness::TEST_TIMEOUT;

/// Only with root are there files that the server's user must not change.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: the server runs as us unless we are root");
    }
    is_root
}

/// A stopped local server, beside files of root.
struct Scene {
    _directory: TempDir,
    home: PathBuf,
    victims: PathBuf,
    uid: u32,
    gid: u32,
}

impl Scene {
    async fn new() -> Self {
        Self::new_in("pg").await
    }

    async fn new_in(name: &str) -> Self {
        let directory = make_open_directory();
        let home = directory.path().join(name);
        let server = Server::start(&volatile_options(&home)).await.unwrap();
        server.stop().await.unwrap();
        let owner = std::fs::metadata(home.join("data")).unwrap();
        let victims = directory.path().join("root");
        std::fs::create_dir(&victims).unwrap();
        std::fs::write(victims.join("secret"), "15\n").unwrap();
        for path in [victims.clone(), victims.join("secret")] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o750)).unwrap();
        }
        Self {
            _directory: directory,
            home,
            victims,
            uid: owner.uid(),
            gid: owner.gid(),
        }
    }

    /// Replaces an entry by one of the server's user.
    fn replace(&self, name: &str, put: impl FnOnce(&Path)) {
        let path = self.home.join(name);
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(&path).unwrap(),
            Ok(_) => std::fs::remove_file(&path).unwrap(),
            Err(_) => {}
        }
        put(&path);
    }

    /// Puts a file of the server's user back, or removes it if there was none.
    fn restore(&self, name: &str, kept: Option<&[u8]>) {
        self.replace(name, |path| {
            let Some(kept) = kept else { return };
            std::fs::write(path, kept).unwrap();
            lchown(path, Some(self.uid), Some(self.gid)).unwrap();
        });
    }

    fn replace_by_link(&self, name: &str, target: &Path) {
        self.replace(name, |path| {
            symlink(target, path).unwrap();
            lchown(path, Some(self.uid), Some(self.gid)).unwrap();
        });
    }

    fn replace_by_pipe(&self, name: &str) {
        self.replace(name, |path| {
            rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            lchown(path, Some(self.uid), Some(self.gid)).unwrap();
        });
    }

    /// Returns what the server's user must not change: owner, group, mode and content.
    fn read_root_files(&self) -> Vec<(u32, u32, u32, Option<String>)> {
        let mut names: Vec<PathBuf> = std::fs::read_dir(&self.victims)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.push(self.victims.clone());
        names.sort();
        let state = names.iter().map(|path| {
            let metadata = std::fs::metadata(path).unwrap();
            let content = std::fs::read_to_string(path).ok();
            (metadata.uid(), metadata.gid(), metadata.mode(), content)
        });
        state.collect()
    }

    /// Starts the server on a thread of its own, because an attack may make it wait for ever.
    fn start(&self) -> Result<Server, Error> {
        let (sender, receiver) = mpsc::channel();
        let options = volatile_options(&self.home);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let _ = sender.send(runtime.block_on(Server::start(&options)));
        });
        let started = receiver.recv_timeout(TEST_TIMEOUT);
        started.expect("the start waits for an entry of the server's user")
    }

    /// Checks that the start is refused with a message that names the entry, and that the files
    /// of root are unchanged.
    fn expect_refused(&self, entry: &str, found: &str) {
        let before = self.read_root_files();
        let error = self.start().map(|server| server.url("")).unwrap_err();
        assert_eq!(self.read_root_files(), before, "{entry} as {found}");
        assert_eq!(error.kind(), Kind::Config, "{}", error.chain());
        let said = error.to_string();
        let path = self.home.join(entry).display().to_string();
        assert!(said.contains(&path) && said.contains(found), "{said}");
        assert!(said.contains("move it away"), "{said}");
    }
}

#[tokio::test]
async fn a_link_in_place_of_the_socket_directory_exposes_nothing() {
    if !is_root() {
        return;
    }
    let scene = Scene::new().await;
    scene.replace_by_link("socket", &scene.victims);
    scene.expect_refused("socket", "a symbolic link");
}

#[tokio::test]
async fn a_link_in_place_of_the_data_is_not_followed() {
    if !is_root() {
        return;
    }
    let scene = Scene::new().await;
    std::fs::write(scene.victims.join("PG_VERSION"), "15\n").unwrap();
    let number = std::process::id().to_string();
    std::fs::write(scene.victims.join("postmaster.pid"), number).unwrap();
    scene.replace_by_link("data", &scene.victims);
    scene.expect_refused("data", "a symbolic link");
    assert!(scene.victims.join("postmaster.pid").exists());
}

#[tokio::test]
async fn links_in_place_of_files_are_not_followed() {
    if !is_root() {
        return;
    }
    let scene = Scene::new().await;
    let secret = scene.victims.join("secret");
    for entry in ["start.lock", "use.lock", "data/PG_VERSION"] {
        let kept = std::fs::read(scene.home.join(entry)).unwrap();
        scene.replace_by_link(entry, &secret);
        // Without a regular file of this name, the program does not recognize the directory as a
        // cluster.
        if entry != "start.lock" {
            scene.expect_refused(entry, "a symbolic link");
        } else {
            let before = scene.read_root_files();
            let error = scene.start().map(|server| server.url("")).unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{}", error.chain());
            assert_eq!(scene.read_root_files(), before);
        }
        scene.restore(entry, Some(&kept));
    }
    scene.replace_by_link("data/postmaster.pid", &secret);
    scene.expect_refused("data/postmaster.pid", "a symbolic link");
}

#[tokio::test]
async fn hard_links_in_place_of_files_expose_nothing() {
    if !is_root() {
        return;
    }
    let scene = Scene::new_in(&"d".repeat(120)).await;
    let secret = scene.victims.join("secret");
    for entry in ["start.lock", "use.lock", "socket.path", "data/PG_VERSION"] {
        let kept = std::fs::read(scene.home.join(entry)).unwrap();
        scene.replace(entry, |path| std::fs::hard_link(&secret, path).unwrap());
        scene.expect_refused(entry, "hard link");
        scene.restore(entry, Some(&kept));
    }
    scene.start().unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn named_pipes_in_place_of_files_do_not_block_the_start() {
    if !is_root() {
        return;
    }
    let scene = Scene::new_in(&"d".repeat(120)).await;
    for entry in [
        "use.lock",
        "socket.path",
        "data/PG_VERSION",
        "data/postmaster.pid",
    ] {
        let kept = std::fs::read(scene.home.join(entry)).ok();
        scene.replace_by_pipe(entry);
        scene.expect_refused(entry, "a named pipe");
        scene.restore(entry, kept.as_deref());
    }
    scene.start().unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn an_endless_file_is_not_read_into_memory() {
    if !is_root() {
        return;
    }
    let scene = Scene::new_in(&"d".repeat(120)).await;
    for entry in ["socket.path", "data/PG_VERSION", "data/postmaster.pid"] {
        let path = scene.home.join(entry);
        let kept = std::fs::read(&path).ok();
        let file = std::fs::File::create(&path).unwrap();
        lchown(&path, Some(scene.uid), Some(scene.gid)).unwrap();
        file.set_len(1 << 33).unwrap();
        scene.expect_refused(entry, "a longer file");
        scene.restore(entry, kept.as_deref());
    }
    scene.start().unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_changed_socket_path_neither_uses_nor_removes_files_of_root() {
    if !is_root() {
        return;
    }
    let scene = Scene::new_in(&"d".repeat(120)).await;
    std::fs::set_permissions(&scene.victims, PermissionsExt::from_mode(0o755)).unwrap();
    let [root_s, theirs] = ["empty", "theirs"].map(|name| scene.victims.join(name));
    for directory in [&root_s, &theirs] {
        std::fs::create_dir(directory).unwrap();
        std::fs::set_permissions(directory, PermissionsExt::from_mode(0o700)).unwrap();
    }
    lchown(&theirs, Some(scene.uid), Some(scene.gid)).unwrap();
    let link = scene.victims.join("link");
    symlink(&theirs, &link).unwrap();
    let before = scene.read_root_files();
    for (path, is_used) in [(&root_s, false), (&link, false), (&theirs, true)] {
        let file = scene.home.join("socket.path");
        std::fs::write(&file, path.as_os_str().as_encoded_bytes()).unwrap();
        let server = scene.start().unwrap();
        let url = server.url("");
        assert_eq!(url.contains("/root/"), is_used, "{url}");
        server.stop().await.unwrap();
    }
    // The server's user may not remove entries of a directory of root.
    assert_eq!(scene.read_root_files(), before);
}

#[tokio::test]
async fn an_unfinished_cluster_is_removed_only_with_its_owner_s_rights() {
    if !is_root() {
        return;
    }
    let scene = Scene::new().await;
    std::fs::remove_dir_all(scene.home.join("data")).unwrap();
    scene.replace_by_link("unfinished-1-1", &scene.victims);
    let inner = scene.home.join("unfinished-2-2");
    std::fs::create_dir(&inner).unwrap();
    lchown(&inner, Some(scene.uid), Some(scene.gid)).unwrap();
    scene.replace_by_link("unfinished-2-2/link", &scene.victims);
    let before = scene.read_root_files();
    scene.start().unwrap().stop().await.unwrap();
    assert_eq!(scene.read_root_files(), before);
    assert!(!inner.exists());
}

#[tokio::test]
async fn a_link_made_by_another_user_is_not_followed_to_the_directory() {
    if !is_root() {
        return;
    }
    let scene = Scene::new().await;
    let parent = scene.home.parent().unwrap();
    let empty = parent.join("empty");
    std::fs::create_dir(&empty).unwrap();
    let link = parent.join("link");
    symlink(&empty, &link).unwrap();
    lchown(&link, Some(scene.uid), Some(scene.gid)).unwrap();
    let error = Server::start(&volatile_options(&link)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert_eq!(std::fs::metadata(&empty).unwrap().uid(), 0);

    // Root's own link is allowed: an administrator may use another disk.
    lchown(&link, Some(0), Some(0)).unwrap();
    let server = Server::start(&volatile_options(&link)).await.unwrap();
    assert_eq!(server.directory(), empty);
    server.stop().await.unwrap();
    assert_eq!(std::fs::metadata(&empty).unwrap().uid(), scene.uid);
}

#[tokio::test]
async fn a_directory_that_others_can_write_keeps_its_owner() {
    if !is_root() {
        return;
    }
    let directory = make_open_directory();
    let shared = directory.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, PermissionsExt::from_mode(0o1777)).unwrap();
    std::fs::write(shared.join("start.lock"), "").unwrap();
    let error = Server::start(&volatile_options(&shared)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("others may write"), "{error}");
    let metadata = std::fs::metadata(&shared).unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o7777), (0, 0o1777));
}

#[tokio::test]
async fn the_server_is_not_in_root_s_group() {
    if !is_root() || !cfg!(target_os = "linux") {
        return;
    }
    let scene = Scene::new().await;
    // As after `chown postgres` on a directory that root made.
    let home = scene.home.with_file_name("chowned");
    std::fs::create_dir(&home).unwrap();
    lchown(&home, Some(scene.uid), None).unwrap();
    assert_eq!(std::fs::metadata(&home).unwrap().gid(), 0);
    let server = Server::start(&volatile_options(&home)).await.unwrap();
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", read_postmaster_pid(&home))).unwrap();
    server.stop().await.unwrap();
    let groups = status.lines().find_map(|line| line.strip_prefix("Gid:"));
    let groups: Vec<&str> = groups.unwrap().split_whitespace().collect();
    let own = scene.gid.to_string();
    assert_eq!(groups, [&own; 4]);
}

/// The variable with the directory for [`starts_a_server`].
const CHILD: &str = "OCDS_INGEST_TEST_ENVIRONMENT_DIRECTORY";

/// Not a test: a process whose environment has secrets.
#[tokio::test]
#[ignore = "run by another test, as a process of its own"]
async fn starts_a_server() {
    if let Some(directory) = std::env::var_os(CHILD) {
        let server = Server::start(&volatile_options(Path::new(&directory))).await;
        // This does not stop the server.
        drop(server.unwrap());
    }
}

#[tokio::test]
async fn the_server_s_environment_has_no_secrets() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let directory = make_open_directory();
    let home = directory.path().join("pg");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "local_directory::starts_a_server", "--ignored"])
        .env(CHILD, &home)
        .env("PUBLISHER_KEY", "hunter2")
        .env("PGPASSWORD", "hunter2")
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let environment =
        std::fs::read(format!("/proc/{}/environ", read_postmaster_pid(&home))).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    Server::start(&volatile_options(&home))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    assert!(environment.contains("PATH="), "{environment}");
    assert!(!environment.contains("hunter2"), "{environment}");
    // PostgreSQL sets these itself.
    let known = [
        "PATH", "HOME", "TZ", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_",
    ];
    for variable in environment.split('\0').filter(|it| !it.is_empty()) {
        let (name, _) = variable.split_once('=').unwrap();
        assert!(known.contains(&name) || name.starts_with("PG"), "{name}");
    }
}

#[tokio::test]
async fn a_negative_process_id_ends_no_process() {
    if !is_root() {
        return;
    }
    let scene = Scene::new().await;
    for number in ["-1".to_owned(), format!("-{}", std::process::id())] {
        scene.replace("data/postmaster.pid", |path| {
            std::fs::write(path, &number).unwrap();
            lchown(path, Some(scene.uid), Some(scene.gid)).unwrap();
        });
        scene.start().unwrap().stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_name_taken_by_another_user_does_not_block_the_start() {
    if !is_root() {
        return;
    }
    let scene = Scene::new_in(&"e".repeat(120)).await;
    let remembered = scene.home.join("socket.path");
    let taken = PathBuf::from(std::fs::read_to_string(&remembered).unwrap());
    std::fs::create_dir(&taken).unwrap();
    lchown(&taken, Some(65534), Some(65534)).unwrap();
    for is_remembered in [true, false] {
        if !is_remembered {
            std::fs::remove_file(&remembered).unwrap();
        }
        let server = scene.start().unwrap();
        let url = server.url("");
        server.stop().await.unwrap();
        let path = std::fs::read_to_string(&remembered).unwrap();
        assert!(!url.contains(&format!("{}&", taken.display())), "{url}");
        assert!(url.contains(&path) && !Path::new(&path).exists(), "{url}");
    }
    std::fs::remove_dir(&taken).unwrap();
}

#[tokio::test]
async fn a_socket_path_with_a_comma_is_one_path() {
    if !is_root() {
        return;
    }
    let scene = Scene::new_in(&"f".repeat(120)).await;
    let path = scene.home.parent().unwrap().join("x,127.0.0.1");
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    lchown(&path, Some(scene.uid), Some(scene.gid)).unwrap();
    scene.replace("socket.path", |file| {
        std::fs::write(file, path.as_os_str().as_encoded_bytes()).unwrap();
    });
    let server = scene.start().unwrap();
    assert!(!server.url("").contains("127.0.0.1"), "{}", server.url(""));
    server.stop().await.unwrap();
}
