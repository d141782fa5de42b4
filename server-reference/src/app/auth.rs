//! Who a client is: a JWT in the auth object of each namespace's CONNECT.

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    errors::{Error as JwtError, ErrorKind},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{Secret, UserId, clock};
use crate::{ConnectError, ConnectRequest};

/// The one algorithm. A token's own `alg` never decides how it is checked.
const ALGORITHM: Algorithm = Algorithm::HS256;
/// How far the clocks of who made a token and of this server may differ, in seconds.
const LEEWAY_SECONDS: u64 = 60;
/// The longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Names under which programs put tokens into addresses, where proxies and histories keep them.
const TOKEN_PARAMETERS: [&str; 5] = ["token", "access_token", "jwt", "id_token", "authorization"];
/// How long a token of the demo lasts, in seconds.
const DEMO_TOKEN_SECONDS: u64 = 24 * 60 * 60;

/// Checks tokens.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

/// Makes tokens for the demo.
pub struct Issuer {
    key: EncodingKey,
    issuer: Option<String>,
    audience: Option<String>,
}

/// Why a client is not let in. The client gets the message and the code, nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// A token in the address.
    #[error("a token in the URL is refused: send it as `token` of the auth object")]
    TokenInUrl,
    /// No token.
    #[error("no token: send it as `token` of the auth object")]
    MissingToken,
    /// No signed token of ours: malformed, of another algorithm, or with another signature.
    #[error("the token is not valid")]
    InvalidToken,
    /// The token is too old.
    #[error("the token has expired")]
    Expired,
    /// The token is for later.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The token lacks a claim, or has one of the wrong type.
    #[error("the token lacks a claim or has one of the wrong type: `sub` and `exp` are needed")]
    InvalidClaims,
    /// The token is from someone else.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// The token is for someone else.
    #[error("the token is for another audience")]
    WrongAudience,
    /// The client says that it is another user than the token does.
    #[error("`userId` is not the user of the token")]
    UserMismatch,
}

/// What a CONNECT says about the user. The values are checked by hand, to tell what is wrong with them.
#[derive(Deserialize)]
struct Credentials {
    token: Option<Box<RawValue>>,
    #[serde(rename = "userId")]
    user_id: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Claims {
    sub: UserId,
}

#[derive(Serialize)]
struct DemoClaims<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

impl Verifier {
    /// A verifier for tokens signed with this secret. With an issuer or an audience, tokens must name it.
    #[must_use]
    pub fn new(secret: &Secret, issuer: Option<&str>, audience: Option<&str>) -> Self {
        let mut validation = Validation::new(ALGORITHM);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Self { key: DecodingKey::from_secret(secret.as_bytes()), validation }
    }

    /// The user of a client that wants to join a namespace.
    ///
    /// # Errors
    /// When it has no valid token, has it in the address, or says that it is somebody else.
    pub fn authenticate(&self, request: &ConnectRequest) -> Result<UserId, AuthError> {
        self.check(request.handshake().query(), request.handshake().auth_json())
    }

    fn check(&self, query: &str, auth: &str) -> Result<UserId, AuthError> {
        if has_token(query) {
            return Err(AuthError::TokenInUrl);
        }
        let credentials: Credentials = serde_json::from_str(auth).map_err(|_| AuthError::MissingToken)?;
        let token = credentials.token.ok_or(AuthError::MissingToken)?;
        let token: String = serde_json::from_str(token.get()).map_err(|_| AuthError::InvalidToken)?;
        let user = self.verify(&token)?;
        if let Some(said) = credentials.user_id {
            let said: String = serde_json::from_str(said.get()).map_err(|_| AuthError::UserMismatch)?;
            if said != user.as_str() {
                return Err(AuthError::UserMismatch);
            }
        }
        Ok(user)
    }

    /// The user of a token.
    ///
    /// # Errors
    /// When the token is not valid now.
    pub fn verify(&self, token: &str) -> Result<UserId, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::InvalidToken);
        }
        // Apart from the claims, so that what is wrong with which can be told.
        let header = decode_header(token).map_err(|_| AuthError::InvalidToken)?;
        if header.alg != ALGORITHM {
            return Err(AuthError::InvalidToken);
        }
        let data = decode::<Claims>(token, &self.key, &self.validation).map_err(|error| AuthError::from(&error))?;
        Ok(data.claims.sub)
    }
}

impl Issuer {
    /// Makes tokens that a [`Verifier`] with the same settings accepts.
    #[must_use]
    pub fn new(secret: &Secret, issuer: Option<String>, audience: Option<String>) -> Self {
        Self { key: EncodingKey::from_secret(secret.as_bytes()), issuer, audience }
    }

    /// A token for a user, good for a day.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue(&self, user: &UserId) -> Result<String, JwtError> {
        let now = clock::since_epoch().as_secs();
        let claims = DemoClaims {
            sub: user.as_str(),
            iat: now,
            exp: now + DEMO_TOKEN_SECONDS,
            iss: self.issuer.as_deref(),
            aud: self.audience.as_deref(),
        };
        encode(&Header::new(ALGORITHM), &claims, &self.key)
    }
}

impl AuthError {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TokenInUrl => "token_in_url",
            Self::MissingToken => "token_missing",
            Self::InvalidToken => "token_invalid",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::InvalidClaims => "token_claims_invalid",
            Self::WrongIssuer => "token_issuer_wrong",
            Self::WrongAudience => "token_audience_wrong",
            Self::UserMismatch => "user_mismatch",
        }
    }
}

impl From<&JwtError> for AuthError {
    fn from(error: &JwtError) -> Self {
        match error.kind() {
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYetValid,
            ErrorKind::InvalidIssuer => Self::WrongIssuer,
            ErrorKind::InvalidAudience => Self::WrongAudience,
            ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Self::WrongIssuer,
            ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Self::WrongAudience,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
                Self::InvalidClaims
            }
            _ => Self::InvalidToken,
        }
    }
}

/// What the client gets: the message, and `{"code", "reason"}` as data.
impl From<AuthError> for ConnectError {
    fn from(error: AuthError) -> Self {
        #[derive(Serialize)]
        struct Data {
            code: &'static str,
            reason: &'static str,
        }

        let refused = Self::new(format!("Unauthorized: {error}"));
        let data = Data { code: "unauthorized", reason: error.code() };
        // Two texts always become JSON; should they not, the message is what matters.
        refused.clone().with_data(&data).unwrap_or(refused)
    }
}

fn has_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| TOKEN_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests;
