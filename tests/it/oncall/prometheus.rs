//! Samples as the program writes them, put through the shipped rules by promtool.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::ports::Clock as _;

use crate::deploy_prometheus::{alerts, promtool};

/// Trouble begins at this minute of promtool's time, which begins in 1970: late enough that what was due hours before is not of
/// before that.
const TROUBLE: u64 = 240;

/// The alerts that fire when the samples are `before` for four hours and `after` for `minutes` more; `more` are further
/// series in promtool's notation.
pub fn firing(before: &str, after: &str, minutes: u64, more: &str) -> BTreeSet<String> {
    let mut test = String::new();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/rules.yaml");
    write!(test, "rule_files: ['{}']\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n", rules.display()).unwrap();
    test += "    input_series:\n";
    for (series, value) in samples(after) {
        let earlier = samples(before).into_iter().find(|(known, _)| *known == series).map_or(0.0, |(_, value)| value);
        writeln!(test, "      - {{ series: '{series}', values: '{earlier}x{TROUBLE} {value}x{minutes}' }}").unwrap();
    }
    test += more;
    test += "    promql_expr_test:\n";
    for alert in alerts().keys() {
        // Zero is what is expected of all; promtool reports those that are not.
        let expression = format!(
            "label_replace(count(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}), \"alert\", \"{alert}\", \"\", \"\")"
        );
        writeln!(test, "      - {{ expr: '{expression}', eval_time: {}m }}", TROUBLE + minutes).unwrap();
    }
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), test).unwrap();
    match promtool(&["test", "rules", file.path().to_str().unwrap()]) {
        Ok(_) => BTreeSet::new(),
        Err(said) => {
            assert!(said.contains("FAILED") && said.contains("got:"), "{said}");
            let results = said.split("got:").skip(1).filter_map(|rest| rest.lines().next());
            results.filter_map(|got| got.split("alert=\"").nth(1)?.split('"').next()).map(str::to_owned).collect()
        }
    }
}

/// Every sample with the labels of a scrape. Instants are moved, so that now is when the trouble begins.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
fn samples(text: &str) -> Vec<(String, f64)> {
    let shift = SystemClock.now().timestamp() as f64 - (TROUBLE * 60) as f64;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            let instant = series.contains("_timestamp_seconds") && value > 0.0;
            let series = match series.split_once('{') {
                Some((name, labels)) => format!("{name}{{job=\"reconnectd\",{labels}"),
                None => format!("{series}{{job=\"reconnectd\"}}"),
            };
            (series, if instant { value - shift } else { value })
        })
        .collect()
}

#[test]
fn samples_get_a_scrapes_labels_and_promtools_time() {
    let text = "# HELP a b\nreconnectd_a{b=\"c d\"} 2\nreconnectd_b 0.5\nreconnectd_c_timestamp_seconds 0\n";
    let expected = [
        ("reconnectd_a{job=\"reconnectd\",b=\"c d\"}".to_owned(), 2.0),
        ("reconnectd_b{job=\"reconnectd\"}".to_owned(), 0.5),
        ("reconnectd_c_timestamp_seconds{job=\"reconnectd\"}".to_owned(), 0.0),
    ];
    assert_eq!(samples(text), expected);
}
