//! Encryption, against a server with a certificate of its own; a connection that waits; replies nobody can read.

use std::sync::{Arc, Mutex};

use lettre::transport::smtp::client::{Certificate, TlsParameters};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use super::super::idle::IdleConnections;
use super::super::settings::SmtpServer;
use super::super::smtp;
use super::*;

const LIMITS: EmailLimits = EmailLimits {
    handshake: Duration::from_secs(20),
    total: Duration::from_secs(40),
    idle: Duration::from_secs(20),
    mails_per_connection: 20,
};

/// How the connection becomes encrypted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Tls {
    Implicit,
    /// The reply to STARTTLS, in clear.
    Upgraded(&'static str),
    /// The server takes the handshake's first bytes and says nothing.
    StallsInHandshake,
    /// The server hangs up then.
    DropsInHandshake,
}

/// What the server heard, one list of lines per connection; the encrypted ones after `TLS`.
type Heard = Arc<Mutex<Vec<Vec<String>>>>;

struct Encrypting {
    port: u16,
    certificate: Certificate,
    heard: Heard,
}

/// A server with a certificate for `localhost`.
async fn encrypting(tls: Tls) -> Encrypting {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let book = Arc::clone(&heard);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, book) = (acceptor.clone(), Arc::clone(&book));
            let number = {
                let mut book = book.lock().unwrap();
                book.push(Vec::new());
                book.len() - 1
            };
            // A client that hangs up ends the talk.
            tokio::spawn(async move { drop(serve(stream, tls, &acceptor, &book, number).await) });
        }
    });
    Encrypting { port, certificate, heard }
}

async fn serve(
    stream: TcpStream,
    tls: Tls,
    acceptor: &TlsAcceptor,
    book: &Heard,
    number: usize,
) -> std::io::Result<()> {
    let note = |line: &str| book.lock().unwrap()[number].push(line.to_owned());
    let mut plain = BufReader::new(stream);
    let mut greeting = "220 localhost\r\n";
    if tls != Tls::Implicit {
        plain.write_all(b"220 localhost\r\n").await?;
        talk(&mut plain, "250-localhost\r\n250 STARTTLS\r\n", &note).await?;
        let reply = if let Tls::Upgraded(reply) = tls { reply } else { "220 go on\r\n" };
        plain.write_all(reply.as_bytes()).await?;
        greeting = "";
    }
    match tls {
        Tls::StallsInHandshake => std::future::pending().await,
        Tls::DropsInHandshake => return plain.fill_buf().await.map(drop),
        Tls::Implicit | Tls::Upgraded(_) => {}
    }
    let mut encrypted = BufReader::new(acceptor.accept(plain.into_inner()).await?);
    note("TLS");
    encrypted.write_all(greeting.as_bytes()).await?;
    talk(&mut encrypted, "250-localhost\r\n250 AUTH PLAIN\r\n", &note).await
}

/// Answers until STARTTLS or the end.
async fn talk<S>(stream: &mut BufReader<S>, hello: &str, note: &impl Fn(&str)) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut line, mut content) = (String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let reply = match line.split([' ', '\r']).next().unwrap() {
            "." => "250 2.0.0 taken\r\n",
            _ if content => continue,
            "EHLO" => hello,
            "AUTH" => "235 2.7.0 ok\r\n",
            "DATA" => "354 go on\r\n",
            _ => "250 ok\r\n",
        };
        content = reply.starts_with('3');
        note(line.trim_end());
        if line == "STARTTLS\r\n" {
            return Ok(());
        }
        stream.write_all(reply.as_bytes()).await?;
    }
}

/// How a client sees this server that trusts the certificates given.
fn seen_as(host: &str, server: &Encrypting, implicit: bool, trusted: Option<Certificate>) -> SmtpServer {
    let mut tls = TlsParameters::builder(host.to_owned());
    if let Some(trusted) = trusted {
        tls = tls.add_root_certificate(trusted);
    }
    let tls = tls.build_rustls().unwrap();
    SmtpServer {
        host: "127.0.0.1".to_owned(),
        port: server.port,
        encryption: if implicit { Encryption::Implicit(tls) } else { Encryption::Required(tls) },
        login: Some(("mailer".to_owned(), "hunter2".into())),
        loopback: false,
    }
}

fn mail() -> Mail {
    let (from, to) = ("a@example.com".parse().unwrap(), "b@example.com".parse().unwrap());
    Mail { from, to, bytes: b"Subject: hello\r\n\r\nhello\r\n".to_vec() }
}

#[tokio::test]
async fn several_mails_share_an_encrypted_connection_and_the_password_goes_only_over_it() {
    for tls in [Tls::Implicit, Tls::Upgraded("220 go on\r\n")] {
        let server = encrypting(tls).await;
        let to = seen_as("localhost", &server, tls == Tls::Implicit, Some(server.certificate.clone()));
        smtp::check(&to, LIMITS).await.unwrap();
        let idle = IdleConnections::new(LIMITS);
        for _ in 0..3 {
            assert_eq!(smtp::send(&to, LIMITS, &idle, &mail()).await.unwrap().detail, "250 2.0.0 taken");
        }
        idle.close().await;
        let heard = server.heard.lock().unwrap().clone();
        assert_eq!(heard.len(), 2, "the check's and the mails': {heard:?}");
        let (clear, encrypted) = heard[1].split_at(heard[1].iter().position(|line| line == "TLS").unwrap());
        assert!(clear.iter().all(|line| line.starts_with("EHLO") || line == "STARTTLS"), "{tls:?}: {clear:?}");
        assert_eq!(encrypted.iter().filter(|line| line.starts_with("AUTH PLAIN ")).count(), 1, "{encrypted:?}");
        assert_eq!(encrypted.iter().filter(|line| *line == ".").count(), 3, "{encrypted:?}");
        assert_eq!(encrypted.last().map(String::as_str), Some("QUIT"));
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_or_of_another_host_stops_the_channel() {
    for implicit in [true, false] {
        let server = encrypting(if implicit { Tls::Implicit } else { Tls::Upgraded("220 go on\r\n") }).await;
        for (host, trusted) in [("localhost", None), ("mail.example.com", Some(server.certificate.clone()))] {
            let to = seen_as(host, &server, implicit, trusted);
            let error = smtp::check(&to, LIMITS).await.unwrap_err();
            assert_eq!(error.class, FailureClass::ChannelBroken, "{host} {implicit}: {error}");
        }
        let heard = server.heard.lock().unwrap().concat();
        assert!(!heard.iter().any(|line| line.starts_with("AUTH")), "{heard:?}");
    }
}

#[tokio::test]
async fn what_was_said_in_clear_is_not_believed_after_the_handshake() {
    // Somebody on the way adds replies behind the one to STARTTLS: a whole exchange that never was, or one reply.
    for replies in [
        "220 go on\r\n250-localhost\r\n250 AUTH PLAIN\r\n235 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 2.0.0 forged\r\n",
        "220 go on\r\n250-localhost\r\n250 AUTH PLAIN\r\n235 ok\r\n",
        "220 go on\r\n250-localhost\r\n250 AUTH PLAIN\r\n",
    ] {
        let server = encrypting(Tls::Upgraded(replies)).await;
        let to = seen_as("localhost", &server, false, Some(server.certificate.clone()));
        let error = smtp::send(&to, LIMITS, &IdleConnections::new(LIMITS), &mail()).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Transient, "{replies:?}: {error}");
        assert!(error.detail.contains("out of step"), "{error}");
        assert!(!server.heard.lock().unwrap().concat().iter().any(|line| line == "DATA"));
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_bounded() {
    let short = EmailLimits { handshake: Duration::from_secs(1), ..LIMITS };
    for (tls, limits) in [(Tls::StallsInHandshake, short), (Tls::DropsInHandshake, LIMITS)] {
        let server = encrypting(tls).await;
        let to = seen_as("localhost", &server, false, Some(server.certificate.clone()));
        let (idle, mail) = (IdleConnections::new(limits), mail());
        let sent = smtp::send(&to, limits, &idle, &mail);
        let error = timeout(Duration::from_secs(15), sent).await.expect("bounded").unwrap_err();
        assert_eq!(error.class, FailureClass::Transient, "{tls:?}: {error}");
    }
}

#[tokio::test]
async fn a_connection_waits_as_long_as_the_limit_says_and_no_longer() {
    let server = encrypting(Tls::Implicit).await;
    let to = seen_as("localhost", &server, true, Some(server.certificate.clone()));
    let idle = IdleConnections::new(LIMITS);
    for _ in 0..2 {
        smtp::send(&to, LIMITS, &idle, &mail()).await.unwrap();
    }
    assert_eq!(server.heard.lock().unwrap().len(), 1);
    tokio::time::pause();
    tokio::time::advance(LIMITS.idle.checked_sub(Duration::from_secs(5)).unwrap()).await;
    let kept = idle.take().expect("not too old yet");
    idle.put_back(kept);
    tokio::time::advance(LIMITS.idle).await;
    assert!(idle.take().is_none(), "too old");
}

#[tokio::test]
async fn an_ehlo_reply_that_the_library_panics_at_is_a_failure_like_any_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let to =
        SmtpServer { host: "127.0.0.1".to_owned(), port, encryption: Encryption::None, login: None, loopback: true };
    let serving = async {
        let mut stream = listener.accept().await.unwrap().0;
        stream.write_all(b"220 odd.test\r\n").await.unwrap();
        BufReader::new(&mut stream).read_line(&mut String::new()).await.unwrap();
        stream.write_all(b"250-odd.test\r\n250-  \r\n250 8BITMIME\r\n").await.unwrap();
        stream
    };
    let (checked, _stream) = tokio::join!(smtp::check(&to, LIMITS), serving);
    assert_eq!(checked.unwrap_err().class, FailureClass::Transient);
}
