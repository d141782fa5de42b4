//! The official `socket.io-client` against our server.

use nexus_tests::{NodeClient, NodeError, OurServer, Transports};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const SCENARIOS: [&str; 14] = [
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
    "recovers",
    "recovers_not",
];

async fn all_pass_over(transports: Transports) -> Outcome {
    let server = OurServer::start()?;
    let client = NodeClient::start(&server.url(), transports, &SCENARIOS)?;
    assert_eq!(client.finish().await?, SCENARIOS);
    Ok(())
}

#[tokio::test]
async fn websocket_only() -> Outcome {
    all_pass_over(Transports::WebSocket).await
}

#[tokio::test]
async fn polling_only() -> Outcome {
    all_pass_over(Transports::Polling).await
}

#[tokio::test]
async fn upgrade_from_polling() -> Outcome {
    all_pass_over(Transports::Upgrade).await
}

#[tokio::test]
async fn a_killed_server_comes_back() -> Outcome {
    for transports in [Transports::WebSocket, Transports::Polling, Transports::Upgrade] {
        let server = OurServer::start()?;
        let mut client = NodeClient::start(&server.url(), transports, &["restart"])?;
        client.needs("restart").await?;
        let _server = OurServer::start_at(server.kill().await)?;
        client.proceed().await?;
        assert_eq!(client.finish().await?, ["restart"], "{transports:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_closes_comes_back() -> Result<(), Box<dyn std::error::Error>> {
    let server = OurServer::start()?;
    let mut client = NodeClient::start(&server.url(), Transports::WebSocket, &["restart"])?;
    client.needs("restart").await?;
    nexus_tests::within("the server's close", server.io().close()).await?;
    let _server = OurServer::start_at(server.kill().await)?;
    client.proceed().await?;
    let passed: Result<Vec<String>, NodeError> = client.finish().await;
    assert_eq!(passed?, ["restart"]);
    Ok(())
}
