//! Who may join, and what events do. `tests/peers/behaviour.mjs` does the same.

use std::{sync::Arc, time::Duration};

use nexus_behaviour::described;
use nexus_server::{
    ConnectError, ConnectRequest, DeliveryConfig, Event, Io, Payload, Socket, delivery::RecoveryConfig,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Failure,
    inboxes::Inboxes,
    record::{Entry, Record},
};

const NAMESPACES: [&str; 3] = ["realtime", "messaging", "notifications"];

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    token: String,
}

pub(crate) fn install(io: &Io, record: &Arc<Record>, inboxes: &Arc<Inboxes>) {
    for name in NAMESPACES {
        let namespace = io.of(name);
        namespace.delivery(DeliveryConfig { durable: Some(inboxes.store().clone()), ..DeliveryConfig::default() });
        namespace.recovery(RecoveryConfig::default());
        let reports = Arc::clone(inboxes);
        namespace.on_position(move |socket, position| reports.report(&socket, &position));
        let admitting = Arc::clone(inboxes);
        namespace.authorize(move |request| {
            let inboxes = Arc::clone(&admitting);
            async move { admit(&request, &inboxes).await }
        });
        let (record, inboxes) = (Arc::clone(record), Arc::clone(inboxes));
        namespace.on_connection(move |socket| {
            inboxes.welcome(&socket);
            serve(&socket, &record);
        });
    }
    io.of("private").authorize(|_request| async { Err(refusal("not for you", "forbidden")) });
}

/// A token is `good-USER`, whoever the client says it is.
async fn admit(request: &ConnectRequest, inboxes: &Inboxes) -> Result<(), ConnectError> {
    let auth: Auth = request.auth().unwrap_or_default();
    let Some(user) = auth.token.strip_prefix("good-") else { return Err(refusal("unauthorized", "unauthorized")) };
    request.set_user(user);
    request.set_lost(inboxes.lost(user, request).await);
    Ok(())
}

fn refusal(message: &str, code: &str) -> ConnectError {
    ConnectError::new(message).with_data(&json!({"code": code})).unwrap_or_else(|_| ConnectError::new(message))
}

/// Results of emits to a socket that has gone meanwhile are of no interest here.
fn serve(socket: &Socket, record: &Arc<Record>) {
    for name in ["note", "order"] {
        let record = Arc::clone(record);
        socket.on(name, move |event: Event| {
            take(&record, &event);
            let _gone = event.ack(&described(event.payload()).first());
            async {}
        });
    }
    let noted = Arc::clone(record);
    socket.on("never", move |event: Event| {
        take(&noted, &event);
        async {}
    });
    let refused = Arc::clone(record);
    socket.on("refuse", move |event: Event| {
        take(&refused, &event);
        let _gone = event.reject("forbidden", &json!({"reason": "not allowed"}));
        async {}
    });
    socket.on("echo", |event: Event| async move {
        let payload = event.payload().clone();
        let _gone =
            if event.has_ack() { event.ack_payload(payload) } else { event.socket().emit_payload("echo", &payload) };
    });
    socket.on("describe", |event: Event| async move {
        let _gone = event.ack(&described(event.payload()));
    });
    socket.on("who", |event: Event| async move {
        let _gone = event.ack(&event.socket().user());
    });
    socket.on("ask", |event: Event| async move {
        let answer = ask(&event).await.unwrap_or_else(|error| failed(&error));
        let _gone = event.ack_payload(answer);
    });
    socket.on("send-items", |event: Event| async move {
        for item in 0..event.arg::<u64>(0).unwrap_or_default() {
            let _gone = event.socket().emit("item", &item);
        }
    });
    socket.on("leave", |event: Event| async move { event.socket().disconnect(false) });
    socket.on("hang-up", |event: Event| async move { event.socket().disconnect(true) });
}

#[expect(clippy::print_stderr, reason = "the stage shows it beside the scenario that fails for it")]
fn take(record: &Arc<Record>, event: &Event) {
    let socket = event.socket();
    let entry = Entry {
        user: socket.user().unwrap_or_default().to_owned(),
        ns: socket.namespace().trim_start_matches('/').to_owned(),
        event: event.name().to_owned(),
        args: described(event.payload()),
    };
    if let Err(error) = record.take(event, entry) {
        eprintln!("an event was not taken down: {error}");
    }
}

/// Emits what the client asked for back to it, and reports what it answered.
async fn ask(event: &Event) -> Result<Payload, Failure> {
    let name: String = event.arg(0)?;
    let args = event.payload().raw_arg(1).unwrap_or("[]");
    // Placeholders in the array keep their numbers.
    let question = Payload::from_json(args.into(), event.payload().attachments().to_vec())?;
    let emitter = event.socket().timeout(Duration::from_millis(event.arg(2).unwrap_or(10_000)));
    let replies = emitter.emit_payload_with_ack(&name, &question).await?;
    let report = format!(r#"[{{"replies":[{}]}}]"#, replies.raw_args());
    Ok(Payload::from_json(report.into(), replies.attachments().to_vec())?)
}

fn failed(_error: &Failure) -> Payload {
    Payload::from_value(&json!({"replies": null})).unwrap_or_default()
}
