//! Tests conditional requests, which fetch a page only if it has changed.

use ocds_ingest::config::Config;
use ocds_ingest::error::Kind;
use ocds_ingest::ledger::{self, RunSpec};
use ocds_ingest::page::{Position, RememberedPage, UnchangedPage, Validators};
use ocds_ingest::sink::Sink;
use ocds_ingest::source::Overwrite;

use crate::dice::Dice;
use crate::harness::{Counts, Ingest, LINK, NUMBER, ProgramOutput, SOURCE, open_database};
use crate::publisher::{
    Feed, Gate, Items, Publisher, Reply, Request, package, release, short_pages,
};
use crate::run::titled;
use crate::web_server::WebServer;

const LONG_AGO: &str = "Fri, 13 Nov 2020 08:00:00 GMT";

fn serve_with_etags(feed: Feed) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    move |request| feed.reply(request).with_etag(request)
}

fn is_conditional(request: &Request) -> bool {
    request.header("if-none-match").is_some() || request.header("if-modified-since").is_some()
}

/// A source and its publisher, and the same source in another database that uses no conditional
/// requests. Both must store the same.
struct Pair {
    publisher: Publisher,
    ingest: Ingest,
    calm: Ingest,
    seen: usize,
}

impl Pair {
    async fn new(table: &str, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let publisher = Publisher::serve(script).await;
        let (mut ingest, mut calm) = (Ingest::new().await, Ingest::new().await);
        ingest.declare(&publisher, table);
        calm.declare(&publisher, &format!("{table}\nhttp.conditional = false"));
        Self {
            publisher,
            ingest,
            calm,
            seen: 0,
        }
    }

    /// Returns the requests since the last call.
    fn new_requests(&mut self) -> Vec<Request> {
        let requests = self.publisher.requests().split_off(self.seen);
        self.seen += requests.len();
        requests
    }

    /// Runs both and compares their tables. Also returns which requests of the first were
    /// conditional.
    async fn run(&mut self, options: &[&str]) -> (ProgramOutput, Vec<bool>) {
        self.new_requests();
        let ran = self.ingest.run(options).await.expect(0);
        let conditional = self.new_requests().iter().map(is_conditional).collect();
        self.calm.run(options).await.expect(0);
        assert!(!self.new_requests().iter().any(is_conditional));
        let calm = self.calm.read_tables().await;
        self.ingest
            .read_tables()
            .await
            .expect_equal(&calm, "asked by conditions");
        assert_eq!(self.ingest.read_pages().await, self.calm.read_pages().await);
        (ran, conditional)
    }
}

#[tokio::test]
async fn an_unchanged_feed_gets_304_for_each_page() {
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(short_pages(3, 4, 1)))).await;
    let (_, first) = pair.run(&[]).await;
    assert_eq!(first, [false; 3]);
    let versions = pair.ingest.read_row_versions().await;
    // The validators are kept from run to run.
    for _ in 0..2 {
        let (ran, conditional) = pair.run(&[]).await;
        assert_eq!(conditional, [true; 3]);
        let report = ran.report();
        assert_eq!(
            ["pages", "unchanged_pages", "requests", "retries", "bytes"]
                .map(|name| report[name].as_u64().unwrap()),
            [3, 3, 3, 0, 0]
        );
        assert_eq!(Counts::from_report(&report), "9 unchanged");
        assert_eq!(pair.ingest.read_row_versions().await, versions);
    }
    let logged = "select concat_ws(' ', status, bytes, error is null) from ocds.request
        where run_id = (select max(id) from ocds.run)";
    assert_eq!(pair.ingest.column(logged).await, ["304 0 t"; 3]);
    let packages = "select distinct package ->> 'uri' from ocds.page";
    assert_eq!(
        pair.ingest.column(packages).await,
        ["https://publisher.example/package"]
    );
    let run = pair.ingest.call(&["run", SOURCE]).await.expect(0);
    assert!(
        run.text().contains("  3 pages had not changed"),
        "{}",
        run.text()
    );
}

#[tokio::test]
async fn last_modified_is_used_where_there_is_no_etag() {
    let feed = Feed::link(short_pages(3, 4, 1));
    let script = move |request: &Request| feed.reply(request).with_last_modified(request, LONG_AGO);
    let mut pair = Pair::new(LINK, script).await;
    pair.run(&[]).await;
    let asked = pair.publisher.requests().len();
    let (ran, conditional) = pair.run(&[]).await;
    assert_eq!(conditional, [true; 3]);
    assert_eq!(ran.report()["unchanged_pages"], 3);
    let request = &pair.publisher.requests()[asked];
    assert_eq!(request.header("if-modified-since"), Some(LONG_AGO));
    assert_eq!(request.header("if-none-match"), None);

    // Within the same second a page may change without a new time.
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    let feed = Feed::link(short_pages(2, 4, 1));
    let script = move |request: &Request| {
        feed.reply(request)
            .header("date", &now)
            .with_last_modified(request, &now)
    };
    let mut pair = Pair::new(LINK, script).await;
    pair.run(&[]).await;
    assert_eq!(pair.run(&[]).await.1, [false; 2]);
}

#[tokio::test]
async fn every_pagination_works_with_conditional_requests() {
    let token =
        r#"page = { mode = "token", param = "page", pointer = "/links/token", start = "1" }"#;
    let tokens = |request: &Request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        let next = format!(r#","links":{{"token":"{}"}}"#, page + 1);
        let extra = if page < 3 { &*next } else { "" };
        Reply::json(package(&short_pages(3, 4, 1)[page - 1], extra)).with_etag(request)
    };
    let by_status = r#"page = { mode = "number", status = 404 }"#;
    let link = Feed::link(short_pages(3, 4, 1));
    let numbers = move |request: &Request| match request.query("page").unwrap().as_str() {
        "4" => Reply::status(404),
        _ => link.reply(request).with_etag(request),
    };
    let around = r#"page = { mode = "link", pointer = "/links/next", stop = "repeated" }"#;
    let circle = |request: &Request| {
        let page: usize = request
            .query("page")
            .map_or(1, |page| page.parse().unwrap());
        let next = ["?page=2", "?page=3", "/"][page - 1];
        let link = format!(r#","links":{{"next":"{next}"}}"#);
        Reply::json(package(&short_pages(3, 4, 1)[page - 1], &link)).with_etag(request)
    };
    let by_offset = r#"page = { mode = "offset", size = 4, stop = "empty" }"#;
    let side_by_side = format!("{NUMBER}\nhttp.concurrency = 3");
    for (mut pair, requests, unchanged) in [
        (Pair::new(token, tokens).await, 3, 3),
        (Pair::new(around, circle).await, 3, 3),
        (Pair::new(by_status, numbers).await, 4, 3),
        (
            Pair::new(
                by_offset,
                serve_with_etags(Feed::offset(short_pages(3, 4, 1))),
            )
            .await,
            4,
            4,
        ),
        (
            Pair::new(
                &side_by_side,
                serve_with_etags(Feed::number(short_pages(3, 4, 1))),
            )
            .await,
            3,
            3,
        ),
    ] {
        pair.run(&[]).await;
        let (ran, conditional) = pair.run(&[]).await;
        assert_eq!(conditional.len(), requests);
        assert_eq!(ran.report()["unchanged_pages"], unchanged);
    }
}

#[tokio::test]
async fn pages_after_a_changed_page_are_fetched_in_full() {
    let mut items = short_pages(4, 4, 1);
    items[2][0] = titled(1_000, "of the third page");
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(items.clone()))).await;
    pair.run(&[]).await;
    // The second page now has a version of a key that a later page replaces.
    items[1][3] = titled(1_000, "of the second page");
    pair.publisher
        .set_script(serve_with_etags(Feed::link(items.clone())));
    let (ran, conditional) = pair.run(&[]).await;
    assert_eq!(conditional, [true, true, false, false]);
    assert_eq!(ran.report()["unchanged_pages"], 1);
    let title = "select tender_title from ocds.release where release_id = '1000'";
    assert_eq!(pair.ingest.value(title).await, "of the third page");

    // The third page replaced a release of the second page. Now it no longer has that release, so
    // the one of the unchanged second page counts again.
    items[2][0] = release(8);
    pair.publisher
        .set_script(serve_with_etags(Feed::link(items)));
    let (_, conditional) = pair.run(&[]).await;
    assert_eq!(conditional, [false; 4]);
    assert_eq!(pair.ingest.value(title).await, "of the second page");
}

#[tokio::test]
async fn conditional_runs_store_the_same_as_full_runs_after_any_changes() {
    let mut dice = Dice::new();
    let mut roll = |sides: usize| usize::try_from(dice.roll(sides as u64)).unwrap();
    // Few keys, so that pages replace each other's releases.
    let mut items: Vec<Items> = (0..4).map(|page| vec![release(page)]).collect();
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(items.clone()))).await;
    let mut asked = Vec::new();
    for round in 0..30 {
        // The second run finds no change, so that it sends conditional requests.
        let changes = if round < 2 { 0 } else { roll(3) };
        for _ in 0..changes {
            let (page, key) = (roll(4), roll(6));
            let page = &mut items[page];
            match roll(3) {
                0 => page.push(titled(key, &format!("of round {round}"))),
                1 => page.push(release(100 + round)),
                _ if page.is_empty() => {}
                _ => drop(page.remove(roll(page.len()))),
            }
        }
        pair.publisher
            .set_script(serve_with_etags(Feed::link(items.clone())));
        let (_, conditional) = pair.run(&[]).await;
        asked.extend(conditional);
    }
    assert!(asked.contains(&true) && asked.contains(&false));
}

#[tokio::test]
async fn unchanged_windows_are_remembered_and_split_ones_by_their_halves() {
    let days = |request: &Request| {
        let date =
            |name: &str| -> jiff::civil::Date { request.query(name).unwrap().parse().unwrap() };
        let (mut day, to) = (date("from"), date("to"));
        let mut items = Vec::new();
        while day < to {
            items.push(titled(
                usize::try_from(day.day_of_year()).unwrap(),
                "of a day",
            ));
            day = day.tomorrow().unwrap();
        }
        let total = format!(r#","total":{}"#, items.len());
        Reply::json(package(&items, &total)).with_etag(request)
    };
    let publisher = Publisher::serve(days).await;
    let mut ingest = Ingest::new().await;
    let url = publisher.url("/?from={from}&to={to}");
    let table = r#"
        page = { mode = "none" }
        window = { from = "2024", step = "1mo", basis = "updated", split_when = { items = 30, total = "/total", smallest = "1d" } }"#;
    ingest.declare_as(SOURCE, &url, table);
    let dates = ["--from", "2024-01-01", "--until", "2024-03-01"];
    ingest.run(&dates).await.expect(0);
    assert_eq!(ingest.count("release").await, 60);
    let seen = publisher.requests().len();
    let ran = ingest.run(&dates).await.expect(0);
    assert_eq!(ran.counts().unchanged, 60);
    let requests = publisher.requests().split_off(seen);
    let conditional: Vec<bool> = requests.iter().map(is_conditional).collect();
    // The window of January was split, and only its halves were stored.
    assert_eq!(conditional, [false, true, true, true]);
}

#[tokio::test]
async fn only_the_new_pages_of_a_growing_feed_are_fetched_in_full() {
    let mut items = short_pages(3, 4, 1);
    let numbers = |items: Vec<Items>| {
        move |request: &Request| {
            let page: usize = request.query("page").unwrap().parse().unwrap();
            // The first pages are unchanged, so their total does not include later items.
            let total = if page < 3 { 3 } else { items.len() };
            let total = format!(r#","total_pages":{total}"#);
            Reply::json(package(&items[page - 1], &total)).with_etag(request)
        }
    };
    let mut pair = Pair::new(NUMBER, numbers(items.clone())).await;
    pair.run(&[]).await;
    pair.run(&[]).await;
    items[2].push(release(100));
    items.push(vec![release(101)]);
    pair.publisher.set_script(numbers(items));
    let (ran, conditional) = pair.run(&[]).await;
    assert_eq!(conditional, [true, true, true, false]);
    assert_eq!(ran.counts().inserted, 2);
    assert_eq!(pair.run(&[]).await.1, [true; 4]);
}

#[tokio::test]
async fn a_restart_or_a_new_definition_fetches_all_pages_in_full() {
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(short_pages(3, 4, 1)))).await;
    pair.run(&[]).await;
    assert_eq!(pair.run(&["--restart"]).await.1, [false; 3]);
    assert_eq!(pair.run(&[]).await.1, [true; 3]);

    pair.new_requests();
    let backfill = ["backfill", SOURCE, "--from-page", "1"];
    pair.ingest.call(&backfill).await.expect(0);
    assert!(!pair.new_requests().iter().any(is_conditional));
    // The other run may have stored what the earlier one had not.
    assert_eq!(pair.run(&[]).await.1, [false; 3]);
    assert_eq!(pair.run(&[]).await.1, [true; 3]);

    // The same bytes now give another result.
    pair.ingest.configure("[extract]\nmax_depth = 100");
    assert_eq!(pair.run(&[]).await.1, [false; 3]);
    let repaired = format!("{LINK}\ndecode.repair = [\"nul\"]");
    pair.ingest.declare(&pair.publisher, &repaired);
    assert_eq!(pair.run(&[]).await.1, [false; 3]);
    assert_eq!(pair.run(&[]).await.1, [true; 3]);
    pair.ingest.configure("[fetch]\nremembered = 2");
    assert_eq!(pair.run(&[]).await.1, [true, true, false]);
    pair.ingest.configure("[fetch]\nremembered = 0");
    assert_eq!(pair.run(&[]).await.1, [false; 3]);
}

#[tokio::test]
async fn a_run_is_not_remembered_if_another_run_wrote_during_it() {
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(short_pages(3, 4, 1)))).await;
    let Pair { ingest, .. } = &pair;
    ingest.run(&["--max-pages", "1"]).await.expect(0);
    let backfill = ["backfill", SOURCE, "--from-page", "1", "--to-page", "1"];
    ingest.call(&backfill).await.expect(0);
    // The older run is resumed, and ends last.
    ingest.run(&[]).await.expect(0);
    let last = "select kind from ocds.run order by ended_at desc limit 1";
    assert_eq!(ingest.value(last).await, "incremental");
    pair.new_requests();
    pair.ingest.run(&[]).await.expect(0);
    assert!(!pair.new_requests().iter().any(is_conditional));
    pair.ingest.run(&[]).await.expect(0);
    assert!(pair.new_requests().iter().all(is_conditional));
}

#[tokio::test]
async fn a_resumed_run_fetches_its_remaining_pages_in_full() {
    let mut pair = Pair::new(
        LINK,
        serve_with_etags(Feed::link(crate::kill::make_rough_pages(5))),
    )
    .await;
    let lenient = ["--max-bad-ratio", "1"];
    // The pages of the rough feed replace each other's releases, so only the last page is
    // remembered.
    pair.run(&lenient).await;
    assert_eq!(pair.run(&lenient).await.1, [false; 5]);

    let calm = serve_with_etags(Feed::link(short_pages(5, 4, 1)));
    let slow = serve_with_etags(Feed::link(short_pages(5, 4, 1)));
    let mut pair = Pair::new(LINK, calm).await;
    pair.run(&[]).await;
    pair.publisher
        .set_script(move |request| match request.query("page").as_deref() {
            Some("4") => slow(request).delay(std::time::Duration::from_secs(60)),
            _ => slow(request),
        });
    pair.new_requests();
    let killed = pair.ingest.start_run(&[]);
    let durable =
        "select count(*) = 3 from ocds.page where run_id = (select max(id) from ocds.run)";
    pair.ingest.wait_until(durable).await;
    killed.kill().await;
    pair.new_requests();
    pair.publisher
        .set_script(serve_with_etags(Feed::link(short_pages(5, 4, 1))));
    let resumed = pair.ingest.run(&[]).await.expect(0);
    assert_eq!(resumed.report()["resumed_from"], 3);
    let requests = pair.new_requests();
    assert_eq!(requests.len(), 2);
    assert!(!requests.iter().any(is_conditional));
    assert_eq!(resumed.counts().unchanged, 17);
    let (_, conditional) = pair.run(&[]).await;
    assert_eq!(conditional, [true; 5]);

    // Continue with as many pages as were fetched.
    let part = pair.ingest.run(&["--max-pages", "2"]).await.expect(0);
    assert_eq!(part.report()["unchanged_pages"], 2);
    pair.new_requests();
    pair.ingest.run(&[]).await.expect(0);
    assert!(!pair.new_requests().iter().any(is_conditional));
}

#[tokio::test]
async fn a_page_unreadable_in_between_is_stored_when_it_is_valid_again() {
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(short_pages(2, 4, 1)))).await;
    pair.run(&[]).await;
    pair.publisher.set_script(|_| Reply::json("<html>"));
    pair.ingest.run(&[]).await.expect(4);
    let open = "quarantine where reason = 'unreadable-page' and resolved_at is null";
    assert_eq!(pair.ingest.count(open).await, 1);
    pair.publisher
        .set_script(serve_with_etags(Feed::link(short_pages(2, 4, 1))));
    pair.new_requests();
    let ran = pair.ingest.run(&[]).await.expect(0);
    assert!(pair.new_requests().iter().all(is_conditional));
    assert_eq!(ran.report()["unchanged_pages"], 2);
    assert_eq!(pair.ingest.count(open).await, 0);
}

#[tokio::test]
async fn rejects_of_unchanged_pages_stay_and_are_counted() {
    let mut items = short_pages(2, 4, 1);
    items[0].push(r#"{"id":"without an ocid"}"#.into());
    items[0].push(titled(1, "the second of its key"));
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(items))).await;
    pair.run(&[]).await;
    let (ran, conditional) = pair.run(&[]).await;
    assert_eq!(conditional, [true; 2]);
    assert_eq!(ran.counts(), "5 unchanged, 1 folded, 1 quarantined");
    let open = "quarantine where reason = 'missing-ocid' and resolved_at is null";
    assert_eq!(pair.ingest.count(open).await, 1);
}

#[tokio::test]
async fn an_unexpected_304_is_not_a_page() {
    let mut items = short_pages(2, 4, 1);
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(items.clone()))).await;
    pair.run(&[]).await;
    items[1].push(release(9));
    items.push(vec![release(10)]);
    let feed = Feed::link(items);
    pair.publisher
        .set_script(move |request| match request.query("page").as_deref() {
            Some("3") => Reply::status(304),
            _ => feed.reply(request).with_etag(request),
        });
    let ran = pair.ingest.run(&[]).await.expect(4);
    ran.expect_log("fetch page 3 of zambia: status 304");
    assert_eq!(pair.ingest.read_pages().await.len(), 2);
}

#[tokio::test]
async fn a_purged_source_has_no_remembered_pages() {
    let mut pair = Pair::new(LINK, serve_with_etags(Feed::link(short_pages(2, 4, 1)))).await;
    pair.run(&[]).await;
    for ingest in [&pair.ingest, &pair.calm] {
        ingest.call(&["purge", SOURCE, "--yes"]).await.expect(0);
    }
    let (ran, conditional) = pair.run(&[]).await;
    assert_eq!(conditional, [false; 2]);
    assert_eq!(ran.counts().inserted, 5);
}

#[tokio::test]
async fn the_newest_page_of_a_change_feed_is_fetched_conditionally() {
    let table = r#"page = { mode = "link", pointer = "/links/next", stop = "same_url" }"#;
    let changes = |items: Vec<Items>| {
        move |request: &Request| {
            let page: usize = request
                .query("page")
                .map_or(1, |page| page.parse().unwrap());
            // The newest page links to itself.
            let next = items.len().min(page + 1);
            let link = format!(r#","links":{{"next":"/?page={next}"}}"#);
            Reply::json(package(&items[page - 1], &link)).with_etag(request)
        }
    };
    let mut items = short_pages(2, 4, 1);
    let mut pair = Pair::new(table, changes(items.clone())).await;
    pair.run(&[]).await;
    for _ in 0..2 {
        let (ran, conditional) = pair.run(&[]).await;
        assert_eq!(conditional, [true]);
        assert_eq!(ran.report()["unchanged_pages"], 1);
    }
    items[1].push(release(100));
    items.push(vec![release(101)]);
    pair.publisher.set_script(changes(items));
    let (ran, conditional) = pair.run(&[]).await;
    assert_eq!(conditional, [true, false]);
    assert_eq!(ran.counts().inserted, 2);
    assert_eq!(pair.run(&[]).await.1, [true]);
}

/// Files for each year, with the year in the path.
const YEARS: &str = "url = \"{}\"\naxis = { year = [\"2023\", \"2024\", \"2025\"] }";

#[tokio::test]
async fn a_chain_after_a_changed_one_is_fetched_in_full() {
    let files = |first: &'static str, second: &'static str| {
        move |request: &Request| {
            let title = match request.path() {
                "/2024" => first,
                _ => second,
            };
            Reply::json(package(&[titled(1, title)], "")).with_etag(request)
        }
    };
    for concurrency in [1, 2] {
        let publisher = Publisher::serve(files("equal", "equal")).await;
        let mut ingest = Ingest::new().await;
        let table = YEARS.replace("{}", &publisher.url("/{axis.year}"));
        ingest.configure(&format!(
            "[sources.{SOURCE}]\n{table}\nhttp.concurrency = {concurrency}"
        ));
        let title = "select tender_title from ocds.release";
        ingest.run(&[]).await.expect(0);
        let ran = ingest.run(&[]).await.expect(0);
        assert_eq!(ran.report()["unchanged_pages"], 3);

        let seen = publisher.requests().len();
        let (changed, gate) = (files("newly of 2024", "equal"), Gate::open_up_to(0));
        let held = gate.clone();
        // The first file is unchanged, and its answer allows a second request at once. The second
        // file is answered when as many requests are open as allowed, and the third one when the
        // program knows that the second has changed.
        publisher.set_script(move |request| match request.path() {
            "/2023" => changed(request),
            "/2024" => changed(request).hold_at(&held, 1),
            _ => changed(request).hold_at(&held, 2),
        });
        let run = ingest.start_run(&[]);
        publisher.wait_for_requests(seen + 1 + concurrency).await;
        gate.move_to(1);
        let durable = "select count(*) = 2 from ocds.page
            where run_id = (select max(id) from ocds.run)";
        ingest.wait_until(durable).await;
        gate.open();
        run.wait().await.expect(0);
        let requests = publisher.requests().split_off(seen);
        let asked: Vec<(&str, bool)> = requests
            .iter()
            .map(|request| (request.path(), is_conditional(request)))
            .collect();
        // With concurrency, the third file is requested before the program knows that the second
        // has changed.
        match concurrency {
            1 => assert_eq!(asked[1..], [("/2024", true), ("/2025", false)]),
            _ => assert_eq!(asked[3..], [("/2025", false)]),
        }
        assert_eq!(ingest.value(title).await, "equal");
    }
}

#[tokio::test]
async fn validators_are_sent_only_to_the_source_s_own_host() {
    let page = package(&[release(1)], "");
    let reply = move |request: &Request| {
        let reply = Reply::json(page.clone()).with_etag(request);
        reply.with_last_modified(request, LONG_AGO)
    };
    let elsewhere = Publisher::serve(reply.clone()).await;
    let (to, there) = (elsewhere.url("/file"), reply.clone());
    let home = Publisher::serve(move |request| match request.path() {
        "/here" => Reply::redirect(302, "/file"),
        "/there" => Reply::redirect(302, &to),
        _ => there(request),
    })
    .await;
    let host = elsewhere.url("").replace("http://", "");
    for (path, expected) in [
        // The time of another file would prove nothing.
        ("/here", [true, false]),
        ("/there", [false, false]),
        ("/file", [true, true]),
    ] {
        let mut ingest = Ingest::new().await;
        let table = format!("http.allow_hosts = [{host:?}]");
        ingest.declare_as(SOURCE, &home.url(path), &table);
        ingest.run(&[]).await.expect(0);
        let said =
            "select unnest(array[etag is not null, last_modified is not null]) from ocds.page";
        let expected_columns = expected.map(|is_said| if is_said { "t" } else { "f" });
        assert_eq!(ingest.column(said).await, expected_columns, "{path}");
        let ran = ingest.run(&[]).await.expect(0);
        let unchanged = u64::from(expected[0]);
        assert_eq!(ran.report()["unchanged_pages"], unchanged, "{path}");
    }
    assert!(!elsewhere.requests().iter().any(is_conditional));
}

#[tokio::test]
async fn no_conditional_requests_if_the_source_declares_304() {
    let mut pair = Pair::new(
        &format!("{LINK}\nhttp.empty_status = [304]"),
        serve_with_etags(Feed::link(short_pages(2, 4, 1))),
    )
    .await;
    pair.run(&[]).await;
    assert_eq!(pair.run(&[]).await.1, [false; 2]);
}

#[tokio::test]
async fn an_unchanged_page_is_stored_once_and_only_with_the_lease() {
    let publisher = Publisher::serve(serve_with_etags(Feed::link(short_pages(2, 4, 1)))).await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    let (definition, rules) = (
        "select definition from ocds.run",
        "select distinct rules from ocds.page",
    );
    let spec = RunSpec::incremental(SOURCE, ingest.value(definition).await);
    let rules = ingest.value(rules).await;

    let database = open_database(&ingest.url).await;
    let config = Config::default();
    let claim = ledger::claim(&database, &spec, &config.lease)
        .await
        .unwrap();
    let remembered = async |rules: &str| {
        let pages = ledger::read_remembered_pages(&database, &claim.lease, &spec, rules, 9);
        pages.await.unwrap()
    };
    assert!(remembered("other rules").await.is_empty());
    let mut pages = remembered(&rules).await;
    assert_eq!(pages.len(), 2);
    // The order in the database is undefined.
    pages.sort_by_key(|(_, _, page)| page.number);
    let (chain, cursor, first): (_, _, RememberedPage) = pages.remove(0);
    assert_eq!((first.items, first.number), (4, 1));

    let page = UnchangedPage {
        chain,
        position: Position { number: 1, cursor },
        url: publisher.url("/"),
        fetched_at: jiff::Timestamp::now(),
        validators: Validators {
            etag: Some("newer".into()),
            last_modified: None,
        },
        remembered: first.into(),
    };
    let sink = Sink::open(database.clone(), SOURCE, &config, Overwrite::Always)
        .await
        .unwrap();
    let mut stale = claim.lease;
    stale.epoch += 1;
    let refused = sink.commit_unchanged(&stale, &page).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Lease);
    assert_eq!(ingest.read_pages().await.len(), 0);
    for _ in 0..2 {
        // The second time the page is stored already, and the counts are the same.
        let counts = sink.commit_unchanged(&claim.lease, &page).await.unwrap();
        assert_eq!((counts.releases, counts.unchanged), (4, 4));
    }
    assert_eq!(ingest.read_pages().await.len(), 1);
    let tags = "select etag from ocds.page order by run_id desc limit 1";
    assert_eq!(ingest.value(tags).await, "newer");
    database.close().await.unwrap();
}

/// Runs a source of one file three times, changes the file, and runs it twice more. Returns the
/// status of each request.
async fn statuses_of_runs(server: &WebServer) -> Vec<String> {
    let page = |items: usize| package(&short_pages(1, items, items)[0], "");
    server.write_file("feed.json", page(100));
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, &server.url("/feed.json"), "");
    for _ in 0..3 {
        ingest.run(&[]).await.expect(0);
    }
    server.write_file("feed.json", page(101));
    for _ in 0..2 {
        ingest.run(&[]).await.expect(0);
    }
    assert_eq!(ingest.count("release").await, 101);
    let statuses = "select status::text from ocds.request order by id";
    ingest.column(statuses).await
}

#[tokio::test]
async fn real_servers_answer_304_to_the_tag_of_a_compressed_page() {
    let nginx = "gzip on; gzip_types application/json; server { listen {address}; }";
    let nginx = WebServer::nginx(nginx).await;
    let apache = WebServer::apache("SetOutputFilter DEFLATE").await;
    let uncompressed = WebServer::nginx("server { listen {address}; }").await;
    for server in [nginx, apache, uncompressed] {
        let statuses = statuses_of_runs(&server).await;
        assert_eq!(statuses, ["200", "304", "304", "200", "304"]);
    }
}

#[tokio::test]
async fn a_tag_works_in_either_form_that_a_304_brings() {
    // The first server compares only the tag of the file, and the other only that of the response.
    for (known, sent_with_304) in [("\"1\"", "\"1\""), ("\"1-gzip\"", "\"1-gzip\"")] {
        let script = move |request: &Request| {
            let tags = request.header("if-none-match").unwrap_or_default();
            match tags.split(',').any(|tag| tag.trim() == known) {
                true => Reply::status(304).header("etag", sent_with_304),
                false => Reply::json(package(&[release(1)], "")).header("etag", "\"1-gzip\""),
            }
        };
        let publisher = Publisher::serve(script).await;
        let ingest = Ingest::with_source(&publisher, "").await;
        for _ in 0..4 {
            ingest.run(&[]).await.expect(0);
        }
        let statuses = "select status::text from ocds.request order by id";
        assert_eq!(ingest.column(statuses).await, ["200", "304", "304", "304"]);
    }
}
