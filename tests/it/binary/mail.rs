//! Mail as the real program sends it: over few connections, each with a goodbye; encrypted, to a real server with a
//! certificate of its own.

use super::setup::Setup;
use crate::support::smtp::{AiosmtpdServer, Encryption};
use crate::support::smtp_faults::FaultySmtp;

#[tokio::test]
async fn a_run_sends_many_mails_over_few_connections_and_says_goodbye_on_each() {
    let mail = FaultySmtp::start(&[]).await;
    let mut setup = Setup::new().await;
    setup.remove("webhook");
    setup.mail_to(&format!("smtp://{}?tls=none", mail.address()));
    for number in 0..30 {
        setup.broken_user(&format!("u{number}")).await;
    }
    assert_eq!(setup.once(0).await["deliveries_sent"], 30);
    let sessions = mail.sessions();
    assert_eq!(sessions.iter().map(|session| session.mails).sum::<usize>(), 30);
    assert!(sessions.len() <= 5, "four at once, and one more where a connection has carried its twenty: {sessions:?}");
    assert!(sessions.iter().all(|session| session.commands.last().is_some_and(|line| line == "QUIT")), "{sessions:?}");
}

/// A setup with three users to tell by mail, through this server as it is named in the certificate.
async fn three_to_tell(mail: &AiosmtpdServer, scheme: &str) -> Setup {
    let mut setup = Setup::new().await;
    setup.remove("webhook");
    setup.mail_to(&format!("{scheme}://localhost:{}", mail.address().port()));
    for user in ["u1", "u2", "u3"] {
        setup.broken_user(user).await;
    }
    setup
}

#[tokio::test]
async fn mail_goes_out_encrypted_to_a_server_whose_certificate_is_trusted() {
    for (encryption, scheme) in [(Encryption::StartTls, "smtp"), (Encryption::Implicit, "smtps")] {
        let mail = AiosmtpdServer::encrypting(encryption).await;
        let mut setup = three_to_tell(&mail, scheme).await;
        setup.variable("SSL_CERT_FILE", mail.certificate().to_str().unwrap());
        setup.run(&["check"]).await.expect(0);
        assert_eq!(setup.once(0).await["deliveries_sent"], 3, "{scheme}");
        assert_eq!(mail.messages().len(), 3, "{scheme}");
    }
}

#[tokio::test]
async fn a_certificate_the_system_does_not_know_stops_the_channel() {
    for (encryption, scheme) in [(Encryption::StartTls, "smtp"), (Encryption::Implicit, "smtps")] {
        let mail = AiosmtpdServer::encrypting(encryption).await;
        let setup = three_to_tell(&mail, scheme).await;
        let output = setup.run(&["once"]).await.expect(1);
        assert!(output.stderr.contains("channel.stopped"), "{scheme}: {}", output.stderr);
        assert!(mail.messages().is_empty(), "{scheme}");
    }
}
