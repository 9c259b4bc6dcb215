//! Which language a page is in, and its words.
//!
//! Turns an `Accept-Language` header (RFC 9110, section 12.5.4) into one of the languages there are. What cannot be
//! read is passed over; English is what remains.

/// A header longer than this is no person's browser; the rest is not read.
const MAX_TAGS: usize = 32;

/// A language the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
}

/// What a page says. `{product}` stands for the product's name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub heading: &'static str,
    pub text: &'static str,
    /// On the page's button, where it has one.
    pub button: Option<&'static str>,
}

/// What the preferences page says. `{product}` stands for the product's name.
#[derive(Debug)]
pub(super) struct PreferenceWords {
    pub heading: &'static str,
    pub text: &'static str,
    pub legend: &'static str,
    pub save: &'static str,
    pub saved: &'static str,
    pub saved_text: &'static str,
    pub stop_all: &'static str,
    pub none: &'static str,
    pub none_text: &'static str,
    pub again: &'static str,
    pub ask_support: &'static str,
}

const ENGLISH_PREFERENCES: PreferenceWords = PreferenceWords {
    heading: "E-mails about your accounts",
    text: "{product} e-mails you when an account you connected stops working. Opening this page has changed nothing.",
    legend: "Write to me about",
    save: "Save this choice",
    saved: "Your choice is saved",
    saved_text: "{product} e-mails you when an account you connected stops working, but not about those without a tick.",
    stop_all: "Stop these e-mails",
    none: "You get none of these e-mails",
    none_text: "{product} does not e-mail you when an account you connected stops working.",
    again: "Send them to me again",
    ask_support: "{product} does not write to this address. If you want these e-mails, ask {product}'s support.",
};

const GERMAN_PREFERENCES: PreferenceWords = PreferenceWords {
    heading: "E-Mails zu Ihren Konten",
    text: "{product} schreibt Ihnen, wenn ein verbundenes Konto nicht mehr funktioniert. Das Öffnen dieser Seite hat \
           nichts geändert.",
    legend: "E-Mails erhalten zu",
    save: "Auswahl speichern",
    saved: "Ihre Auswahl ist gespeichert",
    saved_text: "{product} schreibt Ihnen, wenn ein verbundenes Konto nicht mehr funktioniert, aber nicht zu denen ohne \
                 Häkchen.",
    stop_all: "E-Mails abbestellen",
    none: "Sie erhalten keine dieser E-Mails",
    none_text: "{product} schreibt Ihnen nicht, wenn ein verbundenes Konto nicht mehr funktioniert.",
    again: "E-Mails wieder erhalten",
    ask_support: "{product} schreibt nicht an diese Adresse. Wenn Sie diese E-Mails erhalten möchten, wenden Sie sich \
                  an den Support von {product}.",
};

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// Whether the person wants no more mail.
    Ask,
    /// They get none any more.
    Done,
    /// A link of ours that is too old to be on record.
    Expired,
    /// Links are not used any more: mails lead to the product's own page now.
    Retired,
    /// No such page, or no such token: the same words for both.
    NothingHere,
    /// The POST is not the one that unsubscribes.
    NotUnderstood,
    /// Too many requests.
    Slower,
    /// It did not work, and may later.
    Later,
    /// Whether it worked could not be seen.
    Unseen,
}

impl Language {
    #[cfg(test)]
    pub(super) const ALL: [Self; 2] = [Self::English, Self::German];

    /// The one the client likes best of those there are.
    pub(super) fn of(accept_language: Option<&str>) -> Self {
        let mut best = (0, Self::English);
        for range in accept_language.unwrap_or_default().split(',').take(MAX_TAGS) {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let language = match primary.as_str() {
                "de" => Self::German,
                // Whoever takes anything gets English.
                "en" | "*" => Self::English,
                _ => continue,
            };
            let weight = thousandths(parameters);
            // Of equals the first is the one that is liked better, as people write it.
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }

    /// The one of the mail that led here, where it is one of those there are; else what the client likes best.
    pub(super) fn for_reader(mail: Option<&str>, accept_language: Option<&str>) -> Self {
        match mail {
            Some("en") => Self::English,
            Some("de") => Self::German,
            _ => Self::of(accept_language),
        }
    }

    /// The tag, for `lang` and `Content-Language`.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The words of the preferences page.
    pub(super) fn preferences(self) -> &'static PreferenceWords {
        match self {
            Self::English => &ENGLISH_PREFERENCES,
            Self::German => &GERMAN_PREFERENCES,
        }
    }

    /// What a page about `subject` says.
    pub(super) fn words(self, subject: Subject) -> Words {
        match self {
            Self::English => english(subject),
            Self::German => german(subject),
        }
    }
}

/// In English.
fn english(subject: Subject) -> Words {
    let (heading, text, button) = match subject {
        Subject::Ask => (
            "Stop these e-mails?",
            "{product} e-mails you when an account you connected stops working. Press the button and you will \
             get no more of these e-mails. Opening this page has changed nothing.",
            Some("Stop these e-mails"),
        ),
        Subject::Done => (
            "You are unsubscribed",
            "{product} will not send you these e-mails any more. If you want them again, open the link in the e-mail \
             once more.",
            None,
        ),
        Subject::Expired => (
            Language::English.phrases().expired,
            "Links in our e-mails work for a limited time, to keep your account safe. You can see and reconnect \
             your accounts in the settings of {product}.",
            None,
        ),
        Subject::Retired => {
            (Language::English.phrases().revoked, "Accounts are reconnected in the settings of {product} now.", None)
        }
        Subject::NothingHere => (
            "This link does not work",
            "It may have been cut off. Open the link in the e-mail again, or copy all of it.",
            None,
        ),
        Subject::NotUnderstood => {
            ("Nothing has changed", "Open the link in the e-mail again and press the button there.", None)
        }
        Subject::Slower => ("Too many requests", "Nothing has changed. Try again in a minute.", None),
        Subject::Later => {
            ("That did not work", "Nothing has changed. Try again in a few minutes; it is not your fault.", None)
        }
        Subject::Unseen => (
            Language::English.phrases().unseen,
            "Whether your account is connected could not be seen just now. If you have finished there, you need not do \
             anything: it will be seen by itself.",
            None,
        ),
    };
    Words { heading, text, button }
}

/// In German.
fn german(subject: Subject) -> Words {
    let (heading, text, button) = match subject {
        Subject::Ask => (
            "Diese E-Mails abbestellen?",
            "{product} schreibt Ihnen, wenn ein verbundenes Konto nicht mehr funktioniert. Mit dem Knopf bestellen \
             Sie diese E-Mails ab. Das Öffnen dieser Seite hat nichts geändert.",
            Some("E-Mails abbestellen"),
        ),
        Subject::Done => (
            "Sie haben die E-Mails abbestellt",
            "{product} schickt Ihnen diese E-Mails nicht mehr. Wenn Sie sie wieder erhalten möchten, öffnen Sie \
             den Link in der E-Mail noch einmal.",
            None,
        ),
        Subject::Expired => (
            Language::German.phrases().expired,
            "Zum Schutz Ihres Kontos gelten Links in unseren E-Mails nur begrenzte Zeit. In den Einstellungen von \
             {product} sehen Sie Ihre Konten und können sie neu verbinden.",
            None,
        ),
        Subject::Retired => (
            Language::German.phrases().revoked,
            "Konten werden jetzt in den Einstellungen von {product} neu verbunden.",
            None,
        ),
        Subject::NothingHere => (
            "Dieser Link funktioniert nicht",
            "Vielleicht ist er abgeschnitten. Öffnen Sie den Link in der E-Mail noch einmal oder kopieren Sie ihn \
             ganz.",
            None,
        ),
        Subject::NotUnderstood => (
            "Es hat sich nichts geändert",
            "Öffnen Sie den Link in der E-Mail noch einmal und drücken Sie dort den Knopf.",
            None,
        ),
        Subject::Slower => {
            ("Zu viele Anfragen", "Es hat sich nichts geändert. Versuchen Sie es in einer Minute wieder.", None)
        }
        Subject::Later => (
            "Das hat nicht funktioniert",
            "Es hat sich nichts geändert. Versuchen Sie es in ein paar Minuten wieder; es liegt nicht an Ihnen.",
            None,
        ),
        Subject::Unseen => (
            Language::German.phrases().unseen,
            "Ob Ihr Konto verbunden ist, war gerade nicht zu sehen. Wenn Sie dort fertig sind, müssen Sie nichts tun: es \
             wird von selbst bemerkt.",
            None,
        ),
    };
    Words { heading, text, button }
}

/// The weight `q` in thousandths; 1000 where there is none, 0 where it cannot be read.
fn thousandths(parameters: &str) -> u32 {
    let given = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    let Some(text) = given else { return 1_000 };
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    match (whole, format!("{fraction:0<3}").parse::<u32>()) {
        ("1", Ok(0)) => 1_000,
        ("0", Ok(thousandths)) if fraction.len() <= 3 => thousandths,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_a_client_likes_best_is_spoken() {
        use Language::{English, German};
        for (header, expected) in [
            (None, English),
            (Some(""), English),
            (Some("de"), German),
            (Some("DE-at"), German),
            (Some("de-DE,de;q=0.9,en;q=0.8"), German),
            (Some("en-GB,en;q=0.9,de;q=0.8"), English),
            (Some("fr,de;q=0.5,en;q=0.4"), German),
            (Some("fr,pl;q=0.5"), English),
            (Some("de;q=0"), English),
            (Some("de;q=0.001"), German),
            (Some("de;q=1.000"), German),
            (Some("de;q=2"), English),
            (Some("de;q=x, en;q=0.1"), English),
            (Some("*, de;q=0.9"), English),
            (Some(",,;;q=;,de"), German),
        ] {
            assert_eq!(Language::of(header), expected, "{header:?}");
        }
        let long = format!("{}de", "xx,".repeat(100_000));
        assert_eq!(Language::of(Some(&long)), English);
    }
}
