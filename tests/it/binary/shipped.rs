//! What the binary makes of its own command line for those who install it: completions and manual pages.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::process::{Output, Running};

async fn run(folder: &Path, arguments: &[&str]) -> Output {
    Running::start(folder, "shipped", arguments, &[]).finish().await.expect(0)
}

/// The names under `Commands:` of a command's help.
async fn commands_of(folder: &Path, command: &[&str]) -> Vec<String> {
    let help = run(folder, &[command, &["--help"]].concat()).await.stdout;
    let Some((_, listed)) = help.split_once("Commands:\n") else { return Vec::new() };
    let listed = listed.split("\n\n").next().unwrap();
    let names = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split(' ').next())
        .filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

/// Every command and every command within one, by its words.
async fn all_commands(folder: &Path) -> Vec<Vec<String>> {
    let (mut found, mut left) = (Vec::new(), vec![Vec::new()]);
    while let Some(command) = left.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        for inner in commands_of(folder, &words).await {
            left.push([command.clone(), vec![inner]].concat());
        }
        found.push(command);
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

#[tokio::test]
async fn every_command_has_a_manual_page_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["man", "pages"]).await;
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    let mut expected: BTreeSet<String> = BTreeSet::from(["reconnectd.toml.5".to_owned()]);
    for command in all_commands(folder.path()).await {
        expected.insert(format!("{}.1", [vec!["reconnectd".to_owned()], command].concat().join("-")));
    }
    let pages = std::fs::read_dir(folder.path().join("pages")).unwrap();
    let written: BTreeSet<String> = pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(written, expected);

    for page in &written {
        // groff is what `man` formats with; on a machine without it, the names are all there is to test.
        let Ok(formatted) = Command::new("groff")
            .args(["-man", "-Tutf8", "-Kutf8", "-ww"])
            .arg(folder.path().join("pages").join(page))
            .output()
        else {
            return;
        };
        let (text, warnings) = (String::from_utf8_lossy(&formatted.stdout), String::from_utf8_lossy(&formatted.stderr));
        assert!(formatted.status.success() && warnings.is_empty(), "{page}: {warnings}");
        assert!(text.contains("reconnectd manual"), "{page}: {text}");
    }
}

#[tokio::test]
async fn the_page_about_the_configuration_names_every_key() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["man", "."]).await;
    let page = std::fs::read_to_string(folder.path().join("reconnectd.toml.5")).unwrap();
    let page = page.replace('\\', "");
    for key in reconnectd::config::keys() {
        let (section, name) = key.split_once('.').unwrap();
        assert!(page.contains(&format!("[{section}]")) && page.contains(&format!("{name} =")), "{key}");
    }
}

#[tokio::test]
async fn the_manual_names_every_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["man", "."]).await;
    let page = std::fs::read_to_string(folder.path().join("reconnectd-once.1")).unwrap();
    for code in ["0", "1", "2", "3"] {
        assert!(page.contains(&format!("\\fB{code}\\fR")), "{page}");
    }
    assert!(page.contains("reconnectd.toml(5)"), "{page}");
}

#[tokio::test]
async fn completions_name_every_command_and_bash_can_read_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let commands = commands_of(folder.path(), &[]).await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(folder.path(), &["completions", shell]).await.stdout;
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
    }
    let script = run(folder.path(), &["completions", "bash"]).await.stdout;
    let file = folder.path().join("reconnectd.bash");
    std::fs::write(&file, &script).unwrap();
    let read = Command::new("bash").arg("-n").arg(&file).output().unwrap();
    assert!(read.status.success() && read.stderr.is_empty(), "{}", String::from_utf8_lossy(&read.stderr));

    // What a person sees after `reconnectd out<TAB>`.
    let asked = format!(
        "source {}; COMP_WORDS=(reconnectd out); COMP_CWORD=1; _reconnectd reconnectd out reconnectd; echo \"${{COMPREPLY[*]}}\"",
        file.display()
    );
    let completed = Command::new("bash").args(["-c", &asked]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&completed.stdout).trim(), "outbox");
}
