use std::{any::Any, fmt, net::SocketAddr, sync::Arc};

use nexus_core::ByteString;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use crate::engine::RequestInfo;

/// What a client said when it connected. Cloning is cheap.
#[derive(Clone)]
pub struct Handshake {
    auth: ByteString,
    request: Arc<RequestInfo>,
}

impl Handshake {
    pub(super) fn new(auth: Option<ByteString>, request: Arc<RequestInfo>) -> Self {
        // A copy: the text would keep the whole frame alive as long as the socket.
        let auth = match auth {
            Some(auth) if &*auth != "null" => ByteString::from(&*auth),
            _ => ByteString::from_static("{}"),
        };
        Self { auth, request }
    }

    /// The auth object of this namespace as JSON text; `{}` where the client sent none.
    #[must_use]
    pub fn auth_json(&self) -> &str {
        &self.auth
    }

    /// The auth object of this namespace as a `T`.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.auth)
    }

    /// The HTTP request that opened the connection.
    #[must_use]
    pub fn request(&self) -> &RequestInfo {
        &self.request
    }

    /// The first header of this name, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    /// The headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.request.headers()
    }

    /// The query of the request's address, as the client sent it.
    #[must_use]
    pub fn query(&self) -> &str {
        self.request.query()
    }

    /// The client's address, where the router is served with connection information.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.request.remote_addr()
    }

    /// Whether the connection is over TLS, as far as the server knows.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.request.secure()
    }
}

/// Leaves out the auth object.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("request", &self.request).finish_non_exhaustive()
    }
}

/// A client that wants to join a namespace. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct ConnectRequest {
    namespace: nexus_core::socketio::Namespace,
    handshake: Handshake,
    decided: Arc<Mutex<Decided>>,
}

/// What the application says of a client that it lets in.
#[derive(Default)]
pub(super) struct Decided {
    pub(super) data: Option<Arc<dyn Any + Send + Sync>>,
    pub(super) user: Option<Arc<str>>,
    pub(super) lost: u64,
}

/// Leaves out what it says.
impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decided").finish_non_exhaustive()
    }
}

impl ConnectRequest {
    pub(super) fn new(namespace: nexus_core::socketio::Namespace, handshake: Handshake) -> Self {
        Self { namespace, handshake, decided: Arc::default() }
    }

    /// The namespace's name, with its slash.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_str()
    }

    /// What the client said.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The client's auth object as a `T`.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.handshake.auth()
    }

    /// Attaches a value that [`Socket::data`](crate::Socket::data) will give, such as the user.
    /// There is one: a second call replaces the first.
    pub fn socket_data<T: Send + Sync + 'static>(&self, data: T) {
        self.decided.lock().data = Some(Arc::new(data));
    }

    /// Says which user the client has proven to be. Delivery guarantees are the user's: a session is resumed by the user
    /// that it belonged to, and by nobody else, and without a user nothing is granted (`docs/protocol.md`, "Negotiation").
    pub fn set_user(&self, user: &str) {
        self.decided.lock().user = Some(Arc::from(user));
    }

    /// Says that so many events past the client's position in its user's inbox are lost: it is told so with the grant
    /// (`docs/protocol.md`, "Negotiation"). Default: 0.
    pub fn set_lost(&self, lost: u64) {
        self.decided.lock().lost = lost;
    }

    pub(super) fn take_decided(&self) -> Decided {
        std::mem::take(&mut *self.decided.lock())
    }
}
