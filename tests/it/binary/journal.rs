//! Lines for systemd's journal, from the real program.

use std::os::unix::fs::MetadataExt as _;

use super::process::Running;

/// A configuration that is fine, over a state database that is not there: `explain` logs why it refuses.
const CONFIG: &str = r#"
[directory]
url = "sqlite://product.db"
[composio]
api_key = "ak_test"
base_url = "http://127.0.0.1:9"
[reconnect]
url = "https://app.example.com"
product = "Acme"
[log]
format = "json"
"#;

#[tokio::test]
async fn lines_carry_their_priority_where_standard_error_is_the_journal_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reconnectd.toml"), CONFIG).unwrap();
    let lines = async |name: &str, stream: Option<String>| {
        let variables: Vec<_> = stream.map(|stream| ("JOURNAL_STREAM".to_owned(), stream)).into_iter().collect();
        let output = Running::start(folder.path(), name, &["explain", "u1"], &variables).finish().await.expect(2);
        output.stderr.lines().map(str::to_owned).collect::<Vec<_>>()
    };

    // The file that will be its standard error, made before so that its place is known.
    let file = std::fs::File::create(folder.path().join("journal.stderr")).unwrap().metadata().unwrap();
    let journal = lines("journal", Some(format!("{}:{}", file.dev(), file.ino()))).await;
    assert!(!journal.is_empty());
    for line in &journal {
        let json = line.strip_prefix("<3>").unwrap_or_else(|| panic!("no priority: {line}"));
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(json["level"], "error", "{line}");
    }

    for (name, stream) in [("none", None), ("elsewhere", Some(format!("{}:1", file.dev())))] {
        for line in lines(name, stream).await {
            assert!(line.starts_with('{'), "{name}: {line}");
        }
    }
}
