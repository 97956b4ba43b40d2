//! Tests that a zip file of fewer bytes than its server announces is accepted where the source
//! says so, and only if it is whole.

use crate::harness::{Ingest, ProgramOutput, SOURCE};
use crate::publisher::{Publisher, Reply, Request, package, release, zip};

const ACCEPT: &str = "http = { accept_short_archive = true }";

/// The bytes that the server announces and does not send.
const MISSING: usize = 100;

fn archive() -> Vec<u8> {
    let members = [1, 2].map(|number| {
        let name = format!("{number}.json");
        (name, package(&[release(number)], ""))
    });
    zip(&members)
}

/// Announces more bytes than the body has, sends the body, and closes the connection.
fn short(body: Vec<u8>) -> Reply {
    let bytes = body.len();
    Reply::json([body, vec![0; MISSING]].concat()).cut_after(bytes)
}

async fn run(table: &str, reply: Reply) -> (Ingest, Publisher, ProgramOutput) {
    let publisher = Publisher::serve(move |_: &Request| reply.clone()).await;
    let mut ingest = Ingest::with_source(&publisher, table).await;
    ingest.configure("[fetch]\nattempts = 2\nfirst_wait = \"10ms\"");
    let ran = ingest.run(&[]).await;
    (ingest, publisher, ran)
}

#[tokio::test]
async fn a_whole_archive_is_accepted_although_more_bytes_were_announced() {
    for mode in ["none", "file"] {
        let table = format!("page = {{ mode = \"{mode}\" }}\n{ACCEPT}");
        let (ingest, publisher, ran) = run(&table, short(archive())).await;
        let ran = ran.expect(0);
        ran.expect_log("its directory ends it");
        assert_eq!(ingest.count("release").await, 2, "{mode}");
        assert_eq!(publisher.requests().len(), 1, "{mode}");
    }
}

#[tokio::test]
async fn an_archive_that_an_index_names_is_accepted_too() {
    let publisher = Publisher::serve(|request: &Request| match request.path() {
        "/" => Reply::json(r#"["a", "b"]"#),
        "/a" => short(archive()),
        _ => short(zip(&[("3.json", package(&[release(3)], ""))])),
    })
    .await;
    let table = format!("detail = {{ each = \"/*\", url = \"{{item}}\" }}\n{ACCEPT}");
    let ingest = Ingest::with_source(&publisher, &table).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 3);
    assert_eq!(publisher.targets(), ["/", "/a", "/b"]);
}

#[tokio::test]
async fn without_the_key_a_short_archive_is_a_broken_connection() {
    for mode in ["none", "file"] {
        let table = format!("page = {{ mode = \"{mode}\" }}");
        let (ingest, publisher, ran) = run(&table, short(archive())).await;
        assert_ne!(ran.code, Some(0), "{mode}");
        assert_eq!(ingest.count("release").await, 0, "{mode}");
        assert!(publisher.requests().len() > 1, "{mode}");
    }
}

#[tokio::test]
async fn an_archive_that_is_cut_is_never_accepted() {
    let whole = archive();
    let inner = zip(&[("x.zip", archive()), ("y.zip", archive())]);
    let end_of_first = inner.len() / 2;
    let text = package(&[release(1)], "").into_bytes();
    for body in [
        whole[..whole.len() - 1].to_vec(),
        whole[..whole.len() / 2].to_vec(),
        inner[..end_of_first].to_vec(),
        text,
    ] {
        for mode in ["none", "file"] {
            let table = format!("page = {{ mode = \"{mode}\" }}\n{ACCEPT}");
            let (ingest, _publisher, ran) = run(&table, short(body.clone())).await;
            assert_ne!(ran.code, Some(0), "{mode}: {}", ran.stderr);
            let complete = format!("run where source = '{SOURCE}' and state = 'complete'");
            assert_eq!(ingest.count(&complete).await, 0, "{mode}");
        }
    }
}
