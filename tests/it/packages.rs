//! Tests that a stored release keeps the package that served it: its publisher, its licence and
//! what else the package says.

use crate::harness::{Ingest, LINK, NUMBER, SOURCE};
use crate::publisher::{Feed, Publisher, Reply, Request, package, pages, release, zip};
use crate::run::titled;
use crate::sink::refused_release;

/// Returns each release with the member `license` of its package.
const LICENCES: &str = "
    select concat_ws(' ', source, release_id, coalesce(data_of_package ->> 'license', 'unknown'))
    from (
        select release.source, release_id, package.data as data_of_package
        from ocds.release
        left join ocds.package on package.source = release.source and package.id = package_id
        union all
        select compiled.source, ocid, package.data
        from ocds.publisher_compiled as compiled
        left join ocds.package on package.source = compiled.source and package.id = package_id
    ) as stored
    order by source, release_id";

const ONE_PAGE: &str = r#"page = { mode = "none" }"#;

/// Returns a package with a licence.
fn licensed(items: &[String], licence: &str) -> String {
    package(items, &format!(r#","license":"{licence}""#))
}

#[tokio::test]
async fn the_package_of_a_release_outlives_its_run() {
    let publisher = Publisher::serve(|_: &Request| Reply::json("{}")).await;
    let mut ingest = Ingest::with_source(&publisher, ONE_PAGE).await;
    ingest.configure("[ledger]\nkeep_runs = 1");
    for number in 0..4 {
        let items = [release(number), release(number + 1)];
        publisher.set_script(move |_| Reply::json(licensed(&items, &format!("L{number}"))));
        ingest.run(&[]).await.expect(0);
    }
    let told = ["0 L0", "1 L0", "2 L1", "3 L2", "4 L3"].map(|it| format!("{SOURCE} {it}"));
    assert_eq!(ingest.column(LICENCES).await, told);
    let pages = "page join ocds.release using (run_id) where release_id = '0'";
    assert_eq!(ingest.count(pages).await, 0);
}

#[tokio::test]
async fn each_chain_of_a_run_has_its_own_package() {
    let publisher = Publisher::serve(|request: &Request| {
        let (number, licence) = match request.path() {
            "/north" => (1, "N"),
            _ => (2, "S"),
        };
        Reply::json(licensed(&[release(number)], licence))
    })
    .await;
    let mut ingest = Ingest::new().await;
    let url = format!("{}{{axis.part}}", publisher.url("/"));
    ingest.declare_as("parts", &url, "axis = { part = [\"north\", \"south\"] }");
    ingest.call(&["run", "parts"]).await.expect(0);
    assert_eq!(ingest.column(LICENCES).await, ["parts 1 N", "parts 2 S"]);
}

#[tokio::test]
async fn documents_of_one_page_have_packages_of_their_own() {
    let packages = [
        licensed(&[release(1), release(2)], "A"),
        licensed(&[release(3)], "B"),
        licensed(&[release(4)], "A"),
    ];
    let record = |number: usize| {
        let release = release(number);
        format!(r#"{{"ocid":"o{number}","releases":[{release}],"compiledRelease":{release}}}"#)
    };
    let records = format!(
        r#"{{"records":[{}],"version":"1.1","license":"R","packages":["u"]}}"#,
        record(5)
    );
    let nested = format!(
        r#"{{"uri":"u","license":"outer","data":[{},{{"releases":[{}]}}]}}"#,
        licensed(&[release(6)], "inner"),
        release(7)
    );
    let single = ["1 A", "2 A", "3 B", "4 A"];
    for (body, table, expected) in [
        (packages.join("\n").into_bytes(), "", &single[..]),
        (packages.concat().into_bytes(), "", &single[..]),
        (
            format!("[{}]", packages.join(",")).into_bytes(),
            "",
            &single[..],
        ),
        (
            zip(&[
                ("a.json", &packages[0]),
                ("b.json", &packages[1]),
                ("c.json", &packages[2]),
            ]),
            "",
            &single[..],
        ),
        (
            records.into_bytes(),
            "items = { pointer = \"/records/*\" }",
            &["5 R", "ocds-213czf-5 R"][..],
        ),
        (
            nested.into_bytes(),
            "items = { pointer = \"/data/*\", kind = \"release_package\" }",
            &["6 inner", "7 outer"][..],
        ),
        (
            format!("[{}]", release(8)).into_bytes(),
            "",
            &["8 unknown"][..],
        ),
    ] {
        for mode in ["none", "file"] {
            let body = body.clone();
            let publisher = Publisher::serve(move |_: &Request| Reply::json(body.clone())).await;
            let table = format!("page = {{ mode = \"{mode}\" }}\n{table}");
            let ingest = Ingest::with_source(&publisher, &table).await;
            ingest.run(&[]).await.expect(0);
            let expected: Vec<_> = expected.iter().map(|it| format!("{SOURCE} {it}")).collect();
            assert_eq!(ingest.column(LICENCES).await, expected, "{mode}");
        }
    }
}

#[tokio::test]
async fn a_package_on_many_pages_is_one_row() {
    let publisher = Feed::link(pages(5, 3)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.declare_as("other", &publisher.url("/"), LINK);
    ingest.call(&["run", SOURCE, "other"]).await.expect(0);
    let stored = "select concat_ws(' ', source, data) from ocds.package order by 1";
    let data = r#"{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}"#;
    let rows = ["other", SOURCE].map(|source| format!("{source} {data}"));
    assert_eq!(ingest.column(stored).await, rows);
    assert_eq!(ingest.count("release where package_id is null").await, 0);
    let of_others = "release join ocds.package using (source) where id <> package_id";
    assert_eq!(ingest.count(of_others).await, 0);
}

#[tokio::test]
async fn an_unchanged_release_keeps_its_package_and_a_changed_one_gets_the_new_one() {
    let publisher = Publisher::serve(|_: &Request| Reply::json("{}")).await;
    let ingest = Ingest::with_source(&publisher, ONE_PAGE).await;
    let serve = |items: Vec<String>, licence: &'static str| {
        publisher.set_script(move |_| Reply::json(licensed(&items, licence)));
    };
    serve(vec![release(1), release(2)], "first");
    ingest.run(&[]).await.expect(0);
    let versions = ingest.read_row_versions().await;
    serve(vec![release(1), release(2)], "second");
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.read_row_versions().await, versions);
    // nothing refers to the second package
    assert_eq!(ingest.count("package").await, 1);
    serve(vec![release(1), titled(2, "changed")], "third");
    ingest.run(&[]).await.expect(0);
    let told = ["1 first", "2 third"].map(|it| format!("{SOURCE} {it}"));
    assert_eq!(ingest.column(LICENCES).await, told);
    assert_eq!(ingest.count("package").await, 2);
}

#[tokio::test]
async fn packages_are_durable_with_their_pages_and_only_with_them() {
    let pages = pages(6, 4);
    let publisher = Publisher::serve(move |request: &Request| {
        let page = request.page();
        let extra = format!(r#","license":"L{page}","total_pages":6"#);
        Reply::json(package(&pages[page - 1], &extra))
    })
    .await;
    let calm = Ingest::with_source(&publisher, NUMBER).await;
    calm.run(&[]).await.expect(0);
    for moment in ["after-rows", "before-commit", "commit-sent"] {
        let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
        ingest.configure("[ledger]\nrequests = false\n[sink]\nworkers = 1");
        ingest.set_env("FAILPOINTS", &format!("{moment}=3*off->return(crash)"));
        let ran = ingest.run(&[]).await;
        assert!(ran.signal.is_some(), "{}", ran.stderr);
        let pages = ingest.count("page").await;
        let packages = ingest.count("package").await;
        // a commit that was sent may arrive after the first of these was read
        assert!(
            pages >= 3 && packages >= pages,
            "{moment}: {packages} of {pages}"
        );
        ingest.set_env("FAILPOINTS", "");
        ingest.run(&[]).await.expect(0);
        let tables = ingest.read_tables().await;
        tables.expect_equal(&calm.read_tables().await, moment);
    }
}

#[tokio::test]
async fn a_replayed_release_has_the_package_that_served_it() {
    let deep = format!(
        r#"{{"ocid":"o","id":"deep","x":{}1{}}}"#,
        "[".repeat(20),
        "]".repeat(20)
    );
    let body = [
        licensed(&[release(1), refused_release(2)], "A"),
        licensed(&[deep], "B"),
    ]
    .join("\n");
    let publisher = Publisher::serve(move |_: &Request| Reply::json(body.clone())).await;
    let mut ingest = Ingest::with_source(&publisher, ONE_PAGE).await;
    ingest.configure("[extract]\nmax_depth = 10\n[sink]\nmax_bad_ratio = 1.0");
    ingest.run(&[]).await.expect(0);
    let licences = "select concat_ws(' ', reason, data ->> 'license') from ocds.quarantine
        join ocds.package on package.id = package_id order by 1";
    assert_eq!(ingest.column(licences).await, ["refused A", "too-deep B"]);
    ingest.configure("[extract]\nmax_depth = 100");
    ingest.call(&["quarantine", "replay"]).await.expect(0);
    let told = ["1 A", "deep B"].map(|it| format!("{SOURCE} {it}"));
    assert_eq!(ingest.column(LICENCES).await, told);
}

#[tokio::test]
async fn a_replayed_document_has_a_package_of_its_own() {
    let broken = format!("{} x", licensed(&[release(1)], "A"));
    let archive = zip(&[
        ("a.json", &broken),
        ("b.json", &licensed(&[release(2)], "B")),
    ]);
    let publisher = Publisher::serve(move |_: &Request| Reply::json(archive.clone())).await;
    let mut ingest = Ingest::with_source(&publisher, ONE_PAGE).await;
    ingest.configure("[sink]\nmax_bad_ratio = 1.0");
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("quarantine").await, 1);
    let mended = "update ocds.quarantine
        set document = convert_to(rtrim(convert_from(document, 'UTF8'), ' x'), 'UTF8')";
    ingest.execute(mended).await;
    ingest.call(&["quarantine", "replay"]).await.expect(0);
    let told = ["1 A", "2 B"].map(|it| format!("{SOURCE} {it}"));
    assert_eq!(ingest.column(LICENCES).await, told);
}

#[tokio::test]
async fn a_secret_in_a_package_is_not_stored() {
    const KEY: &str = "8c1fd0a27b";
    let body = format!(
        r#"{{"uri":"https://p.example/?key={KEY}","releases":[{}]}}"#,
        release(1)
    );
    let list = format!("[{body}]");
    for body in [body, list] {
        let publisher = Publisher::serve(move |_: &Request| Reply::json(body.clone())).await;
        let mut ingest = Ingest::new().await;
        ingest.set_env("SOME_KEY", KEY);
        let url = publisher.url("/?key={env.SOME_KEY}");
        ingest.declare_as("keyed", &url, ONE_PAGE);
        ingest.call(&["run", "keyed"]).await.expect(0);
        let uri = "select data ->> 'uri' from ocds.package";
        assert_eq!(
            ingest.value(uri).await,
            "https://p.example/?key={env.SOME_KEY}"
        );
        assert_eq!(
            ingest.count("release where package_id is not null").await,
            1
        );
    }
}

#[tokio::test]
async fn a_purge_deletes_the_packages_of_its_source() {
    let publisher = Feed::link(pages(2, 3)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.declare_as("malawi", &publisher.url("/"), LINK);
    ingest.call(&["run", SOURCE, "malawi"]).await.expect(0);
    ingest.call(&["purge", SOURCE, "--yes"]).await.expect(0);
    assert_eq!(
        ingest.column("select source from ocds.package").await,
        ["malawi"]
    );
}

#[tokio::test]
async fn an_upgrade_finds_the_package_of_a_page_that_is_still_there() {
    let publisher = Publisher::serve(|request: &Request| {
        let licence = request.path().trim_start_matches('/');
        let numbers = if licence == "two" { 3..5 } else { 1..3 };
        let items: Vec<_> = numbers.map(release).collect();
        Reply::json(licensed(&items, licence))
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.declare_as("plain", &publisher.url("/plain"), ONE_PAGE);
    let url = format!("{}{{axis.part}}", publisher.url("/"));
    ingest.declare_as("parts", &url, "axis = { part = [\"one\", \"two\"] }");
    ingest.call(&["run", "plain", "parts"]).await.expect(0);
    let undo = "update ocds.release set package_id = null;
        drop table ocds.package;
        drop view ocds.compiled_release;
        alter table ocds.publisher_compiled rename to compiled_release;
        alter table ocds.release drop column package_id;
        alter table ocds.compiled_release drop column package_id;
        alter table ocds.quarantine drop column package_id";
    ingest.execute(undo).await;
    ingest.execute_migration("packages").await;
    ingest
        .execute("alter table ocds.compiled_release rename to publisher_compiled")
        .await;
    let told = [
        "parts 1 unknown",
        "parts 2 unknown",
        "parts 3 unknown",
        "parts 4 unknown",
        "plain 1 plain",
        "plain 2 plain",
    ];
    assert_eq!(ingest.column(LICENCES).await, told);
    assert_eq!(ingest.count("package").await, 1);
}
