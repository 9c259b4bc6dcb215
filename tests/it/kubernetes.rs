//! The manifests as `kubectl` renders them: against Kubernetes' published schemas, against the restricted Pod Security
//! Standard, and against what our exit codes and settings mean.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reconnectd::cli::SERVE_STOP_LIMIT;
use reconnectd::config;
use serde_json::{Value, json};

use crate::systemd::longest_stop;

const OVERLAYS: [&str; 2] = ["daemon", "cronjob"];

/// Releases whose schemas everything must satisfy: the first in which `podFailurePolicy` is stable, and the newest
/// that kubernetes-validate 1.37.0 carries.
const RELEASES: [&str; 2] = ["1.31", "1.37"];

fn tool(variable: &str) -> Command {
    Command::new(std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run tests/run")))
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kubernetes"))
}

fn kubectl(arguments: &[&str]) -> Result<String, String> {
    let output = tool("RECONNECTD_TEST_KUBECTL").args(arguments).output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

/// An overlay as `kubectl apply -k` would send it.
fn rendered(overlay: &str) -> String {
    let path = folder().join("overlays").join(overlay);
    match kubectl(&["kustomize", path.to_str().unwrap()]) {
        // Before 1.21, as in Debian 12, kubectl wants a folder among `bases`.
        Err(error) if error.contains("must be a file") => {
            let copy = tempfile::tempdir().unwrap();
            assert!(Command::new("cp").arg("-r").args([folder(), copy.path()]).status().unwrap().success());
            let path = copy.path().join("kubernetes/overlays").join(overlay);
            let file = path.join("kustomization.yaml");
            let text = std::fs::read_to_string(&file).unwrap();
            let older = text.replace("resources:\n  - ../../base\n", "bases:\n  - ../../base\nresources:\n");
            assert_ne!(older, text);
            std::fs::write(&file, older).unwrap();
            kubectl(&["kustomize", path.to_str().unwrap()]).unwrap()
        }
        outcome => outcome.unwrap(),
    }
}

/// What an overlay consists of.
fn resources(overlay: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rendered.yaml");
    std::fs::write(&file, rendered(overlay)).unwrap();
    // It prints JSON of whatever it has changed without asking a cluster.
    let json = kubectl(&["annotate", "--local", "-o", "json", "-f", file.to_str().unwrap(), "read=by-a-test"]).unwrap();
    serde_json::Deserializer::from_str(&json).into_iter().map(Result::unwrap).collect()
}

fn of_kind<'a>(resources: &'a [Value], kind: &str) -> Vec<&'a Value> {
    resources.iter().filter(|resource| resource["kind"] == kind).collect()
}

/// Every pod that an overlay makes, with the name of what makes it.
fn pods(resources: &[Value]) -> Vec<(&str, &Value)> {
    let mut pods = Vec::new();
    for resource in resources {
        let path = match resource["kind"].as_str() {
            Some("Deployment") => "/spec/template",
            Some("CronJob") => "/spec/jobTemplate/spec/template",
            _ => continue,
        };
        pods.push((resource["metadata"]["name"].as_str().unwrap(), resource.pointer(path).unwrap()));
    }
    pods
}

fn containers(pod: &Value) -> Vec<&Value> {
    let of = |key: &str| pod["spec"][key].as_array().map(Vec::as_slice).unwrap_or_default();
    of("initContainers").iter().chain(of("containers")).collect()
}

fn arguments(container: &Value) -> Vec<&str> {
    container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn the_published_schemas_know_every_key() {
    let scratch = tempfile::tempdir().unwrap();
    for overlay in OVERLAYS {
        let file = scratch.path().join(format!("{overlay}.yaml"));
        std::fs::write(&file, rendered(overlay)).unwrap();
        for release in RELEASES {
            let secret = folder().join("base/secret.example.yaml");
            let validated = tool("RECONNECTD_TEST_KUBERNETES_VALIDATE")
                .args(["--strict", "-k", release])
                .args([&file, &secret])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&validated.stdout) + String::from_utf8_lossy(&validated.stderr);
            assert!(validated.status.success(), "{overlay}, {release}: {said}");
            assert_eq!(said.matches(" passed for resource ").count(), resources(overlay).len() + 1, "{said}");
        }
    }
}

#[test]
fn each_overlay_has_what_it_promises() {
    let mut kinds = OVERLAYS.map(|overlay| {
        resources(overlay).iter().map(|r| format!("{}/{}", r["kind"], r["metadata"]["name"])).collect::<Vec<_>>()
    });
    for kinds in &mut kinds {
        kinds.retain(|kind| !kind.contains("ConfigMap")); // its name ends in a hash
        kinds.sort();
    }
    let plain = kinds.map(|kinds| kinds.join(" ").replace('"', ""));
    assert_eq!(
        plain,
        [
            "Deployment/reconnectd Namespace/reconnectd NetworkPolicy/reconnectd PodDisruptionBudget/reconnectd \
             Service/reconnectd ServiceAccount/reconnectd",
            "CronJob/reconnectd-deliver CronJob/reconnectd-once CronJob/reconnectd-retention Deployment/reconnectd-serve Namespace/reconnectd \
             NetworkPolicy/reconnectd PodDisruptionBudget/reconnectd-serve Service/reconnectd \
             ServiceAccount/reconnectd",
        ]
    );
}

#[test]
fn every_pod_meets_the_restricted_standard() {
    for overlay in OVERLAYS {
        let resources = resources(overlay);
        let namespace = &of_kind(&resources, "Namespace")[0]["metadata"]["labels"];
        assert_eq!(namespace["pod-security.kubernetes.io/enforce"], "restricted");
        let account = of_kind(&resources, "ServiceAccount")[0];
        assert_eq!(account["automountServiceAccountToken"], false);
        for (name, pod) in pods(&resources) {
            let spec = &pod["spec"];
            assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
            assert_eq!(spec["serviceAccountName"], account["metadata"]["name"], "{name}");
            assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            for key in ["hostNetwork", "hostPID", "hostIPC"] {
                assert!(spec.get(key).is_none(), "{name}: {key}");
            }
            for volume in spec["volumes"].as_array().unwrap() {
                assert!(volume.get("configMap").is_some() || volume.get("secret").is_some(), "{name}: {volume}");
            }
            for container in containers(pod) {
                let context = &container["securityContext"];
                assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{name}");
                let resources = &container["resources"];
                for given in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                    assert!(resources.pointer(given).is_some(), "{name}: {given}");
                }
                assert_eq!(container["image"], "registry.example.com/reconnectd:0.1.0", "the overlay names the image");
                let mounts = container["volumeMounts"].as_array().unwrap();
                assert!(mounts.iter().all(|mount| mount["readOnly"] == true), "{name}");
            }
        }
    }
}

#[test]
fn jobs_end_as_our_exit_codes_mean() {
    let resources = resources("cronjob");
    let jobs = of_kind(&resources, "CronJob");
    assert_eq!(jobs.len(), 3);
    for cron in jobs {
        let name = cron["metadata"]["name"].as_str().unwrap();
        assert!(name.len() <= 52, "Kubernetes adds 11 characters to {name} and takes 63");
        let spec = &cron["spec"];
        assert_eq!((&spec["concurrencyPolicy"], &spec["timeZone"]), (&json!("Forbid"), &json!("Etc/UTC")), "{name}");
        assert!(spec["startingDeadlineSeconds"].as_u64().unwrap() >= 10, "{name}: less is looked at too late");
        let job = &spec["jobTemplate"]["spec"];
        for bound in ["activeDeadlineSeconds", "ttlSecondsAfterFinished", "backoffLimit"] {
            assert!(job[bound].as_u64().is_some_and(|bound| bound > 0), "{name}: {bound}");
        }
        assert_eq!(job["template"]["spec"]["restartPolicy"], "Never", "{name}: podFailurePolicy demands it");
        let rules = job["podFailurePolicy"]["rules"].as_array().unwrap();
        // What the command line's exit codes mean: src/cli/mod.rs; 1 is tried again.
        assert_eq!(rules[0]["action"], "FailJob");
        assert_eq!(rules[0]["onExitCodes"], json!({"operator": "In", "values": [2, 3, 4]}), "{name}: any container");
        assert_eq!(rules[1]["action"], "Ignore");
        assert_eq!(rules[1]["onPodConditions"][0]["type"], "DisruptionTarget");
    }
}

/// The settings in the `ConfigMap`, with secrets where the pods have them.
fn configuration(resources: &[Value]) -> (config::Config, String) {
    let text = of_kind(resources, "ConfigMap")[0]["data"]["reconnectd.toml"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reconnectd.toml");
    std::fs::write(&file, &text).unwrap();
    let secrets = [
        ("RECONNECTD__STATE__URL", "postgres://u:p@h/d"),
        ("RECONNECTD__DIRECTORY__URL", "postgres://u:p@h/d"),
        ("RECONNECTD__COMPOSIO__API_KEY", "ak_1"),
        ("RECONNECTD__EMAIL__URL", "smtp://u:p@h:587?tls=required"),
    ];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = config::load(Some(&file), secrets.into_iter()).unwrap();
    // Without these, each secret is looked for where the volume is mounted.
    let error = config::load(Some(&file), std::iter::empty()).unwrap_err();
    assert_eq!(error.problems().len(), 4, "{error}");
    assert!(error.problems().iter().all(|problem| problem.what.contains("/run/secrets/reconnectd/")), "{error}");
    (config, text)
}

#[test]
fn the_settings_can_be_used_and_every_file_is_in_the_secret() {
    let example = std::fs::read_to_string(folder().join("base/secret.example.yaml")).unwrap();
    for overlay in OVERLAYS {
        let resources = resources(overlay);
        let (config, text) = configuration(&resources);
        assert_eq!(config.reconnect.product, "Acme");
        for line in text.lines().filter(|line| line.contains("/run/secrets/reconnectd/")) {
            let key = line.rsplit('/').next().unwrap().trim_end_matches('"');
            assert!(example.contains(&format!("\n  {key}: ")), "{key}");
            assert!(example.contains(&format!("--from-file={key}")), "{key}");
        }
        let map = of_kind(&resources, "ConfigMap")[0]["metadata"]["name"].as_str().unwrap();
        assert!(map.starts_with("reconnectd-"), "{map}: a change is another name, and restarts pods");
        for (name, pod) in pods(&resources) {
            assert_eq!(pod["spec"]["volumes"][0]["configMap"]["name"], *map, "{name}");
            assert_eq!(pod["spec"]["volumes"][1]["secret"]["secretName"], "reconnectd", "{name}");
            for container in containers(pod) {
                let mounted = &container["volumeMounts"];
                assert_eq!(mounted[0]["mountPath"], "/etc/reconnectd", "{name}");
                assert_eq!(mounted[1]["mountPath"], "/run/secrets/reconnectd", "{name}");
            }
        }
    }
}

#[test]
fn every_command_exists() {
    let mut commands = Vec::new();
    for overlay in OVERLAYS {
        for (name, pod) in pods(&resources(overlay)) {
            for container in containers(pod) {
                let arguments = arguments(container);
                commands.push(arguments[0].to_owned());
                let help = Command::new(env!("CARGO_BIN_EXE_reconnectd")).args(&arguments).arg("--help").output();
                assert!(help.unwrap().status.success(), "{name}: {arguments:?}");
            }
        }
    }
    commands.sort();
    assert_eq!(commands, ["deliver", "migrate", "migrate", "migrate", "once", "retention", "run", "serve"]);
}

#[test]
fn services_and_budgets_find_their_pods_and_ports() {
    for overlay in OVERLAYS {
        let resources = resources(overlay);
        let (config, _) = configuration(&resources);
        let deployment = of_kind(&resources, "Deployment")[0];
        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let ports = container["ports"].as_array().unwrap();
        let port = |name: &str| ports.iter().find(|port| port["name"] == *name).unwrap()["containerPort"].clone();
        assert!(config.http.listen.ip().is_unspecified(), "loopback is reached by nobody else");
        assert_eq!(port("pages"), config.http.listen.port());
        let service = of_kind(&resources, "Service")[0];
        for (key, value) in service["spec"]["selector"].as_object().unwrap() {
            assert_eq!(labels[key], *value, "{overlay}");
        }
        for served in service["spec"]["ports"].as_array().unwrap() {
            port(served["targetPort"].as_str().unwrap());
        }
        for (probe, path) in [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            assert_eq!(container[probe]["httpGet"], json!({"path": path, "port": "monitor"}), "{overlay}");
        }
        let budget = &of_kind(&resources, "PodDisruptionBudget")[0]["spec"];
        assert_eq!(budget["selector"], deployment["spec"]["selector"], "{overlay}");
        assert!(deployment["spec"]["replicas"].as_u64() > budget["maxUnavailable"].as_u64(), "{overlay}");
        let policy = of_kind(&resources, "NetworkPolicy")[0].to_string();
        for open in ["pages", "monitor"] {
            assert!(policy.contains(&format!("\"port\":{}", port(open))), "{overlay}: {open}");
        }
        for (name, pod) in pods(&resources) {
            let selected = &of_kind(&resources, "NetworkPolicy")[0]["spec"]["podSelector"]["matchLabels"];
            assert_eq!(
                pod["metadata"]["labels"]["app.kubernetes.io/name"], selected["app.kubernetes.io/name"],
                "{name}"
            );
            let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
            let needed = match name {
                "reconnectd" => longest_stop(&config),
                "reconnectd-serve" => SERVE_STOP_LIMIT,
                _ => Duration::from_secs(55),
            };
            assert!(Duration::from_secs(grace) > needed, "{name}: {grace} s, and it may take {needed:?}");
        }
    }
}
