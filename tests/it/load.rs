//! Tests `load`, and sources that are files: they are read in pieces, whatever their size, and
//! resume after any stop.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;

use crate::dice::random_text;
use crate::harness::{Ingest, Running, SOURCE};
use crate::publisher::{Publisher, Reply, package, release, zip};
use crate::run::titled;

/// Enough releases for several pieces, and more than the program holds at a time: about 5 MB.
const MANY: usize = 5_000;

/// Makes releases of a thousand bytes. Some are rejected, for each of the reasons.
fn make_releases(count: usize) -> Vec<String> {
    let mut releases: Vec<String> = (0..count)
        .map(|i| titled(i, &random_text(i, 900)))
        .collect();
    releases[7] = r#"{"id":"without an ocid"}"#.into();
    releases[count / 2] = r#"{"ocid":"x","id":"6","title":"6" pipe","a":"b"}"#.into();
    releases[count / 2 + 1] = crate::sink::refused_release(1);
    releases[count / 3] = titled(count - 1, "superseded by the last one");
    releases
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Prepares a database, and a declared source that is never fetched.
async fn prepare_ingest() -> Ingest {
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, "https://publisher.example/", "");
    ingest
}

fn write_file(ingest: &Ingest, name: &str, content: &[u8]) -> String {
    let path = directory(ingest).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().into()
}

fn directory(ingest: &Ingest) -> PathBuf {
    ingest.directory.path().to_owned()
}

/// Returns the stored data without its position. A load has several pieces, so it replaces a
/// release where a single page would reject it as superseded.
async fn read_stored(ingest: &Ingest) -> Vec<String> {
    let mut stored = ingest
        .column("select concat_ws(' ', ocid, release_id, data) from ocds.release order by 1")
        .await;
    let refused = "select concat_ws(' ', reason, pointer, encode(document, 'escape'))
        from ocds.quarantine where reason <> 'superseded' order by 1";
    stored.extend(ingest.column(refused).await);
    let compiled =
        "select concat_ws(' ', ocid, origin, data) from ocds.publisher_compiled order by 1";
    stored.extend(ingest.column(compiled).await);
    stored
}

/// Returns what a run stores if the same bytes are one page.
async fn ingest_as_page(content: &[u8], table: &str) -> Vec<String> {
    let content = Bytes::copy_from_slice(content);
    let publisher = Publisher::serve(move |_| Reply::json(content.clone())).await;
    let ingest = Ingest::with_source(&publisher, table).await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    read_stored(&ingest).await
}

async fn check_loads_as_page(name: &str, content: &[u8], table: &str) {
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, "https://publisher.example/", table);
    let path = write_file(&ingest, name, content);
    let load = ["load", SOURCE, &path, "--json", "--max-bad-ratio", "1"];
    let report = ingest.call(&load).await.expect(0).report();
    assert_eq!(report["kind"], "load", "{name}");
    assert_eq!(report["verdict"], "complete", "{name}");
    assert_eq!(report["requests"], 0, "{name}");
    let (here, there) = (
        read_stored(&ingest).await,
        ingest_as_page(content, table).await,
    );
    let differs = here.iter().zip(&there).find(|(here, there)| here != there);
    assert_eq!(differs, None, "{name}");
    assert_eq!(here.len(), there.len(), "{name}: {:?}", there.last());
    assert!(!here.is_empty(), "{name}");

    let counts = ingest.call(&load).await.expect(0).counts();
    assert_eq!(counts.inserted, 0, "{name}: {counts:?}");
}

#[tokio::test]
async fn a_small_file_of_any_kind_is_stored_like_a_page() {
    let releases: Vec<String> = (0..5).map(release).collect();
    let record = format!(
        r#"{{"ocid":"ocds-213czf-r","releases":[{}],"compiledRelease":{{"ocid":"ocds-213czf-r","tag":["compiled"]}}}}"#,
        titled(9, "of a record").replace("ocds-213czf-9", "ocds-213czf-r")
    );
    let lines = releases.join("\n");
    let latin: Vec<u8> = b"{\"ocid\":\"o\",\"id\":\"caf\xE9\"}".to_vec();
    let both = package(&releases[..2], "");
    for (name, content, table) in [
        ("package.json", package(&releases, "").into_bytes(), ""),
        ("release.json", releases[0].clone().into(), ""),
        ("record.json", record.clone().into(), ""),
        (
            "records.json",
            format!(r#"{{"records":[{record}]}}"#).into(),
            "",
        ),
        ("array.json", format!("[{}]", releases.join(",")).into(), ""),
        ("lines.jsonl", lines.clone().into(), ""),
        ("several.json", format!("{both}{record}").into(), ""),
        ("lines.json.gz", gzip(lines.as_bytes()), ""),
        (
            "archive.zip",
            zip(&[
                ("a.json", both.as_bytes()),
                ("b/lines.jsonl", lines.as_bytes()),
                ("c.json", b"<html>"),
                ("inner.zip", &zip(&[("d.json", record.as_bytes())])),
                ("e.json.gz", &gzip(record.as_bytes())),
            ]),
            "",
        ),
        ("latin.json", latin, "decode = { charset = \"latin1\" }"),
    ] {
        check_loads_as_page(name, &content, table).await;
    }
}

#[tokio::test]
async fn a_large_file_of_any_kind_is_stored_like_a_page() {
    let releases = make_releases(MANY);
    let lines = releases.join("\n");
    let array = format!("[{}]", releases.join(",\n"));
    let packages: Vec<String> = releases[..4_000]
        .chunks(1_000)
        .map(|some| package(some, r#","version":"1.1""#))
        .collect();
    let head = r#""version":"1.1","uri":"u""#;
    let package = format!("{{{head},\"releases\":[{}]}}", releases.join(","));
    let mut mixed: String = (0..MANY)
        .map(|i| titled(i, &random_text(i, 900)) + "\n")
        .collect();
    let pretty: Vec<String> = (7_000..7_100)
        .map(|i| titled(i, &random_text(i, 900)).replace(",\"", ",\n  \""))
        .collect();
    mixed.push_str(&format!(
        "{{\n\"releases\": [\n{}\n]\n}}\n",
        pretty.join(",\n")
    ));
    for (name, content) in [
        ("array.json", array.clone().into_bytes()),
        ("package.json", package.clone().into()),
        ("lines.jsonl", lines.clone().into()),
        ("packages.json", packages.join("\n").into()),
        ("array.json.gz", gzip(array.as_bytes())),
        (
            "archive.zip",
            zip(&[
                ("first.json", release(1_000_001).as_bytes()),
                ("package.json", package.as_bytes()),
                ("last.json", release(1_000_002).as_bytes()),
            ]),
        ),
        (
            "nested.zip",
            zip(&[("lines.zip", &zip(&[("lines.jsonl", lines.as_bytes())]))]),
        ),
        (
            "archive.zip.gz",
            gzip(&zip(&[
                ("lines.jsonl", lines.as_bytes()),
                ("last.json", release(1_000_003).as_bytes()),
            ])),
        ),
        ("lines-and-a-package.json", mixed.into()),
    ] {
        check_loads_as_page(name, &content, "").await;
    }
}

#[tokio::test]
async fn a_charset_is_decoded_piece_by_piece() {
    let titles: Vec<String> = (0..MANY).map(|i| titled(i, &"é".repeat(400))).collect();
    let text = titles.join("\n");
    let latin: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    check_loads_as_page("latin.jsonl", &latin, "decode = { charset = \"latin1\" }").await;
}

#[tokio::test]
async fn a_load_survives_kills_at_any_moment() {
    let releases = make_releases(2 * MANY);
    let lines = releases.join("\n");
    let content = zip(&[
        ("a.json", release(2_000_001).as_bytes()),
        ("array.json", format!("[{}]", releases.join(",")).as_bytes()),
        ("lines.jsonl", lines.as_bytes()),
        ("z.json", release(2_000_002).as_bytes()),
    ]);
    let options = ["--json", "--max-bad-ratio", "1"];
    let calm = prepare_ingest().await;
    let path = write_file(&calm, "calm.zip", &content);
    calm.call(&[&["load", SOURCE, &path], &options[..]].concat())
        .await
        .expect(0);

    let mut ingest = prepare_ingest().await;
    let load = [&["load", SOURCE, &*path], &options[..]].concat();
    let mut durable = Vec::new();
    // The program waits after more pages than needed, and is killed then.
    ingest.set_env("FAILPOINTS", "before-commit=8*off->sleep(600000)");
    for kill in 0..6 {
        let running = ingest.start(&load);
        let wanted = 3 * kill;
        ingest
            .wait_until(&format!("select count(*) >= {wanted} from ocds.page"))
            .await;
        tokio::time::sleep(Duration::from_millis(17 * kill % 50)).await;
        running.kill().await;
        let pages = "select concat(run_id, ' ', number, ' ', committed_at) from ocds.page
            where number <= (select count(*) from ocds.page) order by number";
        let pages = ingest.column(pages).await;
        // Durable pages before the first gap are not read again.
        assert!(pages.len() + 8 >= durable.len());
        durable = pages;
    }
    ingest.set_env("FAILPOINTS", "");
    let report = ingest.call(&load).await.expect(0).report();
    assert!(report["resumed_from"].is_null(), "{report}");
    let runs = ingest.count("run where kind = 'load'").await;
    assert_eq!(runs, 1);
    ingest
        .read_tables()
        .await
        .expect_equal(&calm.read_tables().await, "after kills");
    assert_eq!(ingest.read_pages().await, calm.read_pages().await);
}

#[tokio::test]
async fn a_truncated_file_is_stored_partly_and_later_completely() {
    let ingest = prepare_ingest().await;
    let whole = format!("[{}]", make_releases(MANY).join(","));
    let path = write_file(&ingest, "array.json", &whole.as_bytes()[..4_500_000]);
    let load = ["load", SOURCE, &path, "--json", "--max-bad-ratio", "1"];
    let ran = ingest.call(&load).await.expect(4);
    ran.expect_log("array.json cannot be read to its end");
    let (reason, message) = (
        ingest.column("select reason from ocds.quarantine where pointer = '' and reason = 'unreadable-page'").await,
        ingest.column("select message from ocds.quarantine where reason = 'unreadable-page'").await,
    );
    assert_eq!(reason, ["unreadable-page"]);
    assert!(
        message[0].contains("JSON that ends in the middle of its items"),
        "{message:?}"
    );
    let before = ingest.count("release").await;
    assert!(before > 4_000, "{before}");

    write_file(&ingest, "array.json", whole.as_bytes());
    let report = ingest.call(&load).await.expect(0).report();
    assert_eq!(report["verdict"], "complete");
    let inserted = report["inserted"].as_u64().unwrap();
    assert_eq!(
        inserted + before as u64,
        ingest.count("release").await as u64
    );
    assert_eq!(
        ingest
            .count("quarantine where reason = 'unreadable-page' and resolved_at is null")
            .await,
        0
    );
    assert_eq!(
        read_releases(&ingest).await,
        load_and_read(whole.as_bytes()).await
    );
}

async fn read_releases(ingest: &Ingest) -> Vec<String> {
    ingest
        .column("select concat_ws(' ', ocid, release_id, data) from ocds.release order by 1")
        .await
}

async fn load_and_read(content: &[u8]) -> Vec<String> {
    let mut stored = ingest_as_page(content, "").await;
    stored.retain(|row| row.starts_with("ocds-213czf-"));
    stored
}

#[tokio::test]
async fn a_damaged_member_is_reported_and_the_others_are_stored() {
    let ingest = prepare_ingest().await;
    let lines = make_releases(2 * MANY).join("\n");
    let mut content = zip(&[
        ("a.json", release(2_000_001).as_bytes()),
        ("lines.jsonl", lines.as_bytes()),
        ("z.json", release(2_000_002).as_bytes()),
    ]);
    let whole = content.clone();
    let path = write_file(&ingest, "damaged.zip", &content);
    let load = ["load", SOURCE, &path, "--json", "--max-bad-ratio", "1"];
    for place in [content.len() / 2, content.len() / 2, content.len() / 20] {
        content.clone_from(&whole);
        content[place..place + 64].fill(0xFF);
        write_file(&ingest, "damaged.zip", &content);
        let report = ingest.call(&load).await.expect(4).report();
        assert_eq!(report["unreadable_pages"], 1, "{report}");
        for i in [2_000_001, 2_000_002, 0, 3] {
            let stored = format!("release where ocid = 'ocds-213czf-{i}'");
            assert_eq!(ingest.count(&stored).await, 1, "{i}");
        }
        let rest = "select message from ocds.quarantine where reason = 'unreadable-page'";
        let message = ingest.column(rest).await.pop().unwrap();
        assert!(
            message.contains("damaged, or cut short, at /lines.jsonl"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_changed_file_is_read_from_its_start() {
    let old = format!("[{}]", make_releases(MANY).join(","));
    let new = old.replacen("ocds-213czf-0\"", "ocds-213czf-new\"", 1);
    let half = Bytes::copy_from_slice(&old.as_bytes()[..4_500_000]);
    let publisher = Publisher::serve(move |_| Reply::status(200).body(half.clone())).await;
    let ingest = prepare_ingest().await;
    let url = publisher.url("/array.json");
    let load = ["load", SOURCE, &url, "--json", "--max-bad-ratio", "1"];
    ingest.call(&load).await.expect(4);

    publisher.set_script(move |_| Reply::status(200).body(new.clone()));
    let ran = ingest.call(&load).await.expect(0);
    assert!(
        ran.stderr
            .contains("has changed and is read from its beginning"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        ingest.count("release where ocid = 'ocds-213czf-new'").await,
        1
    );
}

#[tokio::test]
async fn several_files_are_stored_in_order_and_a_bad_one_is_rejected_alone() {
    let ingest = prepare_ingest().await;
    let first = write_file(&ingest, "1.json", titled(1, "first").as_bytes());
    let bad = write_file(&ingest, "bad.json", b"<html>no</html>");
    let last = write_file(&ingest, "2.json", titled(1, "last").as_bytes());
    let load = ["load", SOURCE, &first, &bad, &last];
    let ran = ingest.call(&load).await.expect(4);
    ran.expect_log("bad.json cannot be read to its end");
    assert_eq!(
        ingest.column("select tender_title from ocds.release").await,
        ["last"]
    );
    let url = ingest.value("select url from ocds.quarantine").await;
    assert!(
        url.starts_with("file:///") && url.ends_with("/bad.json"),
        "{url}"
    );
}

#[tokio::test]
async fn files_that_cannot_be_loaded_are_named_before_the_load() {
    let ingest = prepare_ingest().await;
    let good = write_file(&ingest, "good.json", release(1).as_bytes());
    let folder = directory(&ingest);
    for (names, what) in [
        (vec!["no-such-file.json"], "no-such-file.json: No such file"),
        (vec![folder.to_str().unwrap()], "is a directory"),
        (vec![&*good, &*good], "is named twice"),
        (vec!["http://"], "URL http:// is not valid"),
        (
            vec!["/dev/null"],
            "/dev/null: it is neither a file nor a pipe",
        ),
        (vec!["-"], "standard input: it is neither a file nor a pipe"),
    ] {
        let load = [&["load", SOURCE], &names[..]].concat();
        let ran = ingest.call(&load).await.expect(2);
        ran.expect_log(what);
    }
    let ran = ingest.call(&["load", "unknown", &good]).await.expect(2);
    ran.expect_log("no source is called unknown");
}

/// Starts `load` of its standard input.
fn start_piped_load(ingest: &Ingest) -> (Running, tokio::process::ChildStdin) {
    let load = ["load", SOURCE, "-", "--json", "--max-bad-ratio", "1"];
    let mut command = ingest.command(&load);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    (Running::new(child), stdin)
}

#[tokio::test]
async fn standard_input_is_loaded_like_a_file() {
    let ingest = prepare_ingest().await;
    let content = gzip(format!("[{}]", make_releases(MANY).join(",")).as_bytes());
    let (running, mut stdin) = start_piped_load(&ingest);
    stdin.write_all(&content).await.unwrap();
    drop(stdin);
    let report = running.wait().await.expect(0).report();
    assert_eq!(report["bytes"], content.len());
    assert_eq!(
        ingest.count("page where url = '-'").await,
        ingest.count("page").await
    );

    let path = write_file(&ingest, "redirected.json", release(3_000_000).as_bytes());
    let mut command = ingest.command(&["load", SOURCE, "-"]);
    let opened = std::fs::File::open(path).unwrap();
    let child = command.stdin(opened).spawn().unwrap();
    Running::new(child).wait().await.expect(0);
    assert_eq!(
        ingest
            .count("release where ocid = 'ocds-213czf-3000000'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_load_that_waits_for_its_input_can_be_stopped() {
    let ingest = prepare_ingest().await;
    let (running, mut stdin) = start_piped_load(&ingest);
    let half = format!("[{},", make_releases(MANY).join(","));
    stdin.write_all(half.as_bytes()).await.unwrap();
    stdin.flush().await.unwrap();
    ingest.wait_for_pages(3).await;
    running.send_signal(Signal::TERM);
    running.wait().await.expect(4);
    assert_eq!(
        ingest.value("select state from ocds.run").await,
        "truncated"
    );
}

/// Serves a file, and breaks each connection after a megabyte, or more at each later one.
fn serve_broken(content: Bytes, has_ranges: bool) -> impl Fn(&crate::publisher::Request) -> Reply {
    let served = AtomicUsize::new(0);
    move |request| {
        let nth = served.fetch_add(1, Relaxed);
        let tag = "\"the-same\"";
        let from = request
            .header("range")
            .filter(|_| has_ranges && request.header("if-range") == Some(tag))
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'))
            .map(|from| from.parse::<usize>().unwrap());
        let reply = match from {
            None => Reply::status(200).body(content.clone()),
            Some(from) => Reply::status(206)
                .header(
                    "content-range",
                    &format!("bytes {from}-{}/{}", content.len() - 1, content.len()),
                )
                .body(content.slice(from..)),
        };
        let reply = reply.header("etag", tag);
        match nth {
            0..3 => reply.cut_after(1_200_000 * (nth + 1)),
            _ => reply,
        }
    }
}

#[tokio::test]
async fn a_broken_download_resumes_where_it_broke() {
    let content = Bytes::from(make_releases(MANY).join("\n"));
    for has_ranges in [true, false] {
        let publisher = Publisher::serve(serve_broken(content.clone(), has_ranges)).await;
        let ingest = prepare_ingest().await;
        let url = publisher.url("/lines.jsonl?part=1");
        let load = ["load", SOURCE, &url, "--json", "--max-bad-ratio", "1"];
        let report = ingest.call(&load).await.expect(0).report();
        assert_eq!(report["requests"], if has_ranges { 3 } else { 4 });
        let bytes = report["bytes"].as_u64().unwrap();
        if has_ranges {
            // Each of the two ranges repeats the last bytes that have arrived.
            assert_eq!(bytes, (content.len() + 2 * 4096) as u64);
        }
        let requests = publisher.requests();
        assert!(
            requests
                .iter()
                .all(|it| it.header("accept-encoding") == Some("identity"))
        );
        assert!(requests[1].header("range").is_some());
        assert_eq!(read_releases(&ingest).await, load_and_read(&content).await);
    }
}

#[tokio::test]
async fn a_download_without_enough_progress_fails() {
    let content = Bytes::from(vec![b' '; 24 << 20]);
    let served = AtomicUsize::new(0);
    let publisher = Publisher::serve(move |_| {
        let nth = served.fetch_add(1, Relaxed) + 1;
        let reply = Reply::status(200).body(content.clone());
        reply
            .header("etag", "\"the-same\"")
            .cut_after(nth * 1_100_000)
    })
    .await;
    let mut ingest = prepare_ingest().await;
    ingest.configure("[fetch]\nattempts = 2");
    let load = ["load", SOURCE, &publisher.url("/f")];
    ingest.call(&load).await.expect(3);
    // The third connection brought less new data than it repeated.
    assert_eq!(publisher.targets().len(), 3);
}

#[tokio::test]
async fn a_source_of_files_is_downloaded_and_read_in_pieces() {
    let content = Bytes::from(gzip(
        format!("[{}]", make_releases(MANY).join(",")).as_bytes(),
    ));
    let served = content.clone();
    let publisher = Publisher::serve(move |request| match request.path() {
        "/index" => Reply::json(r#"{"files":["/2023.json.gz","/2024.json.gz","/gone.gz"]}"#),
        "/gone.gz" => Reply::status(404),
        "/2023.json.gz" => Reply::status(200).body(release(4_000_000)),
        _ => Reply::status(200).body(served.clone()),
    })
    .await;
    let mut ingest = Ingest::new().await;
    let table = format!(
        "page = {{ mode = \"file\" }}\naxis.file = {{ url = {:?}, each = \"/files/*\" }}",
        publisher.url("/index")
    );
    ingest.declare_as(SOURCE, "{axis.file|raw}", &table);
    let ran = ingest.run(&["--max-bad-ratio", "1"]).await.expect(4);
    ran.expect_log("status 404");
    assert_eq!(
        ingest
            .count("release where ocid = 'ocds-213czf-4000000'")
            .await,
        1
    );
    assert!(
        ingest
            .count("page where chain like '%2F2024.json.gz'")
            .await
            > 3
    );
    let text = format!("[{}]", make_releases(MANY).join(","));
    let mut expected = load_and_read(text.as_bytes()).await;
    let mut found = read_releases(&ingest).await;
    found.retain(|row| !row.starts_with("ocds-213czf-4000000"));
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_file_that_has_not_changed_is_not_downloaded_again() {
    let version = std::sync::Arc::new(AtomicUsize::new(1));
    let served = std::sync::Arc::clone(&version);
    let publisher = Publisher::serve(move |request| {
        let (first, tag) = match request.path() {
            "/2023.json" => (0, "\"2023\"".to_owned()),
            _ => {
                let version = served.load(Relaxed);
                (10_000 * version, format!("\"2024-{version}\""))
            }
        };
        if request.header("if-none-match") == Some(&*tag) {
            return Reply::status(304).header("etag", &tag);
        }
        let releases: Vec<String> = (first..first + MANY)
            .map(|i| titled(i, &"x".repeat(900)))
            .collect();
        Reply::status(200)
            .header("etag", &tag)
            .body(releases.join("\n"))
    })
    .await;
    let mut ingest = Ingest::new().await;
    let table = "page = { mode = \"file\" }\naxis.file = [\"2023\", \"2024\"]";
    ingest.declare_as(SOURCE, &publisher.url("/{axis.file}.json"), table);
    let first = ingest.run(&[]).await.expect(0).report();
    let rows = ingest.read_row_versions().await;

    let second = ingest.run(&[]).await.expect(0).report();
    assert_eq!(second["bytes"], 0, "{second}");
    assert_eq!(second["unchanged_pages"], first["pages"]);
    assert_eq!(second["unchanged"], 2 * MANY);
    assert_eq!(ingest.read_row_versions().await, rows);

    version.store(2, Relaxed);
    let third = ingest.run(&[]).await.expect(0).report();
    assert_eq!(third["inserted"], MANY, "{third}");
    assert_eq!(third["unchanged"], MANY);
    let pages = ingest
        .count("page where run_id = 3 and next_number is null")
        .await;
    assert_eq!(pages, 2);
    ingest.run(&["--restart"]).await.expect(0);
    let asked = publisher.requests();
    let conditional = asked
        .iter()
        .filter(|it| it.header("if-none-match").is_some());
    assert_eq!((asked.len(), conditional.count()), (8, 4));
}

#[tokio::test]
async fn many_small_members_take_little_memory() {
    let ingest = prepare_ingest().await;
    let members: Vec<(String, String)> = (0..3_000)
        .map(|i| (format!("{i}.json"), release(i)))
        .collect();
    let members: Vec<(&str, &[u8])> = members
        .iter()
        .map(|(name, text)| (&**name, text.as_bytes()))
        .collect();
    let path = write_file(&ingest, "many.zip", &zip(&members));
    let most = measure_peak(ingest.start(&["load", SOURCE, &path])).await;
    assert_eq!(ingest.count("release").await, 3_000);
    assert!(most < 128 << 20, "{most} bytes");
}

#[tokio::test]
async fn the_last_file_wins_after_a_resumed_load_too() {
    let ingest = prepare_ingest().await;
    let first = format!(
        "[{}]",
        titled(1, "of the first").as_str().to_owned() + "," + &release(2)
    );
    let last = write_file(&ingest, "last.json", titled(1, "of the last").as_bytes());
    let content = std::sync::Arc::new(std::sync::Mutex::new(Reply::status(404)));
    let served = std::sync::Arc::clone(&content);
    let publisher = Publisher::serve(move |_| served.lock().unwrap().clone()).await;
    let url = publisher.url("/first.json?signature=secret");
    let load = ["load", SOURCE, &url, &last];
    let ran = ingest.call(&load).await.expect(4);
    assert!(!ran.stderr.contains("secret") && !ran.text().contains("secret"));
    *content.lock().unwrap() = Reply::json(first);
    ingest.call(&load).await.expect(0);
    let title = "select tender_title from ocds.release where ocid = 'ocds-213czf-1'";
    assert_eq!(ingest.value(title).await, "of the last");
    assert_eq!(ingest.count("release").await, 2);
    for table in ["run", "page", "request", "release"] {
        let secret = format!("{table} where {table}::text like '%secret%'");
        assert_eq!(ingest.count(&secret).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_broken_line_of_a_large_file_is_rejected_alone() {
    let mut lines: Vec<String> = (0..MANY).map(|i| titled(i, &random_text(i, 900))).collect();
    lines[MANY / 2].push('}');
    lines[MANY / 2 + 9] = "<p>".into();
    let ingest = prepare_ingest().await;
    let path = write_file(&ingest, "lines.jsonl", lines.join("\n").as_bytes());
    let load = ["load", SOURCE, &path, "--json"];
    let counts = ingest.call(&load).await.expect(0).counts();
    assert_eq!((counts.inserted, counts.quarantined), (MANY as u64 - 2, 2));
    let kept = "select encode(document, 'escape') from ocds.quarantine order by 1";
    assert_eq!(ingest.column(kept).await, ["<p>", &lines[MANY / 2]]);
}

#[tokio::test]
async fn the_readable_part_of_a_truncated_gzip_file_is_stored() {
    let ingest = prepare_ingest().await;
    let content = gzip(make_releases(2_000).join("\n").as_bytes());
    let path = write_file(&ingest, "lines.jsonl.gz", &content[..content.len() / 2]);
    let load = ["load", SOURCE, &path, "--json", "--max-bad-ratio", "1"];
    let report = ingest.call(&load).await.expect(4).report();
    assert_eq!(report["unreadable_pages"], 1);
    assert!(ingest.count("release").await > 800);
}

#[tokio::test]
async fn a_damaged_archive_within_another_is_reported() {
    let ingest = prepare_ingest().await;
    let packed = gzip(&zip(&[("a.json", release(1).as_bytes())])[..60]);
    let bad = write_file(&ingest, "bad.zip.gz", &packed);
    let good = write_file(
        &ingest,
        "good.json",
        format!("[{}]", make_releases(20).join(",")).as_bytes(),
    );
    let load = ["load", SOURCE, &good, &bad, "--max-bad-ratio", "1"];
    let ran = ingest.call(&load).await.expect(4);
    ran.expect_log("bad.zip.gz cannot be read");
    let kept = "select document from ocds.quarantine where reason = 'unreadable-page'";
    assert_eq!(ingest.column(kept).await.len(), 1);
}

#[tokio::test]
async fn a_download_without_validators_is_compared_by_content() {
    let content = Bytes::from(make_releases(2_000).join("\n"));
    let other = Bytes::from(content.to_ascii_uppercase());
    for (again, code) in [(content.clone(), 0), (other, 4)] {
        let served = AtomicUsize::new(0);
        let first = content.clone();
        let publisher = Publisher::serve(move |_| match served.fetch_add(1, Relaxed) {
            0 => Reply::status(200).body(first.clone()).cut_after(1_500_000),
            _ => Reply::status(200).body(again.clone()),
        })
        .await;
        let ingest = prepare_ingest().await;
        let load = ["load", SOURCE, &publisher.url("/f"), "--max-bad-ratio", "1"];
        let ran = ingest.call(&load).await.expect(code);
        assert_eq!(
            ran.stderr.contains("the file changed"),
            code == 4,
            "{}",
            ran.stderr
        );
    }
}

#[tokio::test]
async fn the_rest_of_a_partial_answer_is_requested() {
    let content = Bytes::from(make_releases(2_000).join("\n"));
    let served = content.clone();
    let publisher = Publisher::serve(move |request| {
        let from = request.header("range").map_or(0, |range| {
            let from = range.strip_prefix("bytes=").unwrap();
            from.strip_suffix('-').unwrap().parse().unwrap()
        });
        let to = (from + 1_500_000).min(served.len());
        let range = format!("bytes {from}-{}/{}", to - 1, served.len());
        Reply::status(206)
            .header("etag", "\"1\"")
            .header("content-range", &range)
            .body(served.slice(from..to))
    })
    .await;
    let ingest = prepare_ingest().await;
    let load = ["load", SOURCE, &publisher.url("/f"), "--max-bad-ratio", "1"];
    ingest.call(&load).await.expect(0);
    assert_eq!(read_releases(&ingest).await, load_and_read(&content).await);
}

#[tokio::test]
async fn memory_does_not_grow_with_the_size_of_the_file() {
    let ingest = prepare_ingest().await;
    let space = " ".repeat(256 << 10);
    let path = directory(&ingest).join("sparse.json");
    let mut array = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for i in 0..1_000 {
        let before = if i == 0 { "[" } else { "," };
        write!(array, "{before}{}{space}", release(i)).unwrap();
    }
    write!(array, "]").unwrap();
    drop(array);
    let most = measure_peak(ingest.start(&["load", SOURCE, path.to_str().unwrap()])).await;
    assert_eq!(ingest.count("release").await, 1_000);
    assert!(most < 128 << 20, "{most} bytes for a file of 256 MB");
}

/// Returns the peak memory of a process that ends successfully.
async fn measure_peak(running: Running) -> usize {
    let (ran, most) = running.wait_with_peak().await;
    ran.expect(0);
    most
}

#[tokio::test]
async fn a_broken_line_stays_in_the_quarantine_until_its_piece_can_be_read() {
    let line = |i| titled(i, &random_text(i, 900));
    let lines: Vec<String> = (0..MANY).map(line).collect();
    let mut broken = lines.clone();
    broken[4_000] = "{\"ocid\":".into();
    let broken = broken.join("\n");
    let publisher = Publisher::serve(move |_| Reply::json(broken.clone())).await;
    let ingest = Ingest::with_source(&publisher, "page = { mode = \"file\" }").await;
    let ran = ingest.run(&[]).await.expect(0);
    assert!(ran.report()["pages"].as_u64().unwrap() > 4);
    assert_eq!(ran.counts(), "4999 inserted, 1 quarantined");
    // the piece before the line and those behind it were stored, in this run and in another
    let open = "select count(*) from ocds.quarantine where resolved_at is null";
    assert_eq!(ingest.value(open).await, "1");
    ingest
        .run(&["--restart", "--max-pages", "2"])
        .await
        .expect(0);
    assert_eq!(ingest.value(open).await, "1");
    let whole = lines.join("\n");
    publisher.set_script(move |_| Reply::json(whole.clone()));
    ingest.run(&["--restart"]).await.expect(0);
    assert_eq!(ingest.value(open).await, "0");
}
