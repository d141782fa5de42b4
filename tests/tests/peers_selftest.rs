//! The harness itself: the official client against the official server. A failure here is the harness's.

use nexus_tests::{NodeClient, NodeServer, Transports};
use serde_json::json;

const SCENARIOS: [&str; 12] = [
    "connect",
    "auth",
    "refused",
    "namespaces",
    "acks",
    "binary",
    "unicode",
    "large",
    "order",
    "pipelined",
    "at_once",
    "server_disconnects",
];

#[tokio::test]
async fn the_official_client_passes_against_the_official_server() -> Result<(), Box<dyn std::error::Error>> {
    for transports in [Transports::WebSocket, Transports::Polling, Transports::Upgrade] {
        let server = NodeServer::start().await?;
        let client = NodeClient::start(&server.url(), transports, &SCENARIOS)?;
        assert_eq!(client.finish().await?, SCENARIOS, "{transports:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = NodeServer::start().await?;
    let mut client = NodeClient::start(&server.url(), Transports::WebSocket, &["restart"])?;
    let address = server.address();
    assert_eq!(server.notice("connection").await?["ns"], "/");
    server.command(json!({"do": "emit", "ns": "/", "event": "hello", "args": []})).await?;
    client.needs("restart").await?;
    let server = server.kill().await?.restart().await?;
    assert_eq!(server.address(), address);
    client.proceed().await?;
    assert_eq!(client.finish().await?, ["restart"]);
    Ok(())
}

#[tokio::test]
async fn what_fails_in_node_is_told() -> Result<(), Box<dyn std::error::Error>> {
    let server = NodeServer::start().await?;
    let client = NodeClient::start(&server.url(), Transports::WebSocket, &["no such scenario"])?;
    let error = client.finish().await.expect_err("there is no such scenario");
    assert!(error.to_string().contains("no such scenario"), "{error}");
    Ok(())
}
