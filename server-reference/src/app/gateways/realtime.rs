//! `/realtime`: what concerns a user anywhere in an application. Copies of messages come from `/messaging`.

use std::sync::Arc;

use serde::Serialize;

use super::{
    Hall,
    answer::{Failure, on, refuse_unknown},
    presence::Announcer,
};
use crate::{
    Event, Namespace, Socket,
    app::{clock, events::realtime},
};

#[derive(Serialize)]
struct Pong {
    ok: bool,
    timestamp: u64,
}

pub(super) fn install(namespace: &Namespace, hall: &Hall) {
    let hall = hall.clone();
    namespace.on_connection(move |socket: Socket| {
        if hall.welcome_to_inbox(&socket).is_none() {
            return;
        }
        on(&socket, realtime::ACTIVITY_PING, &Arc::new(()), activity_ping);
        match &hall.announcer {
            Some(announcer) => {
                on(&socket, realtime::PRESENCE_LIST, announcer, presence_list);
                refuse_unknown(&socket, realtime::FROM_CLIENTS_OF_DEMO);
            }
            None => refuse_unknown(&socket, realtime::FROM_CLIENTS),
        }
    });
}

fn activity_ping(event: &Event, _: &()) -> Result<(), Failure> {
    event.ack(&Pong { ok: true, timestamp: clock::epoch_millis() })?;
    Ok(())
}

fn presence_list(event: &Event, announcer: &Announcer) -> Result<(), Failure> {
    announcer.acknowledge_with_list(event)
}
