//! Turns text of somebody else's making (names, aliases, slugs) into words that may stand in a subject, a
//! header and a body.
//!
//! Mails and pages say the same words of the same account, because both take them from here.
//!
//! Guarantees: no control character, no character that reorders or hides text, one line, bounded length.

/// The longest name, alias or toolkit in characters; longer ones end in `…`.
pub const MAX_WORD_CHARS: usize = 80;

/// Toolkits whose written name is not the title case of their slug. Others fall back to title case.
const TOOLKIT_NAMES: [(&str, &str); 36] = [
    ("airtable", "Airtable"),
    ("asana", "Asana"),
    ("bitbucket", "Bitbucket"),
    ("calendly", "Calendly"),
    ("clickup", "ClickUp"),
    ("confluence", "Confluence"),
    ("discord", "Discord"),
    ("docusign", "DocuSign"),
    ("dropbox", "Dropbox"),
    ("figma", "Figma"),
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("gmail", "Gmail"),
    ("googlecalendar", "Google Calendar"),
    ("googledocs", "Google Docs"),
    ("googledrive", "Google Drive"),
    ("googlemeet", "Google Meet"),
    ("googlesheets", "Google Sheets"),
    ("googletasks", "Google Tasks"),
    ("hubspot", "HubSpot"),
    ("intercom", "Intercom"),
    ("jira", "Jira"),
    ("linear", "Linear"),
    ("linkedin", "LinkedIn"),
    ("mailchimp", "Mailchimp"),
    ("microsoft_teams", "Microsoft Teams"),
    ("notion", "Notion"),
    ("one_drive", "OneDrive"),
    ("outlook", "Outlook"),
    ("quickbooks", "QuickBooks"),
    ("salesforce", "Salesforce"),
    ("share_point", "SharePoint"),
    ("slack", "Slack"),
    ("trello", "Trello"),
    ("youtube", "YouTube"),
    ("zoom", "Zoom"),
];

/// A toolkit as people write it: `googlecalendar` is Google Calendar, `my_crm` is My Crm; none where nothing
/// can be read.
pub fn toolkit_name(slug: &str) -> Option<String> {
    let slug = visible(slug, MAX_WORD_CHARS)?;
    if let Some((_, name)) = TOOLKIT_NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&slug)) {
        return Some((*name).to_owned());
    }
    let words: Vec<String> = slug.split(['_', '-', ' ']).filter(|part| !part.is_empty()).map(title_case).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn title_case(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The text on one line, without characters that cannot be seen or that reorder what is seen, at most
/// `max_chars` long; none when nothing is left.
pub fn visible(text: &str, max_chars: usize) -> Option<String> {
    let spaced = text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c });
    let shown: String = spaced.filter(|&c| !is_deceptive(c)).collect();
    let mut line = shown.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(max_chars) {
        line.truncate(end);
        line = format!("{}…", line.trim_end());
    }
    (!line.is_empty()).then_some(line)
}

/// Direction marks, embeddings, overrides and isolates (Unicode TR 9), zero-width and tag characters,
/// interlinear marks. The joiners U+200C and U+200D stay: scripts and emoji need them.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A person's name for the greeting. A name that mail programs would turn into a link is left out: anybody
/// can sign up as `www.example.com` with somebody else's address.
pub fn greeting_name(name: &str) -> Option<String> {
    let name = visible(name, MAX_WORD_CHARS)?;
    let links = name.contains(['/', '@', ':']) || name.split(' ').any(|word| word.trim_end_matches('.').contains('.'));
    (!links).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolkits_have_the_names_people_know() {
        for (slug, name) in [
            ("slack", Some("Slack")),
            ("github", Some("GitHub")),
            ("GitHub", Some("GitHub")),
            ("googlecalendar", Some("Google Calendar")),
            ("my_own-crm", Some("My Own Crm")),
            ("élan", Some("Élan")),
            ("", None),
            ("__", None),
            ("sla\r\nck", Some("Sla Ck")),
        ] {
            assert_eq!(toolkit_name(slug).as_deref(), name, "{slug:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_gone_and_length_is_bounded() {
        for (text, shown) in [
            ("  Mary \t Poppins ", Some("Mary Poppins")),
            ("a\r\nBcc: z@x", Some("a Bcc: z@x")),
            ("a\0b\u{7f}c\u{85}d\u{2028}e", Some("a b c d e")),
            ("\u{202e}gpj.exe\u{200b}", Some("gpj.exe")),
            ("\u{2066}\u{feff}\u{e0041}", None),
            (" \r\n ", None),
            ("👩\u{200d}💻", Some("👩\u{200d}💻")),
        ] {
            assert_eq!(visible(text, 80).as_deref(), shown, "{text:?}");
        }
        assert_eq!(visible(&"ż".repeat(81), 80).unwrap().chars().count(), 81, "80 and an ellipsis");
        assert_eq!(visible(&"ż".repeat(80), 80).unwrap().chars().count(), 80);
    }

    #[test]
    fn names_that_would_become_links_are_not_greeted() {
        for (name, greeted) in [
            ("Mary", true),
            ("Dr. Mary Poppins Jr.", true),
            ("Żółć O'Neil", true),
            ("win.example.com", false),
            ("see https://evil", false),
            ("a@b", false),
        ] {
            assert_eq!(greeting_name(name).is_some(), greeted, "{name}");
        }
    }
}
