use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";
/// Stands for the public key of a server that signs with RS256: known to everybody.
const PUBLIC_KEY: &[u8] = b"-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n";

fn secret() -> Secret {
    Secret::new(SECRET.to_vec()).unwrap()
}

fn verifier() -> Verifier {
    Verifier::new(&secret(), None, None)
}

fn now() -> u64 {
    clock::since_epoch().as_secs()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with any header and claims, signed as HS256 with any key.
fn signed_with(key: &[u8], header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", part(header), part(claims));
    let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &EncodingKey::from_secret(key), ALGORITHM).unwrap();
    format!("{text}.{signature}")
}

fn token(claims: &Value) -> String {
    signed_with(SECRET, &json!({"alg": "HS256", "typ": "JWT"}), claims)
}

fn good_claims() -> Value {
    json!({"sub": "ada", "exp": now() + 600})
}

#[test]
fn the_subject_of_a_good_token_is_the_user() {
    assert_eq!(verifier().verify(&token(&good_claims())).unwrap().as_str(), "ada");
    let issuer = Issuer::new(&secret(), Some("nexus".into()), Some("chat".into()));
    let token = issuer.issue(&UserId::parse("Зоя").unwrap()).unwrap();
    let strict = Verifier::new(&secret(), Some("nexus"), Some("chat"));
    assert_eq!(strict.verify(&token).unwrap().as_str(), "Зоя");
}

#[test]
fn forged_and_broken_tokens_are_refused() {
    let good = token(&good_claims());
    let (text, signature) = good.rsplit_once('.').unwrap();
    let header = |header: Value| format!("{}.{}.{signature}", part(&header), part(&good_claims()));
    let unsigned = |alg: &str| format!("{}.{}.", part(&json!({"alg": alg, "typ": "JWT"})), part(&good_claims()));
    let cases = [
        ("empty", String::new()),
        ("not a token", "ada".into()),
        ("two parts", text.into()),
        ("alg none, no signature", unsigned("none")),
        ("alg None", unsigned("None")),
        ("alg HS256, no signature", unsigned("HS256")),
        ("alg none, signature of HS256", header(json!({"alg": "none"}))),
        ("RS256 in the header", header(json!({"alg": "RS256"}))),
        ("HS384 in the header", header(json!({"alg": "HS384"}))),
        ("no alg", header(json!({"typ": "JWT"}))),
        ("HS256 with the public key", signed_with(PUBLIC_KEY, &json!({"alg": "HS256"}), &good_claims())),
        ("another secret", signed_with(b"another", &json!({"alg": "HS256"}), &good_claims())),
        ("empty secret", signed_with(b"", &json!({"alg": "HS256"}), &good_claims())),
        (
            "own key in the header",
            signed_with(b"k", &json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "aw"}}), &good_claims()),
        ),
        ("path in kid", signed_with(b"", &json!({"alg": "HS256", "kid": "../../../../dev/null"}), &good_claims())),
        ("query in kid", signed_with(b"x", &json!({"alg": "HS256", "kid": "' UNION SELECT 'x"}), &good_claims())),
        (
            "altered claims",
            format!(
                "{}.{}.{signature}",
                part(&json!({"alg": "HS256", "typ": "JWT"})),
                part(&json!({"sub": "bob", "exp": now() + 600}))
            ),
        ),
        ("huge", format!("{good}{}", "A".repeat(MAX_TOKEN_BYTES))),
    ];
    for (name, token) in cases {
        assert_eq!(verifier().verify(&token), Err(AuthError::InvalidToken), "{name}");
    }
    let kid = signed_with(SECRET, &json!({"alg": "HS256", "kid": "../../etc/passwd"}), &good_claims());
    assert!(verifier().verify(&kid).is_ok(), "the key id of a valid token leads nowhere");
}

#[test]
fn times_are_checked_with_a_minute_of_leeway() {
    let now = now();
    let cases = [
        ("expired within the leeway", json!({"sub": "ada", "exp": now - 30}), Ok(())),
        ("expired", json!({"sub": "ada", "exp": now - 90}), Err(AuthError::Expired)),
        ("expired long ago", json!({"sub": "ada", "exp": 0}), Err(AuthError::Expired)),
        ("exp with a fraction", json!({"sub": "ada", "exp": now as f64 + 60.5}), Ok(())),
        ("exp as text", json!({"sub": "ada", "exp": (now + 600).to_string()}), Err(AuthError::InvalidClaims)),
        ("exp null", json!({"sub": "ada", "exp": null}), Err(AuthError::InvalidClaims)),
        ("exp negative", json!({"sub": "ada", "exp": -1}), Err(AuthError::InvalidClaims)),
        ("exp a list", json!({"sub": "ada", "exp": [now + 600]}), Err(AuthError::InvalidClaims)),
        ("no exp", json!({"sub": "ada"}), Err(AuthError::InvalidClaims)),
        ("nbf within the leeway", json!({"sub": "ada", "exp": now + 600, "nbf": now + 30}), Ok(())),
        ("nbf later", json!({"sub": "ada", "exp": now + 600, "nbf": now + 120}), Err(AuthError::NotYetValid)),
        ("nbf as text", json!({"sub": "ada", "exp": now + 600, "nbf": "0"}), Err(AuthError::InvalidClaims)),
    ];
    for (name, claims, expected) in cases {
        assert_eq!(verifier().verify(&token(&claims)).map(|_| ()), expected, "{name}");
    }
}

#[test]
fn the_subject_must_be_a_user_id() {
    for sub in [json!(null), json!(7), json!(""), json!("a\nb"), json!("x".repeat(129)), json!(["ada"])] {
        let claims = json!({"sub": sub, "exp": now() + 600});
        assert_eq!(verifier().verify(&token(&claims)), Err(AuthError::InvalidClaims), "{claims}");
    }
    assert_eq!(verifier().verify(&token(&json!({"exp": now() + 600}))), Err(AuthError::InvalidClaims));
}

#[test]
fn issuer_and_audience_are_checked_where_they_are_set() {
    let strict = Verifier::new(&secret(), Some("nexus"), Some("chat"));
    let with = |iss: Value, aud: Value| {
        let mut claims = good_claims();
        claims["iss"] = iss;
        claims["aud"] = aud;
        token(&claims)
    };
    let cases = [
        (with(json!("nexus"), json!("chat")), Ok(())),
        (with(json!("nexus"), json!(["other", "chat"])), Ok(())),
        (with(json!("other"), json!("chat")), Err(AuthError::WrongIssuer)),
        (with(json!(7), json!("chat")), Err(AuthError::WrongIssuer)),
        (with(json!("nexus"), json!("other")), Err(AuthError::WrongAudience)),
        (with(json!("nexus"), json!([])), Err(AuthError::WrongAudience)),
        (with(json!("nexus"), json!(null)), Err(AuthError::WrongAudience)),
    ];
    for (token, expected) in cases {
        assert_eq!(strict.verify(&token).map(|_| ()), expected, "{token}");
    }
    let error = strict.verify(&token(&good_claims())).unwrap_err();
    assert!(matches!(error, AuthError::WrongIssuer | AuthError::WrongAudience), "{error:?}");
    let for_another = with(json!("nexus"), json!("chat"));
    assert_eq!(
        verifier().verify(&for_another),
        Err(AuthError::WrongAudience),
        "a server without audience is none of it"
    );
}

#[test]
fn the_auth_object_has_the_token_and_may_name_the_user() {
    let good = token(&good_claims());
    let cases = [
        (json!({"token": good}), Ok(())),
        (json!({"token": good, "userId": "ada", "nx": {"v": 1}}), Ok(())),
        (json!({"token": good, "userId": null}), Ok(())),
        (json!({"token": good, "userId": "bob"}), Err(AuthError::UserMismatch)),
        (json!({"token": good, "userId": 7}), Err(AuthError::UserMismatch)),
        (json!({}), Err(AuthError::MissingToken)),
        (json!({"token": null}), Err(AuthError::MissingToken)),
        (json!({"token": 7}), Err(AuthError::InvalidToken)),
        (json!({"token": {"toString": "x"}}), Err(AuthError::InvalidToken)),
        (json!({"token": format!("Bearer {good}")}), Err(AuthError::InvalidToken)),
        (json!(null), Err(AuthError::MissingToken)),
        (json!(["token"]), Err(AuthError::MissingToken)),
    ];
    for (auth, expected) in cases {
        let result = verifier().check("EIO=4&transport=websocket", &auth.to_string()).map(|_| ());
        assert_eq!(result, expected, "{auth}");
    }
}

#[test]
fn tokens_in_the_address_are_refused_even_beside_a_good_one() {
    let auth = json!({"token": token(&good_claims())}).to_string();
    for query in ["token=x", "EIO=4&token=x", "access_token=x", "Token=", "jwt=x&EIO=4", "t%6Fken=x"] {
        assert_eq!(verifier().check(query, &auth), Err(AuthError::TokenInUrl), "{query}");
    }
    assert!(verifier().check("EIO=4&transport=polling&t=abc&b64=1", &auth).is_ok());
}

#[test]
fn refusals_tell_the_client_what_is_wrong_and_nothing_of_the_token() {
    let refusal = ConnectError::from(AuthError::Expired);
    assert_eq!(refusal.message(), "Unauthorized: the token has expired");
    let stolen = Verifier::new(&Secret::new(vec![7; 32]).unwrap(), None, None);
    let token = token(&good_claims());
    let error = stolen.verify(&token).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&token));
}
