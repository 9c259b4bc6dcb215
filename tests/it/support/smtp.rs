//! A real mail server (Debian's aiosmtpd) in its own process: takes every mail and keeps it as a file.
//!
//! Listens on a free loopback port in a folder of its own; both are gone when the value is dropped, and
//! the process ends by itself when the test process is killed, because its stdin closes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that fails ends its test")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How long the server may take to greet; two loaded cores start Python in under 5 s.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Binds port 0 itself, so that no other process can take the port in between, and writes the port down.
/// Each mail becomes `NNNNNN-PORT.eml` after the client's port, the envelope in `X-MailFrom` and `X-RcptTo`, renamed into place whole.
const SERVER: &str = r#"
import itertools, os, ssl, sys, asyncio
from aiosmtpd.smtp import SMTP

folder, encryption = sys.argv[1:]
numbers = itertools.count(1)

class Keep:
    async def handle_DATA(self, server, session, envelope):
        path = os.path.join(folder, "%06d-%d.eml" % (next(numbers), session.peer[1]))
        with open(path + ".part", "wb") as file:
            file.write(b"X-MailFrom: " + envelope.mail_from.encode() + b"\r\n")
            file.write(b"X-RcptTo: " + ", ".join(envelope.rcpt_tos).encode() + b"\r\n")
            file.write(envelope.original_content)
        os.rename(path + ".part", path)
        return "250 2.0.0 Ok: queued"

async def main():
    loop = asyncio.get_running_loop()
    starttls, implicit = {}, None
    if encryption != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem"))
        if encryption == "implicit":
            implicit = context
        else:
            starttls = {"tls_context": context, "require_starttls": True}
    smtp = lambda: SMTP(Keep(), hostname="mail.test", enable_SMTPUTF8=True, **starttls)
    server = await loop.create_server(smtp, "127.0.0.1", 0, ssl=implicit)
    with open(os.path.join(folder, "port.part"), "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(os.path.join(folder, "port.part"), os.path.join(folder, "port"))
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)

asyncio.run(main())
"#;

/// A running aiosmtpd; stopped when dropped.
pub struct AiosmtpdServer {
    process: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

/// How a server encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// Takes no mail before STARTTLS.
    StartTls,
    /// From the first byte.
    Implicit,
}

impl AiosmtpdServer {
    /// Starts a server that does not encrypt and waits until it greets.
    pub async fn start() -> Self {
        Self::encrypting(Encryption::None).await
    }

    /// Starts a server whose certificate, for `localhost`, lies at [`AiosmtpdServer::certificate`].
    pub async fn encrypting(encryption: Encryption) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let word = match encryption {
            Encryption::None => "none",
            Encryption::StartTls => "starttls",
            Encryption::Implicit => "implicit",
        };
        let script = folder.path().join("server.py");
        std::fs::File::create(&script).unwrap().write_all(SERVER.as_bytes()).unwrap();
        let errors = std::fs::File::create(folder.path().join("stderr")).unwrap();
        let process = Command::new("/usr/bin/python3")
            .arg(&script)
            .arg(folder.path())
            .arg(word)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start /usr/bin/python3 ({e}); run tests/run, which installs it"));
        let mut server = Self { process, folder, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        server.wait_until_it_greets(encryption).await;
        server
    }

    /// Its certificate, which nobody vouches for but itself.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Where it listens, always on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The mails taken so far, oldest first, raw, each preceded by the lines `X-MailFrom` and `X-RcptTo`
    /// that hold the envelope.
    pub fn messages(&self) -> Vec<String> {
        let read = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        self.files().iter().map(read).collect()
    }

    /// Over how many connections they came.
    pub fn connections(&self) -> usize {
        let port = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap().1.to_owned();
        self.files().iter().map(port).collect::<BTreeSet<String>>().len()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ext| ext == "eml"))
            .collect();
        paths.sort();
        paths
    }

    async fn wait_until_it_greets(&mut self, encryption: Encryption) {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(port) = read_port(self.folder.path()) {
                self.address.set_port(port);
                // Who encrypts from the first byte listens by now and greets nobody in clear.
                if encryption == Encryption::Implicit || greets(self.address).await {
                    return;
                }
            }
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "aiosmtpd does not answer (ended: {ended:?}); run tests/run, which installs it: {}",
                std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for AiosmtpdServer {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn read_port(folder: &Path) -> Option<u16> {
    std::fs::read_to_string(folder.join("port")).ok()?.parse().ok()
}

/// Whether the server says `220` within a second.
async fn greets(address: SocketAddr) -> bool {
    let hello = async {
        let mut reply = [0_u8; 4];
        let mut stream = TcpStream::connect(address).await?;
        stream.read_exact(&mut reply).await?;
        Ok::<_, std::io::Error>(reply == *b"220 ")
    };
    matches!(timeout(Duration::from_secs(1), hello).await, Ok(Ok(true)))
}

#[tokio::test]
async fn the_mail_server_keeps_what_it_is_sent() {
    use lettre::transport::smtp::AsyncSmtpTransport;
    use lettre::{AsyncTransport as _, Message, Tokio1Executor};

    let server = AiosmtpdServer::start().await;
    assert!(server.messages().is_empty());
    let client =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(server.address().port()).build();
    for subject in ["first", "second"] {
        let mail = Message::builder()
            .from("a@example.com".parse().unwrap())
            .to("b@example.com".parse().unwrap())
            .subject(subject)
            .body("hello".to_owned())
            .unwrap();
        client.send(mail).await.unwrap();
    }
    let mails = server.messages();
    assert_eq!(mails.len(), 2);
    assert!(mails[0].starts_with("X-MailFrom: a@example.com\r\nX-RcptTo: b@example.com\r\n"), "{}", mails[0]);
    assert!(mails[0].contains("Subject: first\r\n") && mails[1].contains("Subject: second\r\n"));
}
