//! Every route of the server.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{auth::Issuer, demo, page};
use crate::Io;

/// The largest body of a request that is not Socket.IO's, in bytes.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// Socket.IO, health, and for the demo (where there is an issuer) the page and tokens for everybody.
pub(super) fn router(io: &Io, issuer: Option<Issuer>) -> Router {
    let mut own = Router::new().route("/health/live", get(live));
    if let Some(issuer) = issuer {
        let token = post(demo::token).with_state(Arc::new(issuer));
        own = own.route("/demo/token", token).merge(page::router());
    }
    own.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).merge(io.router())
}

/// The process runs and answers.
async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}
