//! Tests a server whose disk is full: a small disk where the tests may mount one, otherwise a
//! trigger that raises the same error.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};

use super::{FaultTest, invariants};
use crate::harness::{Cluster, spawn_watchdog};

/// The size of the small disk in bytes.
const DISK_BYTES: usize = 16 << 20;

/// A small file system for the server. Its watchdog unmounts it.
struct SmallDisk {
    mount: PathBuf,
    _watchdog: ChildStdin,
}

impl SmallDisk {
    /// Returns `None` where the tests may not mount anything.
    fn mount(cluster: &Cluster) -> Option<Self> {
        let owner = std::fs::metadata(cluster.server.directory()).unwrap();
        let mount = tempfile::Builder::new()
            .prefix("ocds-ingest-test-disk-")
            .tempdir()
            .unwrap()
            .keep();
        // A program with open files there keeps the file system until it ends.
        let forget = r#"umount --lazy "$1"; rmdir "$1""#;
        let watchdog = spawn_watchdog(forget, &[mount.as_os_str()]);
        let (user, group) = (owner.uid(), owner.gid());
        let options = format!("size={DISK_BYTES},uid={user},gid={group},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&mount)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self {
                mount,
                _watchdog: watchdog,
            })
    }

    fn fill(&self) {
        let filling = std::fs::write(self.mount.join("filling"), vec![0; DISK_BYTES]);
        let error = filling.expect_err("not all of it was free");
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }

    fn free(&self) {
        std::fs::remove_file(self.mount.join("filling")).unwrap();
    }
}

/// Raises the error of a server that cannot extend a table.
const CREATE_DISK_FULL_TRIGGER: &str = "
    create function oracle.fill() returns trigger language plpgsql as $$
    begin
        raise exception 'could not extend file: No space left on device'
            using errcode = '53100';
    end $$;
    create trigger is_full before insert on ocds.release execute function oracle.fill()";

#[tokio::test]
async fn a_full_disk_ends_the_run_and_loses_no_row() {
    let cluster = Cluster::start().await;
    let mut test = FaultTest::on_cluster(&cluster, 30).await;
    let small = SmallDisk::mount(&cluster);
    if let Some(small) = &small {
        for sql in [
            &format!(
                "create tablespace small location '{}'",
                small.mount.display()
            ),
            "alter table ocds.release set tablespace small",
        ] {
            test.ingest.execute(sql).await;
        }
    }
    println!(
        "the disk is {}",
        if small.is_some() {
            "small"
        } else {
            "said to be full"
        }
    );
    test.ingest.configure("[database]\nretry_for = \"1s\"");
    test.release_pages(1, 3);
    let run = test.start();
    test.ingest.wait_for_pages(5).await;
    match &small {
        Some(small) => small.fill(),
        None => test.ingest.execute(CREATE_DISK_FULL_TRIGGER).await,
    }
    test.release_pages(1, 1);
    let ran = run.wait().await.expect(3);
    ran.expect_log("53100");
    invariants::expect_always(&test.ingest.client, &test.describe("on a full disk")).await;
    let durable = invariants::read_checkpoint(&test.ingest.client).await;
    assert!(durable > 0);

    match &small {
        Some(small) => small.free(),
        None => {
            let free = "drop trigger is_full on ocds.release";
            test.ingest.execute(free).await;
        }
    }
    let ran = test.start().wait().await.expect(0);
    assert_eq!(ran.report()["resumed_from"], durable);
    test.expect_all("with room again").await;
}
