//! Unpacks items of any kind until only releases are left.
//!
//! A package is divided into its releases or records. A record is divided into its releases and
//! its compiled release. If an entry of a record only links to a release, the entry is passed over
//! as long as the record's compiled release is stored, because the compiled release includes the
//! linked release. The versioned release of a record is passed over too, but it is kept.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::extract::read::{self, Item, Kind, ReadRelease, Refusal};
use crate::extract::version::{find_items_version, find_package_version};
use crate::extract::{COMPILED_RELEASE, Extracted, Options, VERSION_1_0, column, reject_document};
use crate::json::{self, Cut, ItemsAt, Loose, ScanError, Scanner, Unreadable, is_key};
use crate::package::{self, Package};
use crate::page::BrokenDocument;
use crate::release::{Change, Reason, Reject, Release, UPGRADE};
use crate::source;

pub(super) struct Unpacker<'o> {
    options: &'o Options,
    /// The number of items by which the page may still grow when items are found within other
    /// items.
    remaining: usize,
    /// The URL from which the next items were served. It is `None` if they were served from the
    /// page's own URL.
    url: Option<Arc<str>>,
    /// The package of the next items, and its text before secrets were replaced.
    package: Option<(Arc<str>, Arc<Package>)>,
    extracted: Extracted,
}

impl<'o> Unpacker<'o> {
    pub(super) fn new(options: &'o Options, items: usize) -> Self {
        Self {
            options,
            remaining: options.max_items.saturating_sub(items),
            url: None,
            package: None,
            extracted: Extracted::default(),
        }
    }

    pub(super) fn into_extracted(self) -> Extracted {
        self.extracted
    }

    pub(super) fn set_url(&mut self, url: Option<&Arc<str>>) {
        self.url = url.cloned();
    }

    /// Sets the package of the items that are added next. Neighbours with the same text share a
    /// package.
    pub(super) fn set_package(&mut self, text: Option<&Arc<str>>) {
        let Some(text) = text else {
            self.package = None;
            return;
        };
        if self.package.as_ref().is_none_or(|(last, _)| last != text) {
            let package = Package::new(text, &self.options.redactor);
            self.package = Some((Arc::clone(text), Arc::new(package)));
        }
    }

    /// Adds the items of a document. `pointer` is the JSON Pointer to the document, with which the
    /// items' pointers begin. `around` is the document without its items.
    pub(super) fn add_document(
        &mut self,
        document: &Bytes,
        pointer: &str,
        cut: &Cut,
        around: &Value,
    ) {
        let version = self
            .options
            .version
            .or_else(|| find_items_version(cut, around));
        let kind = || cut.list.as_deref().and_then(find_kind_by_list);
        let kind = self.options.kind.or_else(kind);
        let record_ocid: Option<Arc<str>> = find_record_ocid(cut, around).map(Into::into);
        self.extracted.extra_commas += cut.extra_commas as u64;
        let package = self
            .package
            .as_ref()
            .map(|(_, package)| Arc::clone(package));
        for item in &cut.items {
            // If the range is outside this body, the item is empty and is rejected later.
            let bytes = document.get(item.range.clone()).unwrap_or_default();
            self.add(Item {
                pointer: match &cut.list {
                    Some(list) => format!("{pointer}{list}/{}", item.index),
                    None => pointer.to_owned(),
                },
                served: document.slice_ref(bytes),
                depth: item.depth,
                kind,
                version,
                record_ocid: record_ocid.clone(),
                package: package.clone(),
            });
        }
    }

    /// Adds an item. The kind of the item decides how it is unpacked.
    pub(super) fn add(&mut self, item: Item) {
        match item.kind {
            Some(source::Kind::Release) => self.add_release(item, Kind::Release),
            Some(source::Kind::Record) => self.add_record(item),
            Some(source::Kind::ReleasePackage) => self.add_package(item, &RELEASES),
            Some(source::Kind::RecordPackage) => self.add_package(item, &RECORDS),
            None => self.add_unknown(item),
        }
    }

    /// Adds the compiled release of a record, or a reject that was a record's compiled release.
    pub(super) fn add_compiled_release(&mut self, item: Item) {
        self.add_release(item, Kind::CompiledRelease);
    }

    /// Adds an item of unknown kind. It is first read as a release, because most items are
    /// releases.
    fn add_unknown(&mut self, item: Item) {
        let read = read::read_release(&item, Kind::Release, self.options);
        let has_other_items = read
            .as_ref()
            .map_or(true, |read| read.reading.has_other_items);
        if has_other_items && let Some(kind) = find_kind_by_members(&item.served) {
            let kind = Some(kind);
            return self.add(Item { kind, ..item });
        }
        match read {
            Ok(read) => self.store(item, read),
            Err(refusal) => self.refuse(item, Kind::Release, refusal),
        }
    }

    fn add_release(&mut self, item: Item, kind: Kind) {
        match read::read_release(&item, kind, self.options) {
            Ok(read) => self.store(item, read),
            Err(refusal) => self.refuse(item, kind, refusal),
        }
    }

    fn store(&mut self, item: Item, read: ReadRelease) {
        self.extracted.values += read.reading.values;
        for inference in read.inferences() {
            *self.extracted.inferred.entry(inference).or_default() += 1;
        }
        let release = read.into_release(item);
        let is_upgraded = |change: &Change| change.repairs.contains(&UPGRADE);
        if release.version.is_none() && release.change.as_ref().is_some_and(is_upgraded) {
            *self.extracted.inferred.entry(VERSION_1_0).or_default() += 1;
        }
        self.extracted.releases.push(Release {
            url: self.url.clone(),
            ..release
        });
    }

    fn refuse(&mut self, item: Item, kind: Kind, refusal: Refusal) {
        let reject = refusal.into_reject(item, kind);
        self.extracted.rejects.push(Reject {
            url: self.url.clone(),
            ..reject
        });
    }

    fn add_package(&mut self, item: Item, kind: &PackageKind) {
        let cut = match kind.cut(&item.served) {
            Ok(cut) => cut,
            Err(Unreadable(found)) => {
                let refusal = read::find_json_error(&item.served).unwrap_or_else(|| {
                    let message = format!("a {} was expected, and it is {found}", kind.name);
                    Refusal::new(Reason::OtherKind, message)
                });
                return self.refuse(item, Kind::Release, refusal);
            }
        };
        if !self.reserve(cut.item_count() + cut.lone_objects.len()) {
            return self.refuse(item, Kind::Release, too_many_releases(self.options));
        }
        self.add_entries(&item, kind, &cut, &cut.envelope);
        if let Some(second) = &cut.second {
            self.add_entries(&item, kind.other(), second, &cut.envelope);
        }
        for object in &cut.lone_objects {
            let object = BrokenDocument {
                url: self.url.clone(),
                ..BrokenDocument::lone_object(&item.pointer, &item.served, object)
            };
            self.extracted.rejects.push(reject_document(&object));
        }
    }

    /// Adds the entries of one list of a package. `around` is the package without its lists.
    fn add_entries(&mut self, item: &Item, kind: &PackageKind, cut: &Cut, around: &Value) {
        let version = self
            .options
            .version
            .or_else(|| find_package_version(around));
        self.extracted.extra_commas += cut.extra_commas as u64;
        let text = package::write_text(around, cut.list_of_items());
        let own = text.map(|text| Arc::new(Package::new(&text, &self.options.redactor)));
        let package_of_entries = own.or_else(|| item.package.clone());
        for entry in &cut.items {
            self.add(Item {
                pointer: [&*item.pointer, &cut.pointer(entry)].concat(),
                served: item.served.slice(entry.range.clone()),
                depth: entry.depth,
                kind: Some(kind.entries),
                version,
                record_ocid: None,
                package: package_of_entries.clone(),
            });
        }
    }

    fn add_record(&mut self, item: Item) {
        let record = match Record::read(&item.served, self.options.max_items) {
            Ok(record) => record,
            Err(error) => {
                let refusal = read::find_json_error(&item.served).unwrap_or_else(|| {
                    let message = format!("a record was expected, and {}", error.reason());
                    Refusal::new(Reason::OtherKind, message)
                });
                return self.refuse(item, Kind::Release, refusal);
            }
        };
        if record.releases.is_empty() && record.compiled.is_empty() {
            return self.add_empty_record(item, &record);
        }
        if !self.reserve(record.count()) {
            return self.refuse(item, Kind::Release, too_many_releases(self.options));
        }
        let item = Item {
            record_ocid: record.ocid.clone(),
            ..item
        };
        if self.has_only_history(&item, &record) {
            let message = "the record has only a versioned release, and links to its releases";
            let refusal = Refusal::new(Reason::EmptyRecord, message.to_owned());
            return self.refuse(item, Kind::Release, refusal);
        }
        let Record {
            releases,
            compiled,
            versioned,
            ..
        } = record;
        let compiled = compiled.into_iter().map(|entry| {
            let compiled = item.release_at(entry, COMPILED_RELEASE);
            let read = read::read_release(&compiled, Kind::CompiledRelease, self.options);
            (compiled, read)
        });
        let compiled: Vec<_> = compiled.collect();
        let is_summed_up = compiled.iter().any(|(_, read)| read.is_ok());
        for (index, entry) in releases.into_iter().enumerate() {
            let release = item.release_at(entry, &format!("/releases/{index}"));
            match read::read_release(&release, Kind::ReleaseOfRecord, self.options) {
                Ok(read) => self.store(release, read),
                Err(refusal) if refusal.is_link() && is_summed_up => {
                    self.extracted.count_unkept(Reason::IncludedLink);
                }
                Err(refusal) => self.refuse(release, Kind::ReleaseOfRecord, refusal),
            }
        }
        for (compiled, read) in compiled {
            match read {
                Ok(read) => self.store(compiled, read),
                Err(refusal) => self.refuse(compiled, Kind::CompiledRelease, refusal),
            }
        }
        for entry in versioned {
            self.pass_over_versioned_release(item.release_at(entry, "/versionedRelease"));
        }
    }

    /// Adds a record that has neither releases nor a compiled release.
    fn add_empty_record(&mut self, item: Item, record: &Record) {
        // Only the position of the item suggested that the item is a record, so it may be a
        // release.
        if self.options.kind.is_none()
            && let Ok(read) = read::read_release(&item, Kind::Release, self.options)
        {
            return self.store(item, read);
        }
        let message = match record.versioned.is_empty() {
            true => "the record has neither releases nor a compiled release",
            false => "the record has only a versioned release",
        };
        let refusal = Refusal::new(Reason::EmptyRecord, message.to_owned());
        self.refuse(item, Kind::Release, refusal);
    }

    /// Returns true if nothing of a record can be stored, but it has a versioned release. Then the
    /// record is refused as a whole, so that a replay has all of it.
    fn has_only_history(&self, item: &Item, record: &Record) -> bool {
        let is_link = |(index, entry): (usize, &Span)| {
            let release = item.release_at(entry.clone(), &format!("/releases/{index}"));
            let read = read::read_release(&release, Kind::ReleaseOfRecord, self.options);
            read.is_err_and(|refusal| refusal.is_link())
        };
        !record.versioned.is_empty()
            && record.compiled.is_empty()
            && record.releases.iter().enumerate().all(is_link)
    }

    /// Keeps the versioned release of a record. It has no key of its own, because it has the
    /// values of several releases.
    fn pass_over_versioned_release(&mut self, item: Item) {
        let message = "a versioned release is the history of a record and is not stored";
        let refusal = Refusal::new(Reason::VersionedRelease, message.to_owned());
        let reject = refusal.into_reject(item, Kind::Release);
        self.extracted.rejects.push(Reject {
            url: self.url.clone(),
            release_id: None,
            ..reject
        });
    }

    /// Counts `items` items instead of the one item that contains them. Returns false if the page
    /// would have too many items.
    fn reserve(&mut self, items: usize) -> bool {
        let left = self.remaining.checked_sub(items.saturating_sub(1));
        self.remaining = left.unwrap_or(self.remaining);
        left.is_some()
    }
}

fn too_many_releases(options: &Options) -> Refusal {
    let message = format!(
        "with its releases the page has more than {} items, the limit of `fetch.max_items`",
        options.max_items
    );
    Refusal::new(Reason::TooManyReleases, message)
}

/// A kind of package, the name of its list, and the kind of the entries in the list.
struct PackageKind {
    name: &'static str,
    list: &'static str,
    entries: source::Kind,
}

const RELEASES: PackageKind = PackageKind {
    name: "release package",
    list: "releases",
    entries: source::Kind::Release,
};

const RECORDS: PackageKind = PackageKind {
    name: "record package",
    list: "records",
    entries: source::Kind::Record,
};

impl PackageKind {
    /// Divides a package of this kind, which may also have the list of the other kind.
    fn cut(&self, package: &[u8]) -> Result<Cut, Unreadable> {
        json::cut_package(package, &self.shape(), &self.other().shape())
    }

    fn shape(&self) -> ItemsAt {
        ItemsAt::parse(&format!("/{}/*", self.list)).expect("a valid pointer")
    }

    fn other(&self) -> &'static PackageKind {
        match self.list == RELEASES.list {
            true => &RECORDS,
            false => &RELEASES,
        }
    }
}

/// Returns the ocid of a document that is a record, and whose items are the record's releases.
fn find_record_ocid<'v>(cut: &Cut, around: &'v Value) -> Option<&'v str> {
    let (place, name) = cut.list_of_items()?.rsplit_once('/')?;
    let ocid = around.pointer(place)?.get("ocid")?.as_str()?;
    (name == "releases" && !ocid.trim().is_empty()).then_some(ocid)
}

/// Returns the kind of an item by the name of the list that contains it.
pub(super) fn find_kind_by_place(pointer: &str) -> Option<source::Kind> {
    let (list, _index) = pointer.rsplit_once('/')?;
    find_kind_by_list(list)
}

fn find_kind_by_list(list: &str) -> Option<source::Kind> {
    match list.rsplit_once('/')? {
        (_, "releases") => Some(source::Kind::Release),
        (_, "records") => Some(source::Kind::Record),
        _ => None,
    }
}

/// Returns the kind of an item that contains other items, by the names of its members. If the
/// text is damaged, only the members before the damage are considered.
fn find_kind_by_members(item: &[u8]) -> Option<source::Kind> {
    let (mut is_record, mut has_ocid, mut has_tag) = (false, false, false);
    let (mut releases, mut records) = (false, false);
    let mut scanner = Scanner::new(item, 0, Loose);
    let _ = scanner.walk_members(|scanner, key| {
        let name = &item[key];
        let is_list = scanner.peek()? == b'[';
        is_record |= is_key(name, "compiledRelease") || is_key(name, "versionedRelease");
        has_ocid |= is_key(name, "ocid");
        has_tag |= is_key(name, "tag");
        releases |= is_list && is_key(name, "releases");
        records |= is_list && is_key(name, "records");
        scanner.skip_value().map(drop)
    });
    match (has_ocid, has_tag) {
        _ if is_record => Some(source::Kind::Record),
        (true, true) => None,
        (true, false) => releases.then_some(source::Kind::Record),
        (false, _) if records => Some(source::Kind::RecordPackage),
        (false, _) => releases.then_some(source::Kind::ReleasePackage),
    }
}

/// The contents of a record. If a member occurs more than once, all occurrences count. If
/// `releases` is an object, it counts as a list with one release.
#[derive(Debug, Default)]
struct Record {
    ocid: Option<Arc<str>>,
    releases: Vec<Span>,
    compiled: Vec<Span>,
    versioned: Vec<Span>,
}

/// The position of a value in a record, and its depth.
type Span = (Range<usize>, usize);

impl Record {
    /// Reads a record. After more than `most` releases, further ones are ignored, because such a
    /// record is refused.
    fn read(record: &[u8], most: usize) -> Result<Self, ScanError> {
        let mut read = Self::default();
        let mut scanner = Scanner::new(record, 0, Loose);
        scanner.walk_members(|scanner, key| {
            let name = &record[key];
            let is_releases = is_key(name, "releases");
            if is_releases && scanner.peek()? == b'[' {
                return scanner.walk_entries(|scanner| {
                    let span = scanner.read_value()?;
                    if read.releases.len() <= most {
                        read.releases.push(span);
                    }
                    Ok(())
                });
            }
            let is_named = |member| is_key(name, member);
            let is_lone = is_releases && scanner.peek()? == b'{';
            let span = scanner.read_value()?;
            let value = &record[span.0.clone()];
            if is_lone {
                read.releases.push(span);
            } else if is_named("compiledRelease") && value != b"null" {
                read.compiled.push(span);
            } else if is_named("versionedRelease") && value != b"null" {
                read.versioned.push(span);
            } else if is_named("ocid") {
                read.ocid = column::decode_identifier(value).map(Into::into);
            }
            Ok(())
        })?;
        Ok(read)
    }

    fn count(&self) -> usize {
        self.releases.len() + self.compiled.len() + self.versioned.len()
    }
}

impl Item {
    fn release_at(&self, (range, depth): Span, pointer: &str) -> Self {
        Self {
            pointer: [&*self.pointer, pointer].concat(),
            served: self.served.slice(range),
            depth,
            kind: Some(source::Kind::Release),
            version: self.version,
            record_ocid: self.record_ocid.clone(),
            package: self.package.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::extract::extract_items;
    use crate::source;

    /// Extracts the items of a body. Returns the pointer and the key of each release, and the
    /// pointer and the reason of each reject.
    fn read(body: &str, items: &source::Items) -> Vec<String> {
        let Extracted {
            releases, rejects, ..
        } = extract(body, items);
        let releases = releases.iter().map(|release| {
            let text = std::str::from_utf8(&release.text).unwrap();
            assert!(text.contains(&format!(r#""ocid":"{}""#, release.key.ocid)));
            let id = match release.key.is_compiled() {
                true => "compiled",
                false => &release.key.release_id,
            };
            format!("{} {} {id}", release.pointer, release.key.ocid)
        });
        let rejects = rejects
            .iter()
            .map(|reject| format!("{} {}", reject.pointer, reject.reason));
        releases.chain(rejects).collect()
    }

    fn extract(body: &str, items: &source::Items) -> Extracted {
        let options = Options {
            kind: items.kind,
            compiled: items.compiled,
            ocid_from_id: items.ocid_from_id.clone(),
            ..Options::default()
        };
        let body = Bytes::copy_from_slice(body.as_bytes());
        let cut = json::cut(&body, &items.shapes).unwrap();
        extract_items(&body, &cut, &options)
    }

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        assert_eq!(read(body, &source::Items::default()), expected, "{body}");
    }

    fn items_declared_as(toml: &str) -> source::Items {
        #[derive(serde::Deserialize)]
        struct Source {
            items: source::Items,
        }
        toml::from_str::<Source>(&format!("items = {toml}"))
            .unwrap()
            .items
    }

    const A: &str = r#"{"ocid":"a","id":"1"}"#;
    const B: &str = r#"{"ocid":"b","id":"2"}"#;
    const COMPILED: &str = r#"{"ocid":"a","id":"x","tag":["compiled"]}"#;
    const LINK: &str = r#"{"url":"https://publisher.example/1","tag":["tender"]}"#;

    /// Returns a record that contains these releases and a compiled release.
    fn record(releases: &[&str]) -> String {
        let releases = releases.join(",");
        format!(r#"{{"ocid":"a","releases":[{releases}],"compiledRelease":{COMPILED}}}"#)
    }

    #[test]
    fn every_kind_of_document_is_found_by_itself() {
        check(A, &[" a 1"]);
        check(
            &format!(r#"{{"releases":[{A},{B}]}}"#),
            &["/releases/0 a 1", "/releases/1 b 2"],
        );
        check(&format!("[{A},{B}]"), &["/0 a 1", "/1 b 2"]);
        let two = ["/releases/0 a 1", "/compiledRelease a compiled"];
        check(&record(&[A]), &two);
        check(
            &format!(r#"{{"records":[{}]}}"#, record(&[A])),
            &two.map(|found| format!("/records/0{found}"))
                .each_ref()
                .map(|found| &**found),
        );
        check(
            &format!("[{},{B}]", record(&[A])),
            &[
                "/0/releases/0 a 1",
                "/0/compiledRelease a compiled",
                "/1 b 2",
            ],
        );
        check(
            &format!(r#"[{{"releases":[{A}]}},{{"releases":[{B}]}}]"#),
            &["/0/releases/0 a 1", "/1/releases/0 b 2"],
        );
        check(
            &format!(r#"[{{"records":[{}]}},{B}]"#, record(&[B])),
            &[
                "/0/records/0/releases/0 b 2",
                "/0/records/0/compiledRelease a compiled",
                "/1 b 2",
            ],
        );
        // Only the members show the kind of the item.
        check(
            &format!(r#"{{"versionedRelease":{{}},"releases":[{A}]}}"#),
            &["/releases/0 a 1", "/versionedRelease versioned-release"],
        );
    }

    #[test]
    fn a_kind_is_told_where_it_is_not_to_be_seen() {
        let packages = format!(r#"{{"data":[{{"releases":[{A}]}},{{"releases":null}}]}}"#);
        let items = items_declared_as(r#"{ pointer = "/data/*", kind = "release_package" }"#);
        assert_eq!(read(&packages, &items), ["/data/0/releases/0 a 1"]);
        let items = items_declared_as(r#"{ pointer = "/data/*", kind = "record_package" }"#);
        assert_eq!(
            read(&packages, &items),
            ["/data/0 other-kind", "/data/1 other-kind"]
        );
        let items = items_declared_as(r#"{ pointer = "/records/*", kind = "release" }"#);
        let body = format!(r#"{{"records":[{A},{}]}}"#, record(&[B]));
        assert_eq!(
            read(&body, &items),
            ["/records/0 a 1", "/records/1 missing-id"]
        );
        let items = items_declared_as(r#"{ pointer = "", kind = "record_package" }"#);
        assert_eq!(read(&body, &items)[0], "/records/1/releases/0 b 2");
        let items = items_declared_as(r#"{ pointer = "/*", kind = "record" }"#);
        assert_eq!(
            read(&format!(r#"[{A},7,{{"ocid":}}]"#), &items),
            ["/0 empty-record", "/1 other-kind", "/2 invalid-json"]
        );
    }

    #[test]
    fn a_link_is_passed_over_where_a_compiled_release_says_it_all() {
        let compiled = "/compiledRelease a compiled";
        check(&record(&[LINK, LINK]), &[compiled]);
        check(&record(&[LINK, B]), &["/releases/1 b 2", compiled]);
        check(&record(&[]), &[compiled]);
        check(
            &format!(r#"{{"releases":null,"compiledRelease":{COMPILED}}}"#),
            &[compiled],
        );
        check(
            &format!(r#"{{"records":[{{"ocid":"a","releases":[{LINK},{A}]}}]}}"#),
            &[
                "/records/0/releases/1 a 1",
                "/records/0/releases/0 linked-release",
            ],
        );
        // In a package, only the members show the kind of an entry.
        check(
            &format!(r#"{{"releases":[{LINK}]}}"#),
            &["/releases/0 linked-release"],
        );
        // A release in a package may have a URL.
        check(
            r#"{"releases":[{"url":"u","ocid":"a","id":"1"}]}"#,
            &["/releases/0 a 1"],
        );
    }

    #[test]
    fn a_link_may_say_which_release_it_leads_to() {
        let links = [
            r#"{"id":"1","url":"u","date":"d","tag":["tender"]}"#,
            r#"{"url":"u","details":{"id":"1","tender":{"title":"t"}}}"#,
            r#"{"ocid":"a","id":"1","url":"u"}"#,
        ];
        check(&record(&links), &["/compiledRelease a compiled"]);
        let extracted = extract(&record(&links), &source::Items::default());
        assert_eq!(extracted.unkept, BTreeMap::from([("included-link", 3)]));
        assert_eq!(extracted.count_passed_over(), extracted.unkept);
        let refused = links.map(|link| {
            let alone = format!(r#"{{"ocid":"a","releases":[{link}],"compiledRelease":null}}"#);
            read(&alone, &source::Items::default())
        });
        assert_eq!(refused, [(); 3].map(|()| ["/releases/0 linked-release"]));
        // A release with content is no link, although it says where it is.
        let release = r#"{"id":"1","url":"u","tender":{"title":"t"}}"#;
        check(
            &record(&[release]),
            &["/releases/0 a 1", "/compiledRelease a compiled"],
        );
    }

    #[test]
    fn a_versioned_release_is_kept_and_passed_over() {
        let versioned = r#"{"ocid":"a","tag":[{"releaseID":"1","value":["tender"]}]}"#;
        let record = |rest: &str| format!(r#"{{"ocid":"a","versionedRelease":{versioned}{rest}}}"#);
        let body = record(&format!(
            r#","releases":[{A}],"compiledRelease":{COMPILED}"#
        ));
        check(
            &body,
            &[
                "/releases/0 a 1",
                "/compiledRelease a compiled",
                "/versionedRelease versioned-release",
            ],
        );
        let extracted = extract(&body, &source::Items::default());
        assert_eq!(extracted.count_rejects(), 0);
        assert_eq!(extracted.rejects[0].document, versioned.as_bytes());
        // Where nothing else is stored, the record is refused, and has all bytes.
        for rest in [
            "",
            r#","releases":[]"#,
            &format!(r#","releases":[{LINK},{LINK}]"#),
        ] {
            let body = record(rest);
            check(&body, &[" empty-record"]);
            let extracted = extract(&body, &source::Items::default());
            assert_eq!(extracted.rejects[0].document, body.as_bytes());
        }
        // A bad release is refused for its own reason.
        let body = record(r#","releases":[{"ocid":"a","x":"\u0000"}]"#);
        check(
            &body,
            &[
                "/releases/0 nul-character",
                "/versionedRelease versioned-release",
            ],
        );
        check(
            &record(r#","compiledRelease":7"#).replace(versioned, "null"),
            &["/compiledRelease not-an-object"],
        );
    }

    #[test]
    fn a_record_tells_the_ocid_of_what_it_has() {
        let body = r#"{"records":[{"releases":[{"id":"1"},{"ocid":"b","id":"2"},{"ocid":null,"id":3}],
            "compiledRelease":{"date":"d" },"ocid":"a"}]}"#;
        check(
            body,
            &[
                "/records/0/releases/0 a 1",
                "/records/0/releases/1 b 2",
                "/records/0/releases/2 a 3",
                "/records/0/compiledRelease a compiled",
            ],
        );
        let extracted = extract(body, &source::Items::default());
        assert_eq!(extracted.inferred, BTreeMap::from([("ocid-of-record", 3)]));
        let [first, second, ..] = &extracted.releases[..] else {
            panic!("{extracted:?}");
        };
        assert_eq!(first.served_text(), r#"{"id":"1"}"#);
        assert_eq!(first.change.as_ref().unwrap().repairs, ["ocid-of-record"]);
        assert_eq!(second.change, None);
        // The ocid stays missing if the record has none, and without it there is nothing.
        check(
            r#"{"compiledRelease":{"id":"1"},"releases":[{"id":"1"}]}"#,
            &["/releases/0 missing-ocid", "/compiledRelease missing-ocid"],
        );
        let extracted = extract(
            r#"{"ocid":"a","releases":[{"id":"9","x":"\u0000"},{"tag":[]}]}"#,
            &source::Items::default(),
        );
        for reject in &extracted.rejects {
            assert_eq!(reject.ocid.as_deref(), Some("a"));
        }
    }

    #[test]
    fn an_ocid_is_made_of_the_id_if_the_source_says_so() {
        let body =
            r#"[{"id":"ocds-x-12-01"},{"id":"other"},{"ocid":"own","id":"ocds-x-13-01"},{}]"#;
        let items = items_declared_as(r"{ ocid_from_id = '^(ocds-x-\d+)-\d+$' }");
        let expected = [
            "/0 ocds-x-12 ocds-x-12-01",
            "/2 own ocds-x-13-01",
            "/1 missing-ocid",
            "/3 missing-ocid",
        ];
        assert_eq!(read(body, &items), expected);
        let extracted = extract(body, &items);
        assert_eq!(extracted.inferred, BTreeMap::from([("ocid-of-id", 1)]));
        assert_eq!(read(body, &source::Items::default()).len(), 4);
    }

    #[test]
    fn both_lists_of_a_package_are_read() {
        let package = format!(
            r#"{{"records":[{}],"version":"1.1","releases":[{B}]}}"#,
            record(&[])
        );
        let expected = [
            "/0/records/0/compiledRelease a compiled",
            "/0/releases/0 b 2",
        ];
        check(&format!("[{package}]"), &expected);
        let declared = items_declared_as(r#"{ pointer = "/*", kind = "release_package" }"#);
        let mut found = read(&format!("[{package}]"), &declared);
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_of_the_other_list_of_a_package_is_lost() {
        let check_all = |package: &str, expected: &[&str]| {
            check(&format!("[{package}]"), expected);
            let declared = items_declared_as(r#"{ pointer = "/*", kind = "release_package" }"#);
            let mut found = read(&format!("[{package}]"), &declared);
            found.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected, "{package}");
        };
        let (one, two) = (record(&[]), record(&[]).replace(r#""a""#, r#""b""#));
        // The member is there twice.
        check_all(
            &format!(r#"{{"releases":[{B}],"records":[{one}],"records":[{two}],"records":[]}}"#),
            &[
                "/0/records/0/compiledRelease a compiled",
                "/0/records/1/compiledRelease b compiled",
                "/0/releases/0 b 2",
            ],
        );
        // An entry is no JSON, which concerns nothing else.
        check_all(
            &format!(r#"{{"releases":[{B}],"records":[{{"x":nope,"releases":[]}},{one}]}}"#),
            &[
                "/0/records/1/compiledRelease a compiled",
                "/0/releases/0 b 2",
                "/0/records/0 empty-record",
            ],
        );
        // An object has the place of the other list.
        check_all(
            &format!(r#"{{"records":[{one}],"releases":[],"releases":{A}}}"#),
            &[
                "/0/records/0/compiledRelease a compiled",
                "/0/releases other-kind",
            ],
        );
        // The whole page may be such a package.
        check(
            &format!(r#"{{"releases":[{B}],"records":[{one}],"records":{A}}}"#),
            &[
                "/releases/0 b 2",
                "/records/0/compiledRelease a compiled",
                "/records other-kind",
            ],
        );
    }

    #[test]
    fn a_link_is_kept_where_its_compiled_release_is_not_stored() {
        for bad in [r#"{"ocid":"a","x":"\u0000"}"#, "{}", "7"] {
            let found = read(
                &format!(r#"{{"ocid":"a","releases":[{LINK}],"compiledRelease":{bad}}}"#),
                &source::Items::default(),
            );
            assert_eq!(found.len(), 2, "{found:?}");
            assert_eq!(found[0], "/releases/0 linked-release");
        }
        // One of the two members is enough.
        check(
            &format!(r#"{{"compiledRelease":7,"releases":[{LINK}],"compiledRelease":{COMPILED}}}"#),
            &[
                "/compiledRelease a compiled",
                "/compiledRelease not-an-object",
            ],
        );
    }

    #[test]
    fn what_says_more_than_where_a_release_is_is_no_link() {
        let release = r#"{"ocid":"a","url":"u","date":"d","tender":{"title":"t"}}"#;
        check(
            &record(&[release, r#"{"tag":["tender"]}"#]),
            &[
                "/compiledRelease a compiled",
                "/releases/0 missing-id",
                "/releases/1 missing-id",
            ],
        );
    }

    #[test]
    fn a_release_in_place_of_a_list_is_a_list_of_one() {
        let compiled = "/compiledRelease a compiled";
        let record = |release: &str| {
            format!(r#"{{"ocid":"a","releases":{release},"compiledRelease":{COMPILED}}}"#)
        };
        check(&record(A), &["/releases/0 a 1", compiled]);
        check(&record(LINK), &[compiled]);
        check(&record("{}"), &[compiled, "/releases/0 missing-ocid"]);
        check(
            &format!(r#"{{"records":[{{"ocid":"a","releases":{A}}}]}}"#),
            &["/records/0/releases/0 a 1"],
        );
    }

    #[test]
    fn a_record_of_nothing_is_refused_unless_it_is_a_release() {
        for nothing in [
            r#"{"ocid":"a"}"#,
            r#"{"ocid":"a","releases":[]}"#,
            r#"{"ocid":"a","releases":null,"compiledRelease":null}"#,
            r#"{"ocid":"a","id":"1","tag":[],"versionedRelease":{}}"#,
        ] {
            let records = format!(r#"{{"records":[{nothing}]}}"#);
            let expected = match nothing.contains("\"id\"") {
                true => "/records/0 a 1",
                false => "/records/0 empty-record",
            };
            check(&records, &[expected]);
        }
        check(r#"{"versionedRelease":{}}"#, &[" empty-record"]);
    }

    #[test]
    fn a_release_is_compiled_if_the_tag_and_the_id_say_so() {
        let merged = r#"{"ocid":"a","id":"a-2026-01-02T00:00:00Z","date":"2026-01-02T00:00:00Z","tag":["compiled"]}"#;
        check(&format!("[{merged}]"), &["/0 a compiled"]);
        let extracted = extract(&format!("[{merged}]"), &source::Items::default());
        assert_eq!(extracted.inferred, BTreeMap::from([("compiled-by-id", 1)]));
        // The date may have any form, but must be the same.
        let day = r#"{"ocid":"a","id":"a-2/1/26","tag":"compiled","date": "2/1/26"}"#;
        check(&format!("[{day}]"), &["/0 a compiled"]);
        for (from, to) in [
            (r#"["compiled"]"#, r#"["tender"]"#),
            (r#"["compiled"]"#, r#"["compiled","tender"]"#),
            (r#""date":"2026-01-02"#, r#""date":"2026-01-03"#),
            (r#""id":"a-"#, r#""id":"b-"#),
            (r#""date":"#, r#""updated":"#),
        ] {
            let release = merged.replace(from, to);
            let found = read(&format!("[{release}]"), &source::Items::default());
            assert!(!found[0].ends_with("compiled"), "{release}: {found:?}");
        }
        check(
            r#"[{"ocid":"a","id":"a-","date":"","tag":["compiled"]}]"#,
            &["/0 a a-"],
        );
    }

    #[test]
    fn a_release_that_says_it_is_compiled_is_one_if_the_source_says_so() {
        let body =
            format!(r#"[{COMPILED},{A},{{"ocid":"b","id":"2","tag":["compiled","tender"]}}]"#);
        let items = items_declared_as("{ compiled = true }");
        assert_eq!(read(&body, &items), ["/0 a compiled", "/1 a 1", "/2 b 2"]);
    }

    #[test]
    fn a_release_that_says_it_is_compiled_keeps_its_id() {
        check(
            &format!(r#"{{"releases":[{COMPILED},{A}]}}"#),
            &["/releases/0 a x", "/releases/1 a 1"],
        );
        check(
            r#"[{"ocid":"a","id":"1","tag":["compiled","tender"]}]"#,
            &["/0 a 1"],
        );
        // An item that has this tag and no id is a compiled release.
        for id in ["", r#","id":null"#, r#","id":" ""#] {
            let item = format!(r#"{{"ocid":"a"{id},"tag":["compiled"]}}"#);
            check(&format!("[{item}]"), &["/0 a compiled"]);
            let item = format!(r#"{{"ocid":"a"{id},"tag":["compiled","tender"]}}"#);
            check(&format!("[{item}]"), &["/0 missing-id"]);
        }
        check(r#"[{"tag":["compiled"]}]"#, &["/0 missing-ocid"]);
        // The compiled release of a record is a compiled release, whatever its tag is.
        check(
            r#"{"compiledRelease":{"ocid":"a","id":"1","tag":["tender"]}}"#,
            &["/compiledRelease a compiled"],
        );
    }

    #[test]
    fn a_bad_release_costs_its_record_nothing() {
        let bad = r#"{"ocid":"a","id":"9","title":"\u0000"}"#;
        check(
            &record(&[A, bad, "null"]),
            &[
                "/releases/0 a 1",
                "/compiledRelease a compiled",
                "/releases/1 nul-character",
                "/releases/2 not-an-object",
            ],
        );
        let deep = format!(
            r#"{{"ocid":"a","id":"8","x":{}{}}}"#,
            "[".repeat(511),
            "]".repeat(511)
        );
        check(
            &record(&[&deep]),
            &["/releases/0 a 8", "/compiledRelease a compiled"],
        );
    }

    #[test]
    fn several_processes_in_one_record_keep_their_ocids() {
        check(
            &record(&[A, B]),
            &[
                "/releases/0 a 1",
                "/releases/1 b 2",
                "/compiledRelease a compiled",
            ],
        );
    }

    #[test]
    fn a_release_with_releases_of_its_own_is_a_release() {
        check(
            r#"[{"ocid":"a","id":"1","tag":["tender"],"releases":[{}],"records":[]}]"#,
            &["/0 a 1"],
        );
    }

    #[test]
    fn more_releases_within_records_than_a_page_may_have_are_refused_together() {
        let body = format!(
            r#"{{"records":[{},{{"ocid":"b","releases":[{}0]}}]}}"#,
            record(&[A]),
            "0,".repeat(Options::default().max_items)
        );
        check(
            &body,
            &[
                "/records/0/releases/0 a 1",
                "/records/0/compiledRelease a compiled",
                "/records/1 too-many-releases",
            ],
        );
    }
}
