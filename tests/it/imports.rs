//! Tests which modules may import which: imports point one way, and no siblings import each other
//! in a circle.
//!
//! It reads the sources as text: `use` trees, and other paths that begin with `crate` or `super`.
//! It excludes unit tests. The search for circles excludes the `mod.rs` of a folder, because that
//! declares and re-exports its children.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The name of a module, without the crate.
type Module = Vec<String>;

/// The modules that each stage, and each layer below the stages, may import in addition to the
/// nouns.
const LAYERS: [(&str, &[&str]); 15] = [
    (
        "command",
        &[
            "bulk", "cli", "compile", "database", "decode", "demo", "extract", "fetch", "ledger",
            "merge", "pipeline", "sink",
        ],
    ),
    ("cli", &[]),
    ("demo", &[]),
    (
        "pipeline",
        &[
            "compile", "database", "decode", "extract", "fetch", "ledger", "sink",
        ],
    ),
    ("fetch", &["decode", "http"]),
    ("fuzz", &["decode", "fetch", "http"]),
    ("decode", &[]),
    ("http", &[]),
    ("extract", &[]),
    ("merge", &[]),
    ("sink", &["bulk", "database", "ledger"]),
    ("compile", &["bulk", "database", "ledger", "merge"]),
    ("ledger", &["bulk", "database"]),
    ("bulk", &["database"]),
    ("database", &[]),
];

/// The other nouns that each noun may import.
const NOUNS: [(&str, &[&str]); 16] = [
    ("config", &["error", "json", "source"]),
    ("source", &["json", "percent", "userinfo"]),
    ("page", &["error", "json", "package", "release", "source"]),
    ("package", &["redact"]),
    ("request", &[]),
    ("release", &["package", "source"]),
    ("json", &[]),
    ("value", &[]),
    ("redact", &["percent"]),
    ("percent", &[]),
    ("userinfo", &[]),
    ("retry", &["error", "metrics"]),
    ("failpoint", &[]),
    ("metrics", &["error"]),
    ("sqlstate", &[]),
    ("error", &["sqlstate"]),
];

#[test]
fn imports_point_one_way() {
    let imports = Imports::read();
    let mut wrong = Vec::new();
    for (from, to) in imports.edges.iter().filter(|(from, to)| from[0] != to[0]) {
        let allowed = |of: &[(&str, &[&str])]| {
            let entry = of.iter().find(|(name, _)| *name == from[0]);
            entry.is_some_and(|(_, allowed)| allowed.contains(&&*to[0]))
        };
        let is_layer = LAYERS.iter().any(|(name, _)| *name == from[0]);
        let is_noun = NOUNS.iter().any(|(name, _)| *name == to[0]);
        let is_allowed = allowed(&LAYERS) || allowed(&NOUNS) || (is_layer && is_noun);
        if !is_allowed && from[0] != "main" {
            wrong.push(format!("{} imports {}", from.join("::"), to.join("::")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_top_level_module_has_a_layer() {
    let tops: BTreeSet<String> = Imports::read()
        .modules
        .iter()
        .map(|it| it[0].clone())
        .collect();
    let placed = LAYERS.iter().chain(&NOUNS).map(|(name, _)| *name);
    let placed: BTreeSet<&str> = placed.chain(["main"]).collect();
    let tops: BTreeSet<&str> = tops.iter().map(String::as_str).collect();
    assert_eq!(tops, placed);
}

#[test]
fn no_siblings_import_each_other_in_a_circle() {
    let imports = Imports::read();
    let parents: BTreeSet<&[String]> = imports
        .modules
        .iter()
        .map(|module| &module[..module.len() - 1])
        .collect();
    for parent in parents {
        let siblings = imports.list_sibling_imports(parent);
        let circle = siblings
            .keys()
            .find_map(|start| find_circle(&siblings, start));
        assert_eq!(circle, None, "in src/{}", parent.join("/"));
    }
}

#[test]
fn every_form_of_import_is_read() {
    let source = "
        use crate::a::{self, b::{c, d as e}, f};
        use super::g;
        // use crate::not::this;
        fn f() -> crate::h::I { super::super::j() }
        pub(crate) use crate::k;
        #[cfg(test)]
        mod tests { use crate::not::that; }
    ";
    let paths: BTreeSet<String> = read_paths(source)
        .iter()
        .map(|path| path.join("::"))
        .collect();
    for path in [
        "crate::a::b::c",
        "crate::a::b::d",
        "crate::a::f",
        "super::g",
        "crate::h::I",
    ] {
        assert!(paths.contains(path), "{path} in {paths:?}");
    }
    assert!(paths.contains("super::super::j") && paths.contains("crate::k"));
    assert!(!paths.iter().any(|path| path.contains("not")), "{paths:?}");
}

/// The modules of the crate and their imports.
struct Imports {
    modules: BTreeSet<Module>,
    edges: BTreeSet<(Module, Module)>,
}

impl Imports {
    fn read() -> Self {
        let mut sources = BTreeMap::new();
        read_folder(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
            &[],
            &mut sources,
        );
        let modules: BTreeSet<Module> = sources
            .keys()
            .filter(|module| !module.is_empty())
            .cloned()
            .collect();
        let mut edges = BTreeSet::new();
        for (module, source) in sources.iter().filter(|(module, _)| !module.is_empty()) {
            let paths = read_paths(source);
            let imported = paths
                .iter()
                .filter_map(|path| resolve(module, path, &modules));
            edges.extend(
                imported
                    .filter(|it| it != module)
                    .map(|it| (module.clone(), it)),
            );
        }
        Self { modules, edges }
    }

    /// Returns which children of a module import which others.
    fn list_sibling_imports(&self, parent: &[String]) -> BTreeMap<&str, BTreeSet<&str>> {
        let child = |module: &'_ Module| -> Option<usize> {
            (module.len() > parent.len() && module.starts_with(parent)).then_some(parent.len())
        };
        let mut siblings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (from, to) in &self.edges {
            if let (Some(at), Some(_)) = (child(from), child(to))
                && from[at] != to[at]
            {
                siblings.entry(&from[at]).or_default().insert(&to[at]);
            }
        }
        siblings
    }
}

/// Reads the sources of the modules in a folder.
fn read_folder(folder: &Path, module: &[String], sources: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            read_folder(&path, &[module, &[name]].concat(), sources);
        } else if !["tests", "lib"].contains(&&*name)
            && path.extension().is_some_and(|it| it == "rs")
        {
            let module = match &*name {
                "mod" => module.to_vec(),
                _ => [module, &[name]].concat(),
            };
            sources.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Returns the paths in a source that begin with `crate` or `super`.
fn read_paths(source: &str) -> Vec<Vec<String>> {
    let source = source
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    let source = source
        .split("#[cfg(test)]\n        mod tests")
        .next()
        .unwrap_or_default();
    let code: Vec<&str> = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    let mut paths = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let is_inside =
                code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if !is_inside {
                read_tree(&code[at..], &[], &mut paths);
            }
        }
    }
    paths
}

/// Reads one path, or a tree of paths in braces. Returns what follows it.
fn read_tree<'s>(mut rest: &'s str, before: &[String], paths: &mut Vec<Vec<String>>) -> &'s str {
    let mut path = before.to_vec();
    loop {
        rest = rest.trim_start();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            loop {
                rest = read_tree(rest, &path, paths).trim_start();
                let Some(more) = rest.strip_prefix(',') else {
                    break;
                };
                rest = more;
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if end > 0 {
            path.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(more) if more.starts_with(|c: char| c.is_alphabetic() || "_{".contains(c)) => {
                rest = more;
            }
            _ => break,
        }
    }
    if path.len() > before.len() {
        paths.push(path);
    }
    match rest.trim_start().strip_prefix("as ") {
        Some(name) => {
            name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == ' ')
        }
        None => rest,
    }
}

/// Returns the module that a path names, or whose content it names.
fn resolve(module: &Module, path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    let mut base = module.clone();
    let mut names = path;
    if path.first()? == "crate" {
        (base, names) = (Vec::new(), &path[1..]);
    }
    while let Some((name, rest)) = names.split_first()
        && name == "super"
    {
        base.pop();
        names = rest;
    }
    base.extend(names.iter().filter(|name| *name != "self").cloned());
    while !base.is_empty() && !modules.contains(&base) {
        base.pop();
    }
    (!base.is_empty()).then_some(base)
}

/// Returns a path of imports from a module back to itself, if there is one.
fn find_circle(imports: &BTreeMap<&str, BTreeSet<&str>>, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in imports.get(way[way.len() - 1]).into_iter().flatten() {
            let way = [&way[..], &[next]].concat();
            if *next == start {
                return Some(way.into_iter().map(str::to_owned).collect());
            }
            if seen.insert(*next) {
                ways.push(way);
            }
        }
    }
    None
}
