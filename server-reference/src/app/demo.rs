//! The demo's token endpoint: everybody is who they say.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::{StatusCode, header::CACHE_CONTROL};
use serde::{Deserialize, Serialize};

use super::{UserId, auth::Issuer};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenRequest {
    user_id: UserId,
}

/// The answer of the demo's token endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenReply {
    /// The token for the auth object.
    pub token: String,
    /// The user whom it is for.
    pub user_id: UserId,
}

type Answer = ([(http::HeaderName, &'static str); 1], Json<TokenReply>);

pub(super) async fn token(
    State(issuer): State<Arc<Issuer>>,
    Json(request): Json<TokenRequest>,
) -> Result<Answer, StatusCode> {
    let user_id = request.user_id;
    match issuer.issue(&user_id) {
        Ok(token) => Ok(([(CACHE_CONTROL, "no-store")], Json(TokenReply { token, user_id }))),
        Err(error) => {
            tracing::error!(%error, "a token could not be signed");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
