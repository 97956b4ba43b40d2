//! Fuzzes how releases and rejects are extracted from a page.
//!
//! The first byte of the input selects the declared kind of the items, the bits of the second
//! byte select the options, and the rest is the page.

#![no_main]

use std::ops::Range;

use bytes::Bytes;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use ocds_ingest::extract::{Extracted, Options, extract_document, extract_items};
use ocds_ingest::json::{Cut, cut};
use ocds_ingest::release::{OCID_OF_RECORD, Reason, Reject, Release, UPGRADE};
use ocds_ingest::source::{Items, Kind, Repair, Version};
use ocds_ingest_fuzz::{Members, entries, identifier, unstorable};

/// The kinds that a source may declare. The first byte of the input selects one, counted from
/// `a`.
const KINDS: [Option<Kind>; 5] = [
    None,
    Some(Kind::Release),
    Some(Kind::Record),
    Some(Kind::ReleasePackage),
    Some(Kind::RecordPackage),
];

fuzz_target!(|data: &[u8]| {
    let [kind, flags, body @ ..] = data else {
        return;
    };
    let kind = KINDS[usize::from(kind.wrapping_sub(b'a')) % KINDS.len()];
    let options = Options {
        max_depth: if flags & 1 == 0 { 100 } else { 8 },
        max_values: if flags & 16 == 0 { 1_000_000 } else { 20 },
        max_items: 250_000,
        zone: TimeZone::UTC,
        kind,
        version: match (flags >> 2) & 3 {
            1 => Some(Version::V1_0),
            2 => Some(Version::V1_1),
            _ => None,
        },
        repair: match flags & 2 {
            0 => Vec::new(),
            _ => Repair::ALL.to_vec(),
        },
        ..Options::default()
    };
    let Ok(cut) = cut(body, &Items::default().shapes) else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    let extracted = extract_items(&body, &cut, &options);
    check_every_item(&body, &cut, &extracted, &options);
    for release in &extracted.releases {
        check_storable(release, &options);
        check_key(release);
        check_change(release, &options);
        check_extracted_again(release, &options);
    }
    for reject in &extracted.rejects {
        check_rejected_again(reject, &options);
    }
});

fn check_every_item(body: &Bytes, cut: &Cut, extracted: &Extracted, options: &Options) {
    let Extracted {
        releases, rejects, ..
    } = extracted;
    let releases = releases.iter().map(|it| (&*it.pointer, it.served_text()));
    let rejects = rejects.iter().map(|it| (&*it.pointer, &it.document));
    let mut outcomes: Vec<(&str, Range<usize>)> = releases
        .chain(rejects)
        .map(|(pointer, served)| (pointer, range_in(body, served)))
        .collect();
    outcomes.sort_by_key(|(_, served)| (served.start, served.end));
    let mut left = &outcomes[..];
    for item in &cut.items {
        let item_pointer = cut.pointer(item);
        let is_of_item = |(pointer, served): &(&str, Range<usize>)| {
            pointer.starts_with(&item_pointer)
                && served.start >= item.range.start
                && served.end <= item.range.end
        };
        let count = left
            .iter()
            .take_while(|outcome| is_of_item(outcome))
            .count();
        let (of_item, rest) = left.split_at(count);
        left = rest;
        // Nothing is stored or rejected twice.
        for pair in of_item.windows(2) {
            assert!(pair[0].1.end <= pair[1].1.start);
        }
        let text = std::str::from_utf8(&body[item.range.clone()]).ok();
        match options.kind {
            Some(Kind::Release) => {
                assert_eq!(of_item, [(&*item_pointer, item.range.clone())]);
            }
            Some(Kind::Record) => {
                if let Some((least, most)) = text.and_then(count_releases) {
                    assert!((least..=most).contains(&count), "{count}");
                }
            }
            Some(Kind::ReleasePackage) => {
                // A package without a list may count as no package. One with records too has more.
                let has_records = |text: &&str| lists(text, "records") != Some(Vec::new());
                let alone = text.filter(|text| !has_records(text));
                if let Some(lists) = alone.and_then(|text| lists(text, "releases")) {
                    assert!(count == lists.len() || (lists.is_empty() && count == 1));
                }
            }
            Some(Kind::RecordPackage) | None if count == 0 => {
                let names = ["releases", "records"];
                let is_empty = |text| {
                    names
                        .iter()
                        .all(|name| lists(text, name).is_some_and(|lists| lists.is_empty()))
                };
                assert!(text.is_none_or(|text| Members::of(text).is_none() || is_empty(text)));
            }
            Some(Kind::RecordPackage) | None => {}
        }
    }
    assert!(left.is_empty(), "out of nowhere: {left:?}");
}

/// Returns the position of a piece within a body.
fn range_in(body: &Bytes, piece: &Bytes) -> Range<usize> {
    let start = piece.as_ptr() as usize - body.as_ptr() as usize;
    assert!(start + piece.len() <= body.len());
    start..start + piece.len()
}

/// Returns the entries of a package's lists, or `None` if it is not a complete package.
fn lists<'t>(package: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let lists = Members::of(package)?.all(name).into_iter();
    let entries = lists.map(|list| match list {
        "null" => Some(Vec::new()),
        list => entries(list),
    });
    Some(entries.collect::<Option<Vec<_>>>()?.concat())
}

/// Returns the minimum and maximum number of releases in a record. If there is a compiled
/// release, it may stand for linked releases. A record that has only a versioned release and
/// links is one reject.
fn count_releases(record: &str) -> Option<(usize, usize)> {
    let members = Members::of(record)?;
    let releases = members.all("releases").into_iter();
    let releases = releases.map(|it| {
        entries(it).unwrap_or_else(|| match it.as_bytes()[0] {
            b'{' => vec![it],
            _ => vec![],
        })
    });
    let releases: Vec<&str> = releases.flatten().collect();
    let is_link =
        |release: &&&str| Members::of(release).is_some_and(|it| !it.all("url").is_empty());
    let links = releases.iter().filter(is_link).count();
    let compiled = members.all("compiledRelease").into_iter();
    let compiled = compiled.filter(|it| *it != "null").count();
    let versioned = members.all("versionedRelease").into_iter();
    let versioned = versioned.filter(|it| *it != "null").count();
    let most = releases.len() + compiled + versioned;
    let links = match (compiled, versioned) {
        (0, 0) => 0,
        (0, _) => most,
        _ => links,
    };
    Some(((most - links).max(1), most.max(1)))
}

fn check_storable(release: &Release, options: &Options) {
    let text = std::str::from_utf8(&release.text).expect("stored text is UTF-8");
    assert!(text.starts_with('{'));
    assert_eq!(unstorable(text, options.max_depth), None);
    assert!(!release.key.ocid.trim().is_empty());
}

fn check_key(release: &Release) {
    let text = std::str::from_utf8(&release.text).expect("stored text is UTF-8");
    let members = Members::of(text).expect("stored text is an object");
    let last = |name: &str| members.all(name).last().and_then(|it| identifier(it));
    assert_eq!(last("ocid").as_ref(), Some(&release.key.ocid));
    if !release.key.is_compiled() {
        assert_eq!(last("id").as_ref(), Some(&release.key.release_id));
        assert!(!release.key.release_id.trim().is_empty());
    } else if !release.pointer.ends_with("/compiledRelease") {
        let made_by_merge = last("date").map(|date| format!("{}-{date}", release.key.ocid));
        let id = last("id").filter(|id| !id.trim().is_empty());
        assert!(id.is_none() || id == made_by_merge);
        let tag = members
            .all("tag")
            .pop()
            .expect("it says that it is compiled");
        assert!(tag.contains("compiled") || tag.contains('\\'));
    }
}

fn check_change(release: &Release, options: &Options) {
    let Some(change) = &release.change else {
        return;
    };
    assert!(!change.repairs.is_empty());
    assert_ne!(change.served, release.text);
    for repair in &change.repairs {
        let is_asked = options.repair.iter().any(|asked| asked.as_str() == *repair);
        let is_own = [UPGRADE, OCID_OF_RECORD].contains(repair);
        assert!(is_asked || is_own, "{repair}");
    }
    let is_upgraded = change.repairs.contains(&UPGRADE);
    assert!(!is_upgraded || release.version == Some(Version::V1_0));
}

/// Checks that a stored release is final: extracting it again repairs and upgrades nothing.
fn check_extracted_again(release: &Release, options: &Options) {
    let place = match release.key.is_compiled() {
        true => "/compiledRelease",
        false => "",
    };
    let options = Options {
        kind: Some(Kind::Release),
        ..options.clone()
    };
    let again = extract_document(&release.text, place, release.version, None, &options);
    let [again] = &again.releases[..] else {
        panic!("{:?}", again.rejects);
    };
    assert_eq!(again.change, None);
    assert_eq!(again.key, release.key);
    assert_eq!(again.columns, release.columns);
    assert_eq!(
        again.content_hash == release.content_hash,
        release.change.is_none()
    );

    // White space between tokens does not change the hash.
    let text = std::str::from_utf8(&release.text).expect("stored text is UTF-8");
    let rest = text.strip_prefix('{').expect("an object");
    let spaced = Bytes::from(format!("{{ \n{rest}"));
    let spaced = extract_document(&spaced, place, release.version, None, &options);
    assert_eq!(spaced.releases[0].content_hash, again.content_hash);
}

/// Checks that a reject is rejected again, and not lost, when it is tried again.
fn check_rejected_again(reject: &Reject, options: &Options) {
    assert!(!reject.message.is_empty());
    for name in [&reject.ocid, &reject.release_id].into_iter().flatten() {
        assert!(!name.contains('\0'));
    }
    // A document on its own has the kind that its list's name says, not the declared kind. Only
    // within a record, a release may be a link or the history of the record.
    let is_of_its_place = matches!(
        reject.reason,
        Reason::OtherKind | Reason::EmptyRecord | Reason::LinkedRelease
    );
    if is_of_its_place || reject.reason.is_passed_over() {
        return;
    }
    let ocid = reject.ocid.as_deref();
    let again = extract_document(
        &reject.document,
        &reject.pointer,
        reject.version,
        ocid,
        options,
    );
    let [] = &again.releases[..] else {
        panic!("{} became a release", reject.reason);
    };
    let [again] = &again.rejects[..] else {
        panic!("{} became {} rejects", reject.reason, again.rejects.len());
    };
    // If a document has several faults, the reported one may be another one when it is alone.
    assert_eq!(again.document, reject.document);
}
