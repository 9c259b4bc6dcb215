//! `simulate`: the provider as a process of its own.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::process::{Running, until};
use super::setup::Setup;

/// A plain HTTP exchange: everything the server answered.
async fn get(address: &str, path: &str, key: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_says_where_it_is_answers_and_stops_when_asked_to() {
    let mut setup = Setup::new().await;
    let directory = setup.folder.path().join("users.db");
    let arguments =
        ["simulate", "--port", "0", "--users", "40", "--broken-share", "0.5", "--directory-file", "users.db"];
    let simulator = Running::start(setup.folder.path(), "simulator", &arguments, &[]);
    until("the base URL is printed", || simulator.stdout().ends_with('\n')).await;
    let base_url = simulator.stdout().trim().to_owned();
    let address = base_url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();

    let list = "/api/v3.1/connected_accounts?user_ids=user_00000001&account_type=ALL";
    let answer = get(&address, list, "ak_simulator").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"items\":["), "{answer}");
    assert!(get(&address, list, "ak_other").await.starts_with("HTTP/1.1 401 "));

    setup.text("composio.base_url", &base_url);
    setup.text("directory.url", &format!("sqlite://{}", directory.display()));
    setup.text("directory.filter", "deleted_at IS NULL");
    let summary = setup.once(0).await;
    assert_eq!(summary["users_scanned"], 40);
    assert!(summary["deliveries_sent"].as_u64().unwrap() > 5, "{summary}");
    assert_eq!(setup.told().len() as u64, summary["deliveries_sent"].as_u64().unwrap());

    simulator.terminate();
    let output = simulator.finish().await.expect(0);
    assert_eq!(output.stdout.lines().count(), 1);
    assert!(TcpStream::connect(&address).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn a_share_that_is_none_is_refused() {
    let setup = Setup::new().await;
    let output = setup.run(&["simulate", "--port", "0", "--rate-5xx", "1.5"]).await.expect(1);
    assert!(output.stderr.contains("rate_5xx"), "{}", output.stderr);
}
