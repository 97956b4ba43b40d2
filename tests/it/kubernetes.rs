//! Tests that the files for Kubernetes fit the program. `make check` validates them against the
//! schemas.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ocds_ingest::config::{self, Config, Overrides};
use ocds_ingest::error::Kind;
use tokio::process::Command;
use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlLoader};

use crate::harness::{Ingest, Running, read_repository_file};
use crate::publisher::{Feed, Publisher, Reply, pages};

const CONFIGURATION: &str = "ocds-ingest.toml";

fn read(name: &str) -> String {
    read_repository_file(&format!("config/kubernetes/{name}"))
}

fn read_yaml(name: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(&read(name)).unwrap();
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

fn as_text(yaml: &Yaml) -> &str {
    yaml.as_str().unwrap_or_else(|| panic!("no text: {yaml:?}"))
}

fn as_list(yaml: &Yaml) -> &[Yaml] {
    yaml.as_vec().unwrap_or_else(|| panic!("no list: {yaml:?}"))
}

fn find_named<'y>(entries: &'y Yaml, name: &str) -> &'y Yaml {
    let named = as_list(entries)
        .iter()
        .find(|it| as_text(&it["name"]) == name);
    named.unwrap_or_else(|| panic!("{name} is not in {entries:?}"))
}

/// Returns the Jobs with their files.
fn read_jobs() -> [(&'static str, Yaml); 2] {
    let cron_job = read_yaml("cron-job.yaml");
    [
        (
            "cron-job.yaml",
            cron_job["spec"]["jobTemplate"]["spec"].clone(),
        ),
        ("backfill.yaml", read_yaml("backfill.yaml")["spec"].clone()),
    ]
}

fn pod(job: &Yaml) -> &Yaml {
    &job["template"]["spec"]
}

fn container(job: &Yaml) -> &Yaml {
    let containers = as_list(&pod(job)["containers"]);
    assert_eq!(containers.len(), 1);
    &containers[0]
}

/// Loads the configuration of the pods.
fn load_configuration() -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/kubernetes/ocds-ingest.toml");
    let overrides = Overrides {
        files: vec![path],
        ..Overrides::default()
    };
    // This URL takes precedence over the Secret's file, which does not exist here.
    let environment = [("DATABASE_URL".to_owned(), "local".to_owned())];
    config::load_from(&overrides, &environment.into()).unwrap()
}

/// Parses a quantity of bytes.
fn parse_bytes(quantity: &Yaml) -> usize {
    let quantity = as_text(quantity);
    let (number, unit) = quantity.split_at(quantity.len() - 2);
    let unit = match unit {
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => panic!("{quantity}"),
    };
    number.parse::<usize>().unwrap() * unit
}

/// Returns the volume that is mounted at a path in the container, and the file's name in it.
fn find_mount<'j, 'p>(job: &'j Yaml, path: &'p str) -> (&'j Yaml, &'p str) {
    let (directory, file) = path.rsplit_once('/').unwrap();
    let mounts = as_list(&container(job)["volumeMounts"]);
    let mount = mounts
        .iter()
        .find(|it| as_text(&it["mountPath"]) == directory);
    let mount = mount.unwrap_or_else(|| panic!("nothing is mounted at {directory}"));
    (
        find_named(&pod(job)["volumes"], as_text(&mount["name"])),
        file,
    )
}

/// Returns a value of the Secret in the example.
fn read_secret(name: &str, key: &str) -> String {
    let secret = read_yaml("secret.yaml.example");
    assert_eq!(as_text(&secret["metadata"]["name"]), name);
    as_text(&secret["stringData"][key]).to_owned()
}

/// Returns what a Job must do after an exit code.
fn job_action(kind: Kind) -> &'static str {
    match kind {
        Kind::Unexpected
        | Kind::Environment
        | Kind::Interrupted
        | Kind::Lost
        | Kind::Truncated
        | Kind::GivenUp
        | Kind::LinkRefused
        | Kind::HostRefused
        | Kind::RateLimited => "Count",
        Kind::Config | Kind::Misdeclared | Kind::TooManyBad | Kind::Lease => "FailJob",
    }
}

/// Returns the exit codes in `--help`, except that of success.
async fn read_exit_codes(ingest: &Ingest) -> BTreeSet<i64> {
    let help = ingest.call(&["--help"]).await.expect(0).text();
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let codes = codes
        .lines()
        .filter_map(|line| line.trim().split_once("  "));
    let codes = codes.flat_map(|(codes, _)| codes.split(", "));
    let mut codes: BTreeSet<i64> = codes.map(|code| code.parse().unwrap()).collect();
    assert!(codes.remove(&0));
    codes
}

#[tokio::test]
async fn each_exit_code_has_a_rule_for_the_job() {
    const KINDS: [Kind; 9] = [
        Kind::Unexpected,
        Kind::Config,
        Kind::Environment,
        Kind::Truncated,
        Kind::LinkRefused,
        Kind::HostRefused,
        Kind::RateLimited,
        Kind::TooManyBad,
        Kind::Lease,
    ];
    // These come from a second signal and a kill, so `--help` cannot list them as errors.
    let mut expected: BTreeSet<(i64, &str)> =
        [(130, "Count"), (143, "Count"), (137, "Count")].into();
    expected.extend(KINDS.map(|kind| (kind.exit_code().into(), job_action(kind))));
    let mut documented = read_exit_codes(&Ingest::new().await).await;
    documented.insert(137);
    let codes: BTreeSet<i64> = expected.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, documented);

    for (file, job) in read_jobs() {
        let rules = as_list(&job["podFailurePolicy"]["rules"]);
        // The first rule that matches applies, and an evicted pod has an exit code too.
        let (evicted, exited) = rules.split_first().unwrap();
        assert_eq!(as_text(&evicted["action"]), "Ignore", "{file}");
        let condition = &as_list(&evicted["onPodConditions"])[0];
        assert_eq!(as_text(&condition["type"]), "DisruptionTarget", "{file}");
        assert_eq!(as_text(&condition["status"]), "True", "{file}");

        let mut found = BTreeSet::new();
        for rule in exited {
            let on = &rule["onExitCodes"];
            assert_eq!(as_text(&on["operator"]), "In", "{file}");
            assert_eq!(on["containerName"], container(&job)["name"], "{file}");
            let values = as_list(&on["values"]).iter();
            let values: Vec<i64> = values.map(|code| code.as_i64().unwrap()).collect();
            assert!(values.is_sorted(), "{file}: {values:?}");
            for code in values {
                assert!(
                    found.insert((code, as_text(&rule["action"]))),
                    "{file}: {code}"
                );
            }
        }
        assert_eq!(found, expected, "{file}");
        // Kubernetes accepts such rules only with this policy.
        assert_eq!(as_text(&pod(&job)["restartPolicy"]), "Never", "{file}");
        assert_eq!(as_text(&job["podReplacementPolicy"]), "Failed", "{file}");
    }
}

#[test]
fn the_backfill_pod_differs_only_in_its_arguments() {
    let without = |yaml: &Yaml, keys: &[&str]| -> Hash {
        let entries = yaml.as_hash().unwrap().iter();
        let entries = entries.filter(|(key, _)| !keys.contains(&as_text(key)));
        entries
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let [(_, run), (_, backfill)] = &read_jobs();
    assert_eq!(
        without(pod(run), &["containers"]),
        without(pod(backfill), &["containers"])
    );
    assert_eq!(
        without(container(run), &["args", "env"]),
        without(container(backfill), &["args", "env"])
    );
    for variable in as_list(&container(run)["env"]) {
        let same = find_named(&container(backfill)["env"], as_text(&variable["name"]));
        assert_eq!(variable, same);
    }
    assert_eq!(run["podFailurePolicy"], backfill["podFailurePolicy"]);
}

#[test]
fn the_pods_run_the_image_of_this_version_as_its_user() {
    let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile");
    let dockerfile = fs::read_to_string(dockerfile).unwrap();
    // The last one applies.
    let user = dockerfile
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("USER "));
    for (file, job) in read_jobs() {
        let image = as_text(&container(&job)["image"]);
        assert_eq!(
            image,
            concat!("ocds-ingest:", env!("CARGO_PKG_VERSION")),
            "{file}"
        );
        let context = &pod(&job)["securityContext"];
        let id = |name: &str| context[name].as_i64().unwrap();
        let runs_as = format!("{}:{}", id("runAsUser"), id("runAsGroup"));
        assert_eq!(Some(&*runs_as), user, "{file}");
        assert!(id("runAsUser") > 0 && id("runAsGroup") > 0, "{file}: root");
        // The group of the mounted files.
        assert_eq!(id("fsGroup"), id("runAsGroup"), "{file}");
    }
}

#[test]
fn the_pods_have_minimal_permissions() {
    for (file, job) in read_jobs() {
        let pod = pod(&job);
        let of_all = &pod["securityContext"];
        assert_eq!(of_all["runAsNonRoot"].as_bool(), Some(true), "{file}");
        let profile = &of_all["seccompProfile"]["type"];
        assert_eq!(profile.as_str(), Some("RuntimeDefault"), "{file}");
        for name in ["automountServiceAccountToken", "enableServiceLinks"] {
            assert_eq!(pod[name].as_bool(), Some(false), "{file}: {name}");
        }
        for name in ["hostNetwork", "hostPID", "hostIPC", "initContainers"] {
            assert!(pod[name].is_badvalue(), "{file}: {name}");
        }

        let container = container(&job);
        let of_program = &container["securityContext"];
        let expected = YamlLoader::load_from_str(
            "{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, \
             capabilities: { drop: [ALL] } }",
        );
        assert_eq!(of_program, &expected.unwrap()[0], "{file}");
        // Only temporary files can be written.
        for mount in as_list(&container["volumeMounts"]) {
            let volume = find_named(&pod["volumes"], as_text(&mount["name"]));
            let is_read_only = mount["readOnly"].as_bool() == Some(true);
            let is_temporary = !volume["emptyDir"].is_badvalue();
            assert_ne!(is_read_only, is_temporary, "{file}: {mount:?}");
        }
    }
}

#[test]
fn hourly_runs_do_not_overlap_and_both_jobs_end() {
    let cron_job = read_yaml("cron-job.yaml");
    let spec = &cron_job["spec"];
    assert_eq!(as_text(&spec["concurrencyPolicy"]), "Forbid");
    // A start that is missed by that long is skipped, because the next one is due.
    let deadline = spec["startingDeadlineSeconds"].as_i64().unwrap();
    assert!((10..3_600).contains(&deadline), "{deadline}");
    for (file, job) in read_jobs() {
        // The program would refuse a second pod beside the first.
        for name in ["parallelism", "completions"] {
            assert!(job[name].is_badvalue(), "{file}: {name}");
        }
        // With Forbid, a job that never ends would block all later ones.
        assert!(job["activeDeadlineSeconds"].as_i64() > Some(0), "{file}");
        assert!(job["backoffLimit"].as_i64() > Some(0), "{file}");
    }
}

#[test]
fn the_pods_have_enough_memory_for_their_configuration() {
    let Config { fetch, .. } = load_configuration();
    for (file, job) in read_jobs() {
        let resources = &container(&job)["resources"];
        let of_program = 40_000_000;
        let of_documents = fetch.ahead_bytes + fetch.max_body_bytes + fetch.max_decoded_bytes;
        let of_items = fetch.ahead_bytes + fetch.max_items * 800;
        let of_index = 4 * fetch.max_decoded_bytes;
        let of_rows = 2 * (fetch.ahead_bytes + fetch.max_decoded_bytes);
        let of_pages = of_documents + of_items.max(of_index) + of_rows;
        assert!(
            parse_bytes(&resources["limits"]["memory"]) >= of_program + of_pages,
            "{file}"
        );
        assert!(
            parse_bytes(&resources["requests"]["memory"]) >= of_program,
            "{file}"
        );

        let env = &container(&job)["env"];
        let directory = as_text(&find_named(env, "TMPDIR")["value"]);
        let file_in_it = format!("{directory}/file");
        let (volume, _) = find_mount(&job, &file_in_it);
        let room = parse_bytes(&volume["emptyDir"]["sizeLimit"]) as u64;
        assert!(room > fetch.max_file_bytes, "{file}");
    }
}

#[test]
fn the_pods_are_killed_only_after_the_program_s_grace_period() {
    let grace = load_configuration().shutdown.grace + Duration::from_secs(2);
    for (file, job) in read_jobs() {
        let killed_after = pod(&job)["terminationGracePeriodSeconds"].as_i64();
        let killed_after = Duration::from_secs(killed_after.unwrap().unsigned_abs());
        assert!(killed_after > grace, "{file}");
    }
}

#[test]
fn the_kustomization_names_existing_files_and_no_backfill() {
    let kustomization = read_yaml("kustomization.yaml");
    let resources: Vec<&str> = as_list(&kustomization["resources"])
        .iter()
        .map(as_text)
        .collect();
    assert_eq!(resources, ["cron-job.yaml"]);
    let [generated] = as_list(&kustomization["configMapGenerator"]) else {
        panic!("one ConfigMap is generated");
    };
    // The name is fixed, because files outside the kustomization use it too.
    let options = &kustomization["generatorOptions"];
    assert_eq!(options["disableNameSuffixHash"].as_bool(), Some(true));
    let files: Vec<&str> = as_list(&generated["files"]).iter().map(as_text).collect();
    for (file, job) in read_jobs() {
        let arguments = as_list(&container(&job)["args"]).iter().map(as_text);
        let paths: Vec<&str> = arguments
            .filter_map(|argument| argument.strip_prefix("--config="))
            .collect();
        assert_eq!(paths.len(), 1, "{file}");
        let (volume, name) = find_mount(&job, paths[0]);
        assert_eq!(volume["configMap"]["name"], generated["name"], "{file}");
        assert!(files.contains(&name), "{file}: {name}");
        assert!(!read(name).is_empty());
    }
}

/// Returns the value of a Secret that a file of the pod contains.
fn find_secret(job: &Yaml, path: &str) -> Option<String> {
    let (volume, name) = find_mount(job, path);
    let items = as_list(&volume["secret"]["items"]);
    let item = items.iter().find(|item| as_text(&item["path"]) == name)?;
    let of = as_text(&volume["secret"]["secretName"]);
    Some(read_secret(of, as_text(&item["key"])))
}

/// Starts the program as a Job's pod does. The test's files replace the volumes, and the
/// environment is the pod's.
fn start_pod(ingest: &Ingest, job: &Yaml, publisher: &Publisher) -> Running {
    let here = |name: &str| ingest.directory.path().join(name);
    let put = |text: String, from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replace(from, to)
    };
    let Some(url_file) = load_configuration().database.url_file else {
        panic!("the database is named by a file");
    };
    let url = find_secret(job, url_file.to_str().unwrap()).expect("of a secret");
    assert!(url.starts_with("postgresql://"), "{url}");
    let name = url_file.file_name().unwrap().to_str().unwrap();
    fs::write(here(name), &ingest.url).unwrap();
    let toml = put(
        read(CONFIGURATION),
        url_file.to_str().unwrap(),
        here(name).to_str().unwrap(),
    );
    let toml = put(
        toml,
        "https://publisher.example.org/api/releases?limit=100",
        &publisher.url("/api/releases?limit=100"),
    );
    fs::write(here(CONFIGURATION), toml).unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_ocds-ingest"));
    command
        .env_clear()
        .current_dir(here("root"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for variable in as_list(&container(job)["env"]) {
        // A secret comes from a file and is not in the environment.
        let (name, value) = (as_text(&variable["name"]), as_text(&variable["value"]));
        let value = match name.ends_with("_FILE") {
            true => {
                let secret = find_secret(job, value).expect("of a secret");
                fs::write(here(name), secret).unwrap();
                here(name)
            }
            false => value.into(),
        };
        command.env(name, value);
    }
    command.env("TMPDIR", here("tmp"));
    let arguments = as_list(&container(job)["args"]).iter().map(as_text);
    command.args(
        arguments.map(|argument| match argument.strip_prefix("--config=") {
            Some(_) => format!("--config={}", here(CONFIGURATION).display()),
            None => argument.to_owned(),
        }),
    );
    Running::new(command.spawn().unwrap())
}

#[tokio::test]
async fn the_pods_commands_update_sources_and_leave_no_files() {
    let feed = Feed::link(pages(3, 4));
    let key = read_secret("ocds-ingest", "my-publisher-key");
    let publisher = Publisher::serve(move |request| match request.header("x-api-key") {
        Some(sent) if sent == key => feed.reply(request),
        _ => Reply::status(401),
    })
    .await;
    let ingest = Ingest::new().await;
    let directories = ["root", "tmp"].map(|name| ingest.directory.path().join(name));
    for directory in &directories {
        fs::create_dir(directory).unwrap();
    }
    for (file, job) in read_jobs() {
        let ran = start_pod(&ingest, &job, &publisher).wait().await.expect(0);
        assert_eq!(ran.report()["verdict"], "complete", "{file}");
        for line in ran.stderr.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        for directory in &directories {
            assert_eq!(fs::read_dir(directory).unwrap().count(), 0, "{file}");
        }
    }
    assert_eq!(ingest.count("release").await, 12);
    let kinds = "select kind from ocds.run order by id";
    assert_eq!(ingest.column(kinds).await, ["incremental", "backfill"]);
}
