//! A mail and the pages it leads to, in one language: real mails, in the words of an operator's catalogues.

use std::sync::Arc;

use mail_parser::MessageParser;
use reconnectd::adapters::email::{EmailChannel, EmailSettings};
use reconnectd::domain::{LinkId, UserId};
use reconnectd::languages::Languages;
use reconnectd::store::LinkLanguage;

use super::{Answer, Place, Served, hosted};
use crate::channels_email::PATIENT;
use crate::support::words::{self, ENGLISH, GERMAN};

/// Mails by the real channel, into a folder.
struct Post {
    place: Place,
    served: Served,
    folders: [tempfile::TempDir; 2],
}

/// What Mary's mail says.
struct Mail {
    language: String,
    greeting: String,
    reconnect: String,
    preferences: String,
}

impl Post {
    /// With these files in the folder of `[email] templates`.
    async fn with(files: &[(&str, String)]) -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        words::put(folders[0].path(), files);
        let mut place = Place::new().await;
        let settings = EmailSettings {
            url: format!("file://{}", folders[1].path().display()).into(),
            from: "Acme <no-reply@acme.example>".to_owned(),
            reply_to: None,
            product: "Acme".to_owned(),
            list_id: None,
            templates: Some(folders[0].path().to_owned()),
            notices: 3,
            limits: PATIENT,
        };
        place.rig.mailer = Some(Arc::new(EmailChannel::new(settings).unwrap()));
        place.rig.languages = Arc::new(Languages::load(Some(folders[0].path())).unwrap());
        let (base, key) = (place.links.base.clone(), place.rig.settings.delivery.address_key.clone());
        place.rig.settings.delivery.unsubscribe = Some(reconnectd::domain::Unsubscribe { base, key });
        let served = place.serve().await;
        Self { place, served, folders }
    }

    /// Mary's Slack stops working; her product says that she reads this.
    async fn mail(&self, locale: Option<&str>) -> Mail {
        let place = &self.place;
        place.connect("ca_1", "slack");
        if let Some(locale) = locale {
            place.rig.world.reads("mary", locale);
        }
        place.rig.run().await;
        place.rig.later(super::DAY);
        place.break_account("ca_1");
        place.rig.run().await;
        let told: Vec<String> =
            place.rig.world.take_sent().into_iter().map(|(channel, _)| channel.as_str().to_owned()).collect();
        assert_eq!(told, ["webhook:product"], "the mail went by the real channel, and the link by another, too");
        let mut files = std::fs::read_dir(self.folders[1].path()).unwrap();
        let bytes = std::fs::read(files.next().unwrap().unwrap().path()).unwrap();
        assert!(files.next().is_none());
        let mail = MessageParser::new().parse(&bytes).unwrap();
        let text = mail.body_text(0).unwrap().into_owned();
        let link = |path: &str| text.split_whitespace().find(|word| word.contains(path)).unwrap().to_owned();
        let language = mail.header_raw("Content-Language").unwrap().trim().to_owned();
        let greeting = text.lines().next().unwrap().to_owned();
        Mail { language, greeting, reconnect: link("/r/"), preferences: link("/u/") }
    }

    /// A page as somebody gets it whose browser asks for this language.
    async fn page(&self, link: &str, browser: &str) -> Answer {
        let served = &self.served;
        served.send(served.client.get(served.here(link)).header("accept-language", browser)).await
    }
}

/// What a page is headed by, and the language it says it is in.
fn shown(page: &Answer) -> (&str, &str) {
    (page.heading(), page.body.split_once("<html lang=\"").unwrap().1.split('"').next().unwrap())
}

fn portuguese(open: &str) -> String {
    words::with(ENGLISH, &[("open = \"Reconnect {toolkit}\"", &format!("open = \"{open}\""))])
}

#[tokio::test]
async fn pages_speak_the_language_of_the_mail_that_led_to_them() {
    let french = words::with(
        ENGLISH,
        &[("\"Hello,\"", "\"Bonjour,\""), ("open = \"Reconnect {toolkit}\"", "open = \"Reconnecter {toolkit}\"")],
    );
    let informal = words::mails_only(&words::with(GERMAN, &[("\"Guten Tag,\"", "\"Hallo,\"")]));
    let ours = words::with(ENGLISH, &[("open = \"Reconnect {toolkit}\"", "open = \"{toolkit} needs you\"")]);
    let files = [
        ("fr.toml", french.clone()),
        ("pt.toml", portuguese("Voltar a ligar {toolkit}")),
        ("pt-BR.toml", portuguese("Religar {toolkit}")),
        ("de.toml", informal),
        ("en.toml", ours),
    ];
    for (locale, browser, mail_is, greeting, page_is) in [
        (Some("fr-CA"), "de", "fr", "Bonjour,", ("Reconnecter Slack", "fr")),
        (Some("pt_BR"), "pt-PT", "pt-BR", "Hello,", ("Religar Slack", "pt-BR")),
        (Some("pt-PT"), "pt-BR", "pt", "Hello,", ("Voltar a ligar Slack", "pt")),
        // The mails' words are the operator's, and the pages' those that come along.
        (Some("de-AT"), "en", "de", "Hallo,", ("Slack neu verbinden", "de")),
        // The mail is in English, so the page is, whatever the browser.
        (None, "de", "en", "Hello,", ("Slack needs you", "en")),
        (Some("sv"), "de", "en", "Hello,", ("Slack needs you", "en")),
    ] {
        let post = Post::with(&files).await;
        let mail = post.mail(locale).await;
        assert_eq!((mail.language.as_str(), mail.greeting.as_str()), (mail_is, greeting), "{locale:?}");
        let page = post.page(&mail.reconnect, browser).await;
        assert_eq!(shown(&page), page_is, "{locale:?}");
        let preferences = post.page(&mail.preferences, browser).await;
        assert_eq!(shown(&preferences).1, page_is.1, "{locale:?}: {}", mail.preferences);
        let back = post.served.decide(&hosted(&post.served.post(&mail.reconnect, &page.form()).await), "approve").await;
        assert_eq!(shown(&post.page(&back, browser).await).1, page_is.1, "{locale:?}");
    }
}

#[tokio::test]
async fn a_language_without_words_for_pages_has_english_ones() {
    let french = words::mails_only(&words::with(ENGLISH, &[("\"Hello,\"", "\"Bonjour,\"")]));
    let post = Post::with(&[("fr.toml", french)]).await;
    let mail = post.mail(Some("fr")).await;
    assert_eq!((mail.language.as_str(), mail.greeting.as_str()), ("fr", "Bonjour,"));
    for link in [&mail.reconnect, &mail.preferences] {
        let page = post.page(link, "de").await;
        assert_eq!(shown(&page).1, "en", "{}", page.body);
    }
    assert_eq!(post.page(&mail.reconnect, "fr").await.heading(), "Reconnect Slack");
}

#[tokio::test]
async fn a_link_that_no_mail_carried_speaks_what_its_reader_is_known_to_read_else_what_the_browser_asks_for() {
    for (locale, browser, expected) in [
        ("de_AT", "en", ("Slack neu verbinden", "de")),
        ("fr-FR", "de", ("Slack neu verbinden", "de")),
        ("fr-FR", "fr", ("Reconnect Slack", "en")),
    ] {
        let mut place = Place::new().await;
        place.rig.channels = vec!["webhook:product"];
        place.connect("ca_1", "slack");
        place.rig.world.reads("mary", locale);
        place.rig.run().await;
        place.rig.later(super::DAY);
        place.break_account("ca_1");
        place.rig.run().await;
        let link = place.rig.world.take_sent()[0].1.items[0].reconnect_url.clone();
        let served = place.serve().await;
        let page = served.send(served.client.get(served.here(&link)).header("accept-language", browser)).await;
        assert_eq!(shown(&page), expected, "{locale} {browser}");
    }
}

#[tokio::test]
async fn what_the_last_mail_was_in_counts_whatever_else_carries_its_link_later() {
    let post = Post::with(&[]).await;
    let mail = post.mail(Some("de")).await;
    let user = UserId::new("mary");
    for (mailed, reader, expected) in [(None, Some("en"), "de"), (Some("en"), Some("de"), "en"), (None, None, "en")] {
        let language = LinkLanguage { mail: mailed.map(str::to_owned), reader: reader.map(str::to_owned) };
        let mut work = post.place.rig.store.begin().await.unwrap();
        let incident = work.open_incidents_of(std::slice::from_ref(&user)).await.unwrap().remove(0).incident.id;
        let (now, new) = (post.place.now(), LinkId::from_bytes([7; 16]));
        let links = work.links_for(&user, &[(incident.clone(), new)], &language, now, now + super::DAY).await.unwrap();
        work.commit().await.unwrap();
        assert_eq!(links[&incident], post.place.link_id(&mail.reconnect), "the same link");
        assert_eq!(shown(&post.page(&mail.reconnect, "fr").await).1, expected, "{mailed:?} {reader:?}");
    }
}

#[tokio::test]
async fn a_page_is_written_in_the_direction_of_its_language_and_a_catalogue_is_no_markup() {
    let hostile = words::with(
        &words::right_to_left(),
        &[(&format!("account = \"{}\"", words::hebrew("Account")), "account = \"<b onclick=x>&amp;</b>\"")],
    );
    let post = Post::with(&[("he.toml", hostile)]).await;
    let mail = post.mail(Some("he-IL")).await;
    let page = post.page(&mail.reconnect, "en").await;
    assert!(page.body.contains("<html lang=\"he\" dir=\"rtl\">"), "{}", page.body);
    assert!(page.body.contains("<dt>&lt;b onclick=x&gt;&amp;amp;&lt;/b&gt;</dt>"), "{}", page.body);
    // The account's name has a direction of its own; our sentences have the page's, though a name stands first in one.
    assert!(
        page.body.contains("<dd><bdi>slack of ca_1</bdi></dd>") && !page.body.contains("<dd><bdi>\u{2068}"),
        "{}",
        page.body
    );
    assert!(page.body.contains("<dd>\u{2068}Slack\u{2069} "), "{}", page.body);
    let english = post.page("/u/x", "en").await;
    assert!(english.body.contains("<html lang=\"en\" dir=\"ltr\">"), "{}", english.body);
}
