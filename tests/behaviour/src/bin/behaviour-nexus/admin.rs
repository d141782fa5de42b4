//! What the stage asks and orders, over HTTP at the server's own port.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::{get, post},
};
use nexus_server::{Io, Payload};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Failure, inboxes::Inboxes, record::Record};

#[derive(Clone)]
struct Server {
    io: Io,
    record: Arc<Record>,
    inboxes: Arc<Inboxes>,
}

/// Which entries: what is not there does not matter.
#[derive(Deserialize)]
struct Filter {
    user: Option<String>,
    ns: Option<String>,
    event: Option<String>,
}

/// Events for a user: `args` once, or, from 0 on, `count` of them with their number.
#[derive(Deserialize)]
struct Order {
    user: String,
    ns: String,
    event: String,
    #[serde(default)]
    args: Vec<Value>,
    count: Option<u64>,
}

pub(crate) fn routes(io: Io, record: Arc<Record>, inboxes: Arc<Inboxes>) -> Router {
    Router::new()
        .route("/behaviour/seen", get(seen))
        .route("/behaviour/connections", get(connections))
        .route("/behaviour/send", post(send))
        .with_state(Server { io, record, inboxes })
}

async fn seen(State(server): State<Server>, Query(filter): Query<Filter>) -> Json<Vec<Vec<Value>>> {
    let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    Json(
        server.record.find(|entry| {
            is(&filter.user, &entry.user) && is(&filter.ns, &entry.ns) && is(&filter.event, &entry.event)
        }),
    )
}

async fn connections(State(server): State<Server>) -> Json<Value> {
    let metrics = server.io.metrics();
    Json(json!({"open": metrics.sessions_opened.value().saturating_sub(metrics.sessions_closed.value())}))
}

async fn send(State(server): State<Server>, Json(order): Json<Order>) -> Result<Json<Value>, (StatusCode, String)> {
    let failed = |error: Failure| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    server.send(order).await.map_err(failed)?;
    Ok(Json(json!({})))
}

impl Server {
    async fn send(&self, order: Order) -> Result<(), Failure> {
        let namespace = self.io.try_of(&order.ns)?;
        let all = match order.count {
            Some(count) => (0..count).map(|n| vec![json!(n)]).collect(),
            None => vec![order.args],
        };
        for args in all {
            self.inboxes.send(&namespace, &order.user, &order.event, Payload::from_args(&args)?).await?;
        }
        Ok(())
    }
}
