//! Configuration as an operator meets it: the example file, refusals with key, place and remedy, overrides
//! by environment, secrets in files, and no secret in any message.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made is a failed test")]

mod bounds;
mod notices;
mod refusals;

use std::path::{Path, PathBuf};

use reconnectd::config::{self, Config, ConfigError, FirstRun, LogFormat, UsersPerRequest};
use secrecy::ExposeSecret as _;

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// Stands for a secret that an operator pasted into any value; no message may hold it.
const PLANTED: &str = "hunter2SECRETvalue";

/// 32 bytes.
const WHSEC: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The smallest file that can be used.
const LEAST: &str = r#"
[directory]
url = "sqlite://product.db"
[composio]
api_key = "ak_1"
[reconnect]
url = "https://app.example.com/"
product = "Acme"
"#;

/// 32 bytes.
const WHSK: &str = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// 32 characters.
const SUPPRESSION: &str = "0123456789abcdef0123456789abcdef";

/// The secrets and the templates of the example live in files that do not exist here.
const EXAMPLE_FILES: &[(&str, &str)] = &[
    ("RECONNECTD__COMPOSIO__API_KEY", "ak_example"),
    ("RECONNECTD__EMAIL__TEMPLATES", "."),
    ("RECONNECTD__WEBHOOK__0__SECRET", WHSEC),
    ("RECONNECTD__WEBHOOK__0__SECRET_PREVIOUS", WHSEC),
    ("RECONNECTD__WEBHOOK__0__SIGNING_KEY", WHSK),
    ("RECONNECTD__SUPPRESSION__KEY", SUPPRESSION),
    ("RECONNECTD__RECONNECT__LINK_KEY", SUPPRESSION),
    ("RECONNECTD__RECONNECT__LINK_KEY_PREVIOUS", SUPPRESSION),
    ("RECONNECTD__HTTP__LOGO", "tests/it/config/logo.png"),
    ("RECONNECTD__HTTP__REPORT_TOKEN", SUPPRESSION),
    ("RECONNECTD__OPERATOR__SLACK_URL", "https://hooks.slack.example/services/T0/B0/abcdefghijkl"),
    ("RECONNECTD__PING__URL", "https://hc-ping.example/key/reconnectd-{job}"),
];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn load_file(path: &Path, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    config::load(Some(path), env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = Folder::new();
    load_file(&folder.write("r.toml", text), env)
}

/// Everything a configuration says, the one secret with a default included.
fn shown(config: &Config) -> String {
    format!("{config:?} {}", config.state.url.expose_secret())
}

#[test]
fn the_example_holds_every_key_and_no_other() {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in EXAMPLE.lines() {
        let bare = line.trim_start_matches("# ");
        if line.starts_with('[') {
            section = line.trim_start_matches('[').split(']').next().unwrap().to_owned();
        } else if let Some((key, _)) = bare.split_once(" = ")
            && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        {
            found.push(format!("{section}.{key}"));
        }
    }
    found.sort();
    let mut known = config::keys();
    known.sort();
    assert_eq!(found, known);
}

#[test]
fn the_example_can_be_used_and_shows_the_defaults() {
    let whole = load(EXAMPLE, EXAMPLE_FILES).unwrap();
    assert_eq!(whole.composio.requests_per_minute.get(), 600);
    assert_eq!(whole.composio.users_per_request, UsersPerRequest::Auto);
    assert_eq!(whole.policy.first_run, FirstRun::Baseline);
    assert_eq!(whole.log.format, LogFormat::Auto);
    assert_eq!(whole.webhook[0].name, "product");

    let required = [
        "directory.url",
        "composio.api_key",
        "reconnect.url",
        "reconnect.product",
        "email.url",
        "email.from",
        "webhook.name",
        "webhook.url",
        "webhook.secret",
    ];
    let optional = [
        "directory.email",
        "directory.name",
        "directory.locale",
        "directory.timezone",
        "directory.filter",
        "quiet.hours",
        "quiet.days",
        "email.reply_to",
        "email.templates",
        "email.list_id",
        "webhook.secret_previous",
        "webhook.signing_key",
        "http.public_url",
        "report.directory",
        "report.mail_to",
        "suppression.key",
        "operator.slack_url",
        "ping.url",
        "monitor.textfile",
        "http.logo",
        "reconnect.return_url",
        "reconnect.link_key",
        "reconnect.link_key_previous",
    ];
    for path in config::keys().iter().filter(|path| !path.ends_with("_file")) {
        let (section, key) = path.split_once('.').unwrap();
        let mut table: toml::Table = toml::from_str(EXAMPLE).unwrap();
        let entry = match table.get_mut(section).unwrap() {
            toml::Value::Array(entries) => entries[0].as_table_mut().unwrap(),
            entry => entry.as_table_mut().unwrap(),
        };
        entry.remove(key);
        entry.remove(&format!("{key}_file"));
        let (prefix, suffix) =
            (format!("RECONNECTD__{}__", section.to_uppercase()), format!("__{}", key.to_uppercase()));
        let its_own = |name: &str| name.starts_with(&prefix) && name.ends_with(&suffix);
        let env: Vec<(&str, &str)> = EXAMPLE_FILES.iter().filter(|(name, _)| !its_own(name)).copied().collect();
        match load(&toml::to_string(&table).unwrap(), &env) {
            Ok(config) if optional.contains(&path.as_str()) => assert_ne!(shown(&config), shown(&whole), "{path}"),
            Ok(config) => {
                assert!(!required.contains(&path.as_str()), "{path} is required");
                assert_eq!(shown(&config), shown(&whole), "the example does not show the default of {path}");
            }
            Err(error) => {
                assert!(required.contains(&path.as_str()), "{path} has a default: {error}");
                assert!(error.to_string().contains(&format!("{key}: is missing; add {key} = ")), "{error}");
            }
        }
    }
}

#[test]
fn the_least_file_takes_defaults_and_has_no_channels() {
    let config = load(LEAST, &[]).unwrap();
    assert!(config.email.is_none() && config.webhook.is_empty() && config.directory.email.is_none());
    assert_eq!((config.directory.table.as_str(), config.directory.page_size.get()), ("users", 500));
    assert_eq!(config.composio.timeout_total.as_secs(), 60);
}

#[test]
fn all_problems_are_reported_at_once() {
    let error = load(
        "[state]\nx = 1\n[composio]\nreserve = 7\nconcurrency = \"8\"\n[reconnect]\nproduct = 5\n[log]\nlevel = 3\n",
        &[],
    )
    .unwrap_err();
    let expected = [
        "[state]: unknown key x",
        "[composio] concurrency: expected",
        "[log] level: expected",
        "[directory] url: is missing",
        "[composio] api_key: is missing",
        "[composio] reserve: out of range",
        "[reconnect] url: is missing",
        "[reconnect] product: expected",
    ];
    assert_eq!(error.problems().len(), expected.len(), "{error}");
    for part in expected {
        assert_eq!(error.to_string().matches(part).count(), 1, "{part} in {error}");
    }
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let folder = Folder::new();
    for (content, expected) in [
        (vec![0xff, 0xfe, b'x'], "not UTF-8 text; save the configuration file as UTF-8"),
        (vec![b'#'; 1024 * 1024 + 1], "larger than 1048576 bytes"),
    ] {
        let path = folder.write("x.toml", content);
        let error = load_file(&path, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = load_file(folder.0.path(), &[]).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

#[test]
fn variables_override_the_file_whatever_their_case() {
    let text = format!("{LEAST}[[webhook]]\nname = \"one\"\nurl = \"https://one.example/\"\nsecret = \"{WHSEC}\"\n");
    let config = load(
        &text,
        &[
            ("RECONNECTD__STATE__URL", "postgres://u@h/d"),
            ("reconnectd__composio__requests_per_minute", "1_000"),
            ("RECONNECTD__COMPOSIO__RESERVE", "0"),
            ("RECONNECTD__COMPOSIO__USERS_PER_REQUEST", "1"),
            ("RECONNECTD__RECONNECT__PRODUCT", "42"),
            ("RECONNECTD__EMAIL__URL", "file:///var/spool/reconnectd"),
            ("RECONNECTD__EMAIL__FROM", "Acme <a@acme.example>"),
            ("RECONNECTD__WEBHOOK__1__NAME", "two"),
            ("RECONNECTD__WEBHOOK__1__URL", "http://127.0.0.1:8080/"),
            ("RECONNECTD__WEBHOOK__1__SECRET", WHSEC),
            ("RECONNECTD__WEBHOOK__1__ALLOW_PRIVATE", "true"),
            ("RECONNECTD__WEBHOOK__0__URL", "https://other.example/"),
            ("RECONNECTD_TEST_POSTGRES", "is not ours"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!(config.state.url.expose_secret(), "postgres://u@h/d");
    assert_eq!((config.composio.requests_per_minute.get(), config.composio.reserve), (1000, 0.0));
    assert_eq!(config.composio.users_per_request, UsersPerRequest::Fixed(std::num::NonZeroU32::MIN));
    assert_eq!(
        (config.reconnect.product.as_str(), config.email.unwrap().from.as_str()),
        ("42", "Acme <a@acme.example>")
    );
    let urls: Vec<&str> = config.webhook.iter().map(|webhook| webhook.url.as_str()).collect();
    assert_eq!(urls, ["https://other.example/", "http://127.0.0.1:8080/"]);
    assert!(config.webhook[1].allow_private && !config.webhook[0].allow_private);
}

#[test]
fn variables_are_refused_with_their_name_and_the_nearest_key() {
    for (name, value, expected) in [
        (
            "RECONNECTD__STATE__URI",
            PLANTED,
            "RECONNECTD__STATE__URI: names no known key; did you mean RECONNECTD__STATE__URL?",
        ),
        (
            "RECONNECTD__WEBHOOK__URL",
            PLANTED,
            "RECONNECTD__WEBHOOK__URL: names no known key; did you mean RECONNECTD__WEBHOOK__0__URL?",
        ),
        ("RECONNECTD__WEBHOOK__2__NAM", PLANTED, "did you mean RECONNECTD__WEBHOOK__2__NAME?"),
        ("RECONNECTD__", PLANTED, "RECONNECTD__: names no known key; known variables: RECONNECTD__STATE__URL, "),
        ("RECONNECTD__WEBHOOK__1__NAME", PLANTED, "leaves a gap in the list of webhooks; number webhooks from 0"),
        ("RECONNECTD__WEBHOOK__99999999999999999999__NAME", PLANTED, "names no known key"),
        (
            "RECONNECTD__COMPOSIO__CONCURRENCY",
            PLANTED,
            "RECONNECTD__COMPOSIO__CONCURRENCY: [composio] concurrency: expected an integer, found string",
        ),
        (
            "RECONNECTD__COMPOSIO__CONCURRENCY",
            "99",
            "RECONNECTD__COMPOSIO__CONCURRENCY: [composio] concurrency: out of range",
        ),
        (
            "RECONNECTD__STATE__URL",
            PLANTED,
            "RECONNECTD__STATE__URL: [state] url: the scheme of the URL is not supported",
        ),
        ("RECONNECTD__LOG__LEVEL", "in\u{fffd}fo", "RECONNECTD__LOG__LEVEL: is not UTF-8 text"),
        ("reconnectd__composio__api_key", PLANTED, "names the same key as"),
    ] {
        let error = load(LEAST, &[("RECONNECTD__COMPOSIO__API_KEY", "ak_2"), (name, value)]).unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected:?} in\n{error}");
        assert!(!error.contains(PLANTED), "{error}");
    }
}

#[test]
fn the_environment_alone_reports_its_own_missing_keys() {
    // A file without any key stands for no file: the default file is no business of this test.
    let error = load("", &[("RECONNECTD__WEBHOOK__0__NAME", "hook")]).unwrap_err().to_string();
    assert!(error.contains("or set RECONNECTD__DIRECTORY__URL"), "{error}");
    assert!(error.contains("[[webhook]] url: is missing"), "{error}");
}

#[test]
fn secrets_come_from_files_and_lose_only_their_last_newline() {
    let folder = Folder::new();
    let least = LEAST.replace("api_key = \"ak_1\"", "");
    for (content, key) in [("ak_file\n", "ak_file"), ("ak_file\r\n", "ak_file"), ("ak_file", "ak_file")] {
        let file = folder.write("key", content);
        let text = least.replace("[composio]", &format!("[composio]\napi_key_file = {file:?}"));
        assert_eq!(load(&text, &[]).unwrap().composio.api_key.expose_secret(), key);

        let by_variable = load(LEAST, &[("RECONNECTD__COMPOSIO__API_KEY_FILE", file.to_str().unwrap())]).unwrap();
        assert_eq!(by_variable.composio.api_key.expose_secret(), key, "an override of either form replaces both");
        let by_value = load(&text, &[("RECONNECTD__COMPOSIO__API_KEY", "ak_env")]).unwrap();
        assert_eq!(by_value.composio.api_key.expose_secret(), "ak_env");
    }
}

#[test]
fn secret_files_that_do_not_serve_are_named_and_never_quoted() {
    let folder = Folder::new();
    let write = |name: &str, content: &[u8]| folder.write(name, content).to_str().unwrap().to_owned();
    let missing = folder.0.path().join("missing").to_str().unwrap().to_owned();
    let big = write("big", &vec![b'x'; 64 * 1024 + 1]);
    let planted = format!("two words {PLANTED}");
    for (path, expected) in [
        (
            missing.clone(),
            format!("[composio] api_key_file: the file {missing} cannot be read (entity not found); give the path"),
        ),
        (folder.0.path().to_str().unwrap().to_owned(), "cannot be read (is a directory)".to_owned()),
        (write("empty", b"\n"), "empty is empty".to_owned()),
        (write("binary", &[0xff, 0xfe]), "binary is not UTF-8 text".to_owned()),
        (big, "big is larger than 65536 bytes".to_owned()),
        (write("wrong", planted.as_bytes()), "[composio] api_key_file: holds a character no API key has".to_owned()),
    ] {
        let text = LEAST.replace("api_key = \"ak_1\"", &format!("api_key_file = {path:?}"));
        let error = load(&text, &[]).unwrap_err().to_string();
        assert!(error.contains(&expected) && error.contains("r.toml:5:1: "), "expected {expected:?} in\n{error}");
        assert!(!error.contains(PLANTED), "{error}");
        let by_variable = load(LEAST, &[("RECONNECTD__COMPOSIO__API_KEY_FILE", &path)]).unwrap_err().to_string();
        assert!(by_variable.contains("RECONNECTD__COMPOSIO__API_KEY_FILE: [composio] api_key_file: "), "{by_variable}");
    }
}

#[test]
fn a_secret_is_given_once() {
    let both = LEAST.replace("api_key = \"ak_1\"", &format!("api_key = \"{PLANTED}\"\napi_key_file = \"/nowhere\""));
    let error = load(&both, &[]).unwrap_err().to_string();
    let expected = "r.toml:6:1: [composio] api_key_file: given beside api_key; keep one of api_key and api_key_file";
    assert!(error.contains(expected) && !error.contains(PLANTED), "{error}");

    let config = load(&both, &[("RECONNECTD__COMPOSIO__API_KEY", "ak_env")]).unwrap();
    assert_eq!(config.composio.api_key.expose_secret(), "ak_env");

    let env = [("RECONNECTD__COMPOSIO__API_KEY", PLANTED), ("RECONNECTD__COMPOSIO__API_KEY_FILE", "/nowhere")];
    let error = load(LEAST, &env).unwrap_err().to_string();
    assert!(
        error.contains("RECONNECTD__COMPOSIO__API_KEY_FILE: [composio] api_key_file: given beside api_key"),
        "{error}"
    );
}

#[test]
fn webhooks_have_names_of_their_own() {
    let one = format!("[[webhook]]\nname = \"a\"\nurl = \"https://x.example/\"\nsecret = \"{WHSEC}\"\n");
    let error = load(&format!("{LEAST}{one}{one}"), &[]).unwrap_err().to_string();
    assert!(error.contains("r.toml:14:1: [[webhook]] name: the same as another webhook's"), "{error}");
    let error = load(&format!("{LEAST}{}", one.repeat(17)), &[]).unwrap_err().to_string();
    assert!(error.contains("[[webhook]]: too many sections; keep at most 16"), "{error}");
}

#[test]
fn nothing_shows_a_secret() {
    let previous = "whsec_HR4fAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw=";
    let text = format!(
        r#"
[state]
url = "postgres://u:{PLANTED}@h/d"
[directory]
url = "mysql://u:{PLANTED}@h/d"
[composio]
api_key = "{PLANTED}"
[reconnect]
url = "https://app.example.com/"
product = "Acme"
[email]
url = "smtp://u:{PLANTED}@h"
from = "a@b.example"
[[webhook]]
name = "a"
url = "https://x.example/{PLANTED}?token={PLANTED}"
secret = "{WHSEC}"
secret_previous = "{previous}"
signing_key = "{WHSK}"
[suppression]
key = "{SUPPRESSION}"
"#
    );
    let config = load(&text, &[]).unwrap();
    let debug = format!("{config:?}");
    let secrets: Vec<String> = config.secrets().iter().map(|secret| secret.expose_secret().to_owned()).collect();
    for secret in [PLANTED, WHSEC, previous, WHSK, SUPPRESSION] {
        assert!(!debug.contains(secret), "{debug}");
        assert!(secrets.iter().any(|known| known == secret), "{secret} is not known to the log");
    }
}
