//! `preview`: any mail in any language, from two sections of the configuration, without a server.

use std::path::Path;

use reconnectd::adapters::email::Sample;

use super::check::findings;
use super::process::{Output, Running};
use super::setup::Setup;

/// Secrets that are elsewhere are not needed.
const CONFIGURATION: &str = r#"
[reconnect]
url = "https://app.acme.example/connect/{toolkit}"
product = "Acme"
[email]
url_file = "/nowhere/smtp"
from = "Acme <no-reply@acme.example>"
"#;

async fn preview(folder: &Path, arguments: &[&str]) -> Output {
    let arguments: Vec<&str> = ["preview"].iter().chain(arguments).copied().collect();
    Running::start(folder, "preview", &arguments, &[]).finish().await
}

#[tokio::test]
async fn every_mail_can_be_looked_at_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reconnectd.toml"), CONFIGURATION).unwrap();
    for (_, kind) in Sample::ALL {
        for (locale, language) in [("de_AT.UTF-8", "de"), ("xx", "en")] {
            let output =
                preview(folder.path(), &["--kind", kind, "--locale", locale, "--folder", "out"]).await.expect(0);
            let stem = format!("out/preview-{kind}-{language}");
            assert_eq!(output.stdout, format!("{stem}.eml\n{stem}.html\n"));
            let read =
                |extension: &str| std::fs::read_to_string(folder.path().join(format!("{stem}.{extension}"))).unwrap();
            assert!(read("html").contains(&format!("<html lang=\"{language}\"")));
            assert!(read("eml").contains(&format!("\r\nContent-Language: {language}\r\n")));
        }
    }
    let output = preview(folder.path(), &[]).await.expect(0);
    assert_eq!(output.stdout, "./preview-first-en.eml\n./preview-first-en.html\n");
    let mail = |folder: &Path| std::fs::read_to_string(folder.join("preview-first-en.eml")).unwrap();
    assert!(!mail(folder.path()).contains("nsubscribe"), "no mail has a link that nobody answers");
    let linked = format!("{CONFIGURATION}[http]\npublic_url = \"https://notices.acme.example/r\"\n");
    std::fs::write(folder.path().join("reconnectd.toml"), linked).unwrap();
    preview(folder.path(), &[]).await.expect(0);
    assert!(mail(folder.path()).contains("List-Unsubscribe: <https://notices.acme.example/r/u/sample>"));
    let page = std::fs::read_to_string(folder.path().join("preview-first-en.html")).unwrap();
    assert!(page.contains("https://app.acme.example/connect/slack"), "{page}");
    preview(folder.path(), &["--kind", "farewell"]).await.expect(2);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let output = preview(folder.path(), &[]).await.expect(2);
    for key in ["reconnect.url", "reconnect.product", "email.from"] {
        let key = key.replace('.', "] ");
        assert!(output.stderr.contains(&format!("[{key}")), "{key}: {}", output.stderr);
    }
    assert!(!output.stderr.contains("[composio]") && !output.stderr.contains("[directory]"), "{}", output.stderr);

    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    std::fs::write(templates.join("notice.txt"), "Hi,\n{{ produkt }}\n").unwrap();
    let with = format!("{CONFIGURATION}templates = \"{}\"\n", templates.display());
    std::fs::write(folder.path().join("reconnectd.toml"), with).unwrap();
    let output = preview(folder.path(), &[]).await.expect(2);
    assert!(output.stderr.contains("templates/notice.txt, line 2: undefined value: produkt; "), "{}", output.stderr);
}

#[tokio::test]
async fn a_check_tries_the_templates_out_and_a_run_does_not_start_with_broken_ones() {
    let mut setup = Setup::new().await.with_mail().await;
    let templates = setup.folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    setup.text("email.templates", &templates.display().to_string());
    let write = |name: &str, text: &str| std::fs::write(templates.join(name), text).unwrap();
    write("subject.txt", "Please look: {{ accounts }}\n");
    setup.broken_user("u1").await;
    setup.run(&["check"]).await.expect(0);
    setup.once(0).await;
    let mail = setup.mail.as_ref().unwrap().messages().remove(0);
    assert!(mail.contains("\r\nSubject: Please look: Slack\r\n"), "{mail}");

    write(
        "notice.html",
        "{% if situation == 'recovered' %}{{ oops }}{% endif %}{% for i in items %}{{ i.url }}{% endfor %}{{ unsubscribe }}",
    );
    setup.broken_user("u2").await;
    let output = setup.run(&["check"]).await.expect(2);
    let findings = findings(&output);
    let wrong: Vec<_> = findings.iter().filter(|(ok, ..)| !ok).collect();
    assert_eq!(wrong.len(), 1, "{}", output.stdout);
    assert!(wrong[0].2.contains("templates/notice.html, line 1: undefined value"), "{}", output.stdout);
    setup.run(&["once"]).await.expect(2);
    assert_eq!(setup.mailed().len(), 1);
}
