use std::fmt;
use std::str::FromStr;

use super::error::ConfigError;

/// Where the server is: scheme, host and port, as `wss://example.com:8443`.
///
/// `http` stands for `ws` and `https` for `wss`. A query is kept and sent with each connection. User information and
/// fragments are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    secure: bool,
    authority: String,
    query: String,
}

impl ServerUrl {
    /// Whether the connection is encrypted.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Host and, if it is not the default, port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Address of the Engine.IO WebSocket endpoint below this server.
    pub(super) fn websocket_endpoint(&self, path: &str, extra_query: &[(String, String)]) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        let mut url = format!("{scheme}://{}", self.authority);
        if !path.starts_with('/') {
            url.push('/');
        }
        url.push_str(path);
        if !path.ends_with('/') {
            url.push('/');
        }
        url.push_str("?EIO=4&transport=websocket");
        if !self.query.is_empty() {
            url.push('&');
            url.push_str(&self.query);
        }
        for (key, value) in extra_query {
            url.push('&');
            percent_encode_into(&mut url, key);
            url.push('=');
            percent_encode_into(&mut url, value);
        }
        url
    }
}

impl FromStr for ServerUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::InvalidUrl(text.to_owned());
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '#' | '\\' | '"' | '<' | '>')) {
            return Err(invalid());
        }
        let (scheme, rest) = text.split_once(':').ok_or_else(invalid)?;
        let rest = rest.strip_prefix("//").ok_or_else(invalid)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(invalid()),
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = address.split_once('/').unwrap_or((address, ""));
        if !is_authority(authority) {
            return Err(invalid());
        }
        if !path.is_empty() {
            return Err(ConfigError::UrlWithPath);
        }
        Ok(Self { secure, authority: authority.to_owned(), query: query.to_owned() })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

fn is_authority(authority: &str) -> bool {
    if authority.contains('@') {
        return false;
    }
    let (host, port) = match authority.rfind(']') {
        // An IPv6 address is in brackets, a port may follow them.
        Some(end) if authority.starts_with('[') => split_at(authority, end + 1),
        Some(_) => return false,
        None => authority.find(':').map_or((authority, ""), |colon| split_at(authority, colon)),
    };
    let port_ok = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    !host.is_empty() && host != "[]" && port_ok
}

fn split_at(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

fn percent_encode_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(HEX.get(usize::from(nibble)).copied().map_or('0', char::from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(server: &str, path: &str) -> String {
        server.parse::<ServerUrl>().unwrap().websocket_endpoint(path, &[])
    }

    #[test]
    fn the_endpoint_is_the_engine_io_websocket_address() {
        assert_eq!(
            endpoint("http://localhost:3000", "/socket.io/"),
            "ws://localhost:3000/socket.io/?EIO=4&transport=websocket"
        );
        assert_eq!(endpoint("https://example.com/", "rt"), "wss://example.com/rt/?EIO=4&transport=websocket");
        assert_eq!(endpoint("WSS://[::1]:8443?a=b", "/s/"), "wss://[::1]:8443/s/?EIO=4&transport=websocket&a=b");
    }

    #[test]
    fn extra_query_is_percent_encoded() {
        let server: ServerUrl = "ws://h".parse().unwrap();
        let url = server.websocket_endpoint("/s/", &[("ä b".to_owned(), "1&2".to_owned())]);
        assert_eq!(url, "ws://h/s/?EIO=4&transport=websocket&%C3%A4%20b=1%262");
    }

    #[test]
    fn what_is_no_server_address_is_refused() {
        for text in [
            "",
            "localhost:3000",
            "ftp://h",
            "ws://",
            "ws://:3000",
            "ws://h:99999",
            "ws://h:+1",
            "ws://h:x",
            "ws://u:p@h",
            "ws://[::1",
            "ws://[]",
            "ws://a b",
            "ws://h#x",
            "ws://h\r\nX: y",
        ] {
            assert!(matches!(text.parse::<ServerUrl>(), Err(ConfigError::InvalidUrl(_))), "{text:?}");
        }
        assert_eq!("ws://h/chat".parse::<ServerUrl>(), Err(ConfigError::UrlWithPath));
    }
}
