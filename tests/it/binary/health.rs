//! `health` as a container engine starts it: an exit code, and on standard error what is wrong.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};

fn health(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output: Output = Command::new(env!("CARGO_BIN_EXE_reconnectd"))
        .arg("health")
        .args(arguments)
        .current_dir(folder.path())
        .env("http_proxy", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Answers one request with `answer`, and gives back its first line.
fn once(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..read]).lines().next().unwrap().to_owned()
    });
    (address, served)
}

#[test]
fn it_says_what_the_listener_says() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let broken = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 17\r\n\r\n{\"state\":\"down\"}\n";
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n";
    for (answer, arguments, asked, code, said) in [
        (ok, &[][..], "GET /livez HTTP/1.1", 0, ""),
        (ok, &["--ready"], "GET /readyz HTTP/1.1", 0, ""),
        (broken, &["--ready"], "GET /readyz HTTP/1.1", 1, "/readyz answered 503: {\"state\":\"down\"}"),
        (elsewhere, &[], "GET /livez HTTP/1.1", 1, "answered 302"),
    ] {
        let (address, served) = once(answer);
        let (ended, stderr) = health(&[arguments, &["--address", &address]].concat());
        assert_eq!(ended, Some(code), "{stderr}");
        assert!(stderr.contains(said) && (code != 0 || stderr.is_empty()), "{stderr}");
        assert_eq!(served.join().unwrap(), asked);
    }
}

#[test]
fn nobody_there_and_nobody_to_ask_are_told_apart() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (code, stderr) = health(&["--address", &taken]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("does not answer"), "{stderr}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.toml");
    // The address comes from the configuration, of which nothing else needs to be there.
    std::fs::write(&file, format!("[monitor]\nlisten = \"{taken}\"\n")).unwrap();
    let (code, stderr) = health(&["--config", file.to_str().unwrap()]);
    assert!(code == Some(1) && stderr.contains(&taken), "{stderr}");
    std::fs::write(&file, "[monitor]\nlisten = \"off\"\n").unwrap();
    let (code, stderr) = health(&["--config", file.to_str().unwrap()]);
    assert!(code == Some(2) && stderr.contains("nobody to ask"), "{stderr}");
}
