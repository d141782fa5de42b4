//! Hostile and broken input over real sockets: each case gets its reaction and its counter, and the
//! server goes on serving others.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use nexus_server::{BadInputKind, Config, ConnectError, Event, Io};
use nexus_tests::raw::{End, RawFrame, RawWebSocket, Response, opcode, request, request_bytes, response};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};

const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

struct Server {
    addr: SocketAddr,
    io: Io,
}

impl Server {
    /// A server that echoes `echo` on `/`, with limits that a test reaches quickly.
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            ping_interval: Duration::from_secs(25),
            attachment_timeout: Duration::from_millis(200),
            body_timeout: Duration::from_millis(300),
            upgrade_timeout: Duration::from_millis(300),
            max_payload: 10_000,
            max_packets: 100,
            max_fragments: 64,
            max_namespaces: 4,
            ..Config::default()
        };
        change(&mut config);
        let io = Io::new(config);
        for name in ["/", "/a", "/b", "/c", "/d", "/e"] {
            io.of(name).on_connection(|socket| {
                socket.on("echo", |event: Event| async move {
                    // Without a wish for an ack there is nothing to do.
                    let _ = event.ack_payload(event.payload().clone());
                });
            });
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let app = io.router().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, io }
    }

    /// A WebSocket that has the handshake, but joined nothing.
    async fn open(&self) -> RawWebSocket {
        let mut socket = RawWebSocket::connect(self.addr, WEBSOCKET).await.unwrap();
        assert!(socket.next_text().await.unwrap().starts_with("0{"));
        socket
    }

    /// A WebSocket that joined `/`.
    async fn join(&self) -> RawWebSocket {
        let mut socket = self.open().await;
        socket.send_text("40").await.unwrap();
        assert!(socket.next_text().await.unwrap().starts_with("40{\"sid\":"));
        socket
    }

    async fn get(&self, path: &str) -> Response {
        request(self.addr, "GET", path, &[], b"").await.unwrap()
    }

    async fn post(&self, path: &str, body: &[u8]) -> Response {
        request(self.addr, "POST", path, &[("content-type", "text/plain;charset=UTF-8")], body).await.unwrap()
    }

    /// The path of a new polling session.
    async fn poll_session(&self) -> String {
        let text = self.get(POLLING).await.text();
        let (_, rest) = text.split_once("\"sid\":\"").unwrap();
        let (sid, _) = rest.split_once('"').unwrap();
        format!("{POLLING}&sid={sid}")
    }

    /// The counter of this kind, with all others zero: a case counts once, as what it is.
    fn assert_counted(&self, kind: BadInputKind, case: &str) {
        for other in BadInputKind::ALL {
            let count = self.io.metrics().bad_input(other);
            assert_eq!(count, u64::from(other == kind), "{case}: {}", other.as_str());
        }
    }

    /// A client that does nothing wrong is served.
    async fn assert_serves(&self) {
        let mut socket = self.join().await;
        socket.send_text("427[\"echo\",1]").await.unwrap();
        assert_eq!(socket.next_text().await.unwrap(), "437[1]");
    }
}

async fn assert_refused(server: &Server, path: &str, method: &str, status: u16, code: u8) {
    let response = request(server.addr, method, path, &[], b"").await.unwrap();
    assert_eq!(response.status, status, "{method} {path}");
    let expected = format!("{{\"code\":{code},\"message\":");
    assert!(response.text().starts_with(&expected), "{method} {path}: {}", response.text());
}

#[tokio::test]
async fn http_requests_that_open_nothing() {
    for (method, path, status, code) in [
        ("GET", "/socket.io/?EIO=4&transport=polling&sid=unknown".to_owned(), 400, 1),
        ("GET", "/socket.io/?EIO=4&transport=polling&sid=__proto__".to_owned(), 400, 1),
        ("GET", "/socket.io/?EIO=4&transport=websocket&sid=unknown".to_owned(), 400, 1),
        ("POST", "/socket.io/?EIO=4&transport=polling&sid=unknown".to_owned(), 400, 1),
        ("GET", "/socket.io/?EIO=3&transport=polling".to_owned(), 400, 5),
        ("GET", "/socket.io/?transport=polling".to_owned(), 400, 5),
        ("GET", "/socket.io/?EIO=4&transport=carrier-pigeon".to_owned(), 400, 0),
        ("GET", "/socket.io/?EIO=4".to_owned(), 400, 0),
        ("GET", "/socket.io/?EIO=4&transport=__proto__".to_owned(), 400, 0),
        ("POST", POLLING.to_owned(), 400, 2),
        ("GET", WEBSOCKET.to_owned(), 400, 3),
        ("GET", format!("{POLLING}&sid={}", "x".repeat(4_000)), 400, 1),
        ("GET", format!("{POLLING}&sid=%00%0a%ff"), 400, 1),
    ] {
        let server = Server::start(|_| {}).await;
        assert_refused(&server, &path, method, status, code).await;
        server.assert_counted(BadInputKind::HttpRequest, &path);
        server.assert_serves().await;
    }
}

#[tokio::test]
async fn other_methods_on_a_session_are_not_allowed() {
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    for method in ["PUT", "DELETE", "PATCH"] {
        let response = request(server.addr, method, &session, &[], b"").await.unwrap();
        assert_eq!(response.status, 405, "{method}");
    }
    // The session lives on.
    assert_eq!(server.post(&session, b"40").await.text(), "ok");
}

#[tokio::test]
async fn polling_bodies_that_end_the_session() {
    let cases: [(&str, Vec<u8>, BadInputKind); 6] = [
        ("separators", vec![0x1e; 9_000], BadInputKind::EngineIo),
        ("more packets than allowed", ["3"; 101].join("\u{1e}").into_bytes(), BadInputKind::EngineIo),
        ("no packet", b"abc".to_vec(), BadInputKind::EngineIo),
        ("nothing", Vec::new(), BadInputKind::EngineIo),
        ("base64 that is none", b"b!!!!".to_vec(), BadInputKind::EngineIo),
        ("a packet of the server", b"0{}".to_vec(), BadInputKind::UnexpectedPacket),
    ];
    for (case, body, kind) in cases {
        let server = Server::start(|_| {}).await;
        let session = server.poll_session().await;
        assert_eq!(server.post(&session, &body).await.status, 400, "{case}");
        server.assert_counted(kind, case);
        assert_refused(&server, &session, "GET", 400, 1).await;
        server.assert_serves().await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_ends_the_session() {
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    assert_eq!(server.post(&session, b"4\xff\xfe").await.status, 400);
    assert_refused(&server, &session, "GET", 400, 1).await;
    server.assert_serves().await;
}

#[tokio::test]
async fn a_binary_body_ends_the_session() {
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    let headers = [("content-type", "application/octet-stream")];
    let answer = request(server.addr, "POST", &session, &headers, b"4x").await.unwrap();
    assert_eq!(answer.status, 400);
    assert_refused(&server, &session, "GET", 400, 1).await;
    server.assert_serves().await;
}

#[tokio::test]
async fn a_body_over_the_cap_is_413() {
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    assert_eq!(server.post(&session, &vec![b'4'; 10_001]).await.status, 413);
    server.assert_counted(BadInputKind::BodyTooLarge, "content-length over the cap");
    server.assert_serves().await;

    // Without a length the body is cut at the cap, not read to its end.
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!("POST {session} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..11 {
        stream.write_all(b"3e8\r\n").await.unwrap();
        stream.write_all(&[b'4'; 1_000]).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    assert_eq!(response(&mut stream).await.unwrap().status, 413);
    server.assert_counted(BadInputKind::BodyTooLarge, "chunks over the cap");
}

#[tokio::test]
async fn a_body_at_the_cap_is_taken() {
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    assert_eq!(server.post(&session, b"40").await.text(), "ok");
    let mut body = String::from("42[\"x\",\"");
    body.push_str(&"a".repeat(10_000 - body.len() - 2));
    body.push_str("\"]");
    assert_eq!((body.len(), server.post(&session, body.as_bytes()).await.text().as_str()), (10_000, "ok"));
}

#[tokio::test]
async fn overlapping_requests_end_the_session() {
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    let mut pending = TcpStream::connect(server.addr).await.unwrap();
    pending.write_all(&request_bytes(server.addr, "GET", &session, &[], b"")).await.unwrap();
    // Which of the two arrives first is not known; one is refused, and the session ends for both.
    let second = server.get(&session).await;
    let first = response(&mut pending).await.unwrap();
    assert!([first.status, second.status].contains(&400), "{first:?} {second:?}");
    server.assert_counted(BadInputKind::OverlappingRequest, "two GETs");
    assert_refused(&server, &session, "GET", 400, 1).await;

    let server = Server::start(|config| config.body_timeout = Duration::from_secs(20)).await;
    let session = server.poll_session().await;
    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    let head = format!(
        "POST {session} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the first POST is under way.
    let mut interim = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut slow, &mut interim).await.unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100"));
    assert_eq!(server.post(&session, b"40").await.status, 400);
    server.assert_counted(BadInputKind::OverlappingRequest, "two POSTs");
    assert_refused(&server, &session, "GET", 400, 1).await;
    server.assert_serves().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!("POST {session} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\n4");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(response(&mut stream).await.unwrap().status, 408);
    server.assert_counted(BadInputKind::BodyTimeout, "slow body");
    server.assert_serves().await;
}

#[tokio::test]
async fn a_flood_of_headers_is_431() {
    let server = Server::start(|_| {}).await;
    let names: Vec<String> = (0..500).map(|number| format!("x-{number}")).collect();
    let headers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert_eq!(request(server.addr, "GET", POLLING, &headers, b"").await.unwrap().status, 431);
    server.assert_serves().await;
}

#[tokio::test]
async fn sessions_of_one_address_are_capped() {
    let server = Server::start(|config| config.max_sessions_per_address = Some(3)).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(server.open().await);
    }
    assert_eq!(server.get(POLLING).await.status, 429);
    server.assert_counted(BadInputKind::TooManySessions, "polling over the cap");
    assert!(RawWebSocket::connect(server.addr, WEBSOCKET).await.unwrap_err().to_string().contains("429"));
    // A place becomes free with a session's end.
    let mut first = open.remove(0);
    first.send_text("1").await.unwrap();
    first.end().await.unwrap();
    server.assert_serves().await;
}

#[tokio::test]
async fn sessions_are_capped() {
    let server = Server::start(|config| config.max_sessions = 2).await;
    let _open = (server.open().await, server.open().await);
    assert_eq!(server.get(POLLING).await.status, 503);
    server.assert_counted(BadInputKind::TooManySessions, "over the cap of all");
}

#[tokio::test]
async fn websocket_frames_that_close() {
    let text = |payload: &[u8]| RawFrame::new(opcode::TEXT, payload);
    let flagged = |bits: u8| RawFrame { first: 0x80 | bits | opcode::TEXT, ..text(b"40") };
    let many_fragments = || {
        let mut bytes = RawFrame::fragment(opcode::TEXT, "4").encode();
        for _ in 0..64 {
            bytes.extend(RawFrame::fragment(opcode::CONTINUATION, "").encode());
        }
        bytes
    };
    let fragments_over_the_cap = || {
        let mut bytes = RawFrame::fragment(opcode::TEXT, vec![b'4'; 6_000]).encode();
        bytes.extend(RawFrame::new(opcode::CONTINUATION, vec![b'4'; 6_000]).encode());
        bytes
    };
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("first reserved bit, without an extension", flagged(0x40).encode(), 1002),
        ("second reserved bit", flagged(0x20).encode(), 1002),
        ("third reserved bit", flagged(0x10).encode(), 1002),
        ("unmasked", RawFrame { masked: false, ..text(b"40") }.encode(), 1002),
        ("reserved opcode 3", RawFrame::new(0x3, "x").encode(), 1002),
        ("reserved control opcode 11", RawFrame::new(0xb, "x").encode(), 1002),
        ("fragmented ping", RawFrame::fragment(opcode::PING, "x").encode(), 1002),
        ("ping of 126 bytes", RawFrame::new(opcode::PING, vec![0; 126]).encode(), 1002),
        ("continuation of nothing", RawFrame::new(opcode::CONTINUATION, "x").encode(), 1002),
        (
            "new message inside another",
            [RawFrame::fragment(opcode::TEXT, "4").encode(), text(b"x").encode()].concat(),
            1002,
        ),
        ("close of one byte", RawFrame::new(opcode::CLOSE, [3]).encode(), 1002),
        ("close code 1005", RawFrame::new(opcode::CLOSE, [0x03, 0xed]).encode(), 1002),
        ("close reason is not UTF-8", RawFrame::new(opcode::CLOSE, [0x03, 0xe8, 0xff]).encode(), 1007),
        ("text is not UTF-8", text(b"4\xff").encode(), 1007),
        (
            "text ends inside a character",
            [RawFrame::fragment(opcode::TEXT, b"4\xc3").encode(), RawFrame::new(opcode::CONTINUATION, "").encode()]
                .concat(),
            1007,
        ),
        ("over the cap", text(&[b'4'; 10_001]).encode(), 1009),
        ("claims 2^63 bytes", vec![0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 1009),
        ("claims an exabyte", vec![0x81, 0xff, 0x0d, 0xe0, 0xb6, 0xb3, 0xa7, 0x64, 0, 0, 1, 2, 3, 4], 1009),
        ("fragments over the cap together", fragments_over_the_cap(), 1009),
        ("a flood of tiny fragments", many_fragments(), 1009),
    ];
    for (case, bytes, code) in cases {
        let server = Server::start(|_| {}).await;
        let mut socket = server.join().await;
        socket.send_bytes(&bytes).await.unwrap();
        assert_eq!(socket.end().await.ok(), Some(End::Code(code)), "{case}");
        server.assert_counted(BadInputKind::WebSocket, case);
        server.assert_serves().await;
    }
}

#[tokio::test]
async fn engineio_packets_that_close() {
    for (case, frame, kind) in [
        ("no packet", "", BadInputKind::EngineIo),
        ("unknown type", "7", BadInputKind::EngineIo),
        ("not a digit", "abc", BadInputKind::EngineIo),
        ("open, from a client", "0{}", BadInputKind::UnexpectedPacket),
        ("ping, from a client", "2", BadInputKind::UnexpectedPacket),
    ] {
        let server = Server::start(|_| {}).await;
        let mut socket = server.join().await;
        socket.send_text(frame).await.unwrap();
        socket.end().await.unwrap();
        server.assert_counted(kind, case);
        server.assert_serves().await;
    }
}

#[tokio::test]
async fn socketio_packets_that_close() {
    let deep = format!("42[\"echo\",{}{}]", "[".repeat(4_000), "]".repeat(4_000));
    for frame in [
        "4",
        "49",
        "4abc",
        "42",
        "42{}",
        "42[]",
        "42[null]",
        "42[{}]",
        "42[\"echo\"",
        "42[\"echo\",]",
        "42[\"echo\"]]",
        "42[\"connect\"]",
        "42[\"connect_error\"]",
        "42[\"disconnect\"]",
        "42[\"disconnecting\"]",
        "42[\"newListener\"]",
        "42[\"removeListener\"]",
        "42-1[\"echo\"]",
        "421.5[\"echo\"]",
        "421234567890123456789012[\"echo\"]",
        "42[\"\\ud800\"]",
        "43[]",
        "4311{}",
        "41{}",
        "45[\"echo\"]",
        "4511-[\"echo\"]",
        "4599999999999999999999-[\"echo\"]",
        "451-[\"echo\",{\"_placeholder\":true,\"num\":1}]",
        "451-[\"echo\",{\"_placeholder\":true,\"num\":\"length\"}]",
        "42/\u{7},[\"echo\"]",
        deep.as_str(),
    ] {
        let server = Server::start(|_| {}).await;
        let mut socket = server.join().await;
        socket.send_text(frame).await.unwrap();
        socket.end().await.unwrap();
        server.assert_counted(BadInputKind::SocketIo, frame);
        server.assert_serves().await;
    }
}

#[tokio::test]
async fn connect_data_that_closes() {
    for frame in ["40[]", "401", "40\"token\"", "40{", "40null"] {
        let server = Server::start(|_| {}).await;
        let mut socket = server.open().await;
        socket.send_text(frame).await.unwrap();
        socket.end().await.unwrap();
        server.assert_counted(BadInputKind::SocketIo, frame);
    }
}

#[tokio::test]
async fn attachments_out_of_place_close() {
    let server = Server::start(|_| {}).await;
    let mut socket = server.join().await;
    socket.send(&RawFrame::new(opcode::BINARY, "x")).await.unwrap();
    socket.end().await.unwrap();
    server.assert_counted(BadInputKind::SocketIo, "attachment that nobody announced");

    let server = Server::start(|_| {}).await;
    let mut socket = server.join().await;
    socket.send_text("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]").await.unwrap();
    socket.send_text("42[\"echo\"]").await.unwrap();
    socket.end().await.unwrap();
    server.assert_counted(BadInputKind::SocketIo, "text where an attachment is due");

    let server = Server::start(|_| {}).await;
    let mut socket = server.join().await;
    socket.send_text("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]").await.unwrap();
    socket.end().await.unwrap();
    server.assert_counted(BadInputKind::MissingAttachments, "attachment that never comes");
    server.assert_serves().await;
}

#[tokio::test]
async fn values_that_no_type_takes_are_the_handlers_business() {
    let server = Server::start(|_| {}).await;
    let mut socket = server.join().await;
    for (sent, expected) in [
        (r#"421["echo",1e400]"#, "431[1e400]"),
        (r#"422["echo","\ud800"]"#, r#"432["\ud800"]"#),
        (r#"423["echo",{"__proto__":{"admin":true}}]"#, r#"433[{"__proto__":{"admin":true}}]"#),
    ] {
        socket.send_text(sent).await.unwrap();
        assert_eq!(socket.next_text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn packets_in_the_wrong_state_close() {
    let server = Server::start(|_| {}).await;
    let mut socket = server.open().await;
    socket.send_text("42[\"echo\"]").await.unwrap();
    socket.end().await.unwrap();
    server.assert_counted(BadInputKind::NotJoined, "EVENT before CONNECT");

    let server = Server::start(|_| {}).await;
    let mut socket = server.join().await;
    socket.send_text("40").await.unwrap();
    socket.end().await.unwrap();
    server.assert_counted(BadInputKind::SecondConnect, "CONNECT after CONNECT");
    server.assert_serves().await;
}

#[tokio::test]
async fn a_second_connect_during_authorization_is_refused() {
    let server = Server::start(|_| {}).await;
    let (allow, allowed) = tokio::sync::watch::channel(false);
    server.io.of("/slow").authorize(move |_| {
        let mut allowed = allowed.clone();
        async move { allowed.wait_for(|allowed| *allowed).await.map(|_| ()).map_err(|_| ConnectError::new("gone")) }
    });
    let mut socket = server.open().await;
    socket.send_text("40/slow,").await.unwrap();
    socket.send_text("40/slow,").await.unwrap();
    assert!(socket.next_text().await.unwrap().starts_with("44/slow,{\"message\":"));
    server.assert_counted(BadInputKind::SecondConnect, "CONNECT during CONNECT");
    allow.send(true).unwrap();
    assert!(socket.next_text().await.unwrap().starts_with("40/slow,{\"sid\":"));
}

#[tokio::test]
async fn an_ack_that_nobody_waits_for_is_ignored() {
    let server = Server::start(|_| {}).await;
    let mut socket = server.join().await;
    socket.send_text("43999[]").await.unwrap();
    socket.send_text("421[\"echo\"]").await.unwrap();
    assert_eq!(socket.next_text().await.unwrap(), "431[]");
    server.assert_counted(BadInputKind::UnknownAck, "unknown ack");
}

#[tokio::test]
async fn namespaces_are_refused_by_name_and_capped_by_number() {
    let server = Server::start(|_| {}).await;
    let mut socket = server.join().await;
    for name in ["/unknown", "/__proto__", "/constructor"] {
        socket.send_text(&format!("40{name},")).await.unwrap();
        assert_eq!(socket.next_text().await.unwrap(), format!("44{name},{{\"message\":\"Invalid namespace\"}}"));
    }
    assert_eq!(server.io.metrics().bad_input(BadInputKind::UnknownNamespace), 3);
    for name in ["/a", "/b", "/c"] {
        socket.send_text(&format!("40{name},")).await.unwrap();
        assert!(socket.next_text().await.unwrap().starts_with(&format!("40{name},")));
    }
    socket.send_text("40/d,").await.unwrap();
    assert!(socket.next_text().await.unwrap().starts_with("44/d,{\"message\":"));
    assert_eq!(server.io.metrics().bad_input(BadInputKind::TooManyNamespaces), 1);
    // What was joined works on.
    socket.send_text("42/c,1[\"echo\"]").await.unwrap();
    assert_eq!(socket.next_text().await.unwrap(), "43/c,1[]");
}

#[tokio::test]
async fn two_thousand_namespaces_on_one_connection_are_refused() {
    let server = Server::start(|_| {}).await;
    let mut socket = server.join().await;
    for number in 0..2_000 {
        socket.send_text(&format!("40/n{number},")).await.unwrap();
    }
    // What is over the cap is refused at once, ahead of those that are looked up.
    let mut refused = BTreeSet::new();
    for _ in 0..2_000 {
        let text = socket.next_text().await.unwrap();
        let (name, _) = text.strip_prefix("44/n").and_then(|rest| rest.split_once(',')).unwrap();
        refused.insert(name.parse::<u32>().unwrap());
    }
    assert!(refused.into_iter().eq(0..2_000));
    server.assert_serves().await;
}

#[tokio::test]
async fn upgrades_that_go_wrong_leave_the_session() {
    // Something else than the upgrade probe.
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    let upgrade = session.replace("polling", "websocket");
    let mut socket = RawWebSocket::connect(server.addr, &upgrade).await.unwrap();
    socket.send_text("40").await.unwrap();
    socket.end().await.unwrap();
    assert_eq!(server.post(&session, b"40").await.text(), "ok");

    // The upgrade probe, then silence.
    let server = Server::start(|_| {}).await;
    let session = server.poll_session().await;
    let upgrade = session.replace("polling", "websocket");
    let mut socket = RawWebSocket::connect(server.addr, &upgrade).await.unwrap();
    socket.send_text("2probe").await.unwrap();
    assert_eq!(socket.next_text().await.unwrap(), "3probe");
    socket.end().await.unwrap();
    server.assert_counted(BadInputKind::BadUpgrade, "silence after the upgrade probe");
    assert_eq!(server.post(&session, b"40").await.text(), "ok");
    server.assert_serves().await;
}

#[tokio::test]
async fn a_second_upgrade_is_closed() {
    let server = Server::start(|config| config.upgrade_timeout = Duration::from_secs(20)).await;
    let session = server.poll_session().await;
    let upgrade = session.replace("polling", "websocket");
    let mut first = RawWebSocket::connect(server.addr, &upgrade).await.unwrap();
    first.send_text("2probe").await.unwrap();
    assert_eq!(first.next_text().await.unwrap(), "3probe");
    if let Ok(mut second) = RawWebSocket::connect(server.addr, &upgrade).await {
        second.end().await.unwrap();
    }
    first.send_text("5").await.unwrap();
    first.send_text("40").await.unwrap();
    assert!(first.next_text().await.unwrap().starts_with("40{\"sid\":"));
    // And one after the upgrade.
    if let Ok(mut third) = RawWebSocket::connect(server.addr, &upgrade).await {
        third.end().await.unwrap();
    }
    // Polling is over for this session; what is posted is not taken.
    assert_ne!(server.post(&session, b"42[\"echo\"]").await.text(), "ok");
    first.send_text("421[\"echo\"]").await.unwrap();
    assert_eq!(first.next_text().await.unwrap(), "431[]");
}
