//! Tests the current state of processes: which content it has, and what the rows of its tables are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Ingest, LINK, SOURCE};
use crate::publisher::{Feed, Items, Publisher};

/// Returns a release of a process. `members` are added to it.
pub(crate) fn release_of(ocid: &str, id: usize, members: &Value) -> String {
    let mut release = json!({
        "ocid": ocid, "id": format!("{ocid}-{id}"), "tag": ["award"],
        "date": format!("2026-01-{:02}T00:00:00Z", id % 28 + 1),
    });
    let own = release.as_object_mut().unwrap();
    own.extend(members.as_object().unwrap().clone());
    release.to_string()
}

async fn ingest_releases(items: Items, table: &str) -> (Publisher, Ingest) {
    let publisher = Feed::link(vec![items]).serve().await;
    let ingest = Ingest::with_source(&publisher, &format!("{LINK}\n{table}")).await;
    ingest.run(&[]).await.expect(0);
    (publisher, ingest)
}

/// The state of each process, without times.
const STATE: &str = "select concat_ws(' ', ocid, origin, releases, release_id, awards, \
    coalesce(trim_scale(award_value)::text, '-'), coalesce(award_currency, '-'), coalesce(tender_title, '-')) \
    from ocds.process order by ocid";

fn award(id: &str, status: &str, amount: f64) -> Value {
    json!({"id": id, "status": status, "value": {"amount": amount, "currency": "GBP"}})
}

#[tokio::test]
async fn releases_that_say_only_what_changed_are_merged() {
    let items = vec![
        release_of(
            "o-1",
            1,
            &json!({"tender": {"title": "roads"}, "awards": [award("a", "active", 10.0)]}),
        ),
        release_of(
            "o-1",
            2,
            &json!({"awards": [{"id": "a", "title": "only the title"}]}),
        ),
        release_of("o-1", 3, &json!({"awards": [award("b", "active", 5.5)]})),
        release_of("o-2", 1, &json!({"tender": {"title": "bridges"}})),
    ];
    let (_publisher, ingest) = ingest_releases(items, "").await;
    assert_eq!(
        ingest.column(STATE).await,
        [
            "o-1 merged 3 2 15.5 GBP roads",
            "o-2 single 1 o-2-1 0 - - bridges"
        ]
    );
    let title = "select title from ocds.award where ocid = 'o-1' and award_id = 'a'";
    assert_eq!(ingest.value(title).await, "only the title");
}

#[tokio::test]
async fn with_the_rule_latest_the_newest_release_is_the_whole_state() {
    let items = vec![
        release_of("o-1", 2, &json!({"awards": [award("b", "active", 5.5)]})),
        release_of(
            "o-1",
            1,
            &json!({"tender": {"title": "gone"}, "awards": [award("a", "active", 10.0)]}),
        ),
    ];
    let (_publisher, ingest) = ingest_releases(items, "compile = { rule = \"latest\" }").await;
    assert_eq!(
        ingest.column(STATE).await,
        ["o-1 single 2 o-1-2 1 5.5 GBP -"]
    );
}

#[tokio::test]
async fn a_republished_process_is_not_counted_twice() {
    let content = json!({"awards": [award("a", "active", 1000.0)]});
    let items = (1..=11).map(|id| release_of("o-1", id, &content)).collect();
    let (_publisher, ingest) = ingest_releases(items, "").await;
    assert_eq!(ingest.column(STATE).await, ["o-1 merged 11 1 1000 GBP -"]);
    assert_eq!(ingest.count("award").await, 1);
}

#[tokio::test]
async fn a_process_without_releases_has_the_compiled_release_of_its_publisher() {
    let compiled = |ocid: &str, title: &str| {
        json!({"ocid": ocid, "tag": ["compiled"], "date": "2026-02-02T00:00:00Z",
            "tender": {"title": title}, "awards": [award("a", "active", 7.0)]})
        .to_string()
    };
    let items = vec![
        compiled("o-1", "compiled"),
        compiled("o-2", "compiled"),
        release_of("o-2", 1, &json!({"tender": {"title": "released"}})),
    ];
    let (_publisher, ingest) = ingest_releases(items, "").await;
    assert_eq!(
        ingest.column(STATE).await,
        [
            "o-1 publisher 0 1 7 GBP compiled",
            "o-2 single 1 o-2-1 0 - - released"
        ]
    );
    // the view has a compiled release for each, whatever it is made of
    let view =
        "select concat_ws(' ', ocid, data ->> 'id', data ->> 'tag', data #>> '{tender,title}')
        from ocds.compiled_release order by ocid";
    assert_eq!(
        ingest.column(view).await,
        [
            "o-1 [\"compiled\"] compiled",
            "o-2 o-2-2026-01-02T00:00:00Z [\"compiled\"] released"
        ]
    );
}

#[tokio::test]
async fn awards_that_came_to_nothing_do_not_count() {
    let awards = json!([
        award("a", "active", 1.0),
        award("b", "cancelled", 10.0),
        award("c", "Unsuccessful", 100.0),
        award("d", "pending", 1_000.0),
        {"id": "e", "value": {"amount": "10,000.00", "currency": "GBP"}},
        {"id": "f", "status": "", "value": {"amount": 100_000, "currency": "GBP"}},
    ]);
    let items = vec![release_of("o-1", 1, &json!({"awards": awards}))];
    let (_publisher, ingest) = ingest_releases(items, "").await;
    let counts = "select concat_ws(' ', awards, active_awards, awards_without_status, trim_scale(award_value), \
        trim_scale(award_value_active), award_value_by_currency) from ocds.process";
    assert_eq!(ingest.value(counts).await, "6 1 2 110001 1");
}

#[tokio::test]
async fn amounts_of_several_currencies_are_not_added_up() {
    let award = |id: &str, amount: f64, currency: &str| json!({"id": id, "value": {"amount": amount, "currency": currency}});
    let awards = json!([
        award("a", 1.25, "GBP"),
        award("b", 2.0, "EUR"),
        award("c", 0.5, "GBP")
    ]);
    let items = vec![release_of("o-1", 1, &json!({"awards": awards}))];
    let (_publisher, ingest) = ingest_releases(items, "").await;
    let sums = "select concat_ws(' ', coalesce(trim_scale(award_value)::text, '-'), coalesce(award_currency, '-'), \
        award_value_by_currency) from ocds.process";
    assert_eq!(
        ingest.value(sums).await,
        "- - {\"EUR\": 2.0, \"GBP\": 1.75}"
    );
}

#[tokio::test]
async fn joint_awards_list_each_supplier_with_the_value_of_the_whole_award() {
    let members = json!({
        "parties": [
            {"id": 7, "name": "Seven", "roles": ["supplier"], "identifier": {"scheme": "GB-COH", "id": "0007"}},
            {"id": "x", "roles": ["supplier", "tenderer"]},
        ],
        "awards": [{"id": "a", "value": {"amount": 90, "currency": "GBP"},
            "suppliers": [{"id": "7"}, {"name": "Eight"}, {"id": "x", "name": ""}]}],
    });
    let (_publisher, ingest) = ingest_releases(vec![release_of("o-1", 1, &members)], "").await;
    let suppliers = "select concat_ws(' ', position, coalesce(party_id, '-'), coalesce(name, '-'), \
        coalesce(scheme_id, '-'), coalesce(party_position::text, '-'), award_value, joint) \
        from ocds.supplier order by position";
    assert_eq!(
        ingest.column(suppliers).await,
        [
            "0 7 Seven GB-COH-0007 0 90 3",
            "1 - Eight - - 90 3",
            "2 x - - 1 90 3"
        ]
    );
    let process =
        "select concat_ws(' ', suppliers, supplier_names, parties_by_role) from ocds.process";
    assert_eq!(
        ingest.value(process).await,
        "3 {Seven,Eight} {\"supplier\": 2, \"tenderer\": 1}"
    );
}

#[tokio::test]
async fn values_that_cannot_be_read_are_null_and_counted() {
    let members = json!({
        "tender": {"numberOfTenderers": 2.5, "value": {"amount": "much"}},
        "awards": [{"id": "a", "date": "01/02/2020", "value": {"amount": "1,234"}},
            {"id": "b", "date": "soon"}],
    });
    let (_publisher, ingest) = ingest_releases(vec![release_of("o-1", 1, &members)], "").await;
    let unread =
        "select concat_ws(' ', column_name, processes) from ocds.process_unread order by 1";
    assert_eq!(
        ingest.column(unread).await,
        [
            "award.date 1",
            "award.value 1",
            "process.number_of_tenderers 1",
            "process.tender_value 1"
        ]
    );
    assert_eq!(
        ingest
            .count("award where date is null and value is null")
            .await,
        2
    );
}

#[tokio::test]
async fn releases_that_cannot_be_merged_give_way_to_what_can_be_shown() {
    let compiled = json!({"ocid": "o-2", "tag": ["compiled"], "tender": {"title": "compiled"}});
    let items = vec![
        // a scalar becomes an object
        release_of("o-1", 1, &json!({"tender": "roads"})),
        release_of("o-1", 2, &json!({"tender": {"title": "newest"}})),
        release_of("o-2", 1, &json!({"tender": 5})),
        release_of("o-2", 2, &json!({"tender": {"title": "newest"}})),
        compiled.to_string(),
        // two releases, of which one has no date
        release_of(
            "o-3",
            1,
            &json!({"date": null, "tender": {"title": "undated"}}),
        ),
        release_of("o-3", 2, &json!({"tender": {"title": "dated"}})),
    ];
    let publisher = Feed::link(vec![items]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let ran = ingest.run(&[]).await.expect(0);
    ran.expect_log("the releases of 3 processes of zambia could not be merged");
    assert_eq!(ran.report()["compiled"]["failed"], 3);
    assert_eq!(
        ingest.column(STATE).await,
        [
            "o-1 single 2 o-1-2 0 - - newest",
            "o-2 publisher 2 0 - - compiled",
            "o-3 single 2 o-3-2 0 - - dated"
        ]
    );
    let reasons = "select merge_error from ocds.process order by ocid";
    for (reason, expected) in ingest.column(reasons).await.iter().zip([
        "tender is an object in release o-1-2",
        "tender is an object in release o-2-2",
        "the date of release o-3-1 is null",
    ]) {
        assert!(reason.starts_with(expected), "{reason}");
    }
}

#[tokio::test]
async fn a_release_that_merging_changes_is_stored_merged() {
    let items = vec![
        release_of(
            "o-1",
            1,
            &json!({"tender": {"title": "whole", "items": [{"id": "1"}]}}),
        ),
        release_of(
            "o-2",
            1,
            &json!({"tender": {"title": null, "description": "a null"}}),
        ),
        release_of(
            "o-3",
            1,
            &json!({"awards": [{"id": 1, "title": "t"}, {"id": "1", "status": "active"}]}),
        ),
    ];
    let (_publisher, ingest) = ingest_releases(items, "").await;
    let merged = "select ocid || ' ' || coalesce(merged - '{id,date,tag,ocid}'::text[], '{}')::text
        from ocds.process order by ocid";
    assert_eq!(
        ingest.column(merged).await,
        [
            "o-1 {}",
            "o-2 {\"tender\": {\"description\": \"a null\"}}",
            "o-3 {\"awards\": [{\"id\": \"1\", \"title\": \"t\", \"status\": \"active\"}]}"
        ]
    );
    assert_eq!(ingest.count("award").await, 1);
}

#[tokio::test]
async fn only_processes_whose_releases_have_changed_are_compiled() {
    let month = |number: usize, title: &str| -> Items {
        let release = |i: usize| {
            let title = if i.is_multiple_of(50) { title } else { "same" };
            release_of(
                &format!("o-{i}"),
                number,
                &json!({"tender": {"title": title}}),
            )
        };
        (0..200).map(release).collect()
    };
    let feed = |title| Feed::link((1..=6).map(|number| month(number, title)).collect());
    let publisher = feed("first").serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let compiled = async || {
        let report = ingest.run(&[]).await.expect(0).report();
        let compiled = &report["compiled"];
        (compiled["processes"].clone(), compiled["changed"].clone())
    };
    // in the order of dates, each process changes six times, and is compiled once
    assert_eq!(compiled().await, (200.into(), 200.into()));
    let versions =
        "select concat_ws(' ', ocid, ctid, xmin, changed_at) from ocds.process order by ocid";
    let before = ingest.column(versions).await;
    assert_eq!(compiled().await, (0.into(), 0.into()));
    assert_eq!(ingest.column(versions).await, before);

    let second = feed("second");
    publisher.set_script(move |request| second.reply(request));
    assert_eq!(compiled().await, (4.into(), 4.into()));
    let after = ingest.column(versions).await;
    let rewritten = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    assert_eq!(rewritten, 4);
    assert_eq!(ingest.count("compile_queue").await, 0);
    assert_eq!(
        ingest.count("process where tender_title = 'second'").await,
        4
    );
}

#[tokio::test]
async fn a_long_name_and_thousands_of_releases_stop_nothing() {
    let name = "x".repeat(10_000);
    let long = json!({
        "buyer": {"name": name}, "parties": [{"id": name, "name": name, "roles": ["supplier"]}],
        "awards": [{"id": name, "suppliers": [{"id": name}]}],
    });
    let mut items: Items = (0..8_000)
        .map(|i| release_of("o-many", i, &json!({"tender": {"title": format!("{i}")}})))
        .collect();
    items.push(release_of("o-long", 1, &long));
    let (_publisher, ingest) = ingest_releases(items, "").await;
    let releases = "select releases from ocds.process where ocid = 'o-many'";
    assert_eq!(ingest.value(releases).await, "8000");
    let length = "select length(name) from ocds.supplier where ocid = 'o-long'";
    assert_eq!(ingest.value(length).await, "10000");
    assert_eq!(ingest.count("compile_queue").await, 0);
}

#[tokio::test]
async fn a_process_that_is_too_large_shows_its_newest_release() {
    let text = "x".repeat(5_000);
    let release = |ocid: &str, id| {
        release_of(
            ocid,
            id,
            &json!({"tender": {"title": format!("{id}"), "description": text}}),
        )
    };
    let items = (1..=9)
        .map(|id| release("o-large", id))
        .chain((1..=2).map(|id| release("o-small", id)));
    let publisher = Feed::link(vec![items.collect()]).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[compile]\nmax_process_bytes = 30000");
    ingest.run(&[]).await.expect(0);
    assert_eq!(
        ingest.column(STATE).await,
        [
            "o-large single 9 o-large-9 0 - - 9",
            "o-small merged 2 0 - - 2"
        ]
    );
    let reason = "select merge_error from ocds.process where ocid = 'o-large'";
    assert_eq!(
        ingest.value(reason).await,
        "its releases have more than 30000 bytes of text (compile.max_process_bytes)"
    );
}

#[tokio::test]
async fn each_table_and_column_says_what_it_holds() {
    let ingest = Ingest::new().await;
    for table in ocds_ingest::compile::tables() {
        let sql = format!(
            "select concat_ws(' ', attname, format_type(atttypid, null), col_description(attrelid, attnum))
            from pg_attribute where attrelid = '{}'::regclass and attnum > 0 order by attnum",
            table.label
        );
        let columns = table.describe_columns();
        let described = columns.iter().map(|column| {
            let name = match column.r#type.name() {
                "int4" => "integer",
                "timestamptz" => "timestamp with time zone",
                "_text" => "text[]",
                name => name,
            };
            format!("{} {name} {}", column.name, column.comment)
        });
        assert_eq!(ingest.column(&sql).await, described.collect::<Vec<_>>());
        let comment = format!("select obj_description('{}'::regclass)", table.label);
        assert_eq!(ingest.value(&comment).await, table.comment);
    }
}

/// What the tables must hold, computed from the compiled releases in another way: by SQL over their
/// JSON. Each query returns one value for each process.
const INDEPENDENT: [(&str, &str, &str); 9] = [
    (
        "the value of awards that count",
        "select ocid, award_value::float8::text from ocds.process",
        "select ocid, (select sum(ocds.amount(award #> '{value,amount}'))
            from jsonb_array_elements(data -> 'awards') as award
            where lower(coalesce(award ->> 'status', '')) not in ('cancelled', 'unsuccessful', 'pending')
        )::float8::text from ocds.compiled_release",
    ),
    (
        "the sum of award rows",
        "select ocid, (select sum(value) from ocds.award where award.ocid = process.ocid)::float8::text
            from ocds.process",
        "select ocid, (select sum(ocds.amount(jsonb_path_query)) from jsonb_path_query(data, '$.awards[*].value.amount'))
            ::float8::text from ocds.compiled_release",
    ),
    (
        "the contracts",
        "select ocid, contracts || ' ' || (select count(*) from ocds.contract where contract.ocid = process.ocid)
            from ocds.process",
        "select ocid, concat_ws(' ', n, n) from ocds.compiled_release
            cross join lateral (select count(*) as n from jsonb_path_query(data, '$.contracts[*]')) as counted",
    ),
    (
        "the suppliers",
        "select ocid, (select string_agg(name, ',' order by award_position, position) from ocds.supplier
            where supplier.ocid = process.ocid) from ocds.process",
        "select ocid, (select string_agg(coalesce(supplier ->> 'name', (
                select party ->> 'name' from jsonb_array_elements(data -> 'parties') as party
                where party ->> 'id' = supplier ->> 'id'
            )), ',' order by a, s)
            from jsonb_array_elements(data -> 'awards') with ordinality as list (award, a)
            cross join lateral jsonb_array_elements(award -> 'suppliers') with ordinality as inner_list (supplier, s)
        ) from ocds.compiled_release",
    ),
    (
        "the items of all sections",
        "select ocid, (select string_agg(concat_ws('/', section, section_position, position, description), ','
                order by section, section_position, position)
            from ocds.item where item.ocid = process.ocid) from ocds.process",
        "select ocid, (select string_agg(concat_ws('/', section, sp - 1, p - 1, item ->> 'description'), ','
                order by section, sp, p)
            from (
                select 'tender' as section, 1 as sp, data #> '{tender,items}' as items
                union all select 'award', n, award -> 'items'
                    from jsonb_array_elements(data -> 'awards') with ordinality as l (award, n)
                union all select 'contract', n, contract -> 'items'
                    from jsonb_array_elements(data -> 'contracts') with ordinality as l (contract, n)
            ) as part
            cross join lateral jsonb_array_elements(items) with ordinality as i (item, p)
        ) from ocds.compiled_release",
    ),
    (
        "the roles of parties",
        "select ocid, parties_by_role::text from ocds.process",
        "select ocid, (select jsonb_object_agg(role, n)::text from (
            select role #>> '{}' as role, count(*) as n
            from jsonb_path_query(data, '$.parties[*].roles[*]') as role group by 1
        ) as counted) from ocds.compiled_release",
    ),
    (
        "the period of the tender",
        "select ocid, concat_ws(' ', tender_start, tender_end, tender_days) from ocds.process",
        "select ocid, concat_ws(' ', s, e, extract(day from e - s)) from (
            select ocid, (data #>> '{tender,tenderPeriod,startDate}')::timestamptz as s,
                (data #>> '{tender,tenderPeriod,endDate}')::timestamptz as e
            from ocds.compiled_release
        ) as period",
    ),
    (
        "the award that a contract names",
        "select ocid, (select string_agg(award_position::text, ',' order by position) from ocds.contract
            where contract.ocid = process.ocid) from ocds.process",
        "select ocid, (select string_agg((
                select (n - 1)::text from jsonb_array_elements(data -> 'awards') with ordinality as a (award, n)
                where award ->> 'id' = contract ->> 'awardID' order by n limit 1
            ), ',' order by c)
            from jsonb_array_elements(data -> 'contracts') with ordinality as l (contract, c)
        ) from ocds.compiled_release",
    ),
    (
        "the dates of releases",
        "select ocid, concat_ws(' ', releases, first_date, last_date) from ocds.process",
        "select ocid, concat_ws(' ', count(*), min((data ->> 'date')::timestamptz), max((data ->> 'date')::timestamptz))
            from ocds.release group by ocid",
    ),
];

/// Invents releases of processes that say this and that, without chance.
fn invent_releases() -> Items {
    let pick = |i: usize, words: &[&str]| words[i * 7 / 3 % words.len()].to_owned();
    let release = |i: usize| {
        let (process, n) = (i / 3, i % 3);
        let statuses = ["active", "cancelled", "pending", "unsuccessful", ""];
        let awards: Vec<Value> = (0..=(i % 4))
            .map(|a| {
                let mut award = json!({
                    "id": format!("a{a}"), "title": format!("award {a} of {i}"),
                    "date": format!("2026-02-{:02}T10:00:00Z", a + 1 + n),
                    "value": {"amount": 10.25 * (a + i) as f64, "currency": "GBP"},
                    "suppliers": [{"id": format!("s{}", i % 5)}, {"id": "s9", "name": pick(i, &["Nine", "Neun"])}],
                });
                match pick(a + i, &statuses) {
                    status if status.is_empty() => {}
                    status => award["status"] = status.into(),
                }
                if a % 2 == 0 {
                    award["items"] = json!([{"id": "i1", "description": format!("item of {a}")}]);
                }
                award
            })
            .collect();
        let members = json!({
            "parties": (0..5).map(|p| json!({"id": format!("s{p}"), "name": format!("Supplier {p}"),
                "roles": [pick(p + process, &["supplier", "buyer", "tenderer"])]})).collect::<Vec<_>>(),
            "tender": {
                "title": format!("tender {process}"),
                "items": [{"id": "1", "description": "one"}, {"id": "2", "description": pick(i, &["two", "zwei"])}],
                "tenderPeriod": {"startDate": "2026-01-01T00:00:00Z", "endDate": format!("2026-01-{:02}T00:00:00Z", 2 + i % 20)},
            },
            "awards": awards,
            "contracts": [{"id": format!("c{n}"), "awardID": format!("a{}", i % 2), "items": [{"id": "x", "description": "of a contract"}]}],
        });
        release_of(&format!("o-{process:03}"), n + 1, &members)
    };
    (0..300).map(release).collect()
}

#[tokio::test]
async fn tables_equal_what_is_computed_from_the_json_in_another_way() {
    let (_publisher, ingest) = ingest_releases(invent_releases(), "").await;
    for (what, table, json) in INDEPENDENT {
        let read = async |sql: &str| -> BTreeMap<String, String> {
            let sql = format!(
                "select ocid || '|' || coalesce(value, '') from ({sql}) as listed (ocid, value)"
            );
            let rows = ingest.column(&sql).await.into_iter();
            let rows = rows.map(|row| {
                row.split_once('|')
                    .map(|(a, b)| (a.to_owned(), b.to_owned()))
            });
            rows.map(Option::unwrap).collect()
        };
        let (table, json) = (read(table).await, read(json).await);
        assert_eq!(table.len(), 100, "{what}");
        assert_eq!(table, json, "{what}");
        assert!(
            table.values().any(|value| !value.is_empty()),
            "{what}: nothing is compared"
        );
    }
}

#[tokio::test]
async fn a_source_that_is_not_compiled_has_no_processes() {
    let publisher = Feed::link(vec![invent_releases()]).serve().await;
    let mut ingest = Ingest::new().await;
    ingest.declare(&publisher, &format!("{LINK}\ncompile = false"));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("compile_queue").await, 0);
    assert_eq!(ingest.count("process").await, 0);

    // the declaration changes: all processes are compiled, and go again
    ingest.declare(&publisher, &format!("{LINK}\ncompile = true"));
    let ran = ingest.call(&["compile"]).await.expect(0);
    assert!(
        ran.text().contains("100 processes compiled: 100 changed"),
        "{}",
        ran.text()
    );
    assert_eq!(ingest.count("process").await, 100);
    let ran = ingest.call(&["compile"]).await.expect(0);
    assert_eq!(ran.text(), "nothing to compile\n");

    ingest.declare(
        &publisher,
        &format!("{LINK}\ncompile = {{ rule = \"latest\" }}"),
    );
    ingest.call(&["compile", SOURCE]).await.expect(0);
    assert_eq!(ingest.count("process where origin = 'single'").await, 100);

    ingest.declare(&publisher, &format!("{LINK}\ncompile = false"));
    ingest.run(&[]).await.expect(0);
    for table in ocds_ingest::compile::tables() {
        assert_eq!(ingest.count(table.name).await, 0, "{}", table.name);
    }
    assert_eq!(ingest.count("process_gone").await, 100);
    assert_eq!(ingest.count("compile_queue").await, 0);
}

#[tokio::test]
async fn a_purge_deletes_processes_with_everything() {
    let (_publisher, ingest) = ingest_releases(invent_releases(), "").await;
    ingest.execute("insert into ocds.compile_queue (ocid, source) values ('o-001', 'zambia'), ('o-001', 'other')").await;
    ingest.call(&["purge", SOURCE, "--yes"]).await.expect(0);
    let left = ingest.read_processes().await;
    assert_eq!(left, ["queued other o-001"]);
    assert_eq!(ingest.count("source").await, 0);
    assert_eq!(ingest.count("release").await, 0);
}

#[tokio::test]
async fn processes_of_a_source_that_nobody_declares_are_named() {
    let ingest = Ingest::new().await;
    ingest
        .execute("insert into ocds.compile_queue (ocid, source) values ('o-1', 'atlantis')")
        .await;
    let ran = ingest.call(&["compile"]).await.expect(0);
    ran.expect_log("processes of atlantis are queued, but no source is called that any more");
    assert_eq!(ran.text(), "nothing to compile\n");
    ingest.call(&["compile", "atlantis"]).await.expect(2);
}
