use crate::test_app::TestApp;

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n")
}

fn head_and_body(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").unwrap()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

/// The files that a page names.
fn assets(html: &str) -> Vec<&str> {
    html.split('"').filter(|part| part.starts_with("/assets/")).collect()
}

#[tokio::test]
async fn the_demo_serves_its_page_with_all_that_it_names() {
    let app = TestApp::with_args(&["--demo"]).await;
    let answer = app.http(&get("/", "")).await;
    let (head, html) = head_and_body(&answer);
    assert!(header(head, "content-security-policy").unwrap().starts_with("default-src 'none'"), "{head}");
    assert_eq!(header(head, "x-content-type-options"), Some("nosniff"));
    if head.starts_with("HTTP/1.1 404") {
        assert!(html.contains("cargo xtask demo"), "built without the page, and says so: {html}");
        return;
    }
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let assets = assets(html);
    assert!(assets.iter().any(|path| path.ends_with(".js")) && assets.iter().any(|path| path.ends_with(".css")));
    for path in assets {
        let answer = app.http(&get(path, "")).await;
        let (head, _) = head_and_body(&answer);
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        assert!(header(head, "cache-control").unwrap().contains("immutable"), "{path}: {head}");
        let known = format!("If-None-Match: {}\r\n", header(head, "etag").unwrap());
        let answer = app.http(&get(path, &known)).await;
        assert!(answer.starts_with("HTTP/1.1 304") && answer.ends_with("\r\n\r\n"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn without_demo_there_is_no_page() {
    let app = TestApp::start().await;
    for path in ["/", "/index.html"] {
        let answer = app.http(&get(path, "")).await;
        assert!(answer.starts_with("HTTP/1.1 404") && !answer.contains("xtask"), "{answer}");
    }
}
