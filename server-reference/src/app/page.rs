//! The demo's page, as it was built into this program.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

/// A file of the page.
pub(super) struct PageFile {
    /// Where it is served, such as `/assets/app-1A2B3C4D.js`. `/index.html` is the page itself, and is served at `/`
    /// too. Names under `/assets/` carry a hash of what is in the file.
    path: &'static str,
    content_type: &'static str,
    /// As the header has it, with its quotes.
    etag: &'static str,
    body: &'static [u8],
}

// `FILES`, made by build.rs. It is empty where the page was not built.
include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// The file at `/`.
const INDEX: &str = "/index.html";
/// What is under it never changes: another content has another name.
const HASHED: &str = "/assets/";
/// No script, style or connection but the page's own; WebAssembly is the client itself. The scheme sources are for
/// browsers to which `'self'` is not the WebSocket of the same origin.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const NOT_BUILT: &str = "\
This server was built without the demo page.

`cargo xtask demo` builds both, and prints the page's address.
The server itself works: POST /demo/token gives a token to connect with.
";

/// The page's routes.
pub(super) fn router() -> Router {
    router_of(FILES)
}

fn router_of(files: &'static [PageFile]) -> Router {
    if !files.iter().any(|file| file.path == INDEX) {
        return Router::new().route("/", get(not_built));
    }
    files.iter().fold(Router::new(), |router, file| {
        let serve = get(move |headers: HeaderMap| std::future::ready(file.answer(&headers)));
        let router = if file.path == INDEX { router.route("/", serve.clone()) } else { router };
        router.route(file.path, serve)
    })
}

async fn not_built() -> Response {
    (StatusCode::NOT_FOUND, common("text/plain; charset=utf-8", "no-store"), NOT_BUILT).into_response()
}

impl PageFile {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let caching = if self.path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        let head = (common(self.content_type, caching), [(ETAG, HeaderValue::from_static(self.etag))]);
        if self.is_known_to(headers) {
            (StatusCode::NOT_MODIFIED, head).into_response()
        } else {
            (head, self.body).into_response()
        }
    }

    /// Whether the client has this content already (RFC 9110, section 13.1.2).
    fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        known.flat_map(|tags| tags.split(',')).map(str::trim).any(|tag| tag == "*" || strong(tag) == strong(self.etag))
    }
}

fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn common(content_type: &'static str, caching: &'static str) -> [(HeaderName, HeaderValue); 5] {
    [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CACHE_CONTROL, HeaderValue::from_static(caching)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::{Method, Request};
    use http_body_util::BodyExt;
    use tower::Service;

    const PAGE: &[PageFile] = &[
        PageFile { path: INDEX, content_type: "text/html; charset=utf-8", etag: "\"i1\"", body: b"<!doctype html>" },
        PageFile {
            path: "/assets/app-1A2B.js",
            content_type: "text/javascript; charset=utf-8",
            etag: "\"a1\"",
            body: b"go()",
        },
    ];

    async fn ask(files: &'static [PageFile], method: Method, path: &str, known: &[&str]) -> (Response, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path);
        for tags in known {
            request = request.header(IF_NONE_MATCH, *tags);
        }
        let request = request.body(Body::empty()).unwrap();
        let (parts, body) = router_of(files).call(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        (Response::from_parts(parts, Body::empty()), bytes)
    }

    fn header(response: &Response, name: HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn files_come_with_their_type_and_how_long_they_last() {
        for (path, kind, caching, content) in [
            ("/", "text/html; charset=utf-8", "no-cache", "<!doctype html>"),
            ("/index.html", "text/html; charset=utf-8", "no-cache", "<!doctype html>"),
            ("/assets/app-1A2B.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "go()"),
        ] {
            let (response, body) = ask(PAGE, Method::GET, path, &[]).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!((header(&response, CONTENT_TYPE), header(&response, CACHE_CONTROL)), (kind, caching), "{path}");
            assert_eq!(body, content.as_bytes(), "{path}");
            let (response, body) = ask(PAGE, Method::HEAD, path, &[]).await;
            assert_eq!((response.status().as_u16(), body.len()), (200, 0), "{path}");
        }
        for path in ["/assets/", "/assets/app.js", "/assets/../index.html", "/other"] {
            assert_eq!(ask(PAGE, Method::GET, path, &[]).await.0.status(), 404, "{path}");
        }
        assert_eq!(ask(PAGE, Method::POST, "/", &[]).await.0.status(), 405);
    }

    #[tokio::test]
    async fn what_a_client_has_is_not_sent_again() {
        for (known, status) in [
            (&["\"i1\""][..], 304),
            (&["W/\"i1\""], 304),
            (&["\"x\", \"i1\""], 304),
            (&["\"x\"", "\"i1\""], 304),
            (&["*"], 304),
            (&["\"a1\""], 200),
            (&["i1"], 200),
            (&["\"i1"], 200),
        ] {
            let (response, body) = ask(PAGE, Method::GET, "/", known).await;
            assert_eq!(response.status(), status, "{known:?}");
            assert_eq!(body.is_empty(), status == 304);
            assert_eq!(header(&response, ETAG), "\"i1\"");
            assert_eq!(header(&response, CACHE_CONTROL), "no-cache");
        }
    }

    #[tokio::test]
    async fn every_answer_says_what_the_page_may_do() {
        for (files, path) in [(PAGE, "/"), (PAGE, "/assets/app-1A2B.js"), (&[], "/")] {
            let (response, _) = ask(files, Method::GET, path, &[]).await;
            let policy = header(&response, CONTENT_SECURITY_POLICY);
            assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe-inline"), "{policy}");
            assert_eq!(header(&response, X_CONTENT_TYPE_OPTIONS), "nosniff");
            assert_eq!(header(&response, REFERRER_POLICY), "no-referrer");
        }
    }

    #[tokio::test]
    async fn a_server_without_the_page_says_how_to_get_it() {
        let (response, body) = ask(&[], Method::GET, "/", &[]).await;
        assert_eq!(response.status(), 404);
        assert!(String::from_utf8(body).unwrap().contains("cargo xtask demo"));
    }

    #[test]
    fn the_page_of_this_build_can_be_served() {
        let _ = router();
        for file in FILES {
            assert!(file.path.starts_with('/') && !file.body.is_empty(), "{}", file.path);
            assert!(file.etag.starts_with('"') && file.etag.ends_with('"') && file.etag.len() > 2, "{}", file.etag);
            assert!(file.content_type.contains('/'), "{}", file.content_type);
        }
    }
}
