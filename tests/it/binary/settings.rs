//! Where settings come from: the file, the file's place, the environment.

use super::setup::Setup;

#[tokio::test]
async fn the_environment_outranks_the_file_for_settings_and_secrets() {
    let mut setup = Setup::new().await.with_mail().await;
    setup.broken_user("u1").await;
    setup.text("composio.api_key", "ak_wrong");
    setup.run(&["once"]).await.expect(3);
    setup.variable("RECONNECTD__COMPOSIO__API_KEY", "ak_simulator");
    setup.variable("RECONNECTD__RECONNECT__PRODUCT", "Zenith");
    setup.run(&["once"]).await.expect(0);
    let mails = setup.mail.as_ref().unwrap().messages();
    assert!(mails[0].contains("\r\nSubject: Reconnect Slack in Zenith\r\n"), "{}", mails[0]);

    setup.variable("RECONNECTD__COMPOSIO__BASE_URI", "http://127.0.0.1:1");
    let output = setup.run(&["once"]).await.expect(2);
    assert!(output.stderr.contains("RECONNECTD__COMPOSIO__BASE_URI"), "{}", output.stderr);
}

#[tokio::test]
async fn a_secret_in_a_file_is_read_without_its_line_end() {
    let mut setup = Setup::new().await;
    setup.broken_user("u1").await;
    let file = setup.folder.path().join("key");
    std::fs::write(&file, "ak_simulator\n").unwrap();
    setup.remove("composio.api_key");
    setup.text("composio.api_key_file", file.to_str().unwrap());
    setup.run(&["once"]).await.expect(0);
    assert_eq!(setup.told(), ["u1"]);
}

#[tokio::test]
async fn the_configuration_is_where_the_command_line_says_or_in_the_working_directory() {
    let setup = Setup::new().await;
    setup.broken_user("u1").await;
    let elsewhere = setup.folder.path().join("elsewhere.toml");
    std::fs::write(&elsewhere, setup.configuration()).unwrap();

    let output = setup.spawn_as_it_is(&["migrate"]).finish().await.expect(2);
    assert!(output.stderr.contains("no reconnectd.toml here: [composio] api_key: is missing"), "{}", output.stderr);
    let output = setup.spawn_as_it_is(&["--config", "missing.toml", "once"]).finish().await.expect(2);
    assert!(output.stderr.contains("missing.toml"), "{}", output.stderr);
    setup.spawn_as_it_is(&["--config", elsewhere.to_str().unwrap(), "once"]).finish().await.expect(0);
    assert_eq!(setup.told(), ["u1"]);
    std::fs::rename(&elsewhere, setup.folder.path().join("reconnectd.toml")).unwrap();
    setup.spawn_as_it_is(&["once"]).finish().await.expect(0);
    assert_eq!(setup.told(), ["u1"]);
}
