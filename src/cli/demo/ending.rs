//! What the demo leaves beside mails and webhooks: the report about its story, and a mail a browser can open.

use std::path::PathBuf;

use anyhow::Context as _;
use chrono::TimeDelta;

use super::stage::Stage;
use crate::ports::Clock as _;
use crate::report::reconnect::{self, Period};

/// The report's page, in the demo's folder; its other forms are beside it.
pub(super) const REPORT: &str = "report.html";

/// Writes the report about the last seven days of the story in all its forms.
pub(super) async fn write_report(stage: &Stage) -> anyhow::Result<()> {
    let (now, section) = (stage.clock().now(), &stage.app().config.report);
    let period = Period::new(now - TimeDelta::from_std(section.period)?, now, now)?;
    let report = reconnect::reconnect_report(stage.store(), period, now).await?;
    let html = reconnect::html(&report, &stage.app().report_frame())?;
    let forms = [
        ("html", html),
        ("json", report.json()?),
        ("csv", reconnect::csv(&report)?),
        ("txt", reconnect::text(&report)),
    ];
    for (ending, content) in forms {
        let path = stage.folder().join(REPORT).with_extension(ending);
        std::fs::write(&path, content).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Puts the newest mail to `user` beside the others as a page, and says where.
pub(super) fn unfold_mail(stage: &Stage, user: &str) -> anyhow::Result<PathBuf> {
    let folder = stage.folder().join("mails");
    let mut mails = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        mails.push(entry?.path());
    }
    // Their names begin with ids that grow with time.
    mails.sort();
    for mail in mails.iter().rev() {
        let text = std::fs::read_to_string(mail).with_context(|| mail.display().to_string())?;
        if text.contains(&format!("\r\nTo: {user} <")) || text.contains(&format!("\r\nTo: {user}@")) {
            let path = stage.folder().join(format!("mail-to-{user}.html"));
            std::fs::write(&path, html_part(&text)?).with_context(|| path.display().to_string())?;
            return Ok(path);
        }
    }
    anyhow::bail!("nobody wrote to {user}")
}

/// The HTML part of one of our own mails.
fn html_part(mail: &str) -> anyhow::Result<String> {
    let (head, body) = mail
        .split_once("Content-Type: text/html")
        .and_then(|(_, part)| part.split_once("\r\n\r\n"))
        .context("the mail has no HTML part")?;
    let body = body.split_once("\r\n--=_reconnectd_").map_or(body, |(body, _)| body);
    if !head.contains("quoted-printable") {
        return Ok(body.to_owned());
    }
    let bytes = quoted_printable::decode(body, quoted_printable::ParseMode::Robust)
        .map_err(|error| anyhow::anyhow!("the mail's HTML part cannot be read: {error}"))?;
    Ok(String::from_utf8(bytes)?)
}
