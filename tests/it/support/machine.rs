//! A machine within this machine (`machine.sh`): this one's files under an overlay, its own processes, and a systemd
//! of its own or none. What it did is gone with it, also when a test fails half-way.
//!
//! It takes root and a kernel that allows namespaces and an overlay. Where it is not allowed the test says so and
//! what it would have shown is not shown there.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Far longer than anything in here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What process 1 of the machine is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Init {
    Systemd,
    /// Nothing to speak to, as in a container or a chroot.
    Nothing,
}

pub struct Machine {
    outside: Child,
    init: u32,
    folder: tempfile::TempDir,
}

impl Machine {
    /// None where this machine does not allow it; the reason is on standard error.
    pub fn start(init: Init) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/machine.sh");
        let word = if init == Init::Systemd { "systemd" } else { "nothing" };
        let mut outside = Command::new("unshare")
            .args(["--mount", "bash"])
            .arg(script)
            .arg(folder.path())
            .arg(word)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(outside.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line != "started\n" {
            let mut why = String::new();
            outside.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            outside.wait().unwrap();
            eprintln!("NOT SHOWN: no machine within this machine: {}", why.trim());
            return None;
        }
        let child = |id: u32| -> u32 {
            std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap().trim().parse().unwrap()
        };
        let machine = Self { init: child(child(outside.id())), outside, folder };
        if init == Init::Systemd {
            machine.until("systemd is up", || machine.says(&["systemctl", "is-system-running"]).trim() == "running");
        }
        Some(machine)
    }

    /// Where `path` of the machine is for us.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Puts the binary under test where the units look for it.
    pub fn install_binary(&self) {
        let to = self.path("/usr/bin/reconnectd");
        std::fs::copy(env!("CARGO_BIN_EXE_reconnectd"), to).unwrap();
    }

    /// Runs a command in there to its end.
    pub fn run(&self, command: &[&str]) -> Output {
        let init = self.init.to_string();
        let patience = PATIENCE.as_secs().to_string();
        let entered = ["-k", "5", &patience, "nsenter", "-t", &init, "-m", "-p", "-u", "-i", "-r", "-w", "--"];
        Command::new("timeout").args(entered).args(command).stdin(Stdio::null()).output().unwrap()
    }

    /// What it prints on standard output; it must succeed.
    pub fn expect(&self, command: &[&str]) -> String {
        let output = self.run(command);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it prints on standard output, however it ends.
    pub fn says(&self, command: &[&str]) -> String {
        String::from_utf8(self.run(command).stdout).unwrap()
    }

    /// Waits until something has come true.
    #[expect(clippy::disallowed_methods, reason = "the machine within lives by the real clock")]
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(
                Instant::now() < deadline,
                "never: {what}\n{}",
                self.says(&["journalctl", "-n", "40", "--no-pager"])
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Every file, folder and link that was made or changed, or taken away from what this machine has.
    pub fn changed(&self) -> Vec<String> {
        let upper = self.folder.path().join("upper");
        let found = Command::new("nsenter")
            .args(["-t", &self.outside.id().to_string(), "-m", "find"])
            .arg(&upper)
            .args(["-mindepth", "1", "-not", "-type", "d", "-printf", "/%P\n"])
            .output()
            .unwrap();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With process 1 everything in there ends; the script outside then tidies up and ends, too.
        drop(Command::new("kill").args(["-KILL", &self.init.to_string()]).status());
        drop(self.outside.wait());
    }
}
