//! Tests the image and the scripts without a build, because test machines have no container
//! engine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::{read_repository_file, repository_path};

/// Returns the instructions of the Dockerfile, with continued lines joined.
fn read_instructions() -> Vec<String> {
    let text = read_repository_file("Dockerfile").replace("\\\n", " ");
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Returns the arguments of all instructions of a kind.
fn read_arguments(instruction: &str) -> Vec<String> {
    let found = read_instructions();
    let found = found.iter().filter_map(|line| {
        let (name, arguments) = line.split_once(' ')?;
        (name == instruction).then(|| arguments.trim().to_owned())
    });
    found.collect()
}

/// Returns the paths that the image is built from.
fn list_copied_paths() -> Vec<PathBuf> {
    let local = read_arguments("COPY")
        .into_iter()
        .filter(|paths| !paths.starts_with("--from"));
    local
        .flat_map(|paths| {
            let mut paths: Vec<PathBuf> = paths.split_whitespace().map(PathBuf::from).collect();
            paths.pop().expect("a destination");
            paths
        })
        .collect()
}

/// Parses a version such as `1.88` or `1.88.0`.
fn parse_version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap()).collect()
}

fn read_manifest() -> toml::Table {
    read_repository_file("Cargo.toml").parse().unwrap()
}

fn find_rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => find_rust_files(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
        .collect()
}

#[test]
fn the_image_is_built_from_paths_that_exist_and_are_sent_to_the_engine() {
    let sent = read_repository_file(".dockerignore");
    assert!(!list_copied_paths().is_empty());
    for path in list_copied_paths() {
        assert!(repository_path(&path).exists(), "{}", path.display());
        let wanted = format!("!{}", path.display());
        assert!(
            sent.lines().any(|line| line == wanted),
            ".dockerignore keeps out {}",
            path.display()
        );
    }
}

#[test]
fn what_the_program_includes_when_it_is_built_is_in_the_image() {
    let copied: Vec<PathBuf> = list_copied_paths().iter().map(repository_path).collect();
    let mut included = 0;
    for file in find_rust_files(&repository_path("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for call in ["include_dir!(\"", "include_str!(\"", "include_bytes!(\""] {
            for path in text.split(call).skip(1) {
                let (path, _) = path.split_once('"').unwrap();
                let path = match path.strip_prefix("$CARGO_MANIFEST_DIR/") {
                    Some(path) => repository_path(path),
                    None => file.parent().unwrap().join(path),
                };
                let path = fs::canonicalize(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
                let copied = copied.iter().any(|directory| path.starts_with(directory));
                assert!(copied, "{} is not in the image", path.display());
                included += 1;
            }
        }
    }
    assert!(included > 0, "the built-in sources at least are included");
}

#[test]
fn the_image_is_built_by_a_rust_that_is_new_enough() {
    let images = read_arguments("FROM");
    let (image, _) = images[0].split_once(" AS ").unwrap();
    let (image, _) = image.split_once('@').unwrap_or((image, ""));
    let tag = image.strip_prefix("rust:").unwrap();
    let (builder, _) = tag.split_once('-').unwrap();
    let manifest = read_manifest();
    let wanted = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(parse_version(builder) >= parse_version(wanted), "{image}");
}

#[test]
fn the_image_runs_on_the_debian_it_is_built_on() {
    // A newer C library in the builder would be missing at run time.
    let images = read_arguments("FROM");
    let (builder, runtime) = (&images[0], &images[1]);
    let (_, release) = runtime.split_once("debian:").unwrap();
    let (release, _) = release.split_once('-').unwrap();
    assert!(builder.contains(release), "{builder} and {runtime}");
}

#[test]
fn base_images_are_pinned() {
    let images = read_arguments("FROM");
    assert_eq!(images.len(), 2);
    for image in images {
        let (_, digest) = image
            .split_once("@sha256:")
            .unwrap_or_else(|| panic!("{image}"));
        let digest = digest.split_whitespace().next().unwrap();
        let is_hexadecimal = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(digest.len() == 64 && is_hexadecimal, "{image}");
    }
}

#[test]
fn installed_tools_are_pinned() {
    let script = read_repository_file(".ci/install").replace("\\\n", " ");
    let installing = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("cargo install ") || line.contains("/bin/pip\" install ")
    };
    let lines: Vec<&str> = script.lines().filter(installing).collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for line in lines {
        // NAME@$version or NAME==$version, and the version consists of numbers.
        let wanted = line.split_whitespace().last().unwrap().trim_matches('"');
        let (_, variable) = wanted
            .split_once('@')
            .or_else(|| wanted.split_once("=="))
            .unwrap_or_else(|| panic!("{line}"));
        let set = format!("{}=", variable.strip_prefix('$').unwrap());
        let version = script.lines().find_map(|line| line.strip_prefix(&*set));
        let version = version.unwrap_or_else(|| panic!("{set} is nowhere"));
        assert_eq!(version.split('.').count(), 3, "{line}: {version}");
        assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()));
    }
}

#[test]
fn the_image_runs_without_root_and_stops_by_sigterm() {
    let name = read_manifest()["package"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(read_arguments("ENTRYPOINT"), [format!("[\"{name}\"]")]);
    assert_eq!(read_arguments("STOPSIGNAL"), ["SIGTERM"]);
    let users = read_arguments("USER");
    let (user, group) = users[0].split_once(':').unwrap();
    let number = |text: &str| text.parse::<u32>().unwrap();
    assert!(number(user) > 0 && number(group) > 0, "{users:?}");
    let from_the_builder = read_arguments("COPY")
        .into_iter()
        .find(|paths| paths.starts_with("--from=build"))
        .unwrap();
    assert!(from_the_builder.contains(&format!("/target/release/{name} ")));
}

#[test]
fn the_scripts_are_executable() {
    for script in [".ci/run", ".ci/install"] {
        let path = repository_path(script);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert!(mode & 0o111 == 0o111, "{script} is not executable");
        assert!(
            read_repository_file(script).starts_with("#!/bin/sh\n"),
            "{script}"
        );
    }
}

#[test]
fn make_run_uses_its_own_profile_and_an_installation_uses_release() {
    let makefile = read_repository_file("Makefile");
    let (_, rest) = makefile.split_once("--profile ").unwrap();
    let profile = rest.split_whitespace().next().unwrap();
    let trial = &read_manifest()["profile"][profile];
    assert_eq!(trial["inherits"].as_str(), Some("dev"), "{profile}");
    // An installation uses the release profile by default.
    let install = makefile.lines().find(|line| line.contains("cargo install"));
    assert!(!install.unwrap().contains("profile"), "{install:?}");
}

#[test]
fn every_target_of_the_makefile_is_listed_by_help() {
    let makefile = read_repository_file("Makefile");
    let phony = makefile
        .lines()
        .find_map(|line| line.strip_prefix(".PHONY:"))
        .unwrap();
    for target in phony.split_whitespace() {
        let described = format!("{target}: ## ");
        assert!(
            makefile.lines().any(|line| line.starts_with(&described)),
            "{target} has no description"
        );
    }
    let targets = makefile
        .lines()
        .filter(|line| line.contains(": ##"))
        .count();
    assert_eq!(targets, phony.split_whitespace().count());
}
