//! The texts by which databases know a source stay the same, byte for byte.
//!
//! A run resumes only under the definition it began with, and a watermark counts only under
//! the scope it was reached in. If a text changes, the source begins at its first page or
//! date again in every database. So the line of a known source never changes, unless a
//! migration changes the stored texts in the same way.
//!
//! A line has three fields with tabs between them: name, scope, and the rest of the
//! definition. A new source needs a new line: with `RECORD=1` in the environment these tests
//! add the missing lines. They never change or remove one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use ocds_ingest::config::{self, Environment, Overrides};

use super::directory;

/// The texts of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Texts {
    scope: String,
    /// The rest of the definition, after the scope and a space.
    pages: String,
}

/// Returns the texts of all built-in sources and of those in `declared.toml`. They are
/// loaded as a run loads them, because loading settles the parameter of a page.
fn load_texts() -> BTreeMap<String, Texts> {
    let overrides = Overrides {
        files: vec![directory().join("declared.toml")],
        database_url: None,
    };
    let config = config::load_from(&overrides, &Environment::new());
    let config = config.unwrap_or_else(|error| panic!("{}", error.chain()));
    let sources = config.sources.into_iter();
    let texts = sources.map(|(name, source)| {
        let (scope, definition) = (source.scope(), source.definition());
        let pages = definition
            .strip_prefix(&format!("{scope} "))
            .unwrap_or_else(|| panic!("{name}: its definition does not begin with its scope"));
        let pages = pages.to_owned();
        (name, Texts { scope, pages })
    });
    texts.collect()
}

fn read(file: &str) -> BTreeMap<String, Texts> {
    let text = fs::read_to_string(directory().join(file)).unwrap_or_default();
    let mut recorded = BTreeMap::new();
    for line in text.lines() {
        let [name, scope, pages] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{file}: this line is not a name and two texts: {line}");
        };
        let texts = Texts {
            scope: scope.to_owned(),
            pages: pages.to_owned(),
        };
        let twice = recorded.insert(name.to_owned(), texts);
        assert_eq!(twice, None, "{file}: {name} has two lines");
    }
    recorded
}

fn write(file: &str, texts: &BTreeMap<String, Texts>) {
    let mut lines = String::new();
    for (name, Texts { scope, pages }) in texts {
        writeln!(lines, "{name}\t{scope}\t{pages}").unwrap();
    }
    fs::write(directory().join(file), lines).unwrap();
}

/// Compares texts with a recorded file, and adds the missing lines if `RECORD` is set.
fn check(file: &str, texts: BTreeMap<String, Texts>) {
    let mut recorded = read(file);
    if std::env::var("RECORD").is_ok_and(|it| it == "1") {
        for (name, texts) in &texts {
            let known = recorded.entry(name.clone());
            known.or_insert_with(|| texts.clone());
        }
        write(file, &recorded);
    }
    let mut wrong = String::new();
    let names: BTreeSet<&String> = recorded.keys().chain(texts.keys()).collect();
    for name in names {
        match (recorded.get(name), texts.get(name)) {
            (None, _) => writeln!(wrong, "{name}: no line; RECORD=1 adds it").unwrap(),
            (_, None) => writeln!(wrong, "{name}: a line, and no such source").unwrap(),
            (Some(was), Some(is)) => {
                for (what, was, is) in [
                    ("scope", &was.scope, &is.scope),
                    ("pages", &was.pages, &is.pages),
                ] {
                    if was != is {
                        writeln!(wrong, "{name}: {what}\n  was {was}\n  is  {is}").unwrap();
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{file} is not what the program writes. If a text changes, its source begins anew in \
         every database, unless a migration changes the stored texts as well.\n{wrong}"
    );
}

fn built_in_names() -> BTreeSet<String> {
    config::built_in_sources().unwrap().into_keys().collect()
}

#[test]
fn the_texts_of_built_in_sources_stay_the_same() {
    let names = built_in_names();
    let mut texts = load_texts();
    texts.retain(|name, _| names.contains(name));
    assert_eq!(texts.len(), names.len());
    check("definitions.txt", texts);
}

/// `declared.toml` has the kinds of declarations that no built-in source has. The word
/// "hidden" marks what must not be in a text: secrets, and what changes no page.
#[test]
fn the_texts_of_all_kinds_of_declarations_stay_the_same() {
    let names = built_in_names();
    let mut texts = load_texts();
    texts.retain(|name, _| !names.contains(name));
    for (name, Texts { scope, pages }) in &texts {
        let text = format!("{scope} {pages}");
        assert!(!text.contains("hidden"), "{name}: {text}");
    }
    check("declared.txt", texts);
}
