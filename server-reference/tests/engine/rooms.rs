use nexus_server::{Bytes, Config, DisconnectReason, EmitError, Event, Payload, Socket};
use tokio::sync::mpsc;

use crate::support::{Client, start, within};

async fn joined(client: &mut Client, rooms: &str) {
    client.send(&format!(r#"421["join",{rooms}]"#)).await;
    assert_eq!(client.next_packet().await, "431[true]");
}

fn with_rooms(io: &nexus_server::Io) {
    io.of("/").on_connection(|socket: Socket| {
        socket.on("join", |event: Event| async move {
            for room in event.args::<Vec<String>>().unwrap() {
                event.socket().join(&room);
            }
            event.ack(&true).unwrap();
        });
        socket.on("say", |event: Event| async move {
            let socket = event.socket();
            socket.to("a").emit("said", &event.arg::<String>(0).unwrap()).unwrap();
            socket.broadcast().except("a").emit("elsewhere", &1).unwrap();
            event.ack(&true).unwrap();
        });
    });
}

#[tokio::test]
async fn broadcasts_reach_whom_they_are_for_once() {
    let (io, address) = start(Config::default(), with_rooms).await;
    let mut one = Client::join(address).await;
    let mut two = Client::join(address).await;
    let mut three = Client::join(address).await;
    joined(&mut one, r#""a""#).await;
    joined(&mut two, r#""a","b""#).await;
    let root = io.of("/");

    root.to("a").to("b").emit("both", &1).unwrap();
    root.to("a").except("b").emit("only a", &2).unwrap();
    root.except("a").emit("not a", &3).unwrap();
    root.to("nobody").emit("none", &4).unwrap();
    root.emit_args("all", &(5, "x")).unwrap();
    for packet in [r#"42["both",1]"#, r#"42["only a",2]"#, r#"42["all",5,"x"]"#] {
        assert_eq!(one.next_packet().await, packet);
    }
    for packet in [r#"42["both",1]"#, r#"42["all",5,"x"]"#] {
        assert_eq!(two.next_packet().await, packet);
    }
    for packet in [r#"42["not a",3]"#, r#"42["all",5,"x"]"#] {
        assert_eq!(three.next_packet().await, packet);
    }

    let sockets = root.fetch_sockets();
    assert_eq!(sockets.len(), 3);
    assert_eq!(root.sockets_in("b").len(), 1);
    assert_eq!(sockets[1].rooms().iter().map(|room| &**room).collect::<Vec<_>>(), ["a", "b"]);
    root.to(sockets[2].id()).emit("you", &6).unwrap();
    assert_eq!(three.next_packet().await, r#"42["you",6]"#);
    sockets[1].leave("a");
    root.to("a").emit("left", &7).unwrap();
    assert_eq!(one.next_packet().await, r#"42["left",7]"#);

    one.send(r#"422["say","hi"]"#).await;
    assert_eq!(one.next_packet().await, "432[true]", "a socket does not hear itself");
    assert_eq!(two.next_packet().await, r#"42["elsewhere",1]"#);
    assert_eq!(three.next_packet().await, r#"42["elsewhere",1]"#);
}

#[tokio::test]
async fn binary_broadcasts_keep_their_frames_together() {
    let (io, address) = start(Config::default(), with_rooms).await;
    let mut clients = [Client::join(address).await, Client::join(address).await];
    let payload = Payload::from_args(&(Bytes::from_static(&[1]), "x", Bytes::from_static(&[2, 3]))).unwrap();
    io.of("/").emit_payload("bin", &payload).unwrap();
    for client in &mut clients {
        let packet = r#"452-["bin",{"_placeholder":true,"num":0},"x",{"_placeholder":true,"num":1}]"#;
        assert_eq!(client.next_packet().await, packet);
        assert_eq!(client.next().await.into_data().as_ref(), [1]);
        assert_eq!(client.next().await.into_data().as_ref(), [2, 3]);
    }
}

#[tokio::test]
async fn server_makes_sockets_leave_and_keeps_or_closes_the_connection() {
    let (reasons, mut reason) = mpsc::unbounded_channel();
    let (io, address) = start(Config::default(), move |io| {
        io.of("/").on_connection(move |socket: Socket| {
            let reasons = reasons.clone();
            let leaving = socket.clone();
            socket.on_disconnect(move |reason| {
                assert!(!leaving.is_connected());
                reasons.send(reason).unwrap();
            });
        });
    })
    .await;
    let mut client = Client::join(address).await;
    io.of("/").emit("last", &1).unwrap();
    io.of("/").disconnect_sockets(false);
    assert_eq!(client.next_packet().await, r#"42["last",1]"#);
    assert_eq!(client.next_packet().await, "41");
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::ServerDisconnect));
    assert!(io.of("/").fetch_sockets().is_empty());
    client.send("40").await;
    assert!(client.next_packet().await.starts_with("40{"));
    let socket = io.of("/").fetch_sockets().remove(0);
    socket.disconnect(true);
    assert_eq!(client.next_packet().await, "41");
    client.closed().await;
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::ServerDisconnect));
    assert!(matches!(socket.emit("late", &1), Err(EmitError::Disconnected(_))));
    socket.join("late");
    assert!(socket.rooms().is_empty());
}

#[tokio::test]
async fn reserved_names_and_bad_namespaces_are_errors() {
    let (io, _) = start(Config::default(), |_| {}).await;
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        assert!(matches!(io.of("/").emit(name, &1), Err(EmitError::ReservedName(_))), "{name}");
    }
    assert!(io.try_of("a,b").is_err());
    assert_eq!(io.of("a").name(), io.of("/a").name());
}
