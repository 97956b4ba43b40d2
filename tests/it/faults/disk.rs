//! Tests a server whose disk is full: a small disk where the tests may mount one, otherwise a
//! trigger that raises the same error.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};

use super::{Stand, invariants};
use crate::harness::{Cluster, watch};

/// The size of the small disk in bytes.
const SMALL: usize = 16 << 20;

/// A small file system for the server. Its watchdog unmounts it.
struct Small {
    mount: PathBuf,
    _watchdog: ChildStdin,
}

impl Small {
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
        let watchdog = watch(forget, &[mount.as_os_str()]);
        let (user, group) = (owner.uid(), owner.gid());
        let options = format!("size={SMALL},uid={user},gid={group},mode=0700");
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
        let filling = std::fs::write(self.mount.join("filling"), vec![0; SMALL]);
        let error = filling.expect_err("not all of it was free");
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }

    fn free(&self) {
        std::fs::remove_file(self.mount.join("filling")).unwrap();
    }
}

/// Raises the error of a server that cannot extend a table.
const TOLD: &str = "
    create function oracle.fill() returns trigger language plpgsql as $$
    begin
        raise exception 'could not extend file: No space left on device'
            using errcode = '53100';
    end $$;
    create trigger is_full before insert on ocds.release execute function oracle.fill()";

#[tokio::test]
async fn a_full_disk_ends_the_run_and_costs_no_row() {
    let cluster = Cluster::start().await;
    let mut stand = Stand::on(&cluster, 30).await;
    let small = Small::mount(&cluster);
    if let Some(small) = &small {
        for sql in [
            &format!(
                "create tablespace small location '{}'",
                small.mount.display()
            ),
            "alter table ocds.release set tablespace small",
        ] {
            stand.ingest.client.batch_execute(sql).await.unwrap();
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
    stand.ingest.configure("[database]\nretry_for = \"1s\"");
    stand.release(1, 3);
    let run = stand.start();
    stand.ingest.until_durable(5).await;
    match &small {
        Some(small) => small.fill(),
        None => stand.ingest.client.batch_execute(TOLD).await.unwrap(),
    }
    stand.release(1, 1);
    let ran = run.end().await.expect(3);
    ran.expect_log("53100");
    invariants::expect_always(&stand.ingest.client, &stand.when("on a full disk")).await;
    let durable = invariants::checkpoint(&stand.ingest.client).await;
    assert!(durable > 0);

    match &small {
        Some(small) => small.free(),
        None => {
            let free = "drop trigger is_full on ocds.release";
            stand.ingest.client.batch_execute(free).await.unwrap();
        }
    }
    let ran = stand.start().end().await.expect(0);
    assert_eq!(ran.report()["resumed_from"], durable);
    stand.expect_all("with room again").await;
}
