use std::fmt::Write as _;

use bytestring::ByteString;

use super::{MAX_NAME, Position, is_name};
use crate::json::{self, push_string};

/// The version of `docs/protocol.md`.
const VERSION: u64 = 1;

/// What a client asks for in the auth object of CONNECT, as `nx` (`docs/protocol.md`, "Negotiation").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's instance.
    pub instance: ByteString,
    /// The last position in the namespace's inbox that it has dispatched.
    pub position: Option<Position>,
}

impl Request {
    /// The JSON text.
    pub fn encode(&self) -> String {
        let mut text = format!(r#"{{"v":{VERSION},"ci":"{}""#, self.instance);
        if let Some(position) = &self.position {
            // Writing to a string cannot fail.
            let _ = write!(text, r#","u":"{position}""#);
        }
        text.push('}');
        text
    }

    /// What the auth object of a CONNECT asks for; `None` where it asks for nothing that this side can grant.
    pub fn of_auth(auth: &str) -> Option<Self> {
        let [nx] = json::fields(auth, ["nx"])?;
        let [version, instance, position] = json::fields(nx?, ["v", "ci", "u"])?;
        json::whole(version?).filter(|version| *version >= VERSION)?;
        let instance = name(instance?)?;
        let position = position.and_then(json::string).and_then(|position| Position::parse(&position));
        Some(Self { instance, position })
    }
}

/// What a server grants in the data of CONNECT, as `nx`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Buffered events are deduplicated, by a ledger of this generation.
    pub buffered: Option<ByteString>,
    /// Durable events are deduplicated, by a ledger of this generation.
    pub durable: Option<ByteString>,
    /// So many events past the client's position in the inbox are lost. Zero: none.
    pub lost: u64,
}

impl Grant {
    /// The JSON text.
    pub fn encode(&self) -> String {
        let mut text = format!(r#"{{"v":{VERSION}"#);
        for (key, generation) in [("b", &self.buffered), ("d", &self.durable)] {
            if let Some(generation) = generation {
                let _ = write!(text, r#","{key}":"#);
                push_string(&mut text, generation);
            }
        }
        if self.lost > 0 {
            let _ = write!(text, r#","t":{}"#, self.lost);
        }
        text.push('}');
        text
    }

    /// What the value of `nx` in the data of a CONNECT grants; `None` breaks the protocol.
    pub fn parse(nx: &str) -> Option<Self> {
        let [version, buffered, durable, lost] = json::fields(nx, ["v", "b", "d", "t"])?;
        json::whole(version?).filter(|version| *version == VERSION)?;
        let generation = |json: Option<&str>| match json {
            None => Some(None),
            Some(json) => name(json).map(Some),
        };
        let lost = lost.map_or(Some(0), json::whole)?;
        Some(Self { buffered: generation(buffered)?, durable: generation(durable)?, lost })
    }
}

fn name(json: &str) -> Option<ByteString> {
    json::string(json).filter(|name| is_name(name, MAX_NAME)).map(|name| name.as_ref().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_pinned() {
        let mut request = Request { instance: "Vb9".into(), position: None };
        assert_eq!(request.encode(), r#"{"v":1,"ci":"Vb9"}"#);
        request.position = Position::parse("k-17");
        assert_eq!(request.encode(), r#"{"v":1,"ci":"Vb9","u":"k-17"}"#);
        let auth = format!(r#"{{"token":"t","nx":{}}}"#, request.encode());
        assert_eq!(Request::of_auth(&auth), Some(request));
    }

    #[test]
    fn a_request_that_cannot_be_understood_is_none() {
        for nx in
            ["null", "1", "{}", r#"{"v":0,"ci":"a"}"#, r#"{"v":1}"#, r#"{"v":1,"ci":""}"#, r#"{"v":1,"ci":"a b"}"#]
        {
            assert_eq!(Request::of_auth(&format!(r#"{{"nx":{nx}}}"#)), None, "{nx}");
        }
        assert_eq!(Request::of_auth("{}"), None);
        let odd = Request::of_auth(r#"{"nx":{"v":2,"ci":"a","u":7,"more":[]}}"#);
        assert_eq!(odd, Some(Request { instance: "a".into(), position: None }));
    }

    #[test]
    fn grants_are_pinned() {
        let mut grant = Grant::default();
        assert_eq!(grant.encode(), r#"{"v":1}"#);
        assert_eq!(Grant::parse(r#"{"v":1}"#), Some(grant.clone()));
        grant = Grant { buffered: Some("Gx".into()), durable: Some("K3".into()), lost: 4 };
        assert_eq!(grant.encode(), r#"{"v":1,"b":"Gx","d":"K3","t":4}"#);
        assert_eq!(Grant::parse(&grant.encode()), Some(grant));
        for nx in ["1", "{}", r#"{"v":2}"#, r#"{"v":1,"b":1}"#, r#"{"v":1,"d":""}"#, r#"{"v":1,"t":-1}"#] {
            assert_eq!(Grant::parse(nx), None, "{nx}");
        }
    }
}
