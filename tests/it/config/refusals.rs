//! What is refused, in which words, and that no refusal repeats a value.

mod delivery;
mod policy;
mod schedule;
mod signals;

use super::{EXAMPLE, LEAST, PLANTED, load};

/// A section, a line that replaces or joins those of `LEAST` in it, and what the message must say.
/// `{P}` in a line is the planted secret.
type Refused = (&'static str, &'static str, &'static [&'static str]);

const REFUSED: &[Refused] = &[
    // unknown names
    ("state", "ulr = \"{P}\"", &["r.toml:10:1: [state]: unknown key ulr; did you mean url?"]),
    ("composio", "frobnicate = \"{P}\"", &["[composio]: unknown key frobnicate; known keys: base_url, api_key, "]),
    ("compsio", "api_key = \"{P}\"", &["r.toml:9:2: unknown section compsio; did you mean composio?"]),
    ("state", "\"url.x\" = 1", &["[state]: unknown key url.x;"]),
    // types
    (
        "composio",
        "concurrency = \"{P}\"",
        &["[composio] concurrency: expected an integer, found string; write it without quotes"],
    ),
    ("composio", "concurrency = 1.5", &["expected an integer, found float; write one whole number"]),
    ("composio", "reserve = \"{P}\"", &["[composio] reserve: expected a number, found string"]),
    (
        "composio",
        "users_per_request = [\"{P}\"]",
        &["expected \"auto\" or an integer, found array; write \"auto\" in quotes"],
    ),
    (
        "log",
        "level = 5",
        &["r.toml:10:1: [log] level: expected a string, found integer; write one text in double quotes"],
    ),
    ("state", "url = [\"{P}\"]", &["[state] url: expected a string, found array"]),
    ("", "webhook = \"{P}\"", &["r.toml:1:1: [[webhook]]: must be a section; write [[webhook]], in double brackets"]),
    (
        "webhook",
        "url = \"{P}\"",
        &["r.toml:9:2: [[webhook]]: must be a section; write [[webhook]], in double brackets"],
    ),
    ("[state]", "url = \"{P}\"", &["[state]: must be a section; write it in single brackets"]),
    ("", "state = [\"{P}\"]", &["[state]: must be a section"]),
    // no TOML
    ("state", "url = {P}", &["r.toml:10:", "not valid TOML", "mend this line"]),
    ("state", "url = \"{P}", &["r.toml:10:", "not valid TOML"]),
    ("state", "{P}", &["r.toml:10:", "not valid TOML"]),
    ("state", "url = \"{P}\"\nurl = \"{P}\"", &["r.toml:11:1: not valid TOML (duplicate key)"]),
    // values
    (
        "state",
        "url = \"redis://{P}\"",
        &["r.toml:10:1: [state] url: the scheme of the URL is not supported; begin it with sqlite:// or postgres://"],
    ),
    ("state", "url = \"sqlite://:memory:\"", &["would be lost at exit"]),
    ("state", "url = \"postgres://u:{P}@h:99999/d\"", &["[state] url: not a URL (invalid port number)"]),
    ("state", "url = \"\"", &["[state] url: is empty; set it, or give a file with url_file"]),
    ("reconnect", "mode = \"{P}\"", &["[reconnect] mode: "]),
    (
        "reconnect",
        "mode = \"page\"",
        &["[reconnect] mode: the page has no address; set [http] public_url to where `reconnectd serve` is reached"],
    ),
    ("reconnect", "return_url = \"http://app.example.com/\"", &["[reconnect] return_url: "]),
    (
        "reconnect",
        "link_ttl = \"23h\"",
        &["[reconnect] link_ttl: out of range; write a number and a unit, such as \"30d\", from 1d to 365d"],
    ),
    ("reconnect", "link_ttl = \"366d\"", &["[reconnect] link_ttl: out of range"]),
    ("reconnect", "link_key = \"short\"", &["[reconnect] link_key: is too short; use at least 32"]),
    ("reconnect", "link_key_previous = \"short\"", &["[reconnect] link_key_previous: is too short"]),
    ("http", "colour = \"{P}\"", &["[http] colour: not a colour; write # and six hexadecimal digits"]),
    (
        "http",
        "colour = \"#ffcc00\"",
        &["[http] colour: is too light: its contrast to white is 1.5 to 1; take a darker one"],
    ),
    ("http", "logo = \"/nowhere/{P}.png\"", &["[http] logo: names no file that can be read"]),
    ("http", "logo = \"Cargo.toml\"", &["[http] logo: is not a PNG file; give a PNG file"]),
    ("directory", "table = \"\"", &["[directory] table: is empty"]),
    ("directory", "email = \"a\\nb\"", &["[directory] email: holds a control character"]),
    ("directory", "page_size = 0", &["[directory] page_size: out of range; set a whole number from 1 to 5000"]),
    ("directory", "page_size = 5001", &["page_size: out of range"]),
    ("directory", "filter = \" \"", &["[directory] filter: is empty; leave the key out"]),
    (
        "composio",
        "base_url = \"http://{P}.example.com\"",
        &["[composio] base_url: would send the API key in clear; use https"],
    ),
    ("composio", "base_url = \"https://u:{P}@example.com\"", &["base_url: holds a user or password"]),
    ("composio", "base_url = \"{P}\"", &["base_url: not a URL (relative URL without a base)"]),
    (
        "composio",
        "requests_per_minute = 0",
        &["requests_per_minute: out of range; set a whole number from 1 to 100000"],
    ),
    ("composio", "reserve = 0.96", &["reserve: out of range; set a number from 0.0 to 0.95"]),
    ("composio", "reserve = nan", &["reserve: out of range"]),
    ("composio", "concurrency = 65", &["concurrency: out of range; set a whole number from 1 to 64"]),
    ("composio", "concurrency = -1", &["concurrency: out of range"]),
    ("composio", "users_per_request = \"{P}\"", &["users_per_request: not a known word; write \"auto\""]),
    ("composio", "users_per_request = 0", &["users_per_request: out of range"]),
    ("composio", "max_attempts = 21", &["max_attempts: out of range"]),
    (
        "composio",
        "timeout_connect = \"5\"",
        &["timeout_connect: not a length of time; write a number and a unit, such as \"5s\", from 10ms to 1m"],
    ),
    ("composio", "timeout_total = \"{P}\"", &["timeout_total: not a length of time"]),
    ("composio", "timeout_total = \"1h\"", &["timeout_total: out of range;", "to 10m"]),
    ("composio", "timeout_total = \"1s\"", &["timeout_total: shorter than timeout_connect"]),
    ("log", "format = \"{P}\"", &["[log] format: not a known word; write \"auto\" or \"json\" or \"pretty\""]),
    ("log", "level = \"{P}\"", &["[log] level: not a log level; write error, warn, info"]),
    ("log", "level = \"info,sqlx=loud\"", &["not a log level"]),
];

#[test]
fn refusals_name_key_place_and_remedy_and_never_the_value() {
    for (section, lines, expected) in
        REFUSED.iter().chain(policy::REFUSED).chain(delivery::REFUSED).chain(signals::REFUSED).chain(schedule::REFUSED)
    {
        let lines = lines.replace("{P}", PLANTED);
        let keys: Vec<&str> = lines.lines().filter_map(|line| line.split(" = ").next()).collect();
        let text = match *section {
            "" => format!("{lines}\n{LEAST}"),
            section if LEAST.contains(&format!("[{section}]\n")) => {
                let kept = LEAST.lines().filter(|line| !keys.iter().any(|key| line.starts_with(&format!("{key} ="))));
                let header = format!("[{section}]");
                let grown = kept.map(|l| if l == header { format!("{l}\n{lines}\n") } else { format!("{l}\n") });
                grown.collect()
            }
            section => format!("{LEAST}[{section}]\n{lines}\n"),
        };
        let error = load(&text, &[]).expect_err(&text).to_string();
        for part in *expected {
            assert!(error.contains(part), "expected {part:?} in\n{error}\nfor\n{text}");
        }
        assert!(!error.contains(PLANTED), "{error}");
    }
}

#[test]
fn a_secret_in_any_place_of_the_file_stays_out_of_every_message() {
    let shapes = [
        format!("\"{PLANTED}\""),
        PLANTED.to_owned(),
        format!("\"{PLANTED}"),
        format!("'''\n{PLANTED}"),
        format!("[\"{PLANTED}\", 1"),
        format!("{{ x = \"{PLANTED}\" }}"),
        format!("1 {PLANTED}"),
        format!("0x{PLANTED}"),
        format!("\"\\u{{{PLANTED}}}\""),
        format!("\"https://{PLANTED}@:0x\""),
    ];
    let mut refused = 0;
    for (number, line) in EXAMPLE.lines().enumerate() {
        // The path of a secret file is named on purpose.
        let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.ends_with("_file")) else { continue };
        for shape in &shapes {
            let mut lines: Vec<String> = EXAMPLE.lines().map(str::to_owned).collect();
            lines[number] = format!("{} = {shape}", key.trim_start_matches("# "));
            if let Err(error) = load(&lines.join("\n"), &[]) {
                refused += 1;
                let (shown, debug) = (error.to_string(), format!("{error:?}"));
                assert!(!shown.contains(PLANTED) && !debug.contains(PLANTED), "{} gives {shown}", lines[number]);
            }
        }
    }
    assert!(refused > 200, "only {refused} refused");
}
