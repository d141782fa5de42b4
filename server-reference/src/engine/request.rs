use std::{fmt, net::SocketAddr};

use http::{HeaderMap, header::AUTHORIZATION, header::COOKIE};

/// The HTTP request that opened a connection, as far as it is kept: copied into one small block,
/// so that no buffer of the HTTP server stays alive with it.
pub struct RequestInfo {
    /// Names, values and the query, one after another.
    text: Box<str>,
    /// The ends of name and value of each header in `text`.
    headers: Box<[(u32, u32)]>,
    remote_addr: Option<SocketAddr>,
    secure: bool,
}

impl RequestInfo {
    pub(crate) fn new(headers: &HeaderMap, query: &str, remote_addr: Option<SocketAddr>, secure: bool) -> Self {
        let mut text = String::new();
        let mut ends = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let Ok(value) = value.to_str() else { continue };
            text.push_str(name.as_str());
            let name_end = offset(text.len());
            text.push_str(value);
            ends.push((name_end, offset(text.len())));
        }
        text.push_str(query);
        Self { text: text.into(), headers: ends.into(), remote_addr, secure }
    }

    /// The first header of this name, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The headers, names in lower case. Values that are not visible ASCII are left out.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.headers.iter().map(move |&(name_end, value_end)| {
            let name = self.part(start, name_end);
            start = value_end;
            (name, self.part(name_end, value_end))
        })
    }

    /// The query of the request's address, without the question mark, as the client sent it.
    #[must_use]
    pub fn query(&self) -> &str {
        let start = self.headers.last().map_or(0, |&(_, end)| end);
        self.part(start, offset(self.text.len()))
    }

    /// The client's address, where the router is served with connection information.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.remote_addr
    }

    /// Whether the request came over TLS, as far as the server knows.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.secure
    }

    fn part(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Put into a request's extensions by a server that terminates TLS.
#[derive(Debug, Clone, Copy)]
pub struct Secure;

fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Leaves out what authenticates the client.
impl fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &str| name != AUTHORIZATION.as_str() && name != COOKIE.as_str();
        f.debug_struct("RequestInfo")
            .field("remote_addr", &self.remote_addr)
            .field("secure", &self.secure)
            .field("headers", &self.headers().filter(|(name, _)| shown(name)).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
