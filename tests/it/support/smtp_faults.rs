//! A mail server that fails where it is told to: at each step it can answer anything, say nothing, or hang up.
//!
//! Listens on a free loopback port; stops when dropped.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A moment at which the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// On connecting.
    Greeting,
    /// After EHLO.
    Ehlo,
    /// After AUTH.
    Auth,
    /// After MAIL FROM.
    Mail,
    /// After RCPT TO.
    Rcpt,
    /// After DATA.
    Data,
    /// After the final dot.
    Content,
    /// After QUIT.
    Quit,
}

/// What it does then.
#[derive(Debug, Clone)]
pub enum Act {
    /// Says this; lines end in `\r\n`.
    Say(&'static str),
    /// Says nothing and keeps the connection.
    Stall,
    /// Hangs up.
    Drop,
}

#[derive(Default)]
struct Book {
    commands: Vec<String>,
    /// Each mail and whether its final dot was answered as the server was told to.
    contents: Vec<(String, bool)>,
    stalls: usize,
}

/// A running server.
pub struct FaultySmtp {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
    server: JoinHandle<()>,
}

impl FaultySmtp {
    /// Starts a server that behaves well except at the moments given.
    pub async fn start(faults: &[(Moment, Act)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Mutex::new(Book::default()));
        let faults: Arc<HashMap<Moment, Act>> = Arc::new(faults.iter().cloned().collect());
        let shared = Arc::clone(&book);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (faults, book) = (Arc::clone(&faults), Arc::clone(&shared));
                // A client that hangs up ends the talk; that is no failure of the server.
                tokio::spawn(async move { drop(talk(stream, &faults, &book).await) });
            }
        });
        Self { address, book, server }
    }

    /// Where it listens, always on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every command line it was sent, without line ends.
    pub fn commands(&self) -> Vec<String> {
        self.book.lock().unwrap().commands.clone()
    }

    /// Every mail it was sent to the final dot, whatever it answered.
    pub fn contents(&self) -> Vec<String> {
        self.book.lock().unwrap().contents.iter().map(|(content, _)| content.clone()).collect()
    }

    /// The same, each with whether its final dot was answered and not stalled by [`FaultySmtp::stall_next`].
    pub fn ledger(&self) -> Vec<(String, bool)> {
        self.book.lock().unwrap().contents.clone()
    }

    /// The next `mails` mails are taken to their final dot and never answered.
    pub fn stall_next(&self, mails: usize) {
        self.book.lock().unwrap().stalls = mails;
    }
}

impl Drop for FaultySmtp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn talk(stream: TcpStream, faults: &HashMap<Moment, Act>, book: &Mutex<Book>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut moment = Moment::Greeting;
    loop {
        match faults.get(&moment).cloned().unwrap_or(Act::Say(usual(moment))) {
            Act::Say(reply) => write.write_all(reply.as_bytes()).await?,
            Act::Stall => std::future::pending().await,
            Act::Drop => return Ok(()),
        }
        if moment == Moment::Data
            && !matches!(faults.get(&Moment::Data), Some(Act::Say(reply)) if !reply.starts_with('3'))
        {
            let content = read_content(&mut read).await?;
            let stalls = {
                let mut book = book.lock().unwrap();
                let stalls = book.stalls > 0;
                book.stalls = book.stalls.saturating_sub(1);
                book.contents.push((content, !stalls));
                stalls
            };
            if stalls {
                std::future::pending::<()>().await;
            }
            moment = Moment::Content;
            continue;
        }
        let mut line = String::new();
        if read.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        moment = moment_of(&line);
        book.lock().unwrap().commands.push(line);
    }
}

fn moment_of(line: &str) -> Moment {
    match line.split([' ', ':']).next().unwrap_or_default() {
        "AUTH" => Moment::Auth,
        "MAIL" => Moment::Mail,
        "RCPT" => Moment::Rcpt,
        "DATA" => Moment::Data,
        "QUIT" => Moment::Quit,
        _ => Moment::Ehlo,
    }
}

fn usual(moment: Moment) -> &'static str {
    match moment {
        Moment::Greeting => "220 faulty.test\r\n",
        Moment::Ehlo => "250-faulty.test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
        Moment::Auth => "235 2.7.0 ok\r\n",
        Moment::Mail => "250 2.1.0 ok\r\n",
        Moment::Rcpt => "250 2.1.5 ok\r\n",
        Moment::Data => "354 go on\r\n",
        Moment::Content => "250 2.0.0 queued as 42 for bob@example.com\r\n",
        Moment::Quit => "221 2.0.0 bye\r\n",
    }
}

async fn read_content(read: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> std::io::Result<String> {
    let mut content = String::new();
    loop {
        let start = content.len();
        if read.read_line(&mut content).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if &content[start..] == ".\r\n" {
            content.truncate(start);
            return Ok(content);
        }
    }
}
