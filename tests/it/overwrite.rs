//! Tests which of several contents of one release is stored: the newest of files, whatever their
//! order, and the present answer of pages.

use crate::dice::Dice;
use crate::harness::{Ingest, NUMBER, ProgramOutput, SOURCE};
use crate::publisher::{Gate, Publisher, Reply, Request, package};

/// The number of files, of releases in each, and of random orders in which the files are read.
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
              union all select ocid, data from ocds.publisher_compiled) as stored
        order by 1";
    ingest.column(titles).await
}

/// Returns the files in a random order.
fn shuffle(dice: &mut Dice) -> Vec<usize> {
    let mut order: Vec<usize> = (0..FILES).collect();
    for last in (1..FILES).rev() {
        order.swap(last, dice.index(last + 1));
    }
    order
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
    let mut dice = Dice::new();
    for _ in 0..ORDERS {
        let order = shuffle(&mut dice);
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
    let mut dice = Dice::new();
    for _ in 0..3 {
        let order = shuffle(&mut dice);
        let before = dice.index(FILES);
        let held = order[before];
        let gate = Gate::open_up_to(0);
        let publisher = Publisher::serve({
            let gate = gate.clone();
            move |request| match request.path() == format!("/{held}") {
                true => reply_file(request).hold_at(&gate, 1),
                false => reply_file(request),
            }
        })
        .await;
        let urls: Vec<String> = order
            .iter()
            .map(|n| publisher.url(&format!("/{n}")))
            .collect();
        let ingest = prepare(REPAIR).await;
        let mut arguments = vec!["load", SOURCE, "--json"];
        arguments.extend(urls.iter().map(String::as_str));
        let running = ingest.start(&arguments);
        ingest.wait_for_pages(before).await;
        running.kill().await;
        gate.open();
        load(&ingest, &urls, &[]).await.expect(0);
        let what = format!("{order:?} killed at {held}");
        assert_eq!(stored_titles(&ingest).await, newest_titles(), "{what}");
        assert_eq!(ingest.count("run").await, 1, "{what}");
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
    let shown = ingest.call(&["sources", "show", SOURCE]).await.expect(0);
    let shown = shown.text();
    let mut lines = shown
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(lines.any(|line| line == ["overwrite", "newer"]), "{shown}");
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

#[tokio::test]
async fn another_choice_on_the_command_line_does_not_resume_a_run() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/broken" => Reply::json("<html>"),
        path => Reply::json(content(
            1,
            Some(&format!("{}-01-01T00:00:00Z", &path[1..])),
            path,
        )),
    })
    .await;
    let ingest = prepare("").await;
    load(&ingest, &[publisher.url("/2024")], &[])
        .await
        .expect(0);
    let urls = ["/2023", "/broken"].map(|path| publisher.url(path));
    let ran = load(&ingest, &urls, &[]).await.expect(4);
    assert_eq!(ran.report()["older"], 1);
    ran.expect_log("`--overwrite always` stores what is served");
    // the older content was read, but not stored, so it must be read again
    let ran = load(&ingest, &urls, &["--overwrite", "always"])
        .await
        .expect(4);
    assert_eq!(ran.report()["updated"], 1);
    // a run that keeps the same content as the run before resumes it
    let asked = publisher.targets().len();
    load(&ingest, &urls, &["--overwrite", "always"])
        .await
        .expect(4);
    let again = &publisher.targets()[asked..];
    assert!(again.iter().all(|target| target == "/broken"), "{again:?}");
}

#[tokio::test]
async fn a_reject_of_the_same_file_stays_open_when_an_older_content_is_stored() {
    // two pieces of one file: the newer content comes first, and cannot be stored
    let mut items = vec![content(1, Some("2024-01-01T00:00:00Z"), "newer\\u0000")];
    items.extend((2..5_000).map(|key| content(key, None, &"x".repeat(900))));
    items.push(content(1, Some("2023-01-01T00:00:00Z"), "older"));
    let file = items.join("\n");
    let publisher = Publisher::serve(move |_| Reply::json(file.clone())).await;
    let mut ingest = Ingest::with_source(&publisher, "page = { mode = \"file\" }").await;
    let open = "select count(*) from ocds.quarantine where resolved_at is null";
    for run in 0..2 {
        let ran = ingest.run(&[]).await.expect(0);
        assert!(ran.report()["pages"].as_u64().unwrap() > 1);
        assert_eq!(ingest.value(open).await, "1", "{run}");
    }
    ingest.declare(
        &publisher,
        &format!("page = {{ mode = \"file\" }}\n{REPAIR}"),
    );
    ingest.call(&["quarantine", "replay"]).await.expect(0);
    let title = "select tender_title from ocds.release where release_id = '1'";
    assert_eq!(ingest.value(title).await, "newer");
    assert_eq!(ingest.value(open).await, "0");
}

#[tokio::test]
async fn contents_with_one_date_are_ordered_by_their_files_whatever_the_order_of_commits() {
    // the first of three files comes last, because the publisher holds it back
    let gate = Gate::open_up_to(0);
    let publisher = Publisher::serve({
        let gate = gate.clone();
        move |request| match request.path() {
            "/index" => Reply::json(r#"["1","2","3"]"#),
            "/1" => Reply::json(content(1, None, "at /1")).hold_at(&gate, 1),
            path => Reply::json(content(1, None, &format!("at {path}"))),
        }
    })
    .await;
    let mut ingest = Ingest::new().await;
    let axis = format!(
        "axis.file = {{ url = \"{}\", each = \"/*\" }}\nhttp.concurrency = 3",
        publisher.url("/index")
    );
    ingest.declare_as(SOURCE, &publisher.url("/{axis.file}"), &axis);
    let running = ingest.start_run(&[]);
    ingest.wait_for_pages(2).await;
    gate.open();
    let ran = running.wait().await.expect(0);
    // one more if the third was committed before the second
    assert!(ran.report()["older"].as_u64().unwrap() > 0);
    let title = "select tender_title from ocds.release";
    assert_eq!(ingest.value(title).await, "at /3");
}

#[tokio::test]
async fn history_keeps_nothing_that_was_only_read_again() {
    let publisher = Publisher::serve(|request| {
        let year = &request.path()[1..];
        let date = format!("{year}-01-01T00:00:00Z");
        let items = [
            content(1, Some(&date), year),
            content(2, Some("2020-01-01"), "same"),
        ];
        Reply::json(package(&items, ""))
    })
    .await;
    let mut ingest = prepare("").await;
    ingest.configure("[sink]\nhistory = true");
    load(&ingest, &[publisher.url("/2024")], &[])
        .await
        .expect(0);
    // a migration empties the hash of a row that has to be read again
    ingest
        .execute("update ocds.release set content_hash = '' where release_id = '2'")
        .await;
    let ran = load(&ingest, &[publisher.url("/2023")], &[])
        .await
        .expect(0);
    assert_eq!(ran.counts(), "1 updated, 1 older");
    assert_eq!(ingest.count("release_history").await, 0);
}

#[tokio::test]
async fn a_replay_treats_each_reject_as_the_run_that_met_it() {
    let publisher = Publisher::serve(|request| {
        let item = |key, date: &str, title: &str| content(key, Some(date), title);
        match request.path() {
            // met by a load: its content is newer than the present answer
            "/old-dump" => Reply::json(item(1, "2025-01-01", "of a file\\u0000")),
            // met by a run: its content is newer, but was served before the present answer
            _ if request.nth == 0 => {
                Reply::json(package(&[item(2, "2025-01-01", "early\\u0000")], ""))
            }
            _ => {
                let items = [
                    item(1, "2024-01-01", "present"),
                    item(2, "2024-01-01", "present"),
                ];
                Reply::json(package(&items, ""))
            }
        }
    })
    .await;
    let mut ingest = Ingest::with_source(&publisher, "").await;
    ingest.configure("[sink]\nhistory = true");
    let any = ["--max-bad-ratio", "1"];
    load(&ingest, &[publisher.url("/old-dump")], &any)
        .await
        .expect(0);
    ingest.run(&any).await.expect(0);
    ingest.run(&any).await.expect(0);
    // the present answer has resolved both rejects; a reject without a key would not be
    ingest
        .execute("update ocds.quarantine set resolved_at = null, resolution = null")
        .await;
    ingest.declare(&publisher, REPAIR);
    let replayed = ingest
        .call(&["quarantine", "replay", "--json"])
        .await
        .expect(0);
    replayed.counts_of_replay();
    let counts = replayed.report();
    assert_eq!(
        (&counts["updated"], &counts["older"]),
        (&1.into(), &1.into()),
        "{counts}"
    );
    let titles = "select tender_title from ocds.release order by release_id";
    let titles = ingest.column(titles).await;
    assert!(titles[0].starts_with("of a file"), "{titles:?}");
    assert_eq!(titles[1], "present");
    let kept = "select data -> 'tender' ->> 'title' from ocds.release_history";
    assert_eq!(ingest.column(kept).await, ["present"]);
}
