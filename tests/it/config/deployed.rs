//! The files that are deployed name keys that exist.

use super::{LEAST, load};

const CRON_JOB: &str = include_str!("../../../deploy/kubernetes/cronjob.yaml");

#[test]
fn the_cron_job_carries_a_usable_configuration() {
    let block = CRON_JOB.split("reconnectd.toml: |\n").nth(1).unwrap().split("\n---").next().unwrap();
    let text = block.replace("\n    ", "\n");
    let text = text.trim_start();
    let secrets = [
        ("RECONNECTD__STATE__URL", "postgres://u:p@h/d"),
        ("RECONNECTD__DIRECTORY__URL", "postgres://u:p@h/d"),
        ("RECONNECTD__COMPOSIO__API_KEY", "ak_1"),
        ("RECONNECTD__EMAIL__URL", "smtp://u:p@h:587?tls=required"),
    ];
    let config = load(text, &secrets).unwrap();
    assert_eq!(config.reconnect.product, "Acme");

    // Without the overrides each secret is looked for where the volume is mounted.
    let error = load(text, &[]).unwrap_err();
    let missing = error.problems().iter().filter(|problem| problem.what.contains("/run/secrets/reconnectd/"));
    assert_eq!((missing.count(), error.problems().len()), (4, 4), "{error}");
}

#[test]
fn the_pods_behind_the_links_listen_where_the_service_looks() {
    let serve = include_str!("../../../deploy/kubernetes/serve.yaml");
    let after = |name: &str| serve.split(name).nth(1).unwrap().split_whitespace().next().unwrap();
    let listen = after("RECONNECTD__HTTP__LISTEN\n              value: ").trim_matches('"');
    let config = load(LEAST, &[("RECONNECTD__HTTP__LISTEN", listen)]).unwrap();
    assert!(config.http.listen.ip().is_unspecified(), "loopback is reached by nobody else");
    assert_eq!(after("containerPort: "), config.http.listen.port().to_string());
}
