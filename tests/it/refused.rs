//! Tests rows that the server refuses when they are written alone. The SQLSTATE decides if the
//! row is rejected or the run waits for the server.

use crate::harness::{Ingest, LINK, SOURCE, connect};
use crate::publisher::{Feed, Items, Publisher, Reply, package, pages, release};

/// The rejects with their reasons and positions.
const REFUSED: &str = "select concat_ws(' ', reason, sqlstate, page_number, pointer)
    from ocds.quarantine order by id";

/// Makes the server fail with an SQLSTATE before it writes rows of a table that match a
/// condition.
async fn make_server_fail(ingest: &Ingest, table: &str, if_true: &str, sqlstate: &str) {
    let sql = format!(
        "create or replace function fail() returns trigger language plpgsql as $$
        begin
            if {if_true} then
                raise exception 'it quotes %', new using errcode = '{sqlstate}';
            end if;
            return new;
        end $$;
        create or replace trigger fails before insert on ocds.{table}
            for each row execute function fail()"
    );
    ingest.execute(&sql).await;
}

async fn stop_failing(ingest: &Ingest, table: &str) {
    let sql = format!("drop trigger fails on ocds.{table}");
    ingest.execute(&sql).await;
}

async fn prepare_feed(pages: Vec<Items>) -> (Publisher, Ingest) {
    let publisher = Feed::link(pages).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    (publisher, ingest)
}

#[tokio::test]
async fn a_release_with_too_many_values_is_rejected_alone() {
    // PostgreSQL cannot build a jsonb of 16.8 million numbers, because that needs more memory
    // than it requests at once. It uses 1.4 GB before it reports this.
    let numbers = format!("{}0", "0,".repeat(16_799_999));
    let huge = format!(r#"{{"ocid":"o","id":"huge","a":[{numbers}]}}"#);
    let body = package(&[release(1), huge, release(2)], "");
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let ingest = Ingest::with_source(&publisher, "").await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ingest.count("release").await, 2);
    let kept = "select concat_ws(' ', reason, message, length(document)) from ocds.quarantine";
    assert_eq!(
        ingest.column(kept).await,
        ["too-many-values the release has 16800004 values; extract.max_values is 1000000 33600030"]
    );
}

#[tokio::test]
async fn a_row_refused_twice_on_its_own_is_rejected() {
    for sqlstate in [
        "XX000", "53200", "57014", "P0001", "P0004", "38000", "27000", "OC001",
    ] {
        for method in ["upsert", "copy", "row"] {
            let (_publisher, mut ingest) = prepare_feed(pages(2, 10)).await;
            ingest.configure(&format!("[sink]\nmethod = \"{method}\""));
            make_server_fail(&ingest, "release", "new.release_id = '13'", sqlstate).await;
            let ran = ingest.run(&[]).await.expect(0);
            assert_eq!(ingest.count("release").await, 19, "{sqlstate}");
            let kept = ingest.column(REFUSED).await;
            assert_eq!(kept, [format!("refused {sqlstate} 2 /releases/3")]);
            let document = "select convert_from(document, 'utf8') from ocds.quarantine";
            assert_eq!(ingest.value(document).await, release(13));
            // The message of a trigger may contain values.
            let message = ingest.value("select message from ocds.quarantine").await;
            if sqlstate.starts_with('P') || sqlstate == "OC001" {
                assert!(!message.contains("it quotes"), "{message}");
            }
            assert!(!ran.stderr.contains("it quotes"), "{}", ran.stderr);
        }
    }
}

#[tokio::test]
async fn compiled_releases_and_replays_follow_the_same_rules() {
    let compiled = |i: usize| format!(r#"{{"ocid":"o-{i}","tag":["compiled"]}}"#);
    let items: Items = (0..8).map(compiled).collect();
    let (_publisher, ingest) = prepare_feed(vec![items]).await;
    make_server_fail(&ingest, "publisher_compiled", "new.ocid = 'o-5'", "XX000").await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("publisher_compiled").await, 7);
    assert_eq!(
        ingest.column(REFUSED).await,
        ["refused XX000 1 /releases/5"]
    );

    // The replay is refused at first, and succeeds later.
    let replay = ["quarantine", "replay", "--source", SOURCE];
    make_server_fail(&ingest, "publisher_compiled", "new.ocid = 'o-5'", "53200").await;
    ingest.call(&replay).await.expect(0);
    assert_eq!(
        ingest.column(REFUSED).await,
        ["refused 53200 1 /releases/5"]
    );
    stop_failing(&ingest, "publisher_compiled").await;
    ingest.call(&replay).await.expect(0);
    assert_eq!(ingest.count("publisher_compiled").await, 8);
    let resolved = "select resolution from ocds.quarantine";
    assert_eq!(ingest.value(resolved).await, "replayed");
}

#[tokio::test]
async fn a_server_error_rejects_no_row() {
    for (sqlstate, code) in [
        ("08006", 3),
        ("25006", 3),
        ("40001", 3),
        ("53100", 3),
        ("55P03", 3),
        ("57P01", 3),
        ("58030", 3),
        ("F0000", 3),
        ("XX001", 3),
        ("XX002", 3),
        ("0A000", 1),
        ("42P01", 1),
    ] {
        let (_publisher, mut ingest) = prepare_feed(pages(1, 8)).await;
        ingest.configure("[database]\nretry_for = \"300ms\"");
        make_server_fail(&ingest, "release", "new.release_id = '3'", sqlstate).await;
        ingest.run(&[]).await.expect(code);
        assert_eq!(ingest.count("release").await, 0, "{sqlstate}");
        assert_eq!(ingest.column(REFUSED).await, [""; 0], "{sqlstate}");
        stop_failing(&ingest, "release").await;
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 8, "{sqlstate}");
    }
}

#[tokio::test]
async fn a_row_refused_once_on_its_own_is_written() {
    let (_publisher, ingest) = prepare_feed(pages(1, 8)).await;
    // The batch, and the row alone. A rollback does not reset a sequence.
    let calls = "create sequence calls";
    ingest.execute(calls).await;
    let passes = "new.release_id = '3' and nextval('calls') <= 2";
    make_server_fail(&ingest, "release", passes, "XX000").await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 8);
    assert_eq!(ingest.column(REFUSED).await, [""; 0]);
    let asked = ingest.value("select last_value from calls").await;
    assert_eq!(asked, "3");
}

#[tokio::test]
async fn two_different_errors_reject_no_row() {
    let (_publisher, mut ingest) = prepare_feed(pages(1, 8)).await;
    ingest.configure("[database]\nretry_for = \"300ms\"");
    ingest.execute("create sequence calls").await;
    let sql = "create function fail() returns trigger language plpgsql as $$
        begin
            if new.release_id <> '3' then return new; end if;
            if nextval('calls') % 3 = 0 then
                raise exception 'no room' using errcode = '53200';
            end if;
            raise exception 'no sense' using errcode = 'XX000';
        end $$;
        create trigger fails before insert on ocds.release
            for each row execute function fail()";
    ingest.execute(sql).await;
    ingest.run(&[]).await.expect(3);
    assert_eq!(ingest.column(REFUSED).await, [""; 0]);
    stop_failing(&ingest, "release").await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 8);
}

#[tokio::test]
async fn many_refused_rows_in_a_row_are_a_server_error() {
    for (sqlstate, code) in [("XX000", 1), ("53200", 3)] {
        let (_publisher, mut ingest) = prepare_feed(pages(2, 8)).await;
        ingest.configure("[database]\nretry_for = \"300ms\"");
        make_server_fail(&ingest, "release", "true", sqlstate).await;
        ingest.run(&["--max-bad-ratio", "1"]).await.expect(code);
        assert_eq!(ingest.column(REFUSED).await, [""; 0], "{sqlstate}");
        stop_failing(&ingest, "release").await;
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 16, "{sqlstate}");
    }
}

#[tokio::test]
async fn a_row_over_the_statement_timeout_is_rejected() {
    let (_publisher, mut ingest) = prepare_feed(pages(1, 8)).await;
    ingest.configure("[database]\nstatement_timeout = \"4s\"\nlock_timeout = \"1s\"");
    let sql = "create function wait() returns trigger language plpgsql as $$
        begin
            if new.release_id = '3' then perform pg_sleep(600); end if;
            return new;
        end $$;
        create trigger waits before insert on ocds.release
            for each row execute function wait()";
    ingest.execute(sql).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 7);
    assert_eq!(
        ingest.column(REFUSED).await,
        ["refused 57014 1 /releases/3"]
    );
}

#[tokio::test]
async fn a_row_that_waits_for_a_lock_too_long_is_not_rejected() {
    let (publisher, mut ingest) = prepare_feed(pages(1, 8)).await;
    ingest.run(&[]).await.expect(0);
    let titled = crate::run::titled(3, "another title");
    let items: Items = (0..8)
        .map(|i| if i == 3 { titled.clone() } else { release(i) })
        .collect();
    let feed = Feed::link(vec![items]);
    publisher.set_script(move |request| feed.reply(request));
    ingest.configure(
        "[database]\nstatement_timeout = \"500ms\"\nlock_timeout = \"10s\"\nretry_for = \"300ms\"",
    );
    let other = connect(&ingest.url).await;
    let lock = "begin; select from ocds.release where release_id = '3' for update";
    other.batch_execute(lock).await.unwrap();
    ingest.run(&[]).await.expect(3);
    assert_eq!(ingest.column(REFUSED).await, [""; 0]);
    other.batch_execute("rollback").await.unwrap();
    ingest.configure("[database]\nstatement_timeout = \"60s\"");
    ingest.run(&[]).await.expect(0);
    let title = "select tender_title from ocds.release where release_id = '3'";
    assert_eq!(ingest.value(title).await, "another title");
}

#[tokio::test]
async fn a_reject_that_the_server_refuses_is_kept_without_its_document() {
    let long = format!(r#"{{"ocid":"o","title":"{}"}}"#, "t".repeat(5_000));
    let items = vec![release(1), long.clone(), release(2), "null".into()];
    let (_publisher, ingest) = prepare_feed(vec![items]).await;
    let check = "alter table ocds.quarantine add constraint short check (length(document) < 1000)";
    ingest.execute(check).await;
    let ran = ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ran.counts().quarantined, 2);
    assert_eq!(ingest.count("release").await, 2);
    let kept = "select concat_ws(' ', reason, pointer, length(document), message)
        from ocds.quarantine order by pointer";
    let kept = ingest.column(kept).await;
    let says = "missing-id /releases/1 0 the release has no id, or one that is neither text nor a \
                number, or empty; the document of 5023 bytes could not be kept with it: \
                SQLSTATE 23514: a check failed: short, CHECK ((length(document) < 1000))";
    assert_eq!(kept[0], says);
    assert!(
        kept[1].starts_with("not-an-object /releases/3 4 "),
        "{kept:?}"
    );
    let hash =
        "select encode(document_hash, 'hex') from ocds.quarantine where pointer = '/releases/1'";
    assert_eq!(
        ingest.value(hash).await,
        blake3::hash(long.as_bytes()).to_string()
    );
    ran.expect_log("could not be kept");

    // A replay has nothing to read.
    let replay = ["quarantine", "replay", "--source", SOURCE];
    ingest.call(&replay).await.expect(0);
    let message = "select message from ocds.quarantine where pointer = '/releases/1'";
    assert!(says.ends_with(&ingest.value(message).await));

    // The same holds for a reject of a whole page.
    let publisher = Publisher::serve(move |_| Reply::json(vec![b'x'; 2_000])).await;
    let mut ingest = ingest;
    ingest.declare(&publisher, "");
    ingest.run(&[]).await.expect(4);
    let kept = "select length(document) from ocds.quarantine where reason = 'unreadable-page'";
    assert_eq!(ingest.value(kept).await, "0");

    // If it is served again when it can be kept, it is kept whole.
    let drop = "alter table ocds.quarantine drop constraint short";
    ingest.execute(drop).await;
    ingest.run(&[]).await.expect(4);
    assert_eq!(ingest.value(kept).await, "2000");
}

#[tokio::test]
async fn a_server_error_does_not_drop_the_document_of_a_reject() {
    for (sqlstate, code) in [("53100", 3), ("53200", 3), ("57014", 3)] {
        let items = vec![release(1), "null".into()];
        let (_publisher, mut ingest) = prepare_feed(vec![items]).await;
        ingest.configure("[database]\nretry_for = \"300ms\"");
        make_server_fail(&ingest, "quarantine", "true", sqlstate).await;
        ingest.run(&["--max-bad-ratio", "1"]).await.expect(code);
        assert_eq!(ingest.count("release").await, 0, "{sqlstate}");
        stop_failing(&ingest, "quarantine").await;
        ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
        let kept = "select convert_from(document, 'utf8') from ocds.quarantine";
        assert_eq!(ingest.column(kept).await, ["null"], "{sqlstate}");
    }
}
