//! A mail server that fails where it is told to: at each step, the first time or every time, it can answer anything,
//! say nothing, answer when told to, or hang up.
//!
//! Listens on a free loopback port; stops when dropped.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A moment at which the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// On connecting.
    Greeting,
    /// After EHLO.
    Ehlo,
    /// After STARTTLS; it never encrypts.
    StartTls,
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
    /// Says this and hangs up.
    SayAndDrop(&'static str),
    /// Says this once [`FaultySmtp::speak_up`] is called.
    Later(&'static str),
    /// Begins a reply and goes on with it for ever.
    Drip,
    /// Says that the mail was taken, with its number; what it does after a final dot.
    Take,
}

/// A fault: at this moment, at its n-th occasion (1 is the first; [`ALWAYS`]), do this.
pub type Fault = (Moment, usize, Act);

/// Instead of the number of an occasion.
pub const ALWAYS: usize = 0;

/// One connection as the server saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// Its command lines.
    pub commands: Vec<String>,
    /// Mails up to their final dot.
    pub mails: usize,
}

#[derive(Default)]
struct Book {
    sessions: Vec<Session>,
    /// Every moment so far, over all connections.
    moments: Vec<Moment>,
    commands: Vec<String>,
    /// Each mail and whether its final dot was answered as the server was told to.
    contents: Vec<(String, bool)>,
    stalls: usize,
}

/// A running server.
pub struct FaultySmtp {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    faults: Vec<Fault>,
    book: Mutex<Book>,
    reached: Notify,
    speak_up: Notify,
}

impl FaultySmtp {
    /// Starts a server that behaves well except at the moments given, there always.
    pub async fn start(faults: &[(Moment, Act)]) -> Self {
        let faults: Vec<Fault> = faults.iter().map(|(moment, act)| (*moment, ALWAYS, act.clone())).collect();
        Self::with(&faults).await
    }

    /// Starts a server that behaves well except for these faults; the first that fits is taken.
    pub async fn with(faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            faults: faults.to_vec(),
            book: Mutex::default(),
            reached: Notify::new(),
            speak_up: Notify::new(),
        });
        let accepting = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&accepting);
                // A client that hangs up ends the talk; that is no failure of the server.
                tokio::spawn(async move { drop(talk(stream, &shared).await) });
            }
        });
        Self { address, shared, server }
    }

    /// Where it listens, always on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every command line it was sent, without line ends.
    pub fn commands(&self) -> Vec<String> {
        self.shared.book.lock().unwrap().commands.clone()
    }

    /// Every mail it was sent to the final dot, whatever it answered.
    pub fn contents(&self) -> Vec<String> {
        self.shared.book.lock().unwrap().contents.iter().map(|(content, _)| content.clone()).collect()
    }

    /// The same, each with whether its final dot was answered and not stalled by [`FaultySmtp::stall_next`].
    pub fn ledger(&self) -> Vec<(String, bool)> {
        self.shared.book.lock().unwrap().contents.clone()
    }

    /// Every connection so far, oldest first.
    pub fn sessions(&self) -> Vec<Session> {
        self.shared.book.lock().unwrap().sessions.clone()
    }

    /// How many mails each connection carried to the final dot, oldest first.
    pub fn mails_per_connection(&self) -> Vec<usize> {
        self.sessions().iter().map(|session| session.mails).collect()
    }

    /// Returns once the server waits in an [`Act::Later`].
    pub async fn waits(&self) {
        self.shared.reached.notified().await;
    }

    /// Lets the server say what it holds back in an [`Act::Later`].
    pub fn speak_up(&self) {
        self.shared.speak_up.notify_one();
    }

    /// The next `mails` mails are taken to their final dot and never answered.
    pub fn stall_next(&self, mails: usize) {
        self.shared.book.lock().unwrap().stalls = mails;
    }
}

impl Drop for FaultySmtp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn talk(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let number = {
        let mut book = shared.book.lock().unwrap();
        book.sessions.push(Session::default());
        book.sessions.len() - 1
    };
    let mut moment = Moment::Greeting;
    loop {
        let act = shared.act(moment);
        let goes_on = moment == Moment::Data && !matches!(&act, Act::Say(reply) if !reply.starts_with('3'));
        match act {
            Act::Take => write.write_all(shared.taken().as_bytes()).await?,
            Act::Say(reply) => write.write_all(reply.as_bytes()).await?,
            Act::Stall => std::future::pending().await,
            Act::Drop => return Ok(()),
            Act::SayAndDrop(reply) => return write.write_all(reply.as_bytes()).await,
            Act::Later(reply) => {
                shared.reached.notify_one();
                shared.speak_up.notified().await;
                write.write_all(reply.as_bytes()).await?;
            }
            Act::Drip => loop {
                write.write_all(b"250-still here\r\n").await?;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            },
        }
        if goes_on {
            let content = read_content(&mut read).await?;
            if shared.note(number, content) {
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
        let mut book = shared.book.lock().unwrap();
        book.sessions[number].commands.push(line.clone());
        book.commands.push(line);
    }
}

impl Shared {
    /// What to do at this occasion of a moment.
    fn act(&self, moment: Moment) -> Act {
        let mut book = self.book.lock().unwrap();
        book.moments.push(moment);
        let nth = book.moments.iter().filter(|other| **other == moment).count();
        let fault = self.faults.iter().find(|(at, when, _)| *at == moment && (*when == ALWAYS || *when == nth));
        fault.map_or_else(|| usual(moment), |(_, _, act)| act.clone())
    }

    /// The reply to the final dot: the mails are numbered from 42 on, over all connections.
    fn taken(&self) -> String {
        let mails = self.book.lock().unwrap().contents.len();
        format!("250 2.0.0 queued as {} for bob@example.com\r\n", mails + 41)
    }

    /// Writes a mail down; says whether it is to be left without an answer.
    fn note(&self, number: usize, content: String) -> bool {
        let mut book = self.book.lock().unwrap();
        let stalls = book.stalls > 0;
        book.stalls = book.stalls.saturating_sub(1);
        book.contents.push((content, !stalls));
        book.sessions[number].mails += 1;
        stalls
    }
}

fn moment_of(line: &str) -> Moment {
    match line.split([' ', ':']).next().unwrap_or_default() {
        "AUTH" => Moment::Auth,
        "STARTTLS" => Moment::StartTls,
        "MAIL" => Moment::Mail,
        "RCPT" => Moment::Rcpt,
        "DATA" => Moment::Data,
        "QUIT" => Moment::Quit,
        _ => Moment::Ehlo,
    }
}

fn usual(moment: Moment) -> Act {
    let reply = match moment {
        Moment::Content => return Act::Take,
        Moment::Greeting => "220 faulty.test\r\n",
        Moment::Ehlo => "250-faulty.test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
        Moment::Auth => "235 2.7.0 ok\r\n",
        Moment::Mail => "250 2.1.0 ok\r\n",
        Moment::Rcpt => "250 2.1.5 ok\r\n",
        Moment::Data => "354 go on\r\n",
        Moment::StartTls => "220 2.0.0 go on\r\n",
        Moment::Quit => "221 2.0.0 bye\r\n",
    };
    Act::Say(reply)
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
