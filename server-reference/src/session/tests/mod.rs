//! Sessions in virtual time: what goes in and what comes out, to the byte.

mod delivery;
mod engine;
mod router;

use std::{sync::Arc, time::Duration};

use nexus_core::{
    engineio::Frame,
    socketio::{Limits, Namespace, Payload, Sid},
    time::Timestamp,
};

use super::{Message, Output, Session, SessionConfig, SlotId};

fn config() -> SessionConfig {
    SessionConfig {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        max_payload: 1_000,
        max_packets: 16,
        upgrades: true,
        upgrade_timeout: Duration::from_millis(1_000),
        connect_timeout: Duration::from_millis(5_000),
        settle_time: Duration::from_millis(25),
        attachment_timeout: Duration::from_millis(2_000),
        max_namespaces: 2,
        send_queue_bytes: 1_000,
        decoder: Limits::default(),
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn raw(websocket: bool) -> Session {
    Session::raw(at(0), Arc::new(config()), websocket)
}

fn session(websocket: bool) -> Session {
    Session::new(at(0), Arc::new(config()), websocket)
}

fn text(text: &str) -> Frame {
    Frame::from(text.to_owned())
}

fn outputs(session: &mut Session) -> Vec<Output> {
    std::iter::from_fn(|| session.poll_output()).collect()
}

/// What a driver would write to the WebSocket now.
fn transmitted(session: &mut Session, now: u64) -> Vec<Frame> {
    let messages: Vec<Message> = std::iter::from_fn(|| session.poll_transmit()).collect();
    session.handle_transmitted(at(now), messages.iter().map(Message::size).sum());
    messages.iter().flat_map(Message::frames).collect()
}

/// The bodies of answered polls.
fn reply(session: &mut Session) -> Option<String> {
    session.poll_reply().map(|reply| reply.unwrap_or_else(|refusal| format!("refused: {refusal:?}")))
}

fn only_slot(outputs: &[Output]) -> SlotId {
    match outputs {
        [Output::Connect { slot, .. }] => *slot,
        other => panic!("expected one CONNECT: {other:?}"),
    }
}

/// Joins a namespace and lets what was held back go.
fn join(session: &mut Session, now: u64, packet: &str) -> SlotId {
    session.handle_frame(at(now), text(packet));
    let slot = only_slot(&outputs(session));
    assert!(session.begin_accept(slot));
    session.accept(at(now), slot, &Sid::new("S"));
    session.handle_timeout(at(now + 25));
    transmitted(session, now + 25);
    slot
}

fn event(name: &str) -> Message {
    Message::from_event(&Namespace::root(), None, name, &Payload::empty())
}
