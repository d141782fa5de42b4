use std::{
    fmt,
    sync::{Arc, LazyLock, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use thiserror::Error;
use tokio_rustls::TlsConnector;

/// Whom to trust on `https://` and `wss://` addresses.
///
/// The default asks the platform: the system's roots, and on macOS, Windows, iOS and Android the system's own
/// verifier. Cheap to clone. Clients that share one share its memory, roots and resumable sessions among them; all
/// that use the default share one.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
}

struct Shared {
    trust: Trust,
    /// Built when it is first needed: reading a system's roots takes milliseconds and a few hundred KiB.
    config: OnceLock<Arc<ClientConfig>>,
}

enum Trust {
    Platform { extra: Vec<CertificateDer<'static>> },
    Only(RootCertStore),
}

/// Why certificates were refused, or TLS could not be set up.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The text holds no certificate in PEM form, or one that is broken.
    #[error("not a PEM certificate: {0}")]
    InvalidPem(String),
    /// A certificate can't be used as a root.
    #[error("not usable as a root certificate: {0}")]
    InvalidRoot(String),
    /// The platform's certificates could not be loaded.
    #[error("the platform's certificates could not be used: {0}")]
    Platform(String),
}

impl Tls {
    /// Trusts what the platform trusts, and the certificates in `pem` as well.
    ///
    /// # Errors
    /// [`TlsError::InvalidPem`] if `pem` has no certificate or a broken one. One that can't be a root is reported
    /// by the first connection.
    pub fn with_extra_roots(pem: &[u8]) -> Result<Self, TlsError> {
        Ok(Self::new(Trust::Platform { extra: certificates(pem)? }))
    }

    /// Trusts the certificates in `pem`, and nothing else.
    ///
    /// # Errors
    /// [`TlsError::InvalidPem`] if `pem` has no certificate or a broken one, [`TlsError::InvalidRoot`] if one can't be
    /// a root.
    pub fn with_only_roots(pem: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|error| TlsError::InvalidRoot(error.to_string()))?;
        }
        Ok(Self::new(Trust::Only(roots)))
    }

    fn new(trust: Trust) -> Self {
        let config = OnceLock::new();
        Self { shared: Arc::new(Shared { trust, config }) }
    }

    /// What wraps a TCP stream. The first call may read the system's roots from disk.
    pub(super) async fn connector(&self) -> Result<TlsConnector, TlsError> {
        if let Some(config) = self.shared.config.get() {
            return Ok(TlsConnector::from(Arc::clone(config)));
        }
        let shared = Arc::clone(&self.shared);
        let config = tokio::task::spawn_blocking(move || shared.build())
            .await
            .map_err(|error| TlsError::Platform(error.to_string()))??;
        // Another connection may have been quicker: all use the one that was stored, for its session cache.
        Ok(TlsConnector::from(Arc::clone(self.shared.config.get_or_init(|| config))))
    }
}

impl Shared {
    fn build(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| platform(&error))?;
        let mut config = match &self.trust {
            Trust::Only(roots) => builder.with_root_certificates(roots.clone()).with_no_client_auth(),
            Trust::Platform { extra } => builder
                .dangerous() // rustls's name for any verifier that is not its own
                .with_custom_certificate_verifier(Arc::new(
                    verifier(extra, provider).map_err(|error| platform(&error))?,
                ))
                .with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl Default for Tls {
    fn default() -> Self {
        static PLATFORM: LazyLock<Tls> = LazyLock::new(|| Tls::new(Trust::Platform { extra: Vec::new() }));
        PLATFORM.clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shared.trust {
            Trust::Platform { extra } => f.debug_struct("Tls::Platform").field("extra_roots", &extra.len()).finish(),
            Trust::Only(roots) => f.debug_struct("Tls::Only").field("roots", &roots.len()).finish(),
        }
    }
}

#[cfg(not(target_os = "android"))]
fn verifier(extra: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Verifier, rustls::Error> {
    if extra.is_empty() { Verifier::new(provider) } else { Verifier::new_with_extra_roots(extra.to_vec(), provider) }
}

#[cfg(target_os = "android")]
fn verifier(extra: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Verifier, rustls::Error> {
    if extra.is_empty() {
        Verifier::new(provider)
    } else {
        Err(rustls::Error::General("Android takes extra roots from the application's network security config".into()))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::InvalidPem(error.to_string()))?;
    if certificates.is_empty() {
        return Err(TlsError::InvalidPem(String::from("no certificate found")));
    }
    Ok(certificates)
}

fn platform(error: &rustls::Error) -> TlsError {
    TlsError::Platform(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_certificate_is_refused() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(Tls::with_extra_roots(pem.as_bytes()), Err(TlsError::InvalidPem(_))), "{pem:?}");
            assert!(matches!(Tls::with_only_roots(pem.as_bytes()), Err(TlsError::InvalidPem(_))), "{pem:?}");
        }
    }

    #[test]
    fn clients_with_the_default_share_one_configuration() {
        assert!(Arc::ptr_eq(&Tls::default().shared, &Tls::default().shared));
    }
}
