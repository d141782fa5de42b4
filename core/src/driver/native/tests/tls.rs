use std::{sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::net::TcpListener;

use super::{Outcome, Server, within};
use crate::{
    driver::{Client, ConnectFailed, Tls},
    manager::{Config, ConnectError, DisconnectReason, TransportFailureKind},
};

/// A certificate authority of this test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Outcome<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server named `name` presents.
    fn server(&self, name: &str) -> Outcome<Arc<ServerConfig>> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.0)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))?;
        Ok(Arc::new(config))
    }
}

async fn speaks_over_tls(server: &Server, tls: Tls) -> Outcome {
    let client = server.builder()?.tls(tls).build()?;
    let (connected, peer) = tokio::join!(client.connect("ada", "t"), server.accept_joined());
    connected?;
    let mut peer = peer?;
    client.emit("realtime", "large", &"x".repeat(200_000))?;
    assert_eq!(peer.text().await?.len(), 200_000 + r#"42/realtime,["large",""]"#.len());
    client.close().await;
    Ok(())
}

/// How a connection that must not come about fails.
async fn refusal(server: &Server, tls: Tls) -> Outcome<TransportFailureKind> {
    let mut config = server.config()?;
    config.reconnect.max_attempts = Some(1);
    let client = Client::builder(config).tls(tls).build()?;
    let connecting = within("the refusal", client.connect("ada", "t"));
    let error = tokio::select! {
        connected = connecting => connected?.unwrap_err(),
        accepted = async { loop { if let Ok(peer) = server.accept().await { break peer } } } => {
            drop(accepted);
            return Err("the server saw an accepted connection".into());
        }
    };
    client.close().await;
    match error {
        ConnectFailed::NotConnected(ConnectError::AttemptsExhausted {
            last: DisconnectReason::TransportFailed(failure),
            ..
        }) => Ok(failure.kind),
        other => Err(format!("{other:?}").into()),
    }
}

#[tokio::test]
async fn a_custom_authority_is_trusted_when_told_to() -> Outcome {
    let authority = Authority::new()?;
    let server = Server::start_tls(authority.server("localhost")?).await?;
    speaks_over_tls(&server, Tls::with_only_roots(authority.pem().as_bytes())?).await?;
    speaks_over_tls(&server, Tls::with_extra_roots(authority.pem().as_bytes())?).await
}

#[tokio::test]
async fn untrusted_authorities_and_wrong_names_are_refused() -> Outcome {
    let (authority, other) = (Authority::new()?, Authority::new()?);
    let server = Server::start_tls(authority.server("localhost")?).await?;
    let trusts_other = Tls::with_only_roots(other.pem().as_bytes())?;
    assert_eq!(refusal(&server, trusts_other.clone()).await?, TransportFailureKind::Tls);
    assert_eq!(refusal(&server, Tls::with_extra_roots(other.pem().as_bytes())?).await?, TransportFailureKind::Tls);

    let misnamed = Server::start_tls(other.server("elsewhere.example")?).await?;
    assert_eq!(refusal(&misnamed, trusts_other).await?, TransportFailureKind::Tls);
    Ok(())
}

#[tokio::test]
async fn the_platform_does_not_trust_a_stranger() -> Outcome {
    let server = Server::start_tls(Authority::new()?.server("localhost")?).await?;
    assert_eq!(refusal(&server, Tls::default()).await?, TransportFailureKind::Tls);
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_silent_in_the_handshake_is_given_up() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    for scheme in ["https", "http"] {
        let mut config = Config::new(&format!("{scheme}://{}", listener.local_addr()?))?;
        config.open_timeout = Duration::from_millis(100);
        config.reconnect.max_attempts = Some(1);
        let client = Client::builder(config).tls(Tls::with_only_roots(Authority::new()?.pem().as_bytes())?).build()?;
        let error = within("the timeout", client.connect("ada", "t")).await?.unwrap_err();
        assert!(
            matches!(
                error,
                ConnectFailed::NotConnected(ConnectError::AttemptsExhausted {
                    last: DisconnectReason::OpenTimeout,
                    ..
                })
            ),
            "{error:?}"
        );
        client.close().await;
    }
    Ok(())
}
