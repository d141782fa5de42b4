//! What the shell adds to the core: waits that end. What it passes through is tested through the packages.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures_util::{FutureExt, future::join};

use super::*;

/// The port of a server that is not there.
const NOBODY: &str = "http://127.0.0.1:9";

fn options(url: &str) -> ClientOptions {
    ClientOptions {
        url: url.to_owned(),
        path: None,
        query: HashMap::new(),
        headers: HashMap::new(),
        primary_namespace: None,
        auth: HashMap::new(),
        recovery: None,
        deduplicate: None,
        rejoin_after_server_disconnect: None,
        open_timeout_ms: None,
        authentication_timeout_ms: None,
        token_timeout_ms: None,
        connect_timeout_ms: None,
        ack_timeout_ms: None,
        background_grace_ms: None,
        verify_timeout_ms: None,
        probe_interval_ms: None,
        reconnect: None,
        queue_messages: None,
        queue_bytes: None,
        queue_ttl_ms: None,
        queue_overflow: None,
        namespace_priority: HashMap::new(),
        store_directory: None,
        durable_messages: None,
        durable_bytes: None,
        durable_ttl_ms: None,
        event_buffer: None,
        listener_patience_ms: None,
        only_roots_pem: None,
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    // Not the runtime of the clients: the foreign side polls from outside of it.
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn outgoing(namespace: &str, json: &str) -> Outgoing {
    Outgoing {
        namespace: namespace.to_owned(),
        event: "event".to_owned(),
        payload: Payload { json: json.to_owned(), attachments: Vec::new() },
        volatile: false,
        ttl_ms: None,
        ack_timeout_ms: None,
    }
}

#[test]
fn options_that_can_not_be_used_are_refused_by_name() {
    let refused = |options: ClientOptions| match Client::new(options) {
        Err(RealtimeError::Config { code, .. }) => code,
        other => format!("{other:?}"),
    };
    assert_eq!(refused(options("localhost")), "INVALID_URL");
    assert_eq!(refused(options("http://localhost/chat")), "URL_WITH_PATH");
    let auth = HashMap::from([("token".to_owned(), "1".to_owned())]);
    assert_eq!(refused(ClientOptions { auth, ..options(NOBODY) }), "RESERVED_AUTH_FIELD");
    let only_roots_pem = Some("no certificate".to_owned());
    assert_eq!(refused(ClientOptions { only_roots_pem, ..options(NOBODY) }), "INVALID_ROOTS");
    let namespace_priority = HashMap::from([("a,b".to_owned(), 1)]);
    assert_eq!(refused(ClientOptions { namespace_priority, ..options(NOBODY) }), "INVALID_NAMESPACE");
}

#[test]
fn every_wait_has_its_timeout_and_giving_up_loses_nothing() {
    let client = Client::new(options(NOBODY)).unwrap();
    let mut connecting = Box::pin(client.connect("ada".to_owned(), "token".to_owned()));
    assert_eq!((&mut connecting).now_or_never(), None);
    assert_eq!(block_on(client.join("messaging".to_owned(), 1)), Err(RealtimeError::WaitTimedOut));
    client.emit(outgoing("messaging", "[1]")).unwrap();
    assert_eq!(block_on(client.flush(1)), Err(RealtimeError::WaitTimedOut));
    assert_eq!(client.queue().len(), 1);
    let events = client.events("messaging".to_owned(), "event".to_owned()).unwrap();
    assert_eq!(block_on(events.next(1, 1)).unwrap().map(|batch| batch.len()), Some(0));
    let statuses = client.status_changes();
    let batch = block_on(statuses.next(8, 10_000)).unwrap().unwrap();
    assert_eq!(batch[0].status, ConnectionStatus::Connecting);
    assert_eq!(block_on(client.close(10_000)), Ok(()));
    match block_on(connecting) {
        Err(RealtimeError::Connect { code, is_final, .. }) => assert_eq!((&*code, is_final), ("CANCELLED", true)),
        other => assert_eq!(other, Err(RealtimeError::Closed)),
    }
}

#[test]
fn closing_a_source_or_the_client_ends_the_wait_for_it() {
    let client = Client::new(options(NOBODY)).unwrap();
    let (events, others) = (
        client.events("messaging".to_owned(), "event".to_owned()).unwrap(),
        client.events("messaging".to_owned(), "event".to_owned()).unwrap(),
    );
    assert_eq!(client.stats().listeners, 2);
    let (ended, ()) = block_on(join(events.next(1, u64::MAX), async { events.close() }));
    assert!(ended.unwrap().is_none());
    assert_eq!(client.stats().listeners, 1);
    let (ended, closed) = block_on(join(others.next(1, u64::MAX), client.close(10_000)));
    assert!(ended.unwrap().is_none());
    assert_eq!(closed, Ok(()));
    assert!(block_on(others.next(1, u64::MAX)).unwrap().is_none());
    assert!(matches!(client.emit(outgoing("messaging", "[]")), Err(RealtimeError::Closed)));
    assert!(matches!(client.events("a".to_owned(), "b".to_owned()), Err(RealtimeError::Closed)));
}

#[test]
fn arguments_that_are_not_json_are_refused_and_nothing_is_queued() {
    let client = Client::new(options(NOBODY)).unwrap();
    let _never_joined = client.connect("ada".to_owned(), "token".to_owned()).now_or_never();
    for json in ["", "{}", "[", "[1] 2"] {
        match client.emit(outgoing("messaging", json)) {
            Err(RealtimeError::Emit { code, is_retryable, .. }) => {
                assert_eq!((&*code, is_retryable), ("NOT_ENCODABLE", false), "{json}");
            }
            other => assert!(other.is_err(), "{json}: {other:?}"),
        }
    }
    assert!(client.queue().is_empty());
    match client.emit_durable(outgoing("messaging", "[]")).map(|_| ()) {
        Err(RealtimeError::Emit { code, .. }) => assert_eq!(code, "NO_DURABLE_STORE"),
        other => assert!(other.is_err(), "{other:?}"),
    }
}

#[derive(Default)]
struct Lines(Mutex<Vec<(LogLevel, String)>>);

impl LogSink for Lines {
    fn log(&self, level: LogLevel, _target: String, message: String) {
        self.0.lock().unwrap().push((level, message));
    }
}

#[test]
fn the_log_goes_to_the_sink_without_secrets() {
    let lines = Arc::new(Lines::default());
    set_log_sink(LogLevel::Trace, Arc::clone(&lines) as Arc<dyn LogSink>);
    let client = Client::new(options(NOBODY)).unwrap();
    let failed = block_on(async {
        let notices = client.notices();
        let _connecting = client.connect("ada".to_owned(), "a-secret-token".to_owned()).now_or_never();
        notices.next(1, 10_000).await
    });
    assert!(matches!(failed.unwrap().unwrap()[..], [Notice::RetryScheduled { .. }]));
    let lines = lines.0.lock().unwrap();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|(_, line)| !line.contains("a-secret-token")), "{lines:?}");
}
