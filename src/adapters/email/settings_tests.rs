//! Every form of `[email] url`, `from` and `reply_to`, and what is said of the wrong ones.

use super::*;

fn describe(url: &str) -> Result<String, String> {
    match route(&url.into()).map_err(|e| e.to_string())? {
        Route::File(_) => Ok("file".to_owned()),
        Route::Smtp(server) => {
            let encryption = match server.encryption {
                Encryption::Implicit(_) => "implicit",
                Encryption::Required(_) => "required",
                Encryption::Opportunistic(_) => "opportunistic",
                Encryption::None => "none",
            };
            let login = server.login.map_or(String::new(), |(user, pass)| format!(" {user} {}", pass.expose_secret()));
            Ok(format!("{}|{}|{encryption}|{}{login}", server.host, server.port, server.loopback))
        }
    }
}

#[test]
fn good_urls() {
    for (url, expected) in [
        ("smtp://mail.example.com", "mail.example.com|587|required|false"),
        ("smtp://u%40x:p%2Bw+%25@mail.example.com:2525?tls=required", "mail.example.com|2525|required|false u@x p+w+%"),
        ("smtp://relay?tls=opportunistic", "relay|587|opportunistic|false"),
        ("smtp://127.0.0.1:25?tls=none", "127.0.0.1|25|none|true"),
        ("smtp://[::1]:25/?tls=none", "::1|25|none|true"),
        ("smtp://localhost:25?tls=none", "localhost|25|none|true"),
        ("smtps://user:pass@mail.example.com", "mail.example.com|465|implicit|false user pass"),
        ("file:///var/spool/reconnectd", "file"),
    ] {
        assert_eq!(describe(url).as_deref(), Ok(expected), "{url}");
    }
}

#[test]
fn wrong_urls_are_explained_without_the_password() {
    for url in [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://u:hunter2@mail.example.com?tls=maybe",
        "smtp://u:hunter2@mail.example.com?tls=none",
        "smtp://u:hunter2@mail.example.com?tsl=none",
        "smtp://u:hunter2@mail.example.com?tls=required&tls=none",
        "smtps://u:hunter2@mail.example.com?tls=none",
        "smtp://u:hunter2@mail.example.com/path",
        "smtp://u:hunter2@mail.example.com:99999",
        "smtp://:hunter2@mail.example.com",
        "smtp://hunter2@mail.example.com",
        "smtp://u:%FFhunter2@mail.example.com",
        "file://mail.example.com/hunter2",
        "file://",
    ] {
        let error = describe(url).unwrap_err();
        assert!(error.starts_with("[email] url: ") && !error.contains("hunter2"), "{url}: {error}");
    }
}

#[test]
fn senders_are_checked_and_cleaned() {
    for (text, expected) in [
        ("Acme <no-reply@acme.example>", Some("Acme <no-reply@acme.example>")),
        ("no-reply@acme.example", Some("no-reply@acme.example")),
        ("\"Acme, Inc.\" <no-reply@acme.example>", Some("\"Acme, Inc.\" <no-reply@acme.example>")),
        ("Acme\r\nBcc: x@y <no-reply@acme.example>", None),
        ("Acme", None),
        ("Acme <no-reply@żółć.example>", None),
        ("a@b, c@d", None),
        ("", None),
    ] {
        let parsed = mailbox("from", text);
        assert_eq!(parsed.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{text:?}");
        if let Err(error) = parsed {
            assert_eq!(error.to_string(), "[email] from: expected 'Name <local@domain>' or 'local@domain'");
        }
    }
}

#[test]
fn what_mails_are_composed_from_is_checked() {
    let good = EmailSettings {
        url: "file:///nowhere".into(),
        from: "Acme <no-reply@acme.example>".to_owned(),
        reply_to: None,
        product: "Acme".to_owned(),
        list_id: Some("notices.acme.example".to_owned()),
        templates: None,
        notices: 3,
        limits: EmailLimits::default(),
    };
    assert_eq!(composer(&good).map(|composer| composer.domain().to_owned()).unwrap(), "acme.example");
    let listed = EmailSettings { list_id: Some("not a list".to_owned()), ..good.clone() };
    let error = composer(&listed).err().unwrap().to_string();
    assert_eq!(error, "[email] list_id: expected a domain name such as reconnect.acme.example");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notice.txt"), "No link in here.\n").unwrap();
    let own = EmailSettings { templates: Some(folder.path().to_owned()), ..good };
    let error = crate::domain::causes(&composer(&own).err().unwrap());
    let place = format!("the mail templates cannot be used: {}/notice.txt: the link ", folder.path().display());
    assert!(error.starts_with(&place), "{error}");
}
