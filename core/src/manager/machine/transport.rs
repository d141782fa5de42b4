//! What comes from a transport: Engine.IO packets, and the routing of Socket.IO packets.

use bytestring::ByteString;
use tracing::debug;

use super::{Manager, connection::Transport, messages::frame_size};
use crate::{
    engineio::{self, Frame, Handshake},
    manager::{
        event::{TokenReason, TransportEvent},
        ids::ConnectionId,
        link::{Link, Stage},
        resume::Incoming,
        status::DisconnectReason,
        timers::Timer,
    },
    socketio::{DecodeError, HostArgs, Packet},
};

/// The most data of a server's ping that is sent back; stock servers send none.
const PING_DATA_LIMIT: usize = 125;

/// Arguments that the host has read, and what it says of them.
struct Host {
    args: HostArgs,
    last: Option<ByteString>,
    unique: Option<ByteString>,
}

impl Manager {
    pub(super) fn on_transport(&mut self, connection: ConnectionId, event: TransportEvent) {
        if self.link().map(|link| link.connection) != Some(connection) {
            self.counters.stale_transport_events += 1;
            return;
        }
        match event {
            TransportEvent::Opened { can_ping } => {
                if let Some(link) = self.link_mut().filter(|link| link.stage == Stage::NeedTransport) {
                    link.can_ping = can_ping;
                    link.stage = Stage::NeedHandshake;
                }
            }
            TransportEvent::Frame(frame) => self.on_frame(frame, None),
            TransportEvent::HostFrame { head, args, last, unique } => {
                self.on_frame(Frame::Text(head), Some(Host { args, last, unique }));
            }
            TransportEvent::Pong { nonce } => self.on_pong(nonce),
            TransportEvent::Flushed { frames } => {
                if let Some(link) = self.link_mut() {
                    link.flushed(frames);
                }
                self.flush();
            }
            TransportEvent::Closed { code, text } => {
                self.connection_ended(DisconnectReason::TransportClosed { code, text }, None, Transport::Gone);
            }
            TransportEvent::Failed(failure) => {
                let retry_after = failure.retry_after;
                self.connection_ended(DisconnectReason::TransportFailed(failure), retry_after, Transport::Gone);
            }
        }
    }

    fn on_frame(&mut self, frame: Frame, host: Option<Host>) {
        self.counters.frames_in += 1;
        self.counters.bytes_in += frame_size(frame.len(), host.as_ref().map(|host| &host.args)) as u64;
        self.heard();
        let stage = self.link().map(|link| link.stage);
        match (engineio::Packet::decode(frame), stage) {
            (Err(error), _) => self.protocol_broken(error.to_string()),
            (Ok(engineio::Packet::Close), _) => {
                let reason = DisconnectReason::TransportClosed { code: None, text: "closed by the server".into() };
                self.connection_ended(reason, None, Transport::Open);
            }
            (Ok(engineio::Packet::Open(json)), Some(Stage::NeedHandshake)) => self.on_handshake(&json),
            (Ok(_), Some(Stage::NeedTransport | Stage::NeedHandshake)) => {
                self.protocol_broken("Engine.IO: the first packet must be open".to_owned());
            }
            (Ok(engineio::Packet::Ping(data)), _) if data.len() <= PING_DATA_LIMIT => {
                self.on_server_ping();
                self.transmit(engineio::Packet::Pong(data).encode());
            }
            (Ok(engineio::Packet::Message(Frame::Text(text))), _) => {
                self.on_message(|link| link.decoder.handle_text(&text), host);
            }
            (Ok(engineio::Packet::Message(Frame::Binary(bytes))), _) => {
                self.on_message(|link| link.decoder.handle_binary(bytes), host);
            }
            (Ok(engineio::Packet::Noop), _) => {}
            (Ok(engineio::Packet::Open(_) | engineio::Packet::Pong(_) | engineio::Packet::Upgrade), _) => {
                self.protocol_broken("Engine.IO: a packet that only the other side sends, or only once".to_owned());
            }
            (Ok(engineio::Packet::Ping(_)), _) => {
                self.protocol_broken("Engine.IO: a ping with too much data".to_owned());
            }
        }
    }

    fn on_handshake(&mut self, json: &str) {
        let handshake = match Handshake::parse(json) {
            Ok(handshake) => handshake,
            Err(error) => return self.protocol_broken(error.to_string()),
        };
        self.timers.cancel(Timer::Open);
        let Self { state: super::State::Live(link), config, .. } = self else { return };
        link.shake_hands(&handshake, config);
        let (interval, timeout) = (link.ping_interval, link.ping_timeout);
        self.timers.set(Timer::Heartbeat, self.now + interval + timeout);
        debug!(?interval, ?timeout, "handshake");
        self.need_token(TokenReason::Connecting);
    }

    /// Every ping of the server starts its interval and timeout anew.
    fn on_server_ping(&mut self) {
        let now = self.now;
        let Some(link) = self.link_mut() else { return };
        let (interval, timeout, is_probed) = (link.ping_interval, link.ping_timeout, link.is_probed());
        let last = link.last_ping_at.replace(now);
        self.timers.set(Timer::Heartbeat, now + interval + timeout);
        // Without probes, a ping that is late by half its timeout is the only sign of trouble.
        if let Some(last) = last.filter(|last| !is_probed && self.woke_at.is_none_or(|woke_at| *last > woke_at))
            && now.saturating_since(last) > interval + timeout / 2
        {
            let estimate = self.latency.estimate();
            self.regrade(|grader| grader.lost(estimate));
        }
    }

    fn on_message(
        &mut self,
        decode: impl FnOnce(&mut Link) -> Result<Option<Packet>, DecodeError>,
        host: Option<Host>,
    ) {
        let Some(link) = self.link_mut() else { return };
        let decoded = decode(link);
        let awaits_attachment = link.decoder.is_pending();
        if awaits_attachment {
            self.timers.set(Timer::Attachment, self.now + self.config.attachment_timeout);
        } else {
            self.timers.cancel(Timer::Attachment);
        }
        match (decoded, host) {
            (Ok(Some(packet)), None) => self.on_packet(packet, None, None),
            (Ok(packet), Some(host)) => match packet.and_then(|packet| packet.with_host_args(host.args)) {
                Some(packet) => self.on_packet(packet, host.last, host.unique),
                None => self.protocol_broken("Socket.IO: arguments of a packet that has none".to_owned()),
            },
            (Ok(None), None) => {}
            (Err(error), _) => self.protocol_broken(error.to_string()),
        }
    }

    /// With what the host says of the arguments, where it has them.
    fn on_packet(&mut self, packet: Packet, last: Option<ByteString>, unique: Option<ByteString>) {
        match packet {
            Packet::Connect { namespace, data } => self.on_connect_answer(&namespace, data.as_deref()),
            Packet::ConnectError { namespace, data } => self.on_connect_error(&namespace, &data),
            Packet::Disconnect { namespace } => self.on_server_disconnect(&namespace),
            Packet::Event { namespace, id, name, payload } => {
                self.on_event(&namespace, Incoming { id, event: name, payload, last, unique });
            }
            Packet::Ack { namespace, id, payload } => self.on_ack(&namespace, id, payload, last),
        }
    }

    /// The peer can't be understood any further: the connection ends with a typed reason.
    pub(super) fn protocol_broken(&mut self, rule: String) {
        self.counters.protocol_errors += 1;
        // The same would come again.
        self.end_sessions(false);
        self.connection_ended(DisconnectReason::ProtocolError(rule), None, Transport::Open);
    }
}
