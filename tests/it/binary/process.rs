//! The real program as a process: started in a folder, waited for, killed or asked to stop, and what it left.
//!
//! A process ends with the value that holds it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that fails ends its test")]

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

const PROGRAM: &str = env!("CARGO_BIN_EXE_reconnectd");

/// Longer than any command may take on two loaded cores, the wait for a dead run's lease (20 s) included.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until something that happens in another process has happened.
pub async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The program, running; killed when dropped.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts it in this folder, its output going to two files named `name`. Of the environment it gets
    /// the given variables alone.
    pub fn start(folder: &Path, name: &str, arguments: &[&str], variables: &[(String, String)]) -> Self {
        let (stdout, stderr) = (folder.join(format!("{name}.stdout")), folder.join(format!("{name}.stderr")));
        Self::start_command(Command::new(PROGRAM).args(arguments), folder, stdout, stderr, variables)
    }

    /// The same on a terminal, which is what standard output and standard error then are together.
    pub fn start_on_a_terminal(folder: &Path, arguments: &str) -> Self {
        let (stdout, stderr) = (folder.join("terminal.stdout"), folder.join("terminal.stderr"));
        let line = format!("{PROGRAM} {arguments}");
        let variables = [("TERM", "xterm"), ("SHELL", "/bin/sh"), ("COLUMNS", "200")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Of Debian's essential package bsdutils: gives the command a pseudo-terminal and its exit code to us.
        let mut script = Command::new("/usr/bin/script");
        script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        Self::start_command(&mut script, folder, stdout, stderr, &variables)
    }

    /// The same with `input` as its standard input.
    pub fn start_reading(
        folder: &Path,
        name: &str,
        arguments: &[&str],
        variables: &[(String, String)],
        input: &str,
    ) -> Self {
        let path = |kind: &str| folder.join(format!("{name}.{kind}"));
        std::fs::write(path("stdin"), input).unwrap();
        let input = Stdio::from(File::open(path("stdin")).unwrap());
        let mut command = Command::new(PROGRAM);
        Self::spawn(command.args(arguments).stdin(input), folder, path("stdout"), path("stderr"), variables)
    }

    fn start_command(
        command: &mut Command,
        folder: &Path,
        stdout: PathBuf,
        stderr: PathBuf,
        variables: &[(String, String)],
    ) -> Self {
        Self::spawn(command.stdin(Stdio::null()), folder, stdout, stderr, variables)
    }

    fn spawn(
        command: &mut Command,
        folder: &Path,
        stdout: PathBuf,
        stderr: PathBuf,
        variables: &[(String, String)],
    ) -> Self {
        let child = command
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Self { child, stdout, stderr }
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    /// SIGKILL: it gets no chance to do anything.
    pub fn kill(mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it ended before it was killed: {}", self.stderr());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGKILL, if it has not ended by itself. Says whether SIGKILL is what ended it.
    pub fn kill_or_reap(mut self) -> bool {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success() || status.signal() == Some(9), "it failed: {status}: {}", self.stderr());
        status.signal() == Some(9)
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGTERM: it is asked to stop.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGHUP: it is asked to read its configuration anew.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub async fn finish(mut self) -> Output {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Output { code: status.code(), stdout: self.stdout(), stderr: self.stderr() };
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.stderr());
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a command left.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// It must have ended with this code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The summary: standard output is one line of JSON and nothing else.
    pub fn summary(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "one line: {:?}\n{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {:?}", self.stdout))
    }

    /// The log: every line of standard error is JSON with an event and the run.
    pub fn log(&self) -> Vec<Value> {
        let line = |line: &str| -> Value {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(value["event"].is_string() && value["run_id"].is_string(), "{line}");
            value
        };
        self.stderr.lines().map(line).collect()
    }
}
