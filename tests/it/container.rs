//! The container file, read as its builder would: there is no engine on the machines that run these tests.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::path::Path;
use std::process::Command;

const FILE: &str = include_str!("../../deploy/Containerfile");

/// The instructions with their arguments, comments taken out and lines joined.
fn instructions() -> Vec<(String, String)> {
    let lines: Vec<&str> = FILE.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let pair = |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
    joined.lines().filter_map(pair).collect()
}

/// Of the last stage, the image itself.
fn image() -> Vec<(String, String)> {
    let all = instructions();
    let last = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    all[last..].to_vec()
}

fn only<'a>(instructions: &'a [(String, String)], word: &str) -> &'a str {
    let found: Vec<&str> =
        instructions.iter().filter(|(found, _)| found == word).map(|(_, rest)| rest.as_str()).collect();
    assert_eq!(found.len(), 1, "{word}: {found:?}");
    found[0]
}

#[test]
fn the_image_has_no_shell_and_no_root() {
    let image = image();
    assert_eq!(only(&image, "FROM"), "gcr.io/distroless/cc-debian12:nonroot");
    assert_eq!(only(&image, "USER"), "65532:65532", "by number: Kubernetes can check it");
    for (word, rest) in &image {
        assert!(!["RUN", "ADD", "SHELL"].contains(&word.as_str()), "{word} {rest}");
        if ["ENTRYPOINT", "CMD"].contains(&word.as_str()) {
            serde_json::from_str::<Vec<String>>(rest).unwrap(); // the other form asks for a shell
        }
    }
    assert!(only(&image, "LABEL").contains(&format!("version=\"{}\"", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_program_takes_what_it_is_started_and_probed_with() {
    let image = image();
    let words = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap();
    assert_eq!(words(only(&image, "ENTRYPOINT")), ["/usr/bin/reconnectd"]);
    let probe = words(only(&image, "HEALTHCHECK").split_once(" CMD ").unwrap().1);
    assert_eq!((probe[0].as_str(), probe[1].as_str()), ("/usr/bin/reconnectd", "health"));
    for arguments in [&words(only(&image, "CMD"))[..], &probe[1..]] {
        let help = Command::new(env!("CARGO_BIN_EXE_reconnectd")).args(arguments).arg("--help").output().unwrap();
        assert!(help.status.success(), "{arguments:?}");
    }
}

#[test]
fn the_build_has_the_toolchain_and_every_file_it_needs() {
    let all = instructions();
    let toolchain = include_str!("../../rust-toolchain.toml");
    let channel = toolchain.split("channel = \"").nth(1).unwrap().split('"').next().unwrap();
    let minor: String = channel.split('.').take(2).collect::<Vec<_>>().join(".");
    assert!(all[0].1.starts_with(&format!("docker.io/library/rust:{minor}-")), "{:?}", all[0]);

    let ignored = include_str!("../../.containerignore");
    assert_eq!(ignored, include_str!("../../deploy/Containerfile.dockerignore"), "docker's and podman's");
    let kept: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut copied = Vec::new();
    for (_, rest) in all.iter().filter(|(word, rest)| word == "COPY" && !rest.contains("--from")) {
        let words: Vec<&str> = rest.split(' ').collect();
        for source in &words[..words.len() - 1] {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(source).exists(), "{source}");
            assert!(kept.iter().any(|kept| source.starts_with(kept)), "{source} is ignored");
            copied.push((*source).to_owned());
        }
    }
    for needed in ["Cargo.toml", "Cargo.lock", "src", "migrations", "config.example.toml", "tests/it/main.rs"] {
        assert!(copied.iter().any(|copied| copied == needed), "{needed}");
    }
    // What the sources take in from outside of them.
    let outside = Command::new("grep")
        .args(["-rhoE", r#"include_(str|bytes)!\("(\.\./)+[^"]+"#, "src"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    for line in String::from_utf8(outside.stdout).unwrap().lines() {
        let name = line.rsplit("../").next().unwrap();
        let there = copied.iter().any(|copied| name.starts_with(copied.as_str()));
        assert!(there || Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name).exists(), "{line}");
    }
}
