//! Tests which of several contents of one release is stored: the newest of files, whatever their
//! order, and the present answer of pages.

use crate::harness::{Ingest, NUMBER, ProgramOutput, SOURCE};
use crate::publisher::{Gate, Publisher, Reply, Request, package};

/// The number of files, of releases in each, and of orders in which the files are read.
const FILES: usize = 5;
const KEYS: usize = 7;
const ORDERS: usize = 6;

/// The repair without which some files are rejected whole.
const REPAIR: &str = "decode = { repair = [\"nul\"] }";

/// Makes one content of a release.
fn content(key: usize, date: Option<&str>, title: &str) -> String {
    let date = date.map(|date| format!(r#""date":"{date}","#));
    let date = date.unwrap_or_default();
    format!(r#"{{"ocid":"ocds-213czf-{key}","id":"{key}",{date}"tender":{{"title":"{title}"}}}}"#)
}

/// The year of the content that a file has of a release, or `None` if that content has no date.
/// Each file has another year for the same release, and no file is the newest for all.
fn year(file: usize, key: usize) -> Option<usize> {
    let year = (file * 3 + key * 2) % FILES;
    (year > 0).then_some(2018 + year)
}

/// Makes a file: dated contents of the releases, and a compiled release of each process.
fn make_file(file: usize) -> String {
    // the releases of every other file can be stored only after a repair
    let mark = if file.is_multiple_of(2) {
        ""
    } else {
        "\\u0000"
    };
    let items = (0..KEYS).map(|key| {
        let date = year(file, key).map(|year| format!("{year}-05-06T00:00:00Z"));
        let release = content(key, date.as_deref(), &format!("file {file}{mark}"));
        let compiled = content(key, date.as_deref(), &format!("compiled of {file}{mark}"));
        let compiled = compiled.replacen('{', r#"{"tag":["compiled"],"#, 1);
        let compiled = compiled.replacen(&format!(r#""id":"{key}","#), "", 1);
        format!(
            r#"{{"ocid":"ocds-213czf-{key}","releases":[{release}],"compiledRelease":{compiled}}}"#
        )
    });
    let items: Vec<String> = items.collect();
    format!(r#"{{"records":[{}]}}"#, items.join(","))
}

/// Returns the titles that must be stored: those of the newest content of each release.
fn newest_titles() -> Vec<String> {
    let mut titles = Vec::new();
    for key in 0..KEYS {
        let newest = (0..FILES).max_by_key(|file| year(*file, key)).unwrap();
        titles.push(format!("{key} compiled of {newest}"));
        titles.push(format!("{key} file {newest}"));
    }
    titles
}

async fn stored_titles(ingest: &Ingest) -> Vec<String> {
    let titles = "select split_part(ocid, '-', 3) || ' ' || (data -> 'tender' ->> 'title')
        from (select ocid, data from ocds.release
              union all select ocid, data from ocds.compiled_release) as stored
        order by 1";
    ingest.column(titles).await
}

/// Returns some orders of the files, which differ in every place.
fn orders() -> Vec<Vec<usize>> {
    let all = [
        [0, 1, 2, 3, 4],
        [4, 3, 2, 1, 0],
        [2, 0, 4, 1, 3],
        [1, 4, 0, 3, 2],
        [3, 2, 1, 4, 0],
        [0, 4, 3, 1, 2],
    ];
    all.map(|order| order.to_vec())
        .into_iter()
        .take(ORDERS)
        .collect()
}

/// Serves the files by their numbers.
async fn serve_files() -> Publisher {
    Publisher::serve(reply_file).await
}

fn reply_file(request: &Request) -> Reply {
    let file = request.path()[1..].parse().unwrap();
    Reply::json(make_file(file))
}

async fn prepare(table: &str) -> Ingest {
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, "https://publisher.example/", table);
    ingest
}

async fn load(ingest: &Ingest, urls: &[String], options: &[&str]) -> ProgramOutput {
    let urls = urls.iter().map(String::as_str);
    let fixed = ["load", SOURCE, "--json"].into_iter();
    let arguments: Vec<&str> = fixed.chain(urls).chain(options.iter().copied()).collect();
    ingest.call(&arguments).await
}

#[tokio::test]
async fn any_order_of_the_same_files_makes_the_same_tables() {
    let publisher = serve_files().await;
    for order in orders() {
        let urls: Vec<String> = order
            .iter()
            .map(|n| publisher.url(&format!("/{n}")))
            .collect();
        let expect = async |ingest: &Ingest, how: &str| {
            assert_eq!(
                stored_titles(ingest).await,
                newest_titles(),
                "{how}: {order:?}"
            );
        };

        let at_once = prepare(REPAIR).await;
        load(&at_once, &urls, &[]).await.expect(0);
        expect(&at_once, "at once").await;
        // the same files again
        let again = load(&at_once, &urls, &["--restart"]).await.expect(0);
        expect(&at_once, "again").await;
        assert_eq!(again.counts().updated, 0, "{order:?}");

        let one_by_one = prepare(REPAIR).await;
        for url in &urls {
            load(&one_by_one, std::slice::from_ref(url), &[])
                .await
                .expect(0);
        }
        expect(&one_by_one, "one by one").await;

        // some releases are rejected, and replayed when all other files are stored
        let mut replayed = prepare("").await;
        let any = ["--max-bad-ratio", "1"];
        load(&replayed, &urls, &any).await.expect(0);
        assert_ne!(stored_titles(&replayed).await, newest_titles());
        replayed.declare_as(SOURCE, "https://publisher.example/", REPAIR);
        let replay = ["quarantine", "replay", "--json"];
        replayed.call(&replay).await.expect(0).counts_of_replay();
        expect(&replayed, "replayed").await;
        let open = "select count(*) from ocds.quarantine where resolved_at is null";
        assert_eq!(replayed.value(open).await, "0", "{order:?}");
    }
}

impl ProgramOutput {
    /// Checks the sum of the counters of a replay.
    #[track_caller]
    fn counts_of_replay(&self) {
        crate::harness::Counts::from_report(&self.report());
    }
}

#[tokio::test]
async fn a_load_that_is_killed_and_resumed_makes_the_same_tables() {
    for held in [0, 2, 4] {
        let order = [2, 0, 4, 1, 3];
        let gate = Gate::open_up_to(0);
        let publisher = Publisher::serve({
            let gate = gate.clone();
            move |request| match request.path() == format!("/{held}") {
                true => reply_file(request).hold_at(&gate, 1),
                false => reply_file(request),
            }
        })
        .await;
        let urls = order.map(|n| publisher.url(&format!("/{n}")));
        let ingest = prepare(REPAIR).await;
        let mut arguments = vec!["load", SOURCE, "--json"];
        arguments.extend(urls.iter().map(String::as_str));
        let running = ingest.start(&arguments);
        let before = order.iter().position(|n| *n == held).unwrap();
        ingest.wait_for_pages(before).await;
        running.kill().await;
        gate.open();
        load(&ingest, &urls, &[]).await.expect(0);
        assert_eq!(stored_titles(&ingest).await, newest_titles(), "{held}");
        assert_eq!(ingest.count("run").await, 1, "{held}");
    }
}

#[tokio::test]
async fn a_resumed_load_reads_only_what_failed_in_its_old_place() {
    let whole = |request: &Request| {
        let title = format!("at {}", request.path());
        Reply::json(content(1, None, &title))
    };
    let without_first = move |request: &Request| match request.path() {
        "/1" => Reply::json("<html>"),
        _ => whole(request),
    };
    let publisher = Publisher::serve(without_first).await;
    let urls = ["/1", "/2", "/3"].map(|path| publisher.url(path));
    let ingest = prepare("").await;
    let ran = load(&ingest, &urls, &[]).await.expect(4);
    assert_eq!(ran.counts(), "1 inserted, 1 updated");
    let asked = publisher.targets().len();
    publisher.set_script(whole);
    let ran = load(&ingest, &urls, &[]).await.expect(0);
    assert_eq!(publisher.targets()[asked..], ["/1"]);
    // no content has a date, so the last file of the load is the newest
    assert_eq!(ran.report()["older"], 1);
    let title = "select data -> 'tender' ->> 'title' from ocds.release";
    assert_eq!(ingest.value(title).await, "at /3");
    // a later load is newer than an earlier one
    load(&ingest, &urls[..1], &[]).await.expect(0);
    assert_eq!(ingest.value(title).await, "at /1");

    // with the present answer, what follows the failed file is read again
    let ingest = prepare("").await;
    publisher.set_script(without_first);
    let always = ["--overwrite", "always"];
    load(&ingest, &urls, &always).await.expect(4);
    let asked = publisher.targets().len();
    publisher.set_script(whole);
    load(&ingest, &urls, &always).await.expect(0);
    assert_eq!(publisher.targets()[asked..], ["/1", "/2", "/3"]);
    assert_eq!(ingest.value(title).await, "at /3");
}

/// Serves an index that lists years, newest first, and the file of each year. The answers have
/// validators.
async fn serve_years() -> Publisher {
    Publisher::serve(|request| {
        let reply = match request.path() {
            "/index" => Reply::json(r#"["2024","2023"]"#),
            path => {
                let year = &path[1..];
                let date = format!("{year}-12-31T00:00:00Z");
                Reply::json(content(1, Some(&date), year))
            }
        };
        reply.with_etag(request)
    })
    .await
}

#[tokio::test]
async fn an_index_with_the_newest_file_first_stores_the_newest() {
    let publisher = serve_years().await;
    let mut ingest = Ingest::new().await;
    let axis = format!(
        "axis.year = {{ url = \"{}\", each = \"/*\" }}",
        publisher.url("/index")
    );
    ingest.declare_as(SOURCE, &publisher.url("/{axis.year}"), &axis);
    let title = "select tender_title from ocds.release";
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "1 inserted, 1 older");
    assert_eq!(ingest.value(title).await, "2024");
    // nothing has changed since
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.report()["unchanged_pages"], 2);
    assert_eq!(ran.counts(), "1 unchanged, 1 older");
    // the flag differs from what the pages were stored by, so they are read
    let ran = ingest.run(&["--overwrite", "always"]).await.expect(0);
    assert_eq!(ran.report()["unchanged_pages"], 0);
    assert_eq!(ran.counts(), "1 updated, 1 unchanged");
    assert_eq!(ingest.value(title).await, "2023");
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.report()["unchanged_pages"], 0);
    assert_eq!(ingest.value(title).await, "2024");
    let rows = ingest.call(&["sources", "show", SOURCE]).await.expect(0);
    assert!(rows.text().contains("overwrite"), "{}", rows.text());
}

#[tokio::test]
async fn the_present_answer_of_a_page_is_stored_although_its_date_is_earlier() {
    let publisher = Publisher::serve(|request| {
        let (date, title) = match request.nth {
            0 => ("2024-01-01T00:00:00Z", "wrong date"),
            _ => ("2023-01-01T00:00:00Z", "corrected date"),
        };
        Reply::json(package(
            &[content(1, Some(date), title)],
            r#","total_pages":1"#,
        ))
    })
    .await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.run(&[]).await.expect(0);
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "1 updated");
    let title = "select tender_title from ocds.release";
    assert_eq!(ingest.value(title).await, "corrected date");
    // the key says otherwise, and so does the flag
    publisher.set_script(|_| {
        let older = content(1, Some("2022-01-01T00:00:00Z"), "older");
        Reply::json(package(&[older], r#","total_pages":1"#))
    });
    let ran = ingest.run(&["--overwrite", "newer"]).await.expect(0);
    assert_eq!(ran.counts(), "1 older");
    ingest.declare(&publisher, &format!("{NUMBER}\noverwrite = \"newer\""));
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "1 older");
    let ran = ingest.run(&["--overwrite", "always"]).await.expect(0);
    assert_eq!(ran.counts(), "1 updated");
    assert_eq!(ingest.value(title).await, "older");
}

#[tokio::test]
async fn outcomes_add_up_with_every_method_and_size() {
    let contents = |year: usize| {
        let date = format!("{year}-01-01T00:00:00Z");
        let old = (0..30).map(|key| content(key, Some(&date), &year.to_string()));
        let same = (30..50).map(|key| content(key, Some("2020-01-01T00:00:00Z"), "same"));
        package(&old.chain(same).collect::<Vec<_>>(), "")
    };
    let publisher = Publisher::serve(move |request| {
        Reply::json(contents(request.path()[1..].parse().unwrap()))
    })
    .await;
    for method in ["upsert", "copy", "row"] {
        let mut ingest = prepare("").await;
        ingest.configure(&format!(
            "[sink]\nmethod = \"{method}\"\nbatch_size = 7\nhistory = true"
        ));
        let urls = ["/2024", "/2023", "/2025"].map(|path| publisher.url(path));
        // the first page of a run reads the stored hashes, and later ones do not after new releases
        let ran = load(&ingest, &urls, &[]).await.expect(0);
        let counts = "50 inserted, 30 updated, 40 unchanged, 30 older";
        assert_eq!(ran.counts(), counts, "{method}");
        let ran = load(&ingest, &urls[1..2], &[]).await.expect(0);
        assert_eq!(ran.counts(), "20 unchanged, 30 older", "{method}");
        let kept =
            "select concat_ws(' ', count(*), min(data -> 'tender' ->> 'title'), max(date::date))
            from ocds.release_history";
        assert_eq!(ingest.value(kept).await, "30 2024 2024-01-01", "{method}");
    }
}

#[tokio::test]
async fn history_keeps_what_was_replaced_until_the_source_is_purged() {
    let publisher = Publisher::serve(|request| {
        let title = match request.nth {
            0 => "first",
            1 => "second",
            _ => "third",
        };
        let compiled = content(1, None, title).replacen('{', r#"{"tag":["compiled"],"#, 1);
        let compiled = compiled.replacen(r#""id":"1","#, "", 1);
        // the server refuses the second content of this release
        let refused = match request.nth {
            1 => content(2, None, title).replace("title\":\"", "title\":\"\\u0000"),
            _ => content(2, None, "stays"),
        };
        Reply::json(package(&[content(1, None, title), refused, compiled], ""))
    })
    .await;
    let mut ingest = Ingest::with_source(&publisher, "").await;
    let any = ["--max-bad-ratio", "1"];
    ingest.run(&[]).await.expect(0);
    ingest.configure("[sink]\nhistory = true");
    ingest.run(&any).await.expect(0);
    ingest.run(&any).await.expect(0);
    let kept =
        "select concat_ws(' ', ocid, release_id, data -> 'tender' ->> 'title', run_id, replaced_by)
        from ocds.release_history order by replaced_at, release_id";
    assert_eq!(
        ingest.column(kept).await,
        [
            "ocds-213czf-1  first 1 2",
            "ocds-213czf-1 1 first 1 2",
            "ocds-213czf-1  second 2 3",
            "ocds-213czf-1 1 second 2 3",
        ]
    );
    ingest.call(&["purge", SOURCE, "--yes"]).await.expect(0);
    assert_eq!(ingest.count("release_history").await, 0);
}

#[tokio::test]
async fn a_reject_of_newer_content_stays_open_when_an_older_file_is_stored() {
    let ingest = prepare("").await;
    let publisher = Publisher::serve(|request| {
        let year = &request.path()[1..];
        let mark = if year == "2024" { "\\u0000" } else { "" };
        let date = format!("{year}-01-01T00:00:00Z");
        Reply::json(content(1, Some(&date), &format!("{year}{mark}")))
    })
    .await;
    let urls = ["/2024", "/2023"].map(|path| publisher.url(path));
    load(&ingest, &urls, &["--max-bad-ratio", "1"])
        .await
        .expect(0);
    let open = "select count(*) from ocds.quarantine where resolved_at is null";
    assert_eq!(ingest.value(open).await, "1");
    // the present answer of a feed of pages resolves it
    let always = ["--max-bad-ratio", "1", "--overwrite", "always", "--restart"];
    load(&ingest, &urls, &always).await.expect(0);
    assert_eq!(ingest.value(open).await, "0");
}

#[tokio::test]
async fn the_newest_of_a_page_is_stored_and_counted() {
    let dates = ["2024-01-01", "2023-01-01", "2024-01-01"];
    let titles = ["first of the day", "older", "last of the day"];
    let contents = dates
        .iter()
        .zip(titles)
        .map(|(date, title)| content(1, Some(date), title));
    let contents = package(&contents.collect::<Vec<_>>(), "");
    let publisher = Publisher::serve(move |_| Reply::json(contents.clone())).await;
    let ingest = Ingest::with_source(&publisher, "page = { mode = \"file\" }").await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "1 inserted, 2 folded");
    let title = "select tender_title from ocds.release";
    assert_eq!(ingest.value(title).await, "last of the day");
}
