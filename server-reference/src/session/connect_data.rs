use bytestring::ByteString;
use nexus_core::socketio::{Sid, delivery::Grant};

/// What the answer to a CONNECT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectData {
    /// The socket's id.
    pub sid: Sid,
    /// What the client may resume the session with, where the namespace keeps a log.
    pub pid: Option<ByteString>,
    /// What is granted, where the client asked (`docs/protocol.md`, "Negotiation").
    pub grant: Option<Grant>,
}

impl ConnectData {
    /// That of a stock server.
    #[must_use]
    pub fn new(sid: Sid) -> Self {
        Self { sid, pid: None, grant: None }
    }

    /// The JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = format!(r#"{{"sid":{}"#, serde_json::Value::from(self.sid.as_str()));
        if let Some(pid) = &self.pid {
            text.push_str(r#","pid":"#);
            text.push_str(&serde_json::Value::from(&**pid).to_string());
        }
        if let Some(grant) = &self.grant {
            text.push_str(r#","nx":"#);
            text.push_str(&grant.encode());
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_data_is_pinned() {
        let mut data = ConnectData::new(Sid::new("s1"));
        assert_eq!(data.to_json(), r#"{"sid":"s1"}"#);
        data.pid = Some("p1".into());
        assert_eq!(data.to_json(), r#"{"sid":"s1","pid":"p1"}"#);
        data.grant = Some(Grant { buffered: Some("Gx".into()), durable: Some("K3".into()), lost: 4 });
        assert_eq!(data.to_json(), r#"{"sid":"s1","pid":"p1","nx":{"v":1,"b":"Gx","d":"K3","t":4}}"#);
    }
}
