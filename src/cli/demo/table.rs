//! The demo's table: for every user what was concluded, whether they were told, and why or why not.

use std::fmt::Write as _;

use super::cast::Player;
use super::stage::Stage;
use crate::domain::{Silence, UserId};
use crate::store::UserStory;

/// One line per user.
pub(super) async fn render(stage: &Stage, cast: &[Player]) -> anyhow::Result<String> {
    let mut text = format!("\n   {:<12} {:<35} {:<36} {:<15} why\n", "user", "situation", "concluded", "told");
    let _infallible = writeln!(text, "   {}", "-".repeat(150));
    for player in cast {
        let mut work = stage.store().begin_read().await?;
        let story = work.story_of(&UserId::new(player.id)).await?;
        let (concluded, told, why) = story.map_or_else(
            || ("never looked at".to_owned(), String::new(), String::new()),
            |story| (concluded(&story), told(&story), why(&story)),
        );
        let row = format!("   {:<12} {:<35} {concluded:<36} {told:<15} {why}", player.id, player.situation);
        let _infallible = writeln!(text, "{}", row.trim_end());
    }
    Ok(text)
}

fn concluded(story: &UserStory) -> String {
    if story.outcome == "unqueryable" {
        return "cannot be asked about".into();
    }
    let mut said: Vec<String> = Vec::new();
    for account in &story.accounts {
        let words = format!("{} {}", account.known.account.toolkit, account.known.condition.code());
        if !said.contains(&words) {
            said.push(words);
        }
    }
    if said.is_empty() { "no accounts".into() } else { said.join(", ") }
}

fn told(story: &UserStory) -> String {
    let delivered =
        story.deliveries.iter().filter(|delivery| delivery.state == "delivered" && delivery.kind == "reconnect");
    let mut sent: Vec<&str> =
        delivered.map(|delivery| if delivery.channel == "email" { "mail" } else { "webhook" }).collect();
    sent.sort_unstable();
    if sent.is_empty() { "no".into() } else { sent.join(" + ") }
}

/// The decision about the incident where there is one, what stopped the delivery where something did, the
/// reason for silence about the accounts otherwise.
fn why(story: &UserStory) -> String {
    if story.outcome == "unqueryable" {
        return "the provider's user_ids filter joins ids with commas".into();
    }
    let mut reasons: Vec<String> = Vec::new();
    let mut give = |reason: String| {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    };
    for delivery in story.deliveries.iter().filter(|delivery| delivery.state != "delivered") {
        give(delivery.detail.clone().unwrap_or_else(|| delivery.state.clone()));
    }
    for incident in &story.incidents {
        match incident.decision.as_deref() {
            Some("first_notice") if reasons_are_deliveries(story) => {}
            Some("first_notice") => give("stopped working since the last run".into()),
            Some(code) => give(Silence::from_code(code).map_or(code.to_owned(), |silence| silence.words().to_owned())),
            None => {}
        }
    }
    for account in &story.accounts {
        if let Some(silence) = account.known.silence.filter(|silence| *silence != Silence::CoveredByIncident) {
            give(silence.words().to_owned());
        }
    }
    reasons.join("; ")
}

fn reasons_are_deliveries(story: &UserStory) -> bool {
    !story.deliveries.is_empty() && story.deliveries.iter().all(|delivery| delivery.state != "delivered")
}
