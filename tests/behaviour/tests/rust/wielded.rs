//! A client that is under test, and what it has told.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nexus_core::{
    driver::{Auth, Client, TokenProvider},
    manager::{Config, Token, TokenFailure, TokenReason},
};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use crate::{failed::Failed, record::Record, scenario::Setting, step::Options, values};

/// Between attempts: quick, so that tests are.
const FIRST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_millis(200);

pub(crate) struct Wielded {
    pub(crate) client: Client,
    pub(crate) statuses: Record<Value>,
    pub(crate) asked: Record<Value>,
    /// By namespace and event.
    events: BTreeMap<(String, String), Record<Value>>,
    listeners: BTreeMap<(String, String), AbortHandle>,
}

impl Wielded {
    pub(crate) async fn new(setting: &Setting, options: &Options) -> Result<Self, Failed> {
        let mut config = Config::new(&setting.url).map_err(Failed::text)?;
        config.reconnect.initial_delay = FIRST_DELAY;
        config.reconnect.max_delay = LONGEST_DELAY;
        if let Some(delay) = options.reconnect_delay.map(Duration::from_millis) {
            config.reconnect.initial_delay = delay;
            config.reconnect.max_delay = delay;
            config.reconnect.jitter = 0.0;
        }
        config.reconnect.max_attempts = options.max_attempts;
        for (option, value) in [
            (&mut config.connect_timeout, options.connect_timeout),
            (&mut config.background_grace, options.background_grace),
        ] {
            *option = value.map_or(*option, Duration::from_millis);
        }
        config.reconnect.max_auth_attempts = options.max_auth_attempts.unwrap_or(config.reconnect.max_auth_attempts);
        config.outbox.max_messages = options.queue_messages.unwrap_or(config.outbox.max_messages);
        config.durable.max_messages = options.durable_messages.unwrap_or(config.durable.max_messages);
        let mut builder = Client::builder(config);
        if options.store {
            builder = builder.store(&setting.store);
        }
        let client = builder.build().map_err(Failed::text)?;
        let statuses = Record::new();
        let mut stream = client.status();
        // The status of now is no change.
        stream.recv().await;
        let record = statuses.clone();
        tokio::spawn(async move {
            while let Some(change) = stream.recv().await {
                record.push(json!(change.status.as_str()));
            }
        });
        Ok(Self { client, statuses, asked: Record::new(), events: BTreeMap::new(), listeners: BTreeMap::new() })
    }

    /// A provider that gives one token after another.
    pub(crate) fn provider(&self, tokens: &[Value]) -> Auth {
        self.asked.take();
        let (asked, tokens) = (self.asked.clone(), Arc::new(Mutex::new(VecDeque::from(tokens.to_vec()))));
        Auth::from(TokenProvider::new(move |reason| {
            asked.push(json!(match reason {
                TokenReason::Connecting => "connecting",
                _ => "rejected",
            }));
            let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
            let token = if tokens.len() > 1 { tokens.pop_front() } else { tokens.front().cloned() };
            std::future::ready(answer(&token.unwrap_or_default()))
        }))
    }

    /// What came of an event so far, and will come.
    pub(crate) fn events(&mut self, ns: &str, event: &str) -> Record<Value> {
        self.events.entry((ns.to_owned(), event.to_owned())).or_insert_with(Record::new).clone()
    }

    pub(crate) fn listen(&mut self, ns: &str, event: &str, reply: Option<Value>) -> Result<(), Failed> {
        let mut stream = self.client.events(ns, event)?;
        let reply = reply.map(|reply| values::encode(&[reply])).transpose()?;
        let record = self.events(ns, event);
        let listening = tokio::spawn(async move {
            while let Some(event) = stream.recv().await {
                if let Some(reply) = reply.as_ref().filter(|_| event.wants_ack()) {
                    let _too_late = event.ack_payload(reply);
                }
                record.push(json!(values::decode(event.payload())));
            }
        });
        self.listeners.insert((ns.to_owned(), event.to_owned()), listening.abort_handle());
        Ok(())
    }

    pub(crate) fn unlisten(&mut self, ns: &str, event: &str) -> Result<(), Failed> {
        let removed = self.client.off(ns, event);
        self.listeners.remove(&(ns.to_owned(), event.to_owned()));
        if removed == 1 { Ok(()) } else { Err(Failed::text(format!("{removed} listeners were removed"))) }
    }
}

fn answer(token: &Value) -> Result<Token, TokenFailure> {
    let said = |key| token.get(key).and_then(Value::as_str);
    match (token.as_str(), said("final")) {
        (Some(token), _) => Ok(Token::from(token)),
        (None, Some(text)) => Err(TokenFailure { message: text.to_owned(), is_final: true }),
        (None, None) => Err(TokenFailure { message: said("fail").unwrap_or("no token").to_owned(), is_final: false }),
    }
}
