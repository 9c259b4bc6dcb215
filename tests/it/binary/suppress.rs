//! `suppress add|list|remove`: addresses go in, and never come out again.

use super::process::Output;
use super::setup::Setup;

/// Everything it said, which holds no address.
fn said(output: &Output) -> String {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(!said.to_lowercase().contains("example.com"), "an address in clear: {said}");
    said
}

#[tokio::test]
async fn an_address_is_added_found_listed_and_removed() {
    let setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    let added = said(&setup.run(&["suppress", "add", "mary@example.com", "--by", "Kim"]).await.expect(0));
    let (hash, rest) = added.split_once(": ").unwrap();
    assert_eq!((hash.len(), rest), (12, "suppressed\n"));
    let again = said(&setup.run(&["suppress", "add", " MARY@Example.com "]).await.expect(0));
    assert!(
        again.contains(&format!("{hash}: is suppressed already (operator 2")) && again.contains("UTC by Kim)"),
        "{again}"
    );
    let other = said(&setup.run(&["suppress", "list", "--address", "marie@example.com"]).await.expect(0));
    assert!(other.ends_with(": is not suppressed\n") && !other.contains(hash), "{other}");
    let same = said(&setup.run(&["suppress", "list", "--address", "Mary@example.COM"]).await.expect(0));
    assert!(same.starts_with(&format!("{hash}: is suppressed (operator ")), "{same}");
    let list = said(&setup.run(&["suppress", "list"]).await.expect(0));
    assert!(list.starts_with(&format!("{hash}  operator 2")) && list.ends_with("\nin all: 1 suppressed\n"), "{list}");
    let removed = said(&setup.run(&["suppress", "remove", "mary@example.com"]).await.expect(0));
    assert_eq!(removed, format!("{hash}: may be written to again\n"));
    let twice = said(&setup.run(&["suppress", "remove", "mary@example.com"]).await.expect(1));
    assert!(twice.contains(&format!("{hash}: was not suppressed")), "{twice}");
    assert_eq!(said(&setup.run(&["suppress", "list"]).await.expect(0)), "in all: 0 suppressed\n");
}

#[tokio::test]
async fn standard_input_is_taken_whole_or_not_at_all() {
    let setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    let bad = setup.run_reading(&["suppress", "add", "-"], "a@example.com\nnot an address\nb@example.com\n").await;
    let bad = said(&bad.expect(1));
    assert!(bad.contains("standard input, line 2: not an e-mail address"), "{bad}");
    assert!(said(&setup.run_reading(&["suppress", "add", "-"], "\n").await.expect(1)).contains("holds no address"));
    assert_eq!(said(&setup.run(&["suppress", "list"]).await.expect(0)), "in all: 0 suppressed\n");
    let input = (0..120)
        .map(|n| {
            format!(
                "user{n}@example.com
"
            )
        })
        .collect::<Vec<_>>()
        .join(
            "
",
        );
    setup.run_reading(&["suppress", "add", "-"], &input).await.expect(0);
    let mut found = Vec::new();
    let mut page = said(&setup.run(&["suppress", "list", "--limit", "40"]).await.expect(0));
    while let Some((_, rest)) = page.split_once("older ones: --before ") {
        let before = rest.lines().next().unwrap_or_default().to_owned();
        found.extend(page.lines().filter_map(|line| line.split_once("  operator")).map(|(hash, _)| hash.to_owned()));
        page = said(&setup.run(&["suppress", "list", "--limit", "40", "--before", &before]).await.expect(0));
    }
    found.sort();
    found.dedup();
    assert_eq!((found.len(), page.as_str()), (120, "in all: 120 suppressed\n"));
    let one = setup.run_reading(&["suppress", "list", "--address", "-"], "USER7@example.com").await.expect(0);
    assert!(said(&one).contains(": is suppressed (operator"));
    let state = std::fs::read(setup.folder.path().join("state.db")).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&state).contains("@example.com"), "an address in the state database");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    for arguments in
        [&["suppress"][..], &["suppress", "add"], &["suppress", "remove"], &["suppress", "list", "--limit", "0"]]
    {
        setup.run(arguments).await.expect(2);
    }
    for (arguments, words) in [
        (&["suppress", "add", "nobody"][..], "argument 1: not an e-mail address"),
        (&["suppress", "list", "--before", "abc"], "--before: not an address hash"),
        (&["suppress", "list", "--before", &"0".repeat(64)], "000000000000: is not suppressed"),
    ] {
        let output = setup.run(arguments).await.expect(1);
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}
