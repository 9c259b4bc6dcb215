//! The words of the reconnect pages, in every language the pages speak.
//!
//! `{product}`, `{toolkit}` and `{list}` stand for names; whoever fills them in has cleaned them. A name in a compound
//! (`{toolkit}-Konto`) gets hyphens throughout.

use super::language::Language;

/// The words of one language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrases {
    pub open: &'static str,
    pub open_text: &'static str,
    pub open_note: &'static str,
    pub open_yours: &'static str,
    pub open_button: &'static str,
    pub account: &'static str,
    pub since: &'static str,
    pub why: &'static str,
    pub second_account: &'static str,
    pub others: &'static str,
    pub why_refused: &'static str,
    pub why_failures: &'static str,
    pub why_transient: &'static str,
    pub why_unknown: &'static str,
    pub good: &'static str,
    pub good_text: &'static str,
    pub removed_text: &'static str,
    pub team: &'static str,
    pub team_text: &'static str,
    pub switched_off: &'static str,
    pub switched_off_text: &'static str,
    pub expired: &'static str,
    pub expired_text: &'static str,
    pub revoked: &'static str,
    pub revoked_text: &'static str,
    pub to_settings: &'static str,
    pub to_product: &'static str,
    pub busy: &'static str,
    pub busy_text: &'static str,
    pub later: &'static str,
    pub later_text: &'static str,
    pub again: &'static str,
    pub foreign: &'static str,
    pub foreign_text: &'static str,
    pub to_page: &'static str,
    pub works: &'static str,
    pub works_text: &'static str,
    pub waiting: &'static str,
    pub waiting_text: &'static str,
    pub look_again: &'static str,
    pub not_done: &'static str,
    pub not_done_text: &'static str,
    pub not_done_steps: [&'static str; 3],
    pub unseen: &'static str,
    pub unseen_text: &'static str,
    pub months: [&'static str; 12],
    /// `{day}`, `{month}` and `{year}`.
    pub date: &'static str,
    pub and: &'static str,
}

impl Language {
    /// Its words.
    pub(super) fn phrases(self) -> &'static Phrases {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }
}

const ENGLISH: Phrases = Phrases {
    open: "Reconnect {toolkit}",
    open_text: "{product} can no longer reach your {toolkit} account. It takes a minute to connect it again.",
    open_note: "The button takes you to a sign-in page for {toolkit}, and back. Opening this page has changed nothing.",
    open_yours: "Go on only if this link came in an e-mail to you. If somebody else gave it to you, your {toolkit} would be \
                 connected to their {product} account.",
    open_button: "Reconnect {toolkit}",
    account: "Account",
    since: "Stopped on",
    why: "Why",
    second_account: "Another {toolkit} account of yours works. This is about the one named here.",
    others: "Also to be reconnected: {list}. You can do that in the settings of {product}.",
    why_refused: "{toolkit} no longer accepts the permission you gave. A new password is a usual cause.",
    why_failures: "{toolkit} refused access several times in a row.",
    why_transient: "{toolkit} could not be reached for a long time.",
    why_unknown: "{toolkit} did not say why.",
    good: "All good",
    good_text: "Your {toolkit} account works. There is nothing to do.",
    removed_text: "Your {toolkit} account was removed from {product}. There is nothing to do.",
    team: "We have to put something right",
    team_text: "{product} has to put something right with {toolkit} first. You need not do anything; your account can be \
                connected again after that.",
    switched_off: "This account is switched off",
    switched_off_text: "Your {toolkit} account was disconnected on purpose. If you want it back, connect it in the \
                        settings of {product}.",
    expired: "This link has expired",
    expired_text: "Links in our e-mails work for a limited time, to keep your account safe. You can reconnect \
                   {toolkit} in the settings of {product}.",
    revoked: "This link is not valid any more",
    revoked_text: "You can see and reconnect your accounts in the settings of {product}.",
    to_settings: "Open the settings of {product}",
    to_product: "Go on to {product}",
    busy: "One moment",
    busy_text: "The sign-in page for {toolkit} is being opened in another tab or window. Go on there, or try again here.",
    later: "That did not work",
    later_text: "The sign-in page for {toolkit} could not be opened just now. Nothing has changed and it is not your \
                 fault. Try again in a minute.",
    again: "Try again",
    foreign: "Please press the button once more",
    foreign_text: "For your safety this only works from the page itself, and not after it has been open for long. \
                   Nothing has changed.",
    to_page: "Back to the page",
    works: "{toolkit} is connected again",
    works_text: "Thank you. {product} can use your {toolkit} account again.",
    waiting: "Almost there",
    waiting_text: "{toolkit} has not confirmed the connection yet. That can take a minute.",
    look_again: "Look again",
    not_done: "{toolkit} is not connected yet",
    not_done_text: "The connection was not completed. You can try again as often as you like. If it does not work:",
    not_done_steps: [
        "Sign in to {toolkit} with the account you use in {product}, and allow the access it asks for.",
        "In a company's {toolkit}, an administrator may have to allow {product} first.",
        "Finish within ten minutes: after that the sign-in page is no longer valid.",
    ],
    unseen: "We could not check",
    unseen_text: "Whether {toolkit} is connected could not be seen just now. If you have finished there, you need not \
                  do anything: it will be seen by itself.",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    date: "{day} {month} {year}",
    and: "and",
};

const GERMAN: Phrases = Phrases {
    open: "{toolkit} neu verbinden",
    open_text: "{product} kann Ihr {toolkit}-Konto nicht mehr erreichen. Es dauert eine Minute, es neu zu verbinden.",
    open_note: "Der Knopf führt Sie zu einer Anmeldeseite für {toolkit} und wieder zurück. Das Öffnen dieser Seite hat \
                nichts geändert.",
    open_yours: "Machen Sie nur weiter, wenn dieser Link in einer E-Mail an Sie kam. Hat ihn Ihnen jemand anderes gegeben, \
                 würde Ihr {toolkit} mit dessen Zugang zu {product} verbunden.",
    open_button: "{toolkit} neu verbinden",
    account: "Konto",
    since: "Gestört seit",
    why: "Grund",
    second_account: "Ein anderes {toolkit}-Konto von Ihnen funktioniert. Es geht um das hier genannte.",
    others: "Ebenfalls neu zu verbinden: {list}. Das geht in den Einstellungen von {product}.",
    why_refused: "{toolkit} nimmt die erteilte Erlaubnis nicht mehr an. Oft liegt es an einem neuen Passwort.",
    why_failures: "{toolkit} hat den Zugriff mehrmals hintereinander abgelehnt.",
    why_transient: "{toolkit} war lange Zeit nicht erreichbar.",
    why_unknown: "{toolkit} hat keinen Grund genannt.",
    good: "Alles in Ordnung",
    good_text: "Ihr {toolkit}-Konto funktioniert. Sie müssen nichts tun.",
    removed_text: "Ihr {toolkit}-Konto wurde aus {product} entfernt. Sie müssen nichts tun.",
    team: "Wir müssen etwas in Ordnung bringen",
    team_text: "{product} muss zuerst etwas mit {toolkit} in Ordnung bringen. Sie müssen nichts tun; danach lässt sich \
                Ihr Konto wieder verbinden.",
    switched_off: "Dieses Konto ist abgeschaltet",
    switched_off_text: "Ihr {toolkit}-Konto wurde absichtlich getrennt. Wenn Sie es wieder nutzen möchten, verbinden \
                        Sie es in den Einstellungen von {product}.",
    expired: "Dieser Link ist abgelaufen",
    expired_text: "Zum Schutz Ihres Kontos gelten Links in unseren E-Mails nur begrenzte Zeit. In den Einstellungen \
                   von {product} können Sie {toolkit} neu verbinden.",
    revoked: "Dieser Link ist nicht mehr gültig",
    revoked_text: "In den Einstellungen von {product} sehen Sie Ihre Konten und können sie neu verbinden.",
    to_settings: "Einstellungen von {product} öffnen",
    to_product: "Weiter zu {product}",
    busy: "Einen Moment",
    busy_text: "Die Anmeldeseite für {toolkit} wird gerade in einem anderen Tab oder Fenster geöffnet. Machen Sie dort \
                weiter, oder versuchen Sie es hier noch einmal.",
    later: "Das hat nicht funktioniert",
    later_text: "Die Anmeldeseite für {toolkit} ließ sich gerade nicht öffnen. Es hat sich nichts geändert, und es liegt \
                 nicht an Ihnen. Versuchen Sie es in einer Minute wieder.",
    again: "Noch einmal versuchen",
    foreign: "Bitte drücken Sie den Knopf noch einmal",
    foreign_text: "Zu Ihrer Sicherheit geht das nur von der Seite selbst aus und nicht, wenn sie lange offen war. Es \
                   hat sich nichts geändert.",
    to_page: "Zurück zur Seite",
    works: "{toolkit} ist wieder verbunden",
    works_text: "Danke. {product} kann Ihr {toolkit}-Konto wieder nutzen.",
    waiting: "Fast geschafft",
    waiting_text: "{toolkit} hat die Verbindung noch nicht bestätigt. Das kann eine Minute dauern.",
    look_again: "Noch einmal nachsehen",
    not_done: "{toolkit} ist noch nicht verbunden",
    not_done_text: "Die Verbindung wurde nicht abgeschlossen. Sie können es beliebig oft wieder versuchen. Wenn es nicht \
                    klappt:",
    not_done_steps: [
        "Melden Sie sich bei {toolkit} mit dem Konto an, das Sie in {product} nutzen, und erlauben Sie den Zugriff.",
        "In einem Firmenkonto muss vielleicht erst eine Administratorin oder ein Administrator {product} zulassen.",
        "Schließen Sie die Anmeldung innerhalb von zehn Minuten ab: danach gilt die Anmeldeseite nicht mehr.",
    ],
    unseen: "Das ließ sich nicht prüfen",
    unseen_text: "Ob {toolkit} verbunden ist, war gerade nicht zu sehen. Wenn Sie dort fertig sind, müssen Sie nichts \
                  tun: es wird von selbst bemerkt.",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    date: "{day}. {month} {year}",
    and: "und",
};
