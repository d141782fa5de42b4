use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
    },
};

/// Which web pages may use the server from another origin. Default: [`Cors::none`].
///
/// Besides the CORS headers of long-polling this decides about WebSockets, to which browsers apply
/// no such rule: a page whose origin is not allowed is refused on both.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    origins: Origins,
    credentials: bool,
}

#[derive(Debug, Clone, Default)]
enum Origins {
    #[default]
    None,
    Any,
    List(Vec<String>),
}

impl Cors {
    /// No CORS headers: browsers keep pages of other origins from long-polling. WebSockets are not
    /// checked, for the server does not know its own origin.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every origin.
    #[must_use]
    pub fn any() -> Self {
        Self { origins: Origins::Any, credentials: false }
    }

    /// These origins, each as in `https://example.org`. Requests that name another are refused;
    /// requests that name none, as programs send them, are not.
    #[must_use]
    pub fn list(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter().map(|origin| origin.into().trim_end_matches('/').to_owned()).collect();
        Self { origins: Origins::List(origins), credentials: false }
    }

    /// Whether pages may send cookies and other credentials. Default: no. With [`Cors::any`] this
    /// lets every page act as its user.
    #[must_use]
    pub fn credentials(mut self, allowed: bool) -> Self {
        self.credentials = allowed;
        self
    }

    /// Whether a request with these headers may be served.
    pub(super) fn allows(&self, headers: &HeaderMap) -> bool {
        match (&self.origins, headers.get(ORIGIN)) {
            (Origins::List(list), Some(origin)) => list.iter().any(|known| known.as_bytes() == origin.as_bytes()),
            _ => true,
        }
    }

    /// Adds the headers that an answer to such a request has.
    pub(super) fn apply(&self, method: &Method, request: &HeaderMap, response: &mut HeaderMap) {
        let origin = request.get(ORIGIN);
        let allowed = match (&self.origins, origin) {
            (Origins::None, _) => return,
            (Origins::Any, Some(origin)) if self.credentials => Some(origin.clone()),
            (Origins::Any, _) => Some(HeaderValue::from_static("*")),
            (Origins::List(_), Some(origin)) if self.allows(request) => Some(origin.clone()),
            (Origins::List(_), _) => None,
        };
        if !matches!(self.origins, Origins::Any) || self.credentials {
            response.insert(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = allowed else { return };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if method == Method::OPTIONS {
            response.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST"));
            response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                response.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
    }
}
